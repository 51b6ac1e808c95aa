"""/changes, written: the life of a record of the built-in register. Nobody approves their own, whatever their role."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from fastapi import Request, Response

from driftwatch.api.answers import seen
from driftwatch.api.asking import Asking
from driftwatch.api.cases import case_for
from driftwatch.api.records import amended, draft_of_finding, drafted, held_for, touched
from driftwatch.api.repeats import Repeatable
from driftwatch.api.routes.changes import RecordId, held_answer
from driftwatch.api.routes.findings import FindingId
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import changes as schemas
from driftwatch.api.schemas.base import Because, Nothing
from driftwatch.documents.drafts import draft_document
from driftwatch.domain.access import Permission
from driftwatch.domain.resource import Json
from driftwatch.operations import register
from driftwatch.operations.register import Held

routes: Final = Routes("changes")
_BODY: Final = "body"


@routes.write("/changes", schemas.HeldOf, needs=Permission.OPERATE, status=201)
def new(caller: Asking, body: schemas.NewChange, repeat: Repeatable) -> Response:
    """Make a record: you are its requester, and it is a draft until it is requested."""
    record = drafted(caller, _said(body), _BODY)
    caller.require(Permission.OPERATE, touched(caller, record), "change_new", record.id)
    with repeat:
        held = register.new(caller.installation, record, caller.actor)
        if body.request:
            held = register.request(caller.installation, record.id, caller.actor)
        return repeat.keep(_made(held))


@routes.write("/findings/{finding}/draft", schemas.HeldOf, needs=Permission.OPERATE, status=201)
def of_finding(caller: Asking, finding: FindingId, body: schemas.ChangeOfFinding, repeat: Repeatable) -> Response:
    """Make a draft that covers exactly what a finding shows; what is there now may not be what should be allowed."""
    case_for(caller, finding, Permission.OPERATE, "change_new")
    with repeat:
        said = {key: value for key, value in _said(body).items() if value is not None}
        return repeat.keep(_made(draft_of_finding(caller, finding, said, _BODY)))


@routes.write("/changes/{record_id:path}/amend", schemas.HeldOf, needs=Permission.OPERATE)
def amend(caller: Asking, record_id: RecordId, body: schemas.AmendChange, repeat: Repeatable) -> Response:
    """Change what a record says; once it was requested, it has to be approved again."""
    held = held_for(caller, record_id, Permission.OPERATE, "change_amend")
    wanted = drafted(caller, {**draft_document(held.record), **_said(body)}, _BODY)
    caller.require(Permission.OPERATE, touched(caller, wanted), "change_amend", record_id)
    with repeat:
        return repeat.keep(held_answer(amended(caller, held, wanted)))


@routes.write("/changes/{record_id:path}/request", schemas.HeldOf, needs=Permission.OPERATE)
def request_(caller: Asking, record_id: RecordId, body: Nothing, repeat: Repeatable) -> Response:  # noqa: ARG001 - that it is empty is checked
    """Put your draft up for approval by somebody else."""
    held_for(caller, record_id, Permission.OPERATE, "change_request")
    with repeat:
        return repeat.keep(held_answer(register.request(caller.installation, record_id, caller.actor)))


@routes.write("/changes/{record_id:path}/approve", schemas.HeldOf, needs=Permission.APPROVE, conditional=True)
def approve(request: Request, caller: Asking, record_id: RecordId, body: schemas.ApproveChange, repeat: Repeatable) -> Response:
    """Approve what a record says, by its content hash. Nobody approves their own request."""
    held = held_for(caller, record_id, Permission.APPROVE, "change_approve")
    with repeat:
        tag = seen(request, held.content_hash)
        return repeat.keep(held_answer(register.approve(caller.installation, record_id, caller.actor, seen_hash=tag, kind=body.kind)))


@routes.write("/changes/{record_id:path}/reject", schemas.HeldOf, needs=Permission.APPROVE)
def reject(caller: Asking, record_id: RecordId, body: Because, repeat: Repeatable) -> Response:
    """Reject a record for good: it never allows anything. Your own you cancel."""
    held_for(caller, record_id, Permission.APPROVE, "change_reject")
    with repeat:
        return repeat.keep(held_answer(register.reject(caller.installation, record_id, caller.actor, body.reason)))


@routes.write("/changes/{record_id:path}/review", schemas.HeldOf, needs=Permission.OPERATE, conditional=True)
def review(request: Request, caller: Asking, record_id: RecordId, body: schemas.ReviewChange, repeat: Repeatable) -> Response:
    """Say that you reviewed a change as a peer, by its content hash. Nobody reviews a change that they take part in."""
    held = held_for(caller, record_id, Permission.OPERATE, "change_review")
    with repeat:
        tag = seen(request, held.content_hash)
        return repeat.keep(held_answer(register.review(caller.installation, record_id, caller.actor, body.decision, seen_hash=tag)))


@routes.write("/changes/{record_id:path}/start", schemas.HeldOf, needs=Permission.OPERATE)
def start(caller: Asking, record_id: RecordId, body: Nothing, repeat: Repeatable) -> Response:  # noqa: ARG001
    """Begin the work: the record is approved, or is an emergency that the policy lets begin without."""
    held_for(caller, record_id, Permission.OPERATE, "change_start")
    with repeat:
        return repeat.keep(held_answer(register.start(caller.installation, record_id, caller.actor)))


@routes.write("/changes/{record_id:path}/close", schemas.HeldOf, needs=Permission.OPERATE)
def close(caller: Asking, record_id: RecordId, body: schemas.CloseChange, repeat: Repeatable) -> Response:
    """End the work: nothing that is changed from now on is covered by the record."""
    held_for(caller, record_id, Permission.OPERATE, "change_close")
    with repeat:
        return repeat.keep(held_answer(register.close(caller.installation, record_id, caller.actor, body.outcome)))


@routes.write("/changes/{record_id:path}/cancel", schemas.HeldOf, needs=Permission.OPERATE)
def cancel(caller: Asking, record_id: RecordId, body: Because, repeat: Repeatable) -> Response:
    """Take back a record of yours before the work began."""
    held_for(caller, record_id, Permission.OPERATE, "change_cancel")
    with repeat:
        return repeat.keep(held_answer(register.cancel(caller.installation, record_id, caller.actor, body.reason)))


def _said(body: schemas.WrittenChange) -> dict[str, Json]:
    """What the caller wrote, and nothing that they did not write."""
    said: dict[str, Json] = body.model_dump(mode="json", exclude_unset=True, exclude={"request"})
    return said


def _made(held: Held) -> Response:
    return held_answer(held, status=HTTPStatus.CREATED, Location=f"/api/v1/changes/{quote(held.record.id, safe='')}")
