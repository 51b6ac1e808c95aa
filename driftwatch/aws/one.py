"""What an entry's `one` says: the call for a resource, what its id tells, and what is wrong with it in itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from driftwatch.aws.entry import BOUND_NAME, Entry, Kind, ListCall, One, expression, path_segments

_NOT_FOUND = re.compile(r"NotFound|NoSuch|NotExist|NonExist|NotFoundFault|Malformed", re.IGNORECASE)
"""Codes that say by themselves that there is no such thing. EC2 calls an id that cannot be one malformed."""


RESERVED = frozenset({"account", "region", "partition", "id", "ids", "item", "item_region"})
"""Names that an id's own parts cannot have."""


def one_of(entry: Entry) -> One | None:
    """How a resource of the entry is read by itself; None where that cannot be done. A singleton's listing reads the one that there is."""
    return One(params=entry.list.params[0], whole=True) if entry.kind is Kind.SINGLETON else entry.one


def asked_as(entry: Entry, one: One) -> Entry:
    """The entry as if its listing were the call for one resource."""
    own = one.op is None or one.op == entry.list.op
    params: tuple[Mapping[str, Any], ...] = (one.params,) if one.params or not one.whole else entry.list.params
    call = ListCall(
        op=one.op or entry.list.op,
        items=one.items or entry.list.items,
        params=params,
        paging=entry.list.paging if own else None,
        off=entry.list.off,
        absent=(*entry.list.absent, *one.absent),
        strip=entry.list.strip,
    )
    return replace(entry, list=call)


def asks_for_many(one: One) -> bool:
    """Whether one call takes several ids."""
    return any(found == "ids" for found, _ in expressions(one.params))


def names_in(entry: Entry, one: One, id_: str) -> dict[str, Any] | None:
    """The names that an id binds, with ``$id``, and ``$item`` as far as the id tells of it; None for an id of another form."""
    composite = len(entry.id) > 1
    parts = [unquote(part) for part in id_.split("|")] if composite else [id_]
    if composite and len(parts) != len(entry.id):
        return None
    names: dict[str, Any] = {"id": id_}
    if one.pattern:
        match = _compiled(one.pattern).fullmatch(id_)
        if match is None:
            return None
        names |= {name: unquote(text) if composite else text for name, text in match.groupdict().items()}
    item: dict[str, Any] = {}
    for path, part in zip(entry.id, parts, strict=False):
        if found := expression(path):
            names[found[0]] = part
        else:
            _put(item, path, part)
    return {**names, "item": item}


def bound_names(entry: Entry, one: One) -> list[str]:
    """The names that an id binds besides ``$id``, ``$ids`` and ``$item``."""
    own = [found[0] for path in entry.id if (found := expression(path))]
    return [*own, *(_compiled(one.pattern).groupindex if one.pattern else ())]


def expressions(value: Any) -> Iterator[tuple[str, str]]:
    """Name and path of every ``$name.path`` in parameters or in a made item."""
    if found := expression(value):
        yield found
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from expressions(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from expressions(item)


def one_faults(entry: Entry) -> Iterator[tuple[str, str]]:
    """What is wrong with an entry's `one`, before the SDK's models are asked: (field, sentence)."""
    one = entry.one
    if one is None:
        return
    if entry.kind is Kind.SINGLETON:
        yield "one", "one: a singleton is read by its listing: it needs none"
        return
    if fault := _pattern_fault(one):
        yield "pattern", fault
        return
    if one.item is not None:
        yield from _made_faults(entry, one)
    else:
        yield from _asked_faults(entry, one)
    for code in one.absent:
        if ":" not in code and not _NOT_FOUND.search(code):
            yield "absent", f"one: {code} alone does not say that the resource is not there: write 'Code: words of its message'"


def _made_faults(entry: Entry, one: One) -> Iterator[tuple[str, str]]:
    if one.params or one.op or one.items or one.whole:
        yield "one", "one: an item is made without a call: item excludes params, op, items and whole"
    first = entry.detail[0] if entry.detail else None
    if first is None or first.join or first.when:
        yield "one", "one: item needs a first detail that is always read: else nothing says whether the resource is there"
    if {name for name, _ in expressions(one.item)}.isdisjoint({"id", "item", *bound_names(entry, one)}):
        yield "one", "one: nothing of the item is taken from the id"


def _asked_faults(entry: Entry, one: One) -> Iterator[tuple[str, str]]:
    used = {name for name, _ in expressions(one.params)}
    telling = used & {"id", "ids", "item", *bound_names(entry, one)}
    if one.op and not one.items:
        yield "one", f"one: items is missing: where the item stands in the reply of {one.op}"
    if one.whole and (telling or one.op):
        yield "one", "one: whole reads the listing without an id: it excludes op, and $names of the id in params"
    if one.whole and entry.parent:
        yield "one", "one: whole is not for what is listed under a parent"
    if not one.whole and not telling:
        yield "one", "one: params name nothing of the id: say whole = true to read the listing, or item = ... to leave it out"
    if "ids" in used and (len(telling) > 1 or len(entry.id) > 1):
        yield "one", "one: $ids is for ids of one part, and excludes other names of the id"
    if "ids" not in used and one.size != One().size:
        yield "size", "one: size is for $ids"


def _pattern_fault(one: One) -> str | None:
    if one.pattern is None:
        return None
    try:
        groups = re.compile(one.pattern).groupindex
    except re.error as error:
        return f"one: pattern is no regular expression: {error}"
    wrong = next((name for name in groups if not re.match(BOUND_NAME, name) or name in RESERVED), None)
    if wrong:
        return f"one: pattern: {wrong} cannot be bound"
    return None if groups else "one: pattern has no named group: (?P<name>...)"


def _put(item: dict[str, Any], path: str, value: str) -> None:
    """Puts a part of an id where its path leads; one that is no plain path leads nowhere."""
    steps: tuple[str, ...] = ()
    with suppress(ValueError):
        steps = path_segments(path)
    if not steps or {"[]", "*"} & set(steps):
        return
    for step in steps[:-1]:
        item = item.setdefault(step, {})
    item[steps[-1]] = value


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
