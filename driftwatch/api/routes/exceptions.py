"""/exceptions: who excused which state, why, and until when. `/findings/{finding}/except` asks for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Path, Query, Request, Response

from driftwatch.api import excused
from driftwatch.api.answers import answer, seen, tagged
from driftwatch.api.asking import Asking
from driftwatch.api.excused import exception_for
from driftwatch.api.guard import Caller
from driftwatch.api.paging import CursorQuery, LimitQuery, position
from driftwatch.api.paging import cursor as following_cursor
from driftwatch.api.repeats import Repeatable
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import exceptions as schemas
from driftwatch.api.schemas.base import Because, Nothing
from driftwatch.api.schemas.findings import ExceptionOf
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization.exception_lifecycle import ExceptionStatus, content_hash
from driftwatch.domain.exception import ExceptionRecord
from driftwatch.domain.finding import Finding
from driftwatch.operations import describe, exceptions

routes: Final = Routes("exceptions")

ExceptionId = Annotated[str, Path(max_length=80, pattern="^exception-[0-9a-z]+$", description="An exception's id.")]
Statuses = Annotated[list[ExceptionStatus] | None, Query(description="Only those that stand so now; default: all.")]


@routes.read("/exceptions", schemas.ExceptionPage)
def page(
    request: Request,
    caller: Asking,
    status: Statuses = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = 50,
) -> Response:
    """Exceptions, the one that ends first first, a page at a time."""
    shown, following = excused.page(caller, status or (), position(cursor), limit)
    now = caller.installation.clock()
    documents = [describe.exception_document(item, now) for item in shown]
    return tagged(request, {"exceptions": documents, "next": following_cursor(following)})


@routes.read("/exceptions/{exception_id}", ExceptionOf)
def show(caller: Asking, exception_id: ExceptionId) -> Response:
    """One exception; its ETag is the content hash, which an approval names."""
    found = exception_for(caller, exception_id)
    return answer(describe.exception_document(found, caller.installation.clock()), headers={"ETag": f'"{content_hash(found)}"'})


@routes.write("/exceptions/{exception_id}/approve", schemas.ExceptionActed, needs=Permission.APPROVE, conditional=True)
def approve(request: Request, caller: Asking, exception_id: ExceptionId, body: Nothing, repeat: Repeatable) -> Response:  # noqa: ARG001
    """Put a requested exception in force by its content hash; what it excuses is judged again at once. Nobody approves their own."""
    found = exception_for(caller, exception_id, Permission.APPROVE, "exception_approve")
    with repeat:
        tag = seen(request, content_hash(found))
        done = exceptions.approve(caller.installation, found.id, caller.actor, seen_hash=tag)
        return repeat.keep(_acted(caller, done.exception, done.changed))


@routes.write("/exceptions/{exception_id}/reject", schemas.ExceptionActed, needs=Permission.APPROVE)
def reject(caller: Asking, exception_id: ExceptionId, body: Because, repeat: Repeatable) -> Response:
    """Turn a requested exception down; your own is taken back."""
    found = exception_for(caller, exception_id, Permission.APPROVE, "exception_reject")
    with repeat:
        return repeat.keep(_acted(caller, exceptions.reject(caller.installation, found.id, caller.actor, body.reason)))


@routes.write("/exceptions/{exception_id}/revoke", schemas.ExceptionActed, needs=Permission.APPROVE)
def revoke(caller: Asking, exception_id: ExceptionId, body: Because, repeat: Repeatable) -> Response:
    """End an active exception before its time: what it excused is open again at once."""
    found = exception_for(caller, exception_id, Permission.APPROVE, "exception_revoke")
    with repeat:
        done = exceptions.revoke(caller.installation, found.id, caller.actor, body.reason)
        return repeat.keep(_acted(caller, done.exception, done.changed))


def _acted(caller: Caller, exception: ExceptionRecord, changed: Sequence[Finding] = ()) -> Response:
    document = describe.exception_document(exception, caller.installation.clock())
    more = {"changed": [{"finding": item.id, "state": item.state.value} for item in changed]}
    return answer(document | more, headers={"ETag": f'"{document["content_hash"]}"'})
