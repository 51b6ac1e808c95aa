"""One version of a baseline: who proposed and approved what, what it changes, and what this person may do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from driftwatch.api import acts, cutting, site
from driftwatch.api import versions as access
from driftwatch.api.asking import Asking
from driftwatch.api.forms import Form, Posted
from driftwatch.api.guard import Caller
from driftwatch.api.problems import Problem
from driftwatch.api.routing import PageRoutes
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization import words
from driftwatch.domain.baseline import BaselineState, BaselineVersion
from driftwatch.operations import approvals, baseline_views, baselines, describe, describe_baselines
from driftwatch.operations.outlook import Outlook, outlook

routes: Final = PageRoutes()
ON_A_PAGE: Final = 20
CELLS_AT_ONCE: Final = 15
"""Cells that one page looks into for differences."""
LISTED: Final = 50
"""Of what a version leaves out, takes up or changes, before the page only counts."""
MOST_RISKS: Final = 100
_PATH: Final = "/baselines/versions/{version_id}"
_PROPOSE: Final = "Puts it up for approval by somebody else."
_APPROVE: Final = "You approve exactly the content of this hash. When R13 is satisfied it becomes active at once."
_REJECT: Final = "It never becomes active then."
_WITHDRAW: Final = "It is yours: rejecting it takes it back."
_ACCEPTING: Final = "What you leave empty below is not accepted; an uncovered drift that nobody accepts does not enter."

Against = Literal["parent", "active", "world"]


@routes.read(_PATH)
def show(request: Request, caller: Asking, version_id: str, against: Against = "parent", after: str | None = None) -> Response:
    """One version, and what it changes against its parent, against the active one, or how the world differs from it."""
    version = access.version_for(caller, version_id)
    known = outlook(caller.installation, version, caller.actor)
    differing, following = _differences(caller, version, known, against, after)
    readable = access.reader(caller)
    size = baseline_views.size(caller.installation, version.id)
    return site.page(
        request,
        "version.html",
        caller=caller,
        held=describe.version_document(version),
        cells=[part for part in version.cells if readable(part.cell)],
        removed=[cell for cell in version.removed if readable(cell)],
        size=size,
        listed=LISTED,
        stale=known.stale and version.state in (BaselineState.CAPTURED, BaselineState.PROPOSED),
        active=known.active,
        against=against,
        resources=differing,
        more=site.link(_path(version), {"against": against, "after": following}) if following else None,
        first=after is None,
        acts=_acts(caller, version, known),
        notes=_notes(caller, version, known),
        path=_path(version),
    )


@routes.write(f"{_PATH}/propose", needs=Permission.OPERATE)
def propose(caller: Asking, version_id: str, form: Posted) -> Response:
    """Put a captured version up for approval."""
    version = access.version_for(caller, version_id, Permission.OPERATE, "baseline_propose")
    _same(form, version, BaselineState.CAPTURED)
    form.done()
    baselines.propose(caller.installation, version.id, caller.actor)
    return _back(version)


@routes.write(f"{_PATH}/approve", needs=Permission.APPROVE)
def approve(caller: Asking, version_id: str, form: Posted) -> Response:
    """Approve the content that was seen."""
    version = access.version_for(caller, version_id, Permission.APPROVE, "baseline_approve")
    seen = _same(form, version, BaselineState.PROPOSED)
    accepted = form.starting_with("risk.")
    form.done()
    approvals.approve(caller.installation, version.id, caller.actor, seen_hash=seen, accept_risk=accepted)
    return _back(version)


@routes.write(f"{_PATH}/reject", needs=Permission.APPROVE)
def reject(caller: Asking, version_id: str, form: Posted) -> Response:
    """Reject a version; one's own is withdrawn."""
    version = access.version_for(caller, version_id, Permission.APPROVE, "baseline_reject")
    _same(form, version, BaselineState.CAPTURED, BaselineState.PROPOSED)
    reason = form.text("reason")
    form.done()
    approvals.reject(caller.installation, version.id, caller.actor, reason)
    return _back(version)


def _path(version: BaselineVersion) -> str:
    return f"/baselines/versions/{version.id}"


def _back(version: BaselineVersion) -> Response:
    return RedirectResponse(_path(version), HTTPStatus.SEE_OTHER)


def _same(form: Form, version: BaselineVersion, *states: BaselineState) -> str:
    """The hash that the form's page showed; raises Problem (412) where the version is no longer what it showed."""
    seen = form.text("seen")
    if seen != version.content_hash:
        raise Problem(HTTPStatus.PRECONDITION_FAILED, f"{version.id} does not have the content that this page showed; look at it again")
    if version.state not in states:
        raise Problem(HTTPStatus.PRECONDITION_FAILED, f"{version.id} is {version.state.value} by now; look at it again")
    return seen


def _differences(
    caller: Caller, version: BaselineVersion, known: Outlook, against: Against, after: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """One page of what differs, cut to what a page shows, and where the next one begins."""
    if against == "world":
        one, other = version.id, None
    elif against == "active" and known.active:
        one, other = access.version_for(caller, known.active).id, version.id
    else:
        one, other = version.parent or "", version.id
    found, following = baseline_views.page_of_differences(
        caller.installation,
        one or None,
        other,
        after=access.place(after),
        limit=ON_A_PAGE,
        shown=access.reader(caller),
        most_cells=CELLS_AT_ONCE,
    )
    documents = [describe_baselines.resource_diff_document(item) for item in found]
    return cutting.differences(documents), access.place_cursor(*following) if following else None


def _acts(caller: Caller, version: BaselineVersion, known: Outlook) -> list[acts.Act]:
    """What this person may do now."""
    seen = {"seen": version.content_hash}
    made: list[acts.Act] = []
    if version.state is BaselineState.CAPTURED and access.may(caller, Permission.OPERATE, version.name, version):
        made.append(acts.Act("propose", "Propose", _PROPOSE, hidden=seen))
    if version.state not in (BaselineState.CAPTURED, BaselineState.PROPOSED) or not _decides(caller, version):
        return made
    if version.state is BaselineState.PROPOSED and not (known.own or known.stale or known.decided):
        made.append(_approve(known, seen))
    title, text = ("Withdraw", _WITHDRAW) if known.own else ("Reject", _REJECT)
    made.append(acts.Act("reject", title, text, (acts.Field("reason", "Why", required=True),), hidden=seen))
    return made


def _approve(known: Outlook, seen: dict[str, str]) -> acts.Act:
    asked = known.undisposed[:MOST_RISKS]
    fields = tuple(acts.Field(f"risk.{item.drift}", f"Why {item.drift}, {item.verdict}, may stay as it is") for item in asked)
    lines = [_ACCEPTING] if asked else []
    if len(known.undisposed) > MOST_RISKS:
        more = len(known.undisposed) - MOST_RISKS
        lines.append(f"{more} more drifts need somebody's word: accept them by the API or the command, or deal with their findings.")
    if known.lacks:
        lines += ["Even with your approval it would wait:", *known.lacks]
    return acts.Act("approve", "Approve", _APPROVE, fields, seen, tuple(lines))


def _decides(caller: Caller, version: BaselineVersion) -> bool:
    return access.may(caller, Permission.APPROVE, version.name, version)


def _notes(caller: Caller, version: BaselineVersion, known: Outlook) -> list[str]:
    """Why there is no form for an approval, or what an approval by this person is worth."""
    if version.state is not BaselineState.PROPOSED:
        return []
    notes = []
    if known.stale:
        notes.append("Another version became active since this one was captured: it cannot become active any more. Capture again.")
    if known.own:
        notes.append("You proposed it: somebody else has to approve it.")
    elif not _decides(caller, version):
        notes.append("To approve it takes the role approver in every account that it is about, which you do not have.")
    elif known.decided:
        notes += ["You approved this content. It waits for more:", *(known.lacks or ())]
    elif known.made:
        named = words.listed(list(known.made[:5]))
        notes.append(f"You made changes that it takes up ({named}): your approval of those does not count.")
    return notes
