"""Terraform plans: the output of ``terraform show -json`` -> what it will change, resource by resource.

The format is Terraform's "JSON output format", major version 1 (0 before Terraform 1.1); unknown keys are passed over, as it asks for.
A plan holds secrets in clear text: what it marks as sensitive becomes `Hidden`, which can be compared but not written anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from driftwatch.documents import values
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read
from driftwatch.documents.tree import Limits, ListNode, MapNode, Node, Scalar, shown
from driftwatch.domain.drift import DriftKind
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError, Place

LIMITS: Final = Limits(size=32 << 20, depth=100, nodes=2_000_000)
REMEDY: Final = "what `terraform show -json tfplan > plan.json` writes of a plan made with `terraform plan -out tfplan`"

_CREATED, _UPDATED, _DELETED = DriftKind.CREATED, DriftKind.UPDATED, DriftKind.DELETED
_OPERATIONS: Final[Mapping[tuple[str, ...], tuple[DriftKind, ...]]] = {
    ("no-op",): (),
    ("read",): (),
    ("forget",): (),
    ("create",): (_CREATED,),
    ("update",): (_UPDATED,),
    ("delete",): (_DELETED,),
    ("delete", "create"): (_DELETED, _CREATED),
    ("create", "delete"): (_DELETED, _CREATED),
    ("create", "forget"): (_CREATED,),
}


@dataclass(frozen=True, slots=True, repr=False)
class Hidden:
    """A sensitive value: equal to itself, and without any form in which it could be shown, stored or hashed into something."""

    _value: Json

    def __repr__(self) -> str:
        return "Hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """One resource that a plan changes. `before` and `after` hold its attributes; `after` lacks those that are known only after it.

    `unknown` is Terraform's mark: nested maps and lists in which true stands for a value that is not known yet.
    """

    address: str
    type: str
    aws: bool
    operations: tuple[DriftKind, ...]
    before: Mapping[str, Json]
    after: Mapping[str, Json]
    unknown: Json
    place: Place


def read_plan(data: bytes, source: str, limits: Limits = LIMITS) -> tuple[PlannedChange, ...]:
    """What the plan changes, in its order, without what it leaves alone, only reads, or forgets.

    Raises InputError with the place for anything else than a complete plan: a binary plan, a state, a plan that ended with an error.
    """
    if data[:2] == b"PK":
        raise InputError("a binary plan", expected=REMEDY, place=Place(source))
    if not source.endswith(".json"):
        raise InputError("a file whose name does not end in .json", expected=REMEDY, place=Place(source))
    root = read(data, source, limits)
    if not isinstance(root, MapNode):
        raise InputError(values.found(root), expected=REMEDY, place=root.place)
    _refuse_other_documents(root)
    listed = root.entries.get("resource_changes")
    if listed is None or values.is_null(listed):
        return ()  # Terraform leaves the key out of a plan without any resource
    if not isinstance(listed, ListNode):
        raise InputError(values.found(listed), expected="a list of resource changes", place=listed.place)
    problems = Problems()
    changes = [_change(item, problems) for item in listed.items]
    problems.check()
    return tuple(change for change in changes if change is not None and change.operations)


def flagged(marks: Json, path: tuple[str | int, ...]) -> bool:
    """Whether Terraform marks the value at `path`, something in it, or something around it."""
    for step in path:
        if marks is True:
            return True
        if isinstance(marks, Mapping) and isinstance(step, str):
            marks = marks.get(step)
        elif isinstance(marks, list) and isinstance(step, int) and step < len(marks):
            marks = marks[step]
        else:
            return False
    return _any(marks)


def _any(marks: Json) -> bool:
    if isinstance(marks, Mapping):
        return any(_any(item) for item in marks.values())
    return any(_any(item) for item in marks) if isinstance(marks, list) else marks is True


def _refuse_other_documents(root: MapNode) -> None:
    version = root.entries.get("format_version")
    if not isinstance(version, Scalar):
        raise InputError('no "format_version"', expected=REMEDY, place=root.place)
    if version.text.partition(".")[0] not in ("0", "1"):
        raise InputError(f"format_version {shown(version.text)}", expected="version 1 of Terraform's JSON format", place=version.place)
    if "resource_changes" not in root.entries and "planned_values" not in root.entries:
        raise InputError("the JSON of a state, or of something else, but no plan", expected=REMEDY, place=root.place)
    errored = root.entries.get("errored")
    if isinstance(errored, Scalar) and errored.text == "true":
        raise InputError("a plan that ended with an error, so it is not complete", expected="a plan that succeeded", place=errored.place)


def _change(node: Node, problems: Problems) -> PlannedChange | None:
    change = _member(node, "change", problems)
    address = _text(node, "address", problems)
    type_ = _text(node, "type", problems)
    mode = _text(node, "mode", problems)
    if change is None or address is None or type_ is None or mode is None:
        return None
    operations = _operations(change, problems)
    if operations is None or mode != "managed":
        return None
    provider = node.entries.get("provider_name") if isinstance(node, MapNode) else None
    return PlannedChange(
        address=address,
        type=type_,
        aws=isinstance(provider, Scalar) and provider.text.rpartition("/")[2] == "aws",
        operations=operations,
        before=_attributes(change, "before", problems),
        after=_attributes(change, "after", problems),
        unknown=_value(change, "after_unknown"),
        place=node.place,
    )


def _member(node: Node, key: str, problems: Problems) -> MapNode | None:
    found = node.entries.get(key) if isinstance(node, MapNode) else node
    if isinstance(found, MapNode):
        return found
    return problems.add(found.place if found else node.place, f'no "{key}"', f'a resource change with "{key}", a mapping')


def _text(node: Node, key: str, problems: Problems) -> str | None:
    found = node.entries.get(key) if isinstance(node, MapNode) else None
    if not isinstance(found, Scalar) or found.plain:
        return problems.add(node.place, f'no "{key}"', f'a resource change with "{key}", a text')
    return values.name(found, problems)


def _operations(change: MapNode, problems: Problems) -> tuple[DriftKind, ...] | None:
    listed = change.entries.get("actions")
    words = tuple(item.text for item in listed.items if isinstance(item, Scalar)) if isinstance(listed, ListNode) else ()
    if words in _OPERATIONS:
        return _OPERATIONS[words]
    place = listed.place if listed else change.place
    return problems.add(place, f"the actions {shown(', '.join(words))}", "actions that this driftwatch knows, such as update")


def _attributes(change: MapNode, key: str, problems: Problems) -> Mapping[str, Json]:
    found = change.entries.get(key)
    if found is None or values.is_null(found):
        return {}
    if not isinstance(found, MapNode):
        problems.add(found.place, values.found(found), f'a mapping or null as "{key}"')
        return {}
    marks = _value(change, f"{key}_sensitive")
    read_ = {name: values.json_value(item, Problems()) for name, item in found.entries.items()}  # a number that is too long is not known
    return {name: _concealed(item, marks if marks is True else _within(marks, name)) for name, item in read_.items()}


def _concealed(value: Json, marks: Json) -> Json:
    """The value with everything hidden that the marks, a map or list of its own form, say is sensitive."""
    if marks is True:
        return Hidden(value)
    if isinstance(marks, Mapping) and isinstance(value, Mapping):
        return {name: _concealed(item, marks.get(name)) for name, item in value.items()}
    if isinstance(marks, list) and isinstance(value, list):
        return [_concealed(item, mark) for item, mark in zip(value, [*marks, *[None] * len(value)], strict=False)]
    return value


def _within(marks: Json, name: str) -> Json:
    return marks.get(name) if isinstance(marks, Mapping) else None


def _value(change: MapNode, key: str) -> Json:
    found = change.entries.get(key)
    return None if found is None else values.json_value(found, Problems())
