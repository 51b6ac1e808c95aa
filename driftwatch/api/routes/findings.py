"""/findings: the resources off their baseline, how each change was judged, and what people did about it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Path, Query, Request, Response

from driftwatch.api.answers import answer, seen, tagged
from driftwatch.api.asking import Asking, Some, looked_into
from driftwatch.api.cases import case_for, tag_of
from driftwatch.api.paging import CursorQuery, LimitQuery, position
from driftwatch.api.paging import cursor as following_cursor
from driftwatch.api.repeats import Repeatable
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import findings as schemas
from driftwatch.api.schemas.base import When
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization.explain import explain
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import Decision, Verdict
from driftwatch.domain.finding import LIVE, FindingState
from driftwatch.domain.selection import FindingSelection
from driftwatch.operations import describe, exceptions, findings
from driftwatch.operations.timeline import timeline

routes: Final = Routes("findings")

FindingId = Annotated[str, Path(max_length=80, pattern="^finding-[0-9a-z]+$", description="A finding's id.")]
States = Annotated[list[FindingState] | None, Query(description="Only findings in these states; default: the live ones.")]


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
    until: Annotated[When | None, Query(description="Only findings that were first seen at this time or before.")] = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = 50,
) -> Response:
    """Findings, the most recent first, a page at a time."""
    wanted = FindingSelection(
        states=tuple(state or LIVE),
        verdicts=tuple(verdict or ()),
        accounts=looked_into(caller, account),
        regions=tuple(region or ()),
        types=tuple(type or ()),
        baselines=tuple(baseline or ()),
        since=since,
        until=until,
    )
    found, following = findings.page(caller.installation, wanted, position(cursor), limit)
    documents = describe.finding_documents(caller.installation, found)
    return tagged(request, {"findings": documents, "next": following_cursor(following)})


@routes.read("/findings/{finding}", schemas.FindingCase)
def show(caller: Asking, finding: FindingId) -> Response:
    """One finding with every difference, every decision, and the logged calls on its resource."""
    case = case_for(caller, finding)
    more = {"decisions": list(case.decisions), "facts": describe.facts_document(case.facts)}
    return answer(describe.finding_document(case) | more, headers={"ETag": f'"{tag_of(case.finding)}"'})


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
        seen(request, tag_of(case.finding))
        findings.ratify(caller.installation, case.finding.id, body.record, caller.actor)
        return repeat.keep(show(caller, finding))


@routes.write("/findings/{finding}/except", schemas.ExceptionOf, needs=Permission.OPERATE, status=201, conditional=True)
def except_(request: Request, caller: Asking, finding: FindingId, body: schemas.Except, repeat: Repeatable) -> Response:
    """Ask that the state be excused for a while; somebody else has to approve it."""
    case = case_for(caller, finding, Permission.OPERATE, "finding_except")
    installation = caller.installation
    with repeat:
        seen(request, tag_of(case.finding))
        asked = exceptions.request(installation, case.finding.id, caller.actor, until=body.until, reason=body.reason, paths=body.paths)
        document = describe.exception_document(asked, installation.clock())
        return repeat.keep(answer(document, status=201, headers={"ETag": f'"{document["content_hash"]}"'}))
