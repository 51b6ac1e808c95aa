"""Attributes of a planned change as pointers and expected values. Values that are unknown or sensitive are never expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from driftwatch.documents.terraform_map import As, Attribute, TypeMap
from driftwatch.documents.terraform_plan import Hidden, PlannedChange, flagged
from driftwatch.domain.canonical import scalar_text
from driftwatch.domain.change import Expectation
from driftwatch.domain.pointer import escape_segment
from driftwatch.domain.resource import Json

_MISSING: Final = object()
_RULES: Final = frozenset({"ingress", "egress"})
_TAGS: Final = Attribute(at=("/Tags",), form=As.MAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a target covers of a resource: paths (none: all of it) and expected values; `unmapped` are attributes without a pointer."""

    paths: tuple[str, ...] = ()
    expected: tuple[Expectation, ...] = ()
    unmapped: tuple[str, ...] = ()


def expected_of(change: PlannedChange, entry: TypeMap) -> tuple[Expectation, ...]:
    """What a new resource, or a new part of one, has to hold: what the plan knows of it and writes in the same form as AWS."""
    found: list[Expectation] = []
    for name, attribute in entry.attributes.items():
        steps, value = _look_up(change.after, name)
        if value not in (_MISSING, None, "", [], {}) and not flagged(change.unknown, steps):
            found.extend(_values(attribute, value))
    return tuple(found)


def changed_scope(change: PlannedChange, entry: TypeMap) -> Scope:
    """The pointers of the attributes that an update changes, with their values."""
    paths: list[str] = list(entry.always)
    expected: list[Expectation] = []
    for name, attribute in (*entry.attributes.items(), *([(_tags_of(change), _TAGS)] if entry.tags else [])):
        steps, after = _look_up(change.after, name)
        _, before = _look_up(change.before, name)
        unknown = flagged(change.unknown, steps)
        if before == after and not unknown:
            continue
        known = not unknown and not hides(before) and not hides(after)
        sides = (None if before is _MISSING else before, None if after is _MISSING else after)
        new_paths, new_expected = _changed(attribute, *sides, known=known)
        paths.extend(new_paths)
        expected.extend(new_expected)
    unmapped = tuple(sorted(_unmapped(change, entry)))
    moved = paths if len(paths) > len(entry.always) or unmapped else []
    return Scope(paths=tuple(dict.fromkeys(moved)), expected=tuple(expected), unmapped=unmapped)


def _changed(attribute: Attribute, before: Json, after: Json, *, known: bool) -> tuple[list[str], list[Expectation]]:
    """The pointers of one changed attribute. A list or map whose both sides are known and filled is named element by element."""
    by_element = attribute.form in (As.SET, As.KEYED) and isinstance(before, list) and isinstance(after, list)
    by_key = attribute.form in (As.MAP, As.NAMES) and isinstance(before, Mapping) and isinstance(after, Mapping)
    at = attribute.at[0]
    if known and by_element and before and after:
        return _elements(attribute, {scalar_text(item): item for item in before}, {scalar_text(item): item for item in after})
    if by_key and (before or at == "/Tags"):  # the names of the keys are known, even where the values are hidden
        return _elements(attribute, before, after, known=known)
    if not known or attribute.form is As.OPAQUE:
        return list(attribute.at), []
    if after in (None, "", 0) and after is not False and attribute.empty_is_absent:
        return list(attribute.at), [Expectation(path=path, absent=True) for path in attribute.at]
    return list(attribute.at), [expectation for path in attribute.at for expectation in _values(attribute, after, path)]


def _elements(
    attribute: Attribute, before: Mapping[str, Json], after: Mapping[str, Json], *, known: bool = True
) -> tuple[list[str], list[Expectation]]:
    paths, expected = [], []
    for name in sorted({*before, *after}):
        if name in before and name in after and before[name] == after[name]:
            continue
        path = f"{attribute.at[0]}/{escape_segment(name)}"
        paths.append(path)
        if known and name not in after:
            expected.append(Expectation(path=path, absent=True))
        elif known and attribute.form in (As.SET, As.MAP) and after[name] is not None:
            expected.append(Expectation(path=path, equals=after[name], equals_given=True))
    return paths, expected


def _values(attribute: Attribute, value: Json, path: str | None = None) -> Iterator[Expectation]:
    """What stands at the pointer when the attribute has this value, where both write it alike."""
    at = path or attribute.at[0]
    plain = isinstance(value, str | int)
    if attribute.form is As.SAME and plain and value != "":
        yield Expectation(path=at, equals=value, equals_given=True)
    elif attribute.form is As.TEXT and plain:
        yield Expectation(path=at, equals=scalar_text(value), equals_given=True)
    elif attribute.form is As.SET and isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        yield Expectation(path=at, equals=list(value), equals_given=True)
    elif attribute.form is As.MAP and isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(item, str):
                yield Expectation(path=f"{at}/{escape_segment(name)}", equals=item, equals_given=True)


def _unmapped(change: PlannedChange, entry: TypeMap) -> Iterator[str]:
    """The changed attributes that the map neither places nor passes over."""
    for name in {*change.before, *change.after, *(change.unknown if isinstance(change.unknown, Mapping) else ())}:
        if name in entry.attributes or name in entry.silent or (entry.rules and name in _RULES):
            continue
        below = [key.partition(".")[2] for key in entry.attributes if key.startswith(f"{name}.")]
        if below:
            yield from (f"{name}.{key}" for key in _changed_below(change, name) if key not in below)
        elif change.before.get(name) != change.after.get(name) or flagged(change.unknown, (name,)):
            yield name


def _changed_below(change: PlannedChange, name: str) -> Iterator[str]:
    sides = [_block(side.get(name)) for side in (change.before, change.after)]
    for key in {*sides[0], *sides[1]}:
        if sides[0].get(key) != sides[1].get(key):
            yield key


def _look_up(attributes: Mapping[str, Json], name: str) -> tuple[tuple[str | int, ...], Json]:
    """The steps to an attribute and its value; ``block.key`` is a key of a block that stands once, as a list of one."""
    block, _, key = name.partition(".")
    if not key:
        return (block,), attributes.get(block, _MISSING)
    return (block, 0, key), _block(attributes.get(block)).get(key, _MISSING)


def _block(value: Json) -> Mapping[str, Json]:
    if isinstance(value, list):
        return value[0] if len(value) == 1 and isinstance(value[0], Mapping) else {}
    return value if isinstance(value, Mapping) else {}


def hides(value: Json) -> bool:
    """Whether something in it is sensitive."""
    if isinstance(value, Mapping):
        return any(hides(item) for item in value.values())
    return any(hides(item) for item in value) if isinstance(value, list) else isinstance(value, Hidden)


def _tags_of(change: PlannedChange) -> str:
    return "tags_all" if "tags_all" in change.before or "tags_all" in change.after else "tags"
