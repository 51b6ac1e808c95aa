"""The diff of one resource: what differs between two canonical documents, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from driftwatch.domain.address import Elements, address, addressed
from driftwatch.domain.canonical import encode, to_json
from driftwatch.domain.drift import Difference, Op
from driftwatch.domain.normalisation import Normalisation
from driftwatch.domain.pointer import join
from driftwatch.domain.resource import Json
from driftwatch.domain.rule_tree import rule_tree

__all__ = ["address", "diff"]

_KINDS = {
    "dictionary_item_added": Op.ADD,
    "dictionary_item_removed": Op.REMOVE,
    "values_changed": Op.REPLACE,
    "type_changes": Op.REPLACE,
}
"""What DeepDiff calls the changes that two maps of maps and texts can have."""


def diff(before: Mapping[str, Json] | None, after: Mapping[str, Json] | None, rules: Normalisation) -> tuple[Difference, ...]:
    """The differences between two documents ``{"config": ..., "tags": ...}`` that `rules` made canonical, sorted by path.

    None stands for a resource that is not there: then the one difference, at path ``""``, is the whole addressed form. Else there is one
    difference for each added or removed member or element, and one for each changed value. It is empty exactly where the fingerprints
    are equal.
    """
    if before is None or after is None:
        return _whole(before, after, rules)
    tree = rule_tree(rules)
    forms = [addressed(side["config"], side["tags"], rules_tree=tree, tagged=rules.tags is not None) for side in (before, after)]
    return tuple(sorted(_differences(*forms), key=lambda difference: difference.path))


def _whole(before: Mapping[str, Json] | None, after: Mapping[str, Json] | None, rules: Normalisation) -> tuple[Difference, ...]:
    def form(side: Mapping[str, Json]) -> Json:
        return to_json(address(side["config"], side["tags"], rules))

    if after is not None:
        return (Difference(path="", op=Op.ADD, after=form(after)),)
    if before is not None:
        return (Difference(path="", op=Op.REMOVE, before=form(before)),)
    return ()


def _differences(before: dict[str, Json], after: dict[str, Json]) -> Iterator[Difference]:
    """What DeepDiff finds between two addressed forms, with their own values."""
    from deepdiff import DeepDiff  # costs 0.4 s, and most scans have nothing to diff

    found = DeepDiff(
        _opaque(before),
        _opaque(after),
        view="tree",
        ignore_private_variables=False,  # a member may well be called "__x"
        threshold_to_diff_deeper=0,  # else maps with little in common are one difference
    )
    for kind, op in _KINDS.items():
        for level in found.get(kind, ()):
            path = level.path(output_format="list")
            old, new = _at(before, path), _at(after, path)
            if isinstance(old, dict) and isinstance(new, dict):  # a list became a map or the other way: show which is which
                old, new = _unaddressed(old), _unaddressed(new)
            yield Difference(path=join(path), op=op, before=to_json(old), after=to_json(new))


def _opaque(value: Json) -> Any:
    """The maps of an addressed form, with canonical JSON text in the place of everything else.

    Text alone is compared exactly: DeepDiff takes some values of different types for equal, looks into lists, and aligns lines.
    """
    if isinstance(value, dict):
        return type(value)((name, _opaque(item)) for name, item in value.items())
    return encode(value).decode()


def _at(form: Json, path: list[str]) -> Json:
    for segment in path:
        if not isinstance(form, dict) or segment not in form:
            return None
        form = form[segment]
    return form


def _unaddressed(value: dict[str, Json]) -> Json:
    return list(value.values()) if isinstance(value, Elements) else value
