"""The findings, and one of them: what changed, who, why this verdict, and what to do next."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from driftwatch.api import site
from driftwatch.api.asking import Asking, Some, looked_into
from driftwatch.api.cases import case_for, tag_of
from driftwatch.api.forms import Posted
from driftwatch.api.guard import Caller
from driftwatch.api.paging import cursor, position
from driftwatch.api.problems import Problem
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
_RATIFY: Final = "A change record approved afterwards, by somebody who had no part in the change, makes it a deviation that was agreed to."
_DRAFT: Final = "It names exactly what changed here; you are its requester, so that somebody else has to approve it."
_EXCEPT: Final = "It may stay as it is for a while; somebody else has to approve that."


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
    _same(form.text("seen"), case)
    ticket = form.text("ticket", required=False)
    form.done()
    findings.ack(caller.installation, finding, caller.actor, ticket or None)
    return _back(finding)


@routes.write("/findings/{finding}/ratify", needs=Permission.APPROVE)
def ratify(caller: Asking, finding: str, form: Posted) -> Response:
    """Agree to an uncovered drift afterwards."""
    case = case_for(caller, finding, Permission.APPROVE, "finding_ratify")
    _same(form.text("seen"), case)
    record = form.text("record")
    form.done()
    findings.ratify(caller.installation, finding, record, caller.actor)
    return _back(finding)


@routes.write("/findings/{finding}/except", needs=Permission.OPERATE)
def except_(caller: Asking, finding: str, form: Posted) -> Response:
    """Ask that the state be excused for a while."""
    case = case_for(caller, finding, Permission.OPERATE, "finding_except")
    _same(form.text("seen"), case)
    until, reason = _day(form.text("until")), form.text("reason")
    form.done()
    exceptions.request(caller.installation, finding, caller.actor, until=until, reason=reason)
    return _back(finding)


@routes.write("/findings/{finding}/draft", needs=Permission.OPERATE)
def draft(caller: Asking, finding: str, form: Posted) -> Response:
    """Make a change record that covers what the finding shows: a draft, whose page comes next."""
    case = case_for(caller, finding, Permission.OPERATE, "change_new")
    _same(form.text("seen"), case)
    form.done()
    held = draft_of_finding(caller, finding, {}, "form")
    return RedirectResponse(f"/changes/{site.step(held.record.id)}", HTTPStatus.SEE_OTHER)


def _given(state: Any, verdict: Any, account: Any, region: Any, type_: Any) -> dict[str, list[str] | None]:
    return {"state": state, "verdict": verdict, "account": account, "region": region, "type": type_}


def _same(seen: str, case: Case) -> None:
    """Raises Problem (412) where the finding is no longer what the form's page showed."""
    if seen != tag_of(case.finding):
        raise Problem(HTTPStatus.PRECONDITION_FAILED, "the finding is no longer what this page showed; look at it again")


def _back(finding: str) -> Response:
    return RedirectResponse(f"/findings/{finding}", HTTPStatus.SEE_OTHER)


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(f"the end {text!r}", expected="a day such as 2026-06-30") from None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _next(caller: Caller, case: Case) -> list[dict[str, Any]]:
    """What this person may do now, each with its form or the command that does it."""
    finding = case.finding
    account = (finding.cell.account,)
    may_operate, may_approve = (caller.rights.allows(item, account) for item in (Permission.OPERATE, Permission.APPROVE))
    uncovered = finding.verdict_current in UNCOVERED
    acts: list[dict[str, Any]] = []
    if finding.state is FindingState.OPEN and may_operate:
        ticket = [("ticket", "Where it is dealt with", "text", False)]
        acts.append(_act("acknowledge", "You deal with it", "Say so; the verdict stays.", ticket))
    if uncovered and finding.state in (FindingState.OPEN, FindingState.ACKNOWLEDGED):
        if may_approve:
            acts.append(_act("ratify", "Agree afterwards", _RATIFY, [("record", "Change record", "text", True)]))
        if may_operate:
            if caller.installation.register is not None:
                acts.append(_act("draft", "Draft a change record from this", _DRAFT, []))
            acts.append(
                _act("except", "Ask for an exception", _EXCEPT, [("until", "Until", "date", True), ("reason", "Why", "text", True)])
            )
    return acts


def _act(path: str, title: str, text: str, fields: list[tuple[str, str, str, bool]]) -> dict[str, Any]:
    shown = [{"name": name, "label": label, "type": kind, "required": required} for name, label, kind, required in fields]
    return {"path": path, "title": title, "text": text, "fields": shown, "button": title}
