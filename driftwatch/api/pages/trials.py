"""Trying policies: cases that test the one in force, and what stored drifts would come to under another. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response

from driftwatch.api import cutting, site
from driftwatch.api.asking import Asking, looked_into
from driftwatch.api.forms import Posted
from driftwatch.api.guard import Caller
from driftwatch.api.judging import MOST_BYTES, REPLAYED, alone
from driftwatch.api.paging import cursor, position
from driftwatch.api.routing import PageRoutes
from driftwatch.api.schemas.policies import MOST_CASES, MOST_POLICY
from driftwatch.documents import cases, policies, tutorials
from driftwatch.domain.access import Permission
from driftwatch.domain.selection import FindingSelection
from driftwatch.errors import InputError
from driftwatch.operations import policy_replay, policy_tests

routes: Final = PageRoutes()
ON_A_PAGE: Final = 50
_NOTHING: Final[dict[str, Any]] = {"cases": "", "policy": "", "since": "", "error": None, "results": None, "replayed": None}


@routes.read("/policy/test", needs=Permission.OPERATE)
def show(request: Request, caller: Asking) -> Response:
    """The forms, with the tutorial cases of the preset to begin with."""
    return _page(request, caller, cases=tutorials.text(caller.installation.policy.extends))


@routes.write("/policy/test", needs=Permission.OPERATE)
def test(request: Request, caller: Asking, form: Posted) -> Response:
    """Run decision cases."""
    text = _lines(form.text("cases"))
    form.done()
    return _tried(request, caller, {"cases": text}, lambda: {"results": _tested(request, caller, text.encode())})


@routes.write("/policy/replay", needs=Permission.OPERATE)
def replay(request: Request, caller: Asking, form: Posted) -> Response:
    """Judge a page of stored drifts under another policy."""
    text, since = _lines(form.text("policy")), form.text("since", required=False)
    every, after = form.text("all", required=False) == "yes", form.text("after", required=False)
    form.done()
    given = {"policy": text, "since": since}
    return _tried(request, caller, given, lambda: {"replayed": _replayed(request, caller, text, since, after, every=every)})


def _lines(text: str) -> str:
    """Browsers end the lines of a form with two characters (HTML, 4.10.21.4)."""
    return text.replace("\r\n", "\n")


def _tried(request: Request, caller: Caller, given: dict[str, Any], judge: Callable[[], dict[str, Any]]) -> Response:
    """The page with what it came to; or with what is wrong with what was given, which stays in its field."""
    try:
        found = judge()
    except InputError as error:
        return _page(request, caller, HTTPStatus.BAD_REQUEST, **given, error=str(error))
    return _page(request, caller, **given, **found)


def _page(request: Request, caller: Caller, status: int = HTTPStatus.OK, **known: Any) -> Response:
    return site.page(request, "trials.html", status, caller=caller, **{**_NOTHING, **known})


def _tested(request: Request, caller: Caller, sent: bytes) -> dict[str, Any]:
    if len(sent) > MOST_BYTES:
        raise InputError(f"cases of {len(sent)} bytes", expected=f"{MOST_BYTES} at most at once")
    with alone(request):
        parsed = cases.parse(sent, "cases", caller.installation.policy)
        if len(parsed) > MOST_CASES:
            raise InputError(f"{len(parsed)} cases", expected=f"{MOST_CASES} at most at once")
        results = policy_tests.run(parsed)
    budget = cutting.Budget()
    documents: list[Any] = [policy_tests.document(result) for result in results]
    for item in documents:
        item["explanation"] = [] if item["passed"] else [budget.cut(line) for line in item["explanation"]]
        item["mismatches"] = [{**part, **{name: budget.cut(part[name]) for name in ("expected", "found")}} for part in item["mismatches"]]
    passed = sum(result.passed for result in results)
    return {"cases": documents, "passed": passed, "failed": len(results) - passed}


def _replayed(request: Request, caller: Caller, text: str, since: str, after: str, *, every: bool) -> dict[str, Any]:
    if len(text) > MOST_POLICY:
        raise InputError(f"a policy of {len(text)} characters", expected=f"{MOST_POLICY} at most")
    installation = caller.installation
    start = _day(since) if since else installation.clock() - REPLAYED
    wanted = FindingSelection(accounts=looked_into(caller, None), since=start)
    with alone(request):
        policy = policies.with_people(policies.parse(text.encode(), "policy.yaml"), installation.people)
        judged, following = policy_replay.page(installation, policy, wanted, position(after or None), ON_A_PAGE)
    return {
        "judged": len(judged),
        "changed": sum(item.changed for item in judged),
        "rows": [policy_replay.document(item) for item in judged if every or item.changed],
        "next": cursor(following),
        "all": every,
    }


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(f"the day {text!r}", expected="a day such as 2026-06-30") from None
