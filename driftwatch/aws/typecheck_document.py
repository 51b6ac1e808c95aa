"""The type check of what an entry says about the collected document: names, tags, and every normalising rule."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

from driftwatch.aws.entry import Entry, expression, path_segments
from driftwatch.aws.expressions import infer
from driftwatch.aws.inspection import Inspection
from driftwatch.aws.places import Place, matches, walk
from driftwatch.aws.rows import PLACEHOLDER
from driftwatch.aws.shapes import FREE, Form, PathError, Type, did_you_mean, list_of, map_of, member, object_of, resolve
from driftwatch.aws.typecheck_calls import Read

TAG_MEMBERS = (("Key", "Value"), ("key", "value"), ("TagKey", "TagValue"), ("tagKey", "tagValue"))
"""The names that services give to the two members of a tag."""

_SHOWN = 20
"""Unreviewed members that one warning names."""

_KEY_NAMES = re.compile(r"^(key|name|id|arn|.*(id|arn|name|key|type|identifier))$", re.IGNORECASE)


def check_document(inspection: Inspection, read: Read) -> None:
    """Resolves every path of the entry in the document, and asks for a key for every set of objects."""
    _check_names(inspection, read)
    _check_tags(inspection, read.document)
    document = _check_forms(inspection, read.document)
    _check_leaves(inspection, read.document, document)
    _check_sets(inspection, document)
    _check_unkeyed(inspection, document)
    _check_unreviewed(inspection, document)


def _check_names(inspection: Inspection, read: Read) -> None:
    entry, document = inspection.entry, read.document
    paths = [("id", path) for path in entry.id if not expression(path)]
    known = [f"${name}" for name in read.bound]
    for path in entry.id:
        if expression(path) and path not in known:
            inspection.report(f"id: {path} is not bound{did_you_mean(path, known)}", "id", path)
    paths += [(name, path) for name in ("label", "owner", "item_region") if (path := getattr(entry, name))]
    if entry.arn and entry.arn.startswith("arn:"):
        paths += [("arn", path) for path in PLACEHOLDER.findall(entry.arn) if path not in read.bound]
    elif entry.arn:
        paths.append(("arn", entry.arn))
    for name, path in paths:
        with inspection.guard(name, what=name):
            found = infer(path, document)
            if not found.is_scalar:
                inspection.report(f"{name}: {path} is {found}, not a single value", name)
    if entry.keep:
        try:
            infer(entry.keep, read.item)
        except PathError:
            with inspection.guard("keep", what="keep"):
                infer(entry.keep, document)


def _check_tags(inspection: Inspection, document: Type) -> None:
    path = inspection.entry.tags
    if path is None:
        return
    with inspection.guard("tags", what="tags"):
        found = resolve(path, document)
        if found.form is Form.LIST and found.element.form is Form.OBJECT:
            members = found.element.members
            if not any(key in members and value in members for key, value in TAG_MEMBERS):
                inspection.report(f"tags: the elements of {path} have no Key and Value, but {', '.join(members)}", "tags")
        elif found.form not in (Form.MAP, Form.FREE):
            inspection.report(f"tags: {path} is {found}, neither a list of keys and values nor a map", "tags")


def _check_forms(inspection: Inspection, document: Type) -> Type:
    """Checks `lift` and `json`, and returns the document as it is after them."""
    for path, (key, value) in inspection.entry.lift.items():
        with inspection.guard("lift", path, what=f"lift {path}"):
            element = _element_of_list(path, document)
            if not infer(key, element).is_scalar:
                inspection.report(f"lift {path}: {key} is no single value", "lift", path)
            document = _replaced(document, path_segments(path), map_of(infer(value, element)))
    for path in inspection.entry.json:
        with inspection.guard("json", path, what=f"json {path}"):
            found = resolve(path, document)
            if found.form not in (Form.STRING, Form.FREE):
                inspection.report(f"json: {path} is {found}, not a text", "json", path)
            document = _replaced(document, path_segments(path), FREE)
    return document


def _replaced(on: Type, steps: tuple[str, ...], by: Type) -> Type:
    """`on` with another type at the place that `steps` lead to. The path has been resolved before."""
    if not steps:
        return by
    if on.form is Form.FREE:
        return on
    step, rest = steps[0], steps[1:]
    if step == "[]":
        return list_of(_replaced(on.element, rest, by))
    if step == "*":
        return on
    others = None if on.form is Form.MAP and on.members else on.element_of  # a map whose keys are all known has no others
    return object_of({**on.members, step: _replaced(member(on, step), rest, by)}, others=others)


def _either(path: str, raw: Type, document: Type) -> Type:
    """What stands at the path after `lift` and `json`, else before them."""
    try:
        return resolve(path, document)
    except PathError:
        return resolve(path, raw)


def _check_leaves(inspection: Inspection, raw: Type, document: Type) -> None:
    """`unreadable`, `settling`, `facts`, `drop`, `reviewed`, `lower` and `secret`."""
    entry = inspection.entry
    for path in entry.unreadable:
        with inspection.guard("unreadable", path, what="unreadable"):
            resolve(path, raw)
    _check_settling(inspection, raw)
    for name in ("facts", "drop", "reviewed"):
        for path in getattr(entry, name):
            with inspection.guard(name, path, what=name):
                _either(path, raw, document)
    for path in entry.lower:
        with inspection.guard("lower", path, what="lower"):
            found = _either(path, raw, document)
            element = found.element if found.form is Form.LIST else found
            if element.form not in (Form.STRING, Form.FREE):
                inspection.report(f"lower: {path} is {found}, not a text", "lower", path)
    for path, kind in entry.secret.items():
        with inspection.guard("secret", path, what="secret"):
            found = _either(path, raw, document)
            if kind == "value" and not found.is_scalar:
                inspection.report(f"secret: {path} is {found}; say 'map-values' or 'whole'", "secret", path)
            if kind == "map-values" and found.form not in (Form.MAP, Form.OBJECT, Form.FREE):
                inspection.report(f"secret: {path} is {found}, not a map", "secret", path)


def _check_settling(inspection: Inspection, raw: Type) -> None:
    """The states in which a resource is still being changed must be ones that the service has."""
    for path, values in inspection.entry.settling.items():
        with inspection.guard("settling", path, what="settling"):
            found = resolve(path, raw)
            if values and not found.is_scalar:
                inspection.report(f"settling: {path} is {found}, not a single value: leave its values out", "settling", path)
            for value in values:
                if found.enum and value not in found.enum:
                    inspection.report(f"settling: {path} is never {value}{did_you_mean(value, list(found.enum))}", "settling", path)


def _element_of_list(path: str, document: Type) -> Type:
    found = resolve(path, document)
    if not found.is_list:
        raise PathError(f"{path} is {found}, not a list")
    return found.element


def _check_sets(inspection: Inspection, document: Type) -> None:
    entry = inspection.entry
    for path in entry.ordered:
        with inspection.guard("ordered", path, what="ordered"):
            _element_of_list(path, document)
    for path, keys in entry.sets.items():
        with inspection.guard("sets", path, what=f"sets {path}"):
            if path in entry.ordered:
                inspection.report(f"{path} is a set and ordered", "ordered", path)
            dropped = next((drop for drop in entry.normalisation.drop if _is_below(path, drop)), None)
            if dropped:
                inspection.report(f"{path} is keyed, but {dropped} is dropped", "sets", path)
            element = _element_of_list(path, document)
            if not keys and element.form in (Form.OBJECT, Form.MAP, Form.LIST):
                inspection.report(f"sets {path}: an element is {element}: name the members that tell one from another", "sets", path)
            for key in keys:
                _check_key(inspection, path, key, element)


def _check_key(inspection: Inspection, path: str, key: str, element: Type) -> None:
    with inspection.guard("sets", path, what=f"sets {path}"):
        found = resolve(key, element)
        if not found.is_scalar:
            inspection.report(f"sets {path}: key {key} is {found}, not a single value", "sets", path)
        if any(_is_below(f"{path}[].{key}", drop) for drop in inspection.entry.normalisation.drop):
            inspection.report(f"sets {path}: key {key} is dropped", "sets", path)


def _is_below(path: str, top: str) -> bool:
    """Whether `path` is `top` or lies below it."""
    steps, above = path_segments(path), path_segments(top)
    return len(steps) >= len(above) and all(a in (b, "*") for a, b in zip(above, steps, strict=False))


def _check_unkeyed(inspection: Inspection, document: Type) -> None:
    """A list of objects without a key cannot be compared but as a whole: every one must be named in some rule."""
    entry = inspection.entry
    gone = (*entry.unreadable, *entry.normalisation.drop, *entry.ordered, *entry.json, *entry.lift, *([entry.tags] if entry.tags else []))
    settled = _Rules((*gone, *(path for path, kind in entry.secret.items() if kind == "whole")))
    keyed = _Rules(entry.sets)
    for place in walk(document, lambda place: place.steps in settled):
        element = place.type.element if place.type.form is Form.LIST else None
        if element and element.form in (Form.OBJECT, Form.MAP, Form.LIST) and place.steps not in keyed:
            inspection.report(f"no key: {place.path} is a set of objects; {_advice(place.path, element)}", "sets")


def _advice(path: str, element: Type) -> str:
    keys = ", ".join(f'"{name}"' for name in likely_keys(element))
    return f'name it in sets ("{path}" = [{keys}]), ordered, lift, json or drop'


def likely_keys(element: Type) -> list[str]:
    """The members of a list's element, three at most, whose names say that they tell one element from another."""
    if element.form is not Form.OBJECT:
        return []
    return [name for name, type_ in element.members.items() if type_.is_scalar and _KEY_NAMES.match(name)][:3]


class _Rules:
    """Paths of rules, to ask whether one of them names a place. ``*`` in a path stands for any name."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._plain: set[tuple[str, ...]] = set()
        self._open: list[tuple[str, ...]] = []
        for path in paths:
            self.add(path_segments(path))

    def add(self, steps: tuple[str, ...]) -> None:
        if "*" in steps:
            self._open.append(steps)
        self._plain.add(steps)

    def __contains__(self, steps: object) -> bool:
        return steps in self._plain or any(matches(steps, rule) for rule in self._open)  # type: ignore[arg-type]

    def names_a_key_of(self, steps: tuple[str, ...]) -> bool:
        """Whether `steps` lead to the values of a map, and a rule names one of its keys: then somebody looked at the map."""
        return steps[-1] == "*" and any(rule[: len(steps) - 1] == steps[:-1] for rule in self._plain)


def unreviewed(entry: Entry, document: Type) -> list[Place]:
    """Places that no rule names and nobody reviewed, at any depth; a path covers what lies below it. A newer SDK may bring some."""
    covered, kept_open = _covered(entry)
    missing = (
        place
        for place in walk(document, lambda place: place.steps in covered)
        if not place.below and place.steps not in kept_open and not covered.names_a_key_of(place.steps)
    )
    return sorted(missing, key=lambda place: place.path)


def _check_unreviewed(inspection: Inspection, document: Type) -> None:
    missing = [place.path for place in unreviewed(inspection.entry, document)]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        inspection.report(f"not reviewed: {', '.join(missing[:_SHOWN])}{more}", "reviewed")


def _covered(entry: Entry) -> tuple[_Rules, _Rules]:
    """The paths that the entry names: those that speak for all below them, and those that speak for themselves (and scalars in them)."""
    names = tuple(path for path in (*entry.id, entry.label, entry.owner, entry.item_region, entry.tags) if path)
    names += tuple(PLACEHOLDER.findall(entry.arn or "")) if (entry.arn or "").startswith("arn:") else (entry.arn,) if entry.arn else ()
    rules = (*entry.unreadable, *entry.reviewed, *entry.normalisation.drop, *entry.lower, *entry.lift, *entry.json)
    whole = _Rules((*rules, *entry.secret))
    for name in names:
        with suppress(ValueError):  # an id may be any JMESPath
            whole.add(path_segments(name))
    for path, members in entry.sets.items():
        for key in members:
            whole.add((*path_segments(path), "[]", *path_segments(key)))
    return whole, _Rules(f"{path}[]" for path in (*entry.sets, *entry.ordered))
