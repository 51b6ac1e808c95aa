"""/exceptions: asked for by one, approved by another on what they looked at, ended by anybody who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from driftwatch.api.schemas import exceptions as schemas
from driftwatch.api.schemas.findings import ExceptionOf
from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.finding import FindingState
from driftwatch.operations import exceptions
from tests.unit.api.caller import Stage
from tests.unit.api.refusals import FOREIGN, Act, refuses, same_answer_again, unchanged
from tests.unit.api.shapes import fits
from tests.unit.operations.acts import drifted, states
from tests.world import ACCOUNT, ANA, BEN, BUCKETS, GROUPS, World

OTHER = "222222222222"


@pytest.fixture
def world() -> World:
    return drifted()[0]


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def asked(stage: Stage, *, days: float = 10, resource: str = "one") -> dict[str, Any]:
    installation = stage.world.installation
    (found,) = [finding for finding in stage.world.live() if finding.resource == resource]
    made = exceptions.request(installation, found.id, ANA, until=stage.world.now + timedelta(days=days), reason="next release")
    return dict(stage.get(f"/exceptions/{made.id}").json())


def tag(exception: dict[str, Any]) -> dict[str, str]:
    return {"If-Match": f'"{exception["content_hash"]}"'}


def act(stage: Stage, exception: dict[str, Any], name: str, who: str = "ben", body: Any = None) -> Any:
    return stage.post(f"/exceptions/{exception['id']}/{name}", body, who, headers=tag(exception) if name == "approve" else {})


def approved(stage: Stage) -> dict[str, Any]:
    made = asked(stage)
    assert act(stage, made, "approve").status_code == 200
    return made


def test_once_approved_the_finding_is_excepted_and_once_revoked_open_again(stage: Stage) -> None:
    made = asked(stage)
    assert fits(ExceptionOf, made)
    assert stage.get(f"/exceptions/{made['id']}").headers["etag"] == f'"{made["content_hash"]}"'
    done = act(stage, made, "approve").json()
    assert fits(schemas.ExceptionActed, done)
    assert (done["status"], done["approved_by"], done["changed"]) == ("active", "ben", [{"finding": made["finding"], "state": "excepted"}])
    assert states(stage.world)["one"] is FindingState.EXCEPTED
    ended = act(stage, made, "revoke", body={"reason": "no longer needed"}).json()
    assert (ended["status"], ended["ended_by"], ended["changed"]) == ("revoked", "ben", [{"finding": made["finding"], "state": "open"}])


def test_a_request_is_turned_down(stage: Stage) -> None:
    done = act(stage, asked(stage), "reject", body={"reason": "mend it instead"}).json()
    assert (done["status"], done["changed"]) == ("rejected", [])


@pytest.mark.parametrize("who", ["ben", "cleo"])
def test_nobody_approves_their_own_an_admin_neither(stage: Stage, who: str) -> None:
    (found,) = stage.get("/findings").json()["findings"]
    seen = stage.get(f"/findings/{found['id']}").headers["etag"]
    body = {"until": "2026-03-20T00:00:00Z", "reason": "next release"}
    own = stage.post(f"/findings/{found['id']}/except", body, who, headers={"If-Match": seen}).json()
    with unchanged(stage, denials=1):
        answer = act(stage, own, "approve", who)
    assert answer.status_code == 403
    assert "nobody approves their own" in answer.json()["detail"]


def test_pages_hold_each_once_the_one_that_ends_first_first(stage: Stage) -> None:
    for number, days in enumerate((3, 1, 2, 1, 5)):
        stage.world.put(BUCKETS, f"new-{number}", Size=1)
        stage.world.scan()
        asked(stage, days=days, resource=f"new-{number}")
    listed = [item.id for item in exceptions.listed(stage.world.installation)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = stage.get("/exceptions", params=query).json()
        assert fits(schemas.ExceptionPage, page)
        assert len(page["exceptions"]) <= 2
        seen += [item["id"] for item in page["exceptions"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == listed
    assert len(seen) == 5


def test_the_status_is_that_of_now(stage: Stage) -> None:
    made = approved(stage)

    def ids(**query: Any) -> list[str]:
        return [item["id"] for item in stage.get("/exceptions", params=query).json()["exceptions"]]

    assert ids(status="active") == ids(status=["active", "expired"]) == ids() == [made["id"]]
    assert ids(status="requested") == ids(status="expired") == []
    stage.world.now += timedelta(days=11)
    assert ids(status="expired") == [made["id"]]
    assert ids(status="active") == []


def test_what_is_about_a_foreign_account_does_not_exist(world: World) -> None:
    made = asked(Stage(world))
    world.change(accounts=[ACCOUNT, OTHER])
    stage = Stage(world, FOREIGN)
    assert stage.get("/exceptions").json() == {"exceptions": [], "next": None}
    hidden, unknown = stage.get(f"/exceptions/{made['id']}"), stage.get("/exceptions/exception-0")
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.json()["detail"].replace(made["id"], "exception-0") == unknown.json()["detail"]


@pytest.mark.parametrize(
    ("path", "number"),
    [("/exceptions/x", 422), ("/exceptions/exception-0", 404), ("/exceptions?status=over", 422), ("/exceptions?cursor=W10", 400)],
)
def test_reading_what_is_not_there_or_not_so(stage: Stage, path: str, number: int) -> None:
    answer = stage.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (number, "application/problem+json")


ACTS: dict[str, tuple[Callable[[Stage], dict[str, Any]], Any, list[Any]]] = {
    "approve": (asked, {}, [{"seen_hash": "x"}, {"approved_by": "cleo"}]),
    "reject": (asked, {"reason": "x"}, [{}, {"reason": " "}, {"reason": ["x"]}, {"reason": "x", "at": "2026-03-10T09:00:00Z"}]),
    "revoke": (approved, {"reason": "x"}, [{}, {"reason": ""}, {"reason": "x", "state": "active"}]),
}


@pytest.mark.parametrize("name", ACTS)
def test_every_act_refuses_what_is_wrong_and_writes_nothing(stage: Stage, name: str) -> None:
    prepare, body, wrong = ACTS[name]
    made = prepare(stage)
    refuses(stage, Act(f"/exceptions/{{id}}/{name}", name == "approve").of(made["id"]), "ben", body, wrong, tag(made))
    with unchanged(stage, denials=0):
        assert stage.post(f"/exceptions/exception-0/{name}", body, "ben", headers=tag(made)).status_code == 404


@pytest.mark.parametrize("name", ACTS)
def test_every_act_is_done_once_however_often_it_is_sent(stage: Stage, name: str) -> None:
    prepare, body, _ = ACTS[name]
    made = prepare(stage)
    same_answer_again(stage, f"/exceptions/{made['id']}/{name}", "ben", body, tag(made) if name == "approve" else {})


@pytest.mark.parametrize("name", ACTS)
def test_acting_takes_the_permission_in_the_account(world: World, name: str) -> None:
    prepare, body, _ = ACTS[name]
    made = prepare(Stage(world))
    world.change(accounts=[ACCOUNT, OTHER])
    with unchanged(foreign := Stage(world, FOREIGN), denials=0):
        assert act(foreign, made, name, "ben", body).status_code == 404
    reading = Stage(world, (Access(role=Role.VIEWER, to=("ben",)), Access(role=Role.ADMIN, to=("ben",), accounts=(OTHER,))))
    with unchanged(reading, denials=1):
        assert act(reading, made, name, "ben", body).status_code == 403


def test_an_exception_that_is_over_is_not_ended_again(stage: Stage) -> None:
    made = approved(stage)
    stage.world.now += timedelta(days=11)
    with unchanged(stage, denials=1):
        assert act(stage, made, "revoke", body={"reason": "x"}).status_code == 403


def test_one_that_was_asked_for_by_command_is_approved_by_token_and_the_other_way_round(stage: Stage) -> None:
    stage.world.put(GROUPS, "two", Size=3, Rules=["a", "b"])
    stage.world.scan()
    second = asked(stage, resource="two")
    done = exceptions.approve(stage.world.installation, second["id"], BEN, seen_hash=second["content_hash"])
    assert stage.get(f"/exceptions/{done.exception.id}").json()["status"] == "active"
