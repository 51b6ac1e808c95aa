"""/findings: the resources off their baseline, how each change was judged, and what people did about it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Path, Query, Request, Response

from driftwatch.api.answers import answer, seen, tagged
from driftwatch.api.guard import Caller, identified
from driftwatch.api.paging import CursorQuery, LimitQuery, position
from driftwatch.api.paging import cursor as following_cursor
from driftwatch.api.repeats import Repeatable
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import findings as schemas
from driftwatch.api.schemas.base import When
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization.explain import explain
from driftwatch.domain.canonical import encode, sha256_hex, utc_text
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import Decision, Verdict
from driftwatch.domain.finding import LIVE, Finding, FindingState
from driftwatch.domain.resource import Json
from driftwatch.domain.selection import FindingSelection
from driftwatch.errors import NotFoundError
from driftwatch.operations import describe, exceptions, findings
from driftwatch.operations.findings import Case
from driftwatch.operations.timeline import timeline

routes: Final = Routes("findings")

Asking = Annotated[Caller, Depends(identified)]
FindingId = Annotated[str, Path(max_length=80, pattern="^finding-[0-9a-z]+$", description="A finding's id.")]
States = Annotated[list[FindingState] | None, Query(description="Only findings in these states; default: the live ones.")]
Some = Annotated[list[Annotated[str, Query(max_length=200)]] | None, Query(max_length=100)]


@routes.read("/findings", schemas.FindingPage)
def page(
    request: Request,
    caller: Asking,
    state: States = None,
    verdict: Annotated[list[Verdict] | None, Query()] = None,
    account: Some = None,
    region: Some = None,
    type: Some = None,  # noqa: A002 - the glossary's word
    baseline: Some = None,
    since: Annotated[When | None, Query(description="Only findings that were first seen at this time or later.")] = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = 50,
) -> Response:
    """Findings, the most recent first, a page at a time."""
    wanted = FindingSelection(
        states=tuple(state or LIVE),
        verdicts=tuple(verdict or ()),
        accounts=_readable(caller, account),
        regions=tuple(region or ()),
        types=tuple(type or ()),
        baselines=tuple(baseline or ()),
        since=since,
    )
    found, following = findings.page(caller.installation, wanted, position(cursor), limit)
    documents = describe.finding_documents(caller.installation, found)
    return tagged(request, {"findings": documents, "next": following_cursor(following)})


@routes.read("/findings/{finding}", schemas.FindingCase)
def show(caller: Asking, finding: FindingId) -> Response:
    """One finding with every difference, every decision, and the logged calls on its resource."""
    case = case_for(caller, finding)
    more = {"decisions": list(case.decisions), "facts": describe.facts_document(case.facts)}
    return answer(describe.finding_document(case) | more, headers={"ETag": f'"{_tag(case.finding)}"'})


@routes.read("/findings/{finding}/why", schemas.Why)
def why(request: Request, caller: Asking, finding: FindingId) -> Response:
    """The verdict in words: every record that was considered, which rules passed or failed, and by how much."""
    case = case_for(caller, finding)
    lines = list(explain(decode(Decision, case.decisions[-1])))
    return tagged(request, {"finding": case.finding.id, "lines": lines, "decision": case.decisions[-1]})


@routes.read("/findings/{finding}/timeline", schemas.Timeline)
def moved(request: Request, caller: Asking, finding: FindingId) -> Response:
    """What happened to the resource and the finding, in order."""
    case = case_for(caller, finding)
    events = [{"at": utc_text(item.at), "what": item.what, "who": item.who, "detail": item.detail} for item in timeline(case)]
    return tagged(request, {"finding": case.finding.id, "events": events})


@routes.write("/findings/{finding}/acknowledge", schemas.FindingCase, needs=Permission.OPERATE)
def acknowledge(caller: Asking, finding: FindingId, body: schemas.Acknowledge, repeat: Repeatable) -> Response:
    """Say that you have seen it and deal with it; the verdict stays."""
    case = case_for(caller, finding, Permission.OPERATE, "finding_ack")
    with repeat:
        findings.ack(caller.installation, case.finding.id, caller.actor, body.ticket)
        return repeat.keep(show(caller, finding))


@routes.write("/findings/{finding}/ratify", schemas.FindingCase, needs=Permission.APPROVE, conditional=True)
def ratify(request: Request, caller: Asking, finding: FindingId, body: schemas.Ratify, repeat: Repeatable) -> Response:
    """Agree to an uncovered drift afterwards, by a retroactive change record; it never becomes authorised by that."""
    case = case_for(caller, finding, Permission.APPROVE, "finding_ratify")
    with repeat:
        seen(request, _tag(case.finding))
        findings.ratify(caller.installation, case.finding.id, body.record, caller.actor)
        return repeat.keep(show(caller, finding))


@routes.write("/findings/{finding}/except", schemas.ExceptionOf, needs=Permission.OPERATE, status=201, conditional=True)
def except_(request: Request, caller: Asking, finding: FindingId, body: schemas.Except, repeat: Repeatable) -> Response:
    """Ask that the state be excused for a while; somebody else has to approve it."""
    case = case_for(caller, finding, Permission.OPERATE, "finding_except")
    installation = caller.installation
    with repeat:
        seen(request, _tag(case.finding))
        asked = exceptions.request(installation, case.finding.id, caller.actor, until=body.until, reason=body.reason, paths=body.paths)
        document = describe.exception_document(asked, installation.clock())
        return repeat.keep(answer(document, status=201, headers={"ETag": f'"{document["content_hash"]}"'}))


def _readable(caller: Caller, asked: list[str] | None) -> tuple[str, ...] | None:
    """The accounts to look into: those that were asked for, as far as the caller may read them; None for all there are."""
    if caller.sees_all:
        return tuple(asked) if asked else None
    return tuple(account for account in caller.accounts if not asked or account in asked)


def case_for(caller: Caller, finding: str, permission: Permission = Permission.READ, action: str = "") -> Case:
    """The finding, for somebody who may read its account: to others it does not exist. Acting on it needs the permission there."""
    case = findings.case(caller.installation, finding)
    account = case.finding.cell.account
    if case.finding.id != finding or not caller.rights.allows(Permission.READ, (account,)):
        raise NotFoundError(f"no finding {finding}")
    if permission is not Permission.READ:
        caller.require(permission, (account,), action, finding)
    return case


def _tag(finding: Finding) -> str:
    """What somebody who decides about a finding has looked at: not that it was seen again, but what it is and how it was judged."""
    looked_at: Json = [finding.id, finding.drift_version, finding.state.value, finding.verdict_current.value]
    return sha256_hex(encode(looked_at))[:32]
