"""The exceptions: what is excused, why and until when, and what waits for a second person."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request, Response

from driftwatch.api import excused, site
from driftwatch.api.acts import REASON, Act, back, same
from driftwatch.api.asking import Asking, Some
from driftwatch.api.forms import Form, Posted
from driftwatch.api.guard import Caller
from driftwatch.api.paging import cursor, position
from driftwatch.api.routing import PageRoutes
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization.exception_lifecycle import ExceptionStatus, content_hash, status
from driftwatch.domain.exception import ExceptionRecord
from driftwatch.operations import describe, exceptions

routes: Final = PageRoutes()
ON_A_PAGE: Final = 50
LIVE: Final = (ExceptionStatus.REQUESTED, ExceptionStatus.SCHEDULED, ExceptionStatus.ACTIVE)
_APPROVE: Final = Act(
    path="approve",
    title="Approve it",
    text="You agree to exactly what this page shows: what it excuses is judged again at once.",
)
_REJECT: Final = Act(path="reject", title="Turn it down", text="The finding stays as it is.", fields=(REASON,))
_TAKE_BACK: Final = Act(path="reject", title="Take it back", text="You asked for it; the finding stays as it is.", fields=(REASON,))
_REVOKE: Final = Act(path="revoke", title="End it now", text="What it excuses is open again at once.", fields=(REASON,))


@routes.read("/exceptions")
def list_(request: Request, caller: Asking, status: Some = None, after: str | None = None) -> Response:
    """Exceptions, the one that ends first first; by default those that are not over."""
    chosen = [item for item in status or () if item]
    wanted = [ExceptionStatus(item) for item in chosen if item in set(ExceptionStatus)] or list(LIVE)
    found, following = excused.page(caller, wanted, position(after), ON_A_PAGE)
    now = caller.installation.clock()
    return site.page(
        request,
        "exceptions.html",
        caller=caller,
        exceptions=[describe.exception_document(item, now) for item in found],
        next=site.link("/exceptions", {"status": chosen, "after": cursor(following)}) if following else None,
        chosen=chosen,
        statuses=[item.value for item in ExceptionStatus],
    )


@routes.read("/exceptions/{exception}")
def show(request: Request, caller: Asking, exception: str) -> Response:
    """One exception."""
    found = excused.exception_for(caller, exception)
    acts, why_not = _offered(caller, found)
    document: dict[str, Any] = describe.exception_document(found, caller.installation.clock())
    return site.page(request, "exception.html", caller=caller, exception=document, acts=acts, why_not=why_not)


@routes.write("/exceptions/{exception}/approve", needs=Permission.APPROVE)
def approve(caller: Asking, exception: str, form: Posted) -> Response:
    """Put it in force, as the page showed it."""
    found = _looked_at(caller, exception, form, "exception_approve")
    form.done()
    exceptions.approve(caller.installation, found.id, caller.actor, seen_hash=content_hash(found))
    return _back(found)


@routes.write("/exceptions/{exception}/reject", needs=Permission.APPROVE)
def reject(caller: Asking, exception: str, form: Posted) -> Response:
    """Turn a request down, or take one's own back."""
    found = _looked_at(caller, exception, form, "exception_reject")
    reason = form.text("reason")
    form.done()
    exceptions.reject(caller.installation, found.id, caller.actor, reason)
    return _back(found)


@routes.write("/exceptions/{exception}/revoke", needs=Permission.APPROVE)
def revoke(caller: Asking, exception: str, form: Posted) -> Response:
    """End one before its time."""
    found = _looked_at(caller, exception, form, "exception_revoke")
    reason = form.text("reason")
    form.done()
    exceptions.revoke(caller.installation, found.id, caller.actor, reason)
    return _back(found)


def _looked_at(caller: Caller, exception: str, form: Form, action: str) -> ExceptionRecord:
    """The exception, where it still says what the form's page showed; raises Problem (412) where it does not."""
    found = excused.exception_for(caller, exception, Permission.APPROVE, action)
    same(form.text("seen"), content_hash(found), "exception")
    return found


def _offered(caller: Caller, found: ExceptionRecord) -> tuple[list[Act], list[str]]:
    """The acts that are this person's to do now, and in words why they cannot approve what waits for it."""
    now = caller.installation.clock()
    standing = status(found, now)
    if standing not in LIVE:
        return [], []
    if not caller.rights.allows(Permission.APPROVE, excused.touched(caller, found)):
        return [], ["Deciding about it takes the permission to approve in every account that it is about."]
    if standing is not ExceptionStatus.REQUESTED:
        return [_REVOKE], []
    why = exceptions.refusal(caller.installation, found, caller.actor)
    mine = found.requested_by == caller.person
    return [*([] if why else [_APPROVE]), _TAKE_BACK if mine else _REJECT], [f"You cannot approve it: {why}."] if why else []


def _back(found: ExceptionRecord) -> Response:
    return back(f"/exceptions/{site.step(found.id)}")
