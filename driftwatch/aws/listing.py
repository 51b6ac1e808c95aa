"""The pages of a listing and the items on them: checked, or a CallFailed that says what is wrong with the reply."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import jmespath

from driftwatch.aws.calls import Caller, CallFailed
from driftwatch.aws.entry import Entry, Kind
from driftwatch.aws.replies import OMITS_EMPTY
from driftwatch.aws.rows import compiled, filled, stripped
from driftwatch.domain.snapshot import GapReason


def call_name(entry: Entry) -> str:
    """The listing as ``service:Operation``."""
    return f"{entry.service}:{entry.list.op}"


def pages_of(
    entry: Entry,
    params: Mapping[str, Any],
    names: Mapping[str, Any],
    *,
    caller: Caller,
    members: Collection[str],
    max_empty_pages: int,
) -> Iterator[dict[str, Any]]:
    """The pages of a listing with these parameters, each with one of its result `members`. Raises CallFailed."""
    name = call_name(entry)
    empty = 0
    region = str(names["region"])
    for page in caller.pages(entry.service, entry.list.op, filled(dict(params), names, name), region, entry.list.paging):
        if members and name not in OMITS_EMPTY and not any(member in page for member in members):
            raise CallFailed(GapReason.NOT_AWS, operation=name, detail=f"the reply has no {' or '.join(sorted(members))}")
        empty = 0 if any(page.get(member) for member in members) else empty + 1
        if empty > max_empty_pages:
            raise CallFailed(GapReason.PAGE_LOOP, operation=name, detail=f"more than {max_empty_pages} empty pages in a row")
        yield page


def items_of(entry: Entry, page: Mapping[str, Any]) -> Iterable[Any]:
    """The items on a page of the entry's listing. Raises CallFailed where the page has another form."""
    name = call_name(entry)
    try:
        found = compiled(entry.list.items).search(page)
    except jmespath.exceptions.JMESPathError as error:
        raise CallFailed(GapReason.NOT_AWS, operation=name, detail=f"the reply does not fit {entry.list.items}") from error
    if entry.kind is Kind.SINGLETON:
        if not isinstance(found, Mapping):
            raise CallFailed(GapReason.NOT_AWS, operation=name, detail=f"{entry.list.items} is no object")
        return [stripped(found, entry.list.strip)]
    if found is not None and not isinstance(found, list):
        raise CallFailed(GapReason.NOT_AWS, operation=name, detail=f"{entry.list.items} is no list")
    return (stripped(item, entry.list.strip) for item in found or ())


def says_none(entry: Entry, failed: CallFailed) -> bool:
    """Whether the answer to a listing means that there is nothing to list: a child's listing that is off is as empty as an absent one."""
    return failed.off or failed.is_one_of((*entry.list.off, *entry.list.absent))
