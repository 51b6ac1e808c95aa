"""/activity: the log of calls, to those who may audit it, in the accounts where they may."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftwatch.api.schemas import activity as schemas
from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.activity import CallClass
from tests.contract.store.samples import activity
from tests.unit.api.caller import Stage
from tests.unit.api.shapes import fits
from tests.world import ACCOUNT, START, World

OTHER = "222222222222"


@pytest.fixture
def world() -> World:
    """Seven calls, two minutes apart but for two at one time; the last one was denied, the first one is in another account."""
    made = World(accounts=[ACCOUNT, OTHER])
    calls = [
        activity(
            f"{number:08d}-0000-0000-0000-000000000000",
            time=START - timedelta(minutes=2 * max(number, 1)),
            account=OTHER if number == 6 else ACCOUNT,
            denied=number == 0,
            error="AccessDenied" if number == 0 else None,
            call=CallClass.DATA if number == 5 else CallClass.CONFIG,
        )
        for number in range(7)
    ]
    with made.store.write() as uow:
        uow.activity.add("trail", calls, START)
    return made


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def ids(stage: Stage, who: str = "cleo", **query: object) -> list[int]:
    answer = stage.get("/activity", who, params=query)
    assert answer.status_code == 200
    return [int(call["event_id"][:8]) for call in answer.json()["activity"]]


def test_the_newest_call_comes_first_with_what_became_of_it(stage: Stage) -> None:
    answer = stage.get("/activity", "cleo").json()
    assert fits(schemas.ActivityPage, answer)
    assert answer["activity"][2]["fate"] == "pending"
    assert ids(stage)[2:] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_hold_every_call_once(stage: Stage, limit: int) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = stage.get("/activity", "cleo", params={"limit": limit} | cursor).json()
        assert len(answer["activity"]) <= limit
        seen += [call["event_id"] for call in answer["activity"]]
        if answer["next"] is None:
            break
        cursor = {"cursor": answer["next"]}
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"resource": "b", "limit": 3, "changes": True}, 3),
        ({"resource": "nothing"}, 0),
        ({"actor": "ana"}, 7),
        ({"actor": "ben"}, 0),
        ({"account": OTHER}, 1),
        ({"account": OTHER, "resource": "b"}, 1),
        ({"account": "999999999999"}, 0),
        ({"changes": True}, 5),
        ({"denied": True}, 1),
        ({"since": "2026-03-10T08:56:00Z"}, 3),
        ({"until": "2026-03-10T08:50:00+00:00"}, 2),
        ({"since": "2027-01-01T00:00:00Z"}, 0),
    ],
)
def test_each_filter_filters(stage: Stage, query: dict[str, object], found: int) -> None:
    assert len(ids(stage, **query)) == found


def test_a_log_may_hold_half_a_character(stage: Stage) -> None:
    with stage.world.store.write() as uow:
        uow.activity.add("trail", [activity("odd", time=START, event_name="Put\ud800")], START)
    assert b"\\ud800" in stage.get("/activity", "cleo").content


def test_the_log_is_for_those_who_may_audit(world: World) -> None:
    stage = Stage(
        world,
        (
            Access(role=Role.AUDITOR, to=("cleo",), accounts=(OTHER,)),
            Access(role=Role.APPROVER, to=("ana",)),
            Access(role=Role.VIEWER, to=("cleo",)),
        ),
    )
    for path in ("/activity", "/activity/population"):
        assert stage.get(path, "ana").status_code == 403
        assert stage.get(path, None).status_code == 401
    assert ids(stage) == [6], "seeing an account is not auditing it"
    assert ids(stage, account=[ACCOUNT, OTHER]) == [6]
    assert ids(stage, account=ACCOUNT) == []
    days = stage.get("/activity/population", "cleo").json()["days"]
    assert [(day["account"], day["writes"]) for day in days] == [(OTHER, 1)]


def test_the_population_adds_up(stage: Stage) -> None:
    answer = stage.get("/activity/population", "cleo").json()
    assert fits(schemas.Population, answer)
    for day in answer["days"]:
        assert day["writes"] == day["failed"] + sum(day["others"].values()) + day["changes"]
        assert day["changes"] == sum(day["fates"].values())
    assert [day["writes"] for day in answer["days"]] == [6, 1]
    assert stage.get("/activity/population", "cleo", params={"until": "2026-03-09"}).json()["days"] == []


@pytest.mark.parametrize(
    "query",
    [{"since": "2026-03-10", "until": "2026-03-09"}, {"since": "2020-01-01"}, {"since": "0001-01-01", "until": "0001-01-02"}],
)
def test_days_that_are_none_are_refused(stage: Stage, query: dict[str, str]) -> None:
    assert stage.get("/activity/population", "cleo", params=query).status_code == 400


@pytest.mark.parametrize("query", [{"since": "x"}, {"until": "2026-02-30"}])
def test_a_day_has_to_be_one(stage: Stage, query: dict[str, str]) -> None:
    assert stage.get("/activity/population", "cleo", params=query).status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 201},
        {"since": "2026-03-10"},
        {"until": "9999-12-31T23:59:59-14:00"},
        {"changes": "perhaps"},
        {"resource": ""},
        {"actor": "x" * 2049},
    ],
)
def test_a_value_that_is_none_is_refused(stage: Stage, query: dict[str, object]) -> None:
    assert stage.get("/activity", "cleo", params=query).status_code == 422


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "e30",
        "WyIyMDI2LTAxLTAxIiwgImEiXQ",
        "WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsICJ4Il0",
        "WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsICI5OTk5OTk5OTk5OTk5OTk5OTk5Il0",
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(stage: Stage, cursor: str) -> None:
    assert stage.get("/activity", "cleo", params={"cursor": cursor}).status_code == 400
