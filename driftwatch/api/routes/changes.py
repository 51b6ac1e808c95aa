"""/changes: the change records of every source, how the sources stand, and which changes were approved but never seen."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Path, Query, Request, Response

from driftwatch.api.answers import answer, tagged
from driftwatch.api.asking import Asking, Some
from driftwatch.api.guard import Caller
from driftwatch.api.paging import CursorQuery, LimitQuery, cursor_of, moment_of, parts_of
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import changes as schemas
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization import reach
from driftwatch.domain.change import ChangeRecord, ChangeState, RecordPlace, place_of
from driftwatch.domain.codec import encode
from driftwatch.errors import NotFoundError
from driftwatch.operations import changes, describe_changes, register, unobserved

routes: Final = Routes("changes")

RecordId = Annotated[str, Path(min_length=1, max_length=1000, description="A record's id; a slash in it is written %2F.")]
_PORTIONS: Final = 5
_PORTION: Final = 200
"""Records that are looked at for one page, beside the first portion, until enough of them may be read."""


@routes.read("/changes", schemas.RecordPage)
def page(
    request: Request,
    caller: Asking,
    source: Some = None,
    state: Annotated[list[ChangeState] | None, Query()] = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = 50,
) -> Response:
    """The records of every source, the newest first, a page at a time."""
    found: list[ChangeRecord] = []
    after, portion = _place(cursor), limit + 1
    for _ in range(_PORTIONS):
        part, following = changes.page(caller.installation, source or (), state or (), after, portion)
        for record in part:
            if len(found) == limit:
                return _page(request, found, after)
            after = place_of(record)
            if readable(caller, record):
                found.append(record)
        if following is None:
            return _page(request, found, None)
        portion = _PORTION
    return _page(request, found, after)


@routes.read("/changes/sources", schemas.ChangeSourceList)
def sources(request: Request, caller: Asking) -> Response:
    """When each source was last read, with what success, and the records that were set aside then."""
    documents = [describe_changes.source_document(item, whole=caller.sees_all) for item in changes.sources(caller.installation)]
    return tagged(request, {"sources": documents})


@routes.read("/changes/unobserved", schemas.UnobservedPage)
def unseen(request: Request, caller: Asking, cursor: CursorQuery = None, limit: LimitQuery = 50) -> Response:
    """Approved but never happened: records whose effect was not observed, or only in part; the newest first."""
    after = _place(cursor)
    found = [
        item
        for item in unobserved.listed(caller.installation)
        if (after is None or place_of(item.record) < after) and readable(caller, item.record)
    ]
    shown = found[:limit]
    following = _cursor(place_of(shown[-1].record)) if len(found) > limit else None
    return tagged(request, {"unobserved": [describe_changes.unobserved_document(item) for item in shown], "next": following})


@routes.read("/changes/{record_id:path}", schemas.HeldOf | schemas.RecordOf)
def show(request: Request, caller: Asking, record_id: RecordId) -> Response:
    """One record as driftwatch understood it; of one of the register the ETag is the content hash, which a decision names."""
    found = record_for(caller, record_id)
    if found.source != caller.installation.register:
        return tagged(request, encode(found))
    return held_answer(register.held(caller.installation, found))


def record_for(caller: Caller, record_id: str) -> ChangeRecord:
    """The record, for somebody who may read every account that it is about: to others it does not exist."""
    missing = NotFoundError(f"no change record {record_id} is known")
    try:
        found = changes.record(caller.installation, record_id)
    except NotFoundError:
        raise missing from None
    if not readable(caller, found):
        raise missing
    return found


def readable(caller: Caller, record: ChangeRecord) -> bool:
    return caller.rights.allows(Permission.READ, touched(caller, record))


def touched(caller: Caller, record: ChangeRecord) -> frozenset[str]:
    """The accounts in which a change may happen by this record."""
    return reach.of_scope(record.scope, caller.installation.accounts)


def held_answer(held: register.Held, *, status: int = HTTPStatus.OK, **headers: str) -> Response:
    """A record of the register with its tag."""
    return answer(describe_changes.held_document(held), status=status, headers={"ETag": f'"{held.content_hash}"', **headers})


def _page(request: Request, found: list[ChangeRecord], following: RecordPlace | None) -> Response:
    return tagged(request, {"records": [encode(record) for record in found], "next": _cursor(following) if following else None})


def _cursor(place: RecordPlace) -> str:
    created_at, id_, source = place
    return cursor_of(created_at.isoformat(), id_, source)


def _place(cursor: str | None) -> RecordPlace | None:
    parts = parts_of(cursor, 3)
    return (moment_of(parts[0]), parts[1], parts[2]) if parts else None
