"""/changes: the change records of every source, how the sources stand, and which changes were approved but never seen."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Path, Query, Request, Response

from driftwatch.api import records
from driftwatch.api.answers import answer, tagged
from driftwatch.api.asking import Asking, Some
from driftwatch.api.paging import CursorQuery, LimitQuery
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import changes as schemas
from driftwatch.domain.change import ChangeState
from driftwatch.domain.codec import encode
from driftwatch.operations import changes, describe_changes, register

routes: Final = Routes("changes")

RecordId = Annotated[str, Path(min_length=1, max_length=1000, description="A record's id; a slash in it is written %2F.")]


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
    found, following = records.page(caller, source or (), state or (), records.place_at(cursor), limit)
    return tagged(request, {"records": [encode(record) for record in found], "next": records.place_cursor(following)})


@routes.read("/changes/sources", schemas.ChangeSourceList)
def sources(request: Request, caller: Asking) -> Response:
    """When each source was last read, with what success, and the records that were set aside then."""
    documents = [describe_changes.source_document(item, whole=caller.sees_all) for item in changes.sources(caller.installation)]
    return tagged(request, {"sources": documents})


@routes.read("/changes/unobserved", schemas.UnobservedPage)
def unseen(request: Request, caller: Asking, cursor: CursorQuery = None, limit: LimitQuery = 50) -> Response:
    """Approved but never happened: records whose effect was not observed, or only in part; the newest first."""
    shown, following = records.unseen(caller, records.place_at(cursor), limit)
    documents = [describe_changes.unobserved_document(item) for item in shown]
    return tagged(request, {"unobserved": documents, "next": records.place_cursor(following)})


@routes.read("/changes/{record_id:path}", schemas.HeldOf | schemas.RecordOf)
def show(request: Request, caller: Asking, record_id: RecordId) -> Response:
    """One record as driftwatch understood it; of one of the register the ETag is the content hash, which a decision names."""
    found = records.record_for(caller, record_id)
    if found.source != caller.installation.register:
        return tagged(request, encode(found))
    return held_answer(register.held(caller.installation, found))


def held_answer(held: register.Held, *, status: int = HTTPStatus.OK, **headers: str) -> Response:
    """A record of the register with its tag."""
    return answer(describe_changes.held_document(held), status=status, headers={"ETag": f'"{held.content_hash}"', **headers})
