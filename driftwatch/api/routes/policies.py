"""/policy: what is in force, cases that test it, and what stored drifts would come to under another one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends, Request, Response

from driftwatch.api.answers import answer, tagged
from driftwatch.api.asking import Asking, looked_into
from driftwatch.api.judging import MOST_BYTES, REPLAYED, alone
from driftwatch.api.paging import cursor, position
from driftwatch.api.problems import Problem
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import policies as schemas
from driftwatch.documents import cases, policies
from driftwatch.domain.access import Permission
from driftwatch.domain.selection import FindingSelection
from driftwatch.operations import policy_replay, policy_tests, policy_views

routes: Final = Routes("policy")


async def _bytes(request: Request) -> bytes:
    """The body as it was sent, so that problems name its lines. Asynchronous because the body is."""
    return await request.body()


@routes.read("/policy", schemas.PolicyOf)
def show(request: Request, caller: Asking) -> Response:
    """The policy in force, with where each value comes from."""
    return tagged(request, policy_views.in_force(caller.installation, caller.wired.config.policy))


@routes.write("/policy/test", schemas.CasesResult, needs=Permission.OPERATE)
def test(request: Request, caller: Asking, body: schemas.Cases, sent: Annotated[bytes, Depends(_bytes)]) -> Response:
    """Run decision cases: each states what happened and what the policy must make of it. Nothing is written."""
    del body  # it says that there are not too many cases, and what the document promises
    if len(sent) > MOST_BYTES:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"cases of more than {MOST_BYTES} bytes; send fewer at once")
    with alone(request):
        results = policy_tests.run(cases.parse(sent, "body.json", caller.installation.policy))
    passed = sum(result.passed for result in results)
    summary = {"cases": len(results), "passed": passed, "failed": len(results) - passed}
    return answer({"cases": [policy_tests.document(result) for result in results], "summary": summary})


@routes.write("/policy/replay", schemas.ReplayPage, needs=Permission.OPERATE)
def replay(request: Request, caller: Asking, body: schemas.Replay) -> Response:
    """Judge stored drifts under another policy and show what would change; a page of drifts at a time. Nothing is written."""
    installation = caller.installation
    since = body.since or installation.clock() - REPLAYED
    wanted = FindingSelection(accounts=looked_into(caller, None), since=since)
    after = position(body.cursor)
    with alone(request):
        policy = policies.with_people(policies.parse(body.policy.encode(), "policy.yaml"), installation.people)
        judged, following = policy_replay.page(installation, policy, wanted, after, body.limit)
    told = [policy_replay.document(item) for item in judged if body.all or item.changed]
    return answer({"judged": len(judged), "replayed": told, "next": cursor(following)})
