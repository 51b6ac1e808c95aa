"""The type check of an entry's `one`: the call for one resource exists, takes what an id tells, and yields what the listing yields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from driftwatch.aws.entry import Entry, One, expression, path_segments
from driftwatch.aws.expressions import infer
from driftwatch.aws.inspection import Inspection
from driftwatch.aws.one import asked_as, bound_names, expressions, names_in
from driftwatch.aws.parameters import check_params
from driftwatch.aws.rows import PLACEHOLDER
from driftwatch.aws.shapes import FREE, STRING, Form, PathError, Type, list_of, object_of
from driftwatch.aws.typecheck_calls import Read, check_code, document_of, item_of, reading_operation

_GIVEN = ("account", "partition", "region")


def check_one(inspection: Inspection, read: Read) -> None:
    """Reports what keeps a resource that is read by itself from being what a reading of its cell makes of it."""
    one = inspection.entry.one
    if one is None:
        return
    with inspection.guard("one", what="one"):
        names = _names(inspection.entry, one)
        _check_bound(inspection, names)
        item = _made(one.item, names) if one.item is not None else _asked(inspection, one, names)
        _check_codes(inspection, one)
        _check_same(inspection, read, item, names)


def _names(entry: Entry, one: One) -> dict[str, Type]:
    """The types of the names that an id binds."""
    own = [found[0] for path in entry.id if (found := expression(path))]
    told = names_in(entry, One(), "|".join("x" for _ in entry.id)) or {}
    names = dict.fromkeys((*_GIVEN, "id", *own, *bound_names(entry, one)), STRING)
    return {**names, "ids": list_of(STRING), "item": _typed(told.get("item", {}))}


def _typed(told: Any) -> Type:
    return object_of({name: _typed(value) for name, value in told.items()}) if isinstance(told, Mapping) else STRING


def _check_bound(inspection: Inspection, names: Mapping[str, Type]) -> None:
    """What the details and the names take from the parent must be told by the id: there is no parent here."""
    for name in sorted({name for name in _used(inspection.entry) if name not in names}):
        inspection.report(f"one: the details use ${name}, which the id does not tell: bind it by pattern", "one")


def _used(entry: Entry) -> Iterator[str]:
    for detail in entry.detail:
        yield from (name for name, _ in expressions(detail.params))
    bound = entry.parent.bind if entry.parent else {}
    yield from (name for name in PLACEHOLDER.findall(entry.arn or "") if name in bound)


def _made(value: Any, names: Mapping[str, Type]) -> Type:
    """The type of an item that is made of an id. Raises PathError for a name that the id does not bind."""
    if found := expression(value):
        name, path = found
        if name not in names:
            raise PathError(f"{value} is not bound")
        return infer(path, names[name]) if path else names[name]
    if isinstance(value, Mapping):
        return object_of({key: _made(item, names) for key, item in value.items()})
    return STRING if isinstance(value, str) else FREE


def _asked(inspection: Inspection, one: One, names: Mapping[str, Type]) -> Type:
    """The item in the reply to the call for one resource."""
    asked = asked_as(inspection.entry, one)
    operation = reading_operation(inspection, asked.list.op, "one", asked.list.op)
    for params in asked.list.params:
        for fault in check_params(params, operation.input, names):
            inspection.report(f"one: {asked.list.op}: {fault}", "one", "params")
        most = _most(params, operation.input)
        if most is not None and one.size > most:
            inspection.report(f"one: size {one.size} is more than the {most} that {asked.list.op} takes", "one", "size")
    return item_of(asked, inspection.sdk)


def _most(value: Any, shape: Any) -> int | None:
    """The most ids that the parameter with ``$ids`` takes; None where the model does not say, or nothing takes them."""
    if shape is None:
        return None
    if value == "$ids":
        return shape.metadata.get("max") if shape.type_name == "list" else None
    if isinstance(value, Mapping):
        members = shape.members if shape.type_name == "structure" else {}
        found = (_most(item, members.get(name)) for name, item in value.items())
    elif isinstance(value, list) and shape.type_name == "list":
        found = (_most(item, shape.member) for item in value)
    else:
        return None
    return next((most for most in found if most is not None), None)


def _check_codes(inspection: Inspection, one: One) -> None:
    entry = inspection.entry
    name = entry.detail[0].op if one.item is not None else one.op or entry.list.op
    operation = inspection.sdk.operation(entry.service, name)
    for code in one.absent:
        check_code(inspection, operation, code, "one", "absent")


def _check_same(inspection: Inspection, read: Read, item: Type, names: Mapping[str, Type]) -> None:
    """Compares the members of the document with those that the listing leads to: one that only one side has would be drift."""
    quiet = Inspection(catalog=inspection.catalog, entry=inspection.entry, sdk=inspection.sdk)
    document = document_of(quiet, item, names)
    for problem in quiet.problems:
        inspection.report(f"one: {problem.message}", "one")
    if Form.FREE in (document.form, read.document.form):
        return
    if document.form is not read.document.form:
        inspection.report(f"one: the item becomes {document}; from the listing it is {read.document}", "one")
        return
    dropped = {steps[0] for path in inspection.entry.normalisation.drop if len(steps := path_segments(path)) == 1}
    listed, alone = read.document.members.keys() - dropped, document.members.keys() - dropped
    for name in sorted(listed - alone):
        inspection.report(f"one: {name} is missing: the listing or a detail of it has it", "one")
    for name in sorted(alone - listed):
        inspection.report(f"one: {name} is not in what the listing and its details bring", "one")
