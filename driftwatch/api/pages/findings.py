"""The findings, and one of them: what changed, who, why this verdict, and what to do next."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from driftwatch.api import site
from driftwatch.api.acts import REASON, Act, Field, back, same
from driftwatch.api.asking import Asking, Some, looked_into
from driftwatch.api.cases import case_for, tag_of
from driftwatch.api.forms import Posted
from driftwatch.api.guard import Caller
from driftwatch.api.paging import cursor, position
from driftwatch.api.records import draft_of_finding
from driftwatch.api.routing import PageRoutes
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization.explain import explain
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import UNCOVERED, Decision, Verdict
from driftwatch.domain.finding import LIVE, FindingState
from driftwatch.domain.selection import FindingSelection
from driftwatch.errors import InputError
from driftwatch.operations import describe, exceptions, findings
from driftwatch.operations.findings import Case
from driftwatch.operations.timeline import timeline

routes: Final = PageRoutes()
ON_A_PAGE: Final = 50
_ACKNOWLEDGE: Final = Act(
    path="acknowledge",
    title="You deal with it",
    text="Say so; the verdict stays.",
    fields=(Field(name="ticket", label="Where it is dealt with", required=False),),
)
_RATIFY: Final = Act(
    path="ratify",
    title="Agree afterwards",
    text="A change record approved afterwards, by somebody who had no part in the change, makes it a deviation that was agreed to.",
    fields=(Field(name="record", label="Change record"),),
)
_DRAFT: Final = Act(
    path="draft",
    title="Draft a change record from this",
    text="It names exactly what changed here; you are its requester, so that somebody else has to approve it.",
)
_EXCEPT: Final = Act(
    path="except",
    title="Ask for an exception",
    text="It may stay as it is for a while; somebody else has to approve that.",
    fields=(Field(name="until", label="Until", type="date"), REASON),
)


@routes.read("/findings")
def list_(
    request: Request,
    caller: Asking,
    state: Some = None,
    verdict: Some = None,
    account: Some = None,
    region: Some = None,
    type: Some = None,  # noqa: A002 - the glossary's word
    after: str | None = None,
) -> Response:
    """Findings, the most recent first."""
    chosen = {name: [item for item in given or () if item] for name, given in _given(state, verdict, account, region, type).items()}
    wanted = FindingSelection(
        states=tuple(FindingState(item) for item in chosen["state"] if item in set(FindingState)) or tuple(LIVE),
        verdicts=tuple(Verdict(item) for item in chosen["verdict"] if item in set(Verdict)),
        accounts=looked_into(caller, chosen["account"]),
        regions=tuple(chosen["region"]),
        types=tuple(chosen["type"]),
    )
    found, following = findings.page(caller.installation, wanted, position(after), ON_A_PAGE)
    return site.page(
        request,
        "findings.html",
        caller=caller,
        findings=describe.finding_documents(caller.installation, found),
        next=site.link("/findings", {**chosen, "after": cursor(following)}) if following else None,
        chosen=chosen,
        filtered=any(chosen.values()),
        states=[item.value for item in FindingState],
        verdicts=[item.value for item in Verdict],
    )


@routes.read("/findings/{finding}")
def show(request: Request, caller: Asking, finding: str) -> Response:
    """One finding."""
    case = case_for(caller, finding)
    document: dict[str, Any] = describe.finding_document(case)
    decision = decode(Decision, case.decisions[-1])
    return site.page(
        request,
        "finding.html",
        caller=caller,
        finding=document,
        verdicts={path.path: {"verdict": path.verdict.value, "record": path.record} for path in decision.paths},
        uncovered=UNCOVERED,
        why=explain(decision),
        timeline=[{"at": _text(item.at), "what": item.what, "who": item.who, "detail": item.detail} for item in timeline(case)],
        next=_next(caller, case),
        tag=tag_of(case.finding),
    )


@routes.write("/findings/{finding}/acknowledge", needs=Permission.OPERATE)
def acknowledge(caller: Asking, finding: str, form: Posted) -> Response:
    """Say that you have seen it and deal with it."""
    case = case_for(caller, finding, Permission.OPERATE, "finding_ack")
    same(form.text("seen"), tag_of(case.finding), "finding")
    ticket = form.text("ticket", required=False)
    form.done()
    findings.ack(caller.installation, finding, caller.actor, ticket or None)
    return back(f"/findings/{finding}")


@routes.write("/findings/{finding}/ratify", needs=Permission.APPROVE)
def ratify(caller: Asking, finding: str, form: Posted) -> Response:
    """Agree to an uncovered drift afterwards."""
    case = case_for(caller, finding, Permission.APPROVE, "finding_ratify")
    same(form.text("seen"), tag_of(case.finding), "finding")
    record = form.text("record")
    form.done()
    findings.ratify(caller.installation, finding, record, caller.actor)
    return back(f"/findings/{finding}")


@routes.write("/findings/{finding}/except", needs=Permission.OPERATE)
def except_(caller: Asking, finding: str, form: Posted) -> Response:
    """Ask that the state be excused for a while."""
    case = case_for(caller, finding, Permission.OPERATE, "finding_except")
    same(form.text("seen"), tag_of(case.finding), "finding")
    until, reason = _day(form.text("until")), form.text("reason")
    form.done()
    exceptions.request(caller.installation, finding, caller.actor, until=until, reason=reason)
    return back(f"/findings/{finding}")


@routes.write("/findings/{finding}/draft", needs=Permission.OPERATE)
def draft(caller: Asking, finding: str, form: Posted) -> Response:
    """Make a change record that covers what the finding shows: a draft, whose page comes next."""
    case = case_for(caller, finding, Permission.OPERATE, "change_new")
    same(form.text("seen"), tag_of(case.finding), "finding")
    form.done()
    held = draft_of_finding(caller, finding, {}, "form")
    return RedirectResponse(f"/changes/{site.step(held.record.id)}", HTTPStatus.SEE_OTHER)


def _given(state: Any, verdict: Any, account: Any, region: Any, type_: Any) -> dict[str, list[str] | None]:
    return {"state": state, "verdict": verdict, "account": account, "region": region, "type": type_}


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(f"the end {text!r}", expected="a day such as 2026-06-30") from None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _next(caller: Caller, case: Case) -> list[Act]:
    """What this person may do now."""
    finding = case.finding
    account = (finding.cell.account,)
    may_operate, may_approve = (caller.rights.allows(item, account) for item in (Permission.OPERATE, Permission.APPROVE))
    acts: list[Act] = []
    if finding.state is FindingState.OPEN and may_operate:
        acts.append(_ACKNOWLEDGE)
    if finding.verdict_current in UNCOVERED and finding.state in (FindingState.OPEN, FindingState.ACKNOWLEDGED):
        acts += [_RATIFY] if may_approve else []
        acts += [_DRAFT] if may_operate and caller.installation.register is not None else []
        acts += [_EXCEPT] if may_operate else []
    return acts
