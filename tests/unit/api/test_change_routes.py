"""/changes, read: every source's records, to those who may see the accounts that they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from driftwatch.api.schemas import changes as schemas
from driftwatch.change_sources.register import RegisterSource
from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.change import ChangeRecord, ChangeState, SetAside, Target
from driftwatch.domain.codec import encode
from driftwatch.operations import changes, register, unobserved
from tests.builders import approval, record, target, window
from tests.unit.api.caller import Stage
from tests.unit.api.refusals import FOREIGN
from tests.unit.api.shapes import fits
from tests.world import ACCOUNT, ANA, START, World

OTHER = "222222222222"


@pytest.fixture
def world() -> World:
    made = World(register="register")
    made.change(sources=[RegisterSource("register", made.store), made.source])
    for number in range(5):
        made.source.records.append(given(f"CHG-{number}", days=number))
    made.source.set_aside.append(SetAside(place="board:1:1", problem="no created_at", id="CHG-9"))
    register.new(made.installation, replace(given("REG-1", days=9), source=""), ANA)
    changes.sync(made.installation)
    return made


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def given(id_: str, days: float = 0, **fields: Any) -> ChangeRecord:
    defaults: dict[str, Any] = {"source": "tickets", "scope": (target(ids=("one",)),), "created_at": START + timedelta(days=days)}
    return ChangeRecord(id=id_, **{**defaults, **fields})


def walked(stage: Stage, path: str, key: str, who: str = "ana", **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = stage.get(path, who, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page[key]) <= query.get("limit", 50)
        found += page[key]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 50])
def test_pages_hold_what_the_command_lists(stage: Stage, limit: int) -> None:
    listed = [encode(item) for item in changes.records(stage.world.installation)]
    found = walked(stage, "/changes", "records", limit=limit)
    assert found == listed
    assert len(found) == 6
    assert fits(schemas.RecordPage, {"records": found, "next": None})


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"source": "register"}, ["REG-1"]),
        ({"source": ["register", "tickets"], "state": "draft"}, ["REG-1"]),
        ({"source": "tickets", "state": "draft"}, []),
        ({"state": ["requested"], "limit": 2}, ["CHG-4", "CHG-3", "CHG-2", "CHG-1", "CHG-0"]),
        ({"source": "none"}, []),
    ],
)
def test_each_filter_filters(stage: Stage, query: dict[str, Any], ids: list[str]) -> None:
    assert [item["id"] for item in walked(stage, "/changes", "records", **query)] == ids


def test_the_register_shows_its_records_as_they_stand_not_as_they_were_last_read(stage: Stage) -> None:
    register.request(stage.world.installation, "REG-1", ANA)
    assert [item["state"] for item in walked(stage, "/changes", "records", source="register")] == ["requested"]
    assert walked(stage, "/changes", "records", source="register", state="draft") == []
    shown = stage.get("/changes/REG-1")
    assert fits(schemas.HeldOf, shown.json())
    assert shown.headers["etag"] == f'"{register.get(stage.world.installation, "REG-1").content_hash}"'


def test_another_sources_record_has_no_content_hash(stage: Stage) -> None:
    shown = stage.get("/changes/CHG-1")
    assert fits(schemas.RecordOf, shown.json())
    assert stage.get("/changes/CHG-1", headers={"If-None-Match": shown.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("id_", ["owner/repository#12", "a b", "ü", "x/approve", "x?y", "new\u2003line"])
def test_an_id_may_be_any_that_a_source_has(stage: Stage, id_: str) -> None:
    stage.world.source.records.append(given(id_))
    changes.sync(stage.world.installation)
    answer = stage.get(f"/changes/{quote(id_, safe='')}")
    assert (answer.status_code, answer.json()["id"]) == (200, id_)


def test_the_sources_say_when_they_were_read_and_what_they_refused(stage: Stage) -> None:
    stage.world.source.broken = True
    changes.sync(stage.world.installation)
    answer = stage.get("/changes/sources")
    assert fits(schemas.ChangeSourceList, answer.json())
    found = {item["name"]: item for item in answer.json()["sources"]}
    assert sorted(found) == ["register", "tickets"]
    assert (found["tickets"]["error"], found["tickets"]["records"]) == ("the ticket system does not answer", 5)
    assert found["tickets"]["set_aside"] == [{"place": "board:1:1", "id": "CHG-9", "problem": "no created_at"}]


def test_approved_but_never_happened(stage: Stage) -> None:
    world = stage.world
    for number in range(3):
        approved = record(
            id=f"NEVER-{number}",
            source="tickets",
            scope=(target(ids=(f"gone-{number}",)),),
            windows=(window("03-01 09:00", "03-01 10:00"),),
            approvals=(approval("ben", "02-28 09:00"),),
            state=ChangeState.CLOSED,
        )
        world.source.records.append(approved)
    changes.sync(world.installation)
    listed = [item.record.id for item in unobserved.listed(world.installation)]
    found = walked(stage, "/changes/unobserved", "unobserved", limit=2)
    assert [item["record"] for item in found] == listed
    assert len(listed) == 3
    assert fits(schemas.UnobservedPage, {"unobserved": found, "next": None})
    assert stage_elsewhere(world).get("/changes/unobserved").json() == {"unobserved": [], "next": None}


def stage_elsewhere(world: World) -> Stage:
    world.change(accounts=[ACCOUNT, OTHER])
    return Stage(world, FOREIGN)


def test_a_record_is_seen_by_whoever_may_read_every_account_that_it_may_touch(world: World) -> None:
    scopes = {
        "mine": (Target(accounts=(OTHER,), ids=("x",)),),
        "by-arn": (Target(ids=(f"arn:aws:iam::{OTHER}:role/x",)),),
        "both": (Target(accounts=(OTHER,), ids=("x",)), Target(accounts=(ACCOUNT,), ids=("y",))),
        "any": (Target(ids=("x",)),),
        "nothing": (),
    }
    world.source.records = [given(id_, scope=scope) for id_, scope in scopes.items()]
    stage = stage_elsewhere(world)
    changes.sync(world.installation)
    assert sorted(item["id"] for item in walked(stage, "/changes", "records", limit=1)) == ["by-arn", "mine"]
    for id_ in scopes:
        assert stage.get(f"/changes/{id_}").status_code == (200 if id_ in ("mine", "by-arn") else 404)
    hidden, unknown = stage.get("/changes/both").json(), stage.get("/changes/none").json()
    assert hidden["detail"].replace("both", "none") == unknown["detail"], "nothing tells that it exists"
    (tickets,) = [item for item in stage.get("/changes/sources").json()["sources"] if item["name"] == "tickets"]
    assert (tickets["set_aside"], tickets["set_aside_total"]) == ([], 1), "what was refused may be about any account"


@pytest.mark.slow
def test_many_records_that_one_may_not_see_are_passed_over_page_by_page(world: World) -> None:
    world.source.records = [given(f"C-{number:04}", days=number) for number in range(1500)]
    world.source.records.append(given("mine", scope=(Target(accounts=(OTHER,), ids=("x",)),), days=-1))
    stage = stage_elsewhere(world)
    changes.sync(world.installation)
    first = stage.get("/changes").json()
    assert first["records"] == []
    assert first["next"], "so many were looked at that the page ends, and says so"
    assert [item["id"] for item in walked(stage, "/changes", "records")] == ["mine"]


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/changes/unknown", 404),
        ("/changes/", 422),
        ("/changes/" + "x" * 1001, 422),
        ("/changes?state=done", 422),
        ("/changes?limit=0", 422),
        ("/changes?cursor=W10", 400),
        ("/changes?cursor=WyIyMDI2LTAxLTAxIiwiYSIsImIiXQ", 400),
        ("/changes?cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwiYSIsImIiXQ", 400),
        ("/changes/unobserved?cursor=W10", 400),
        ("/changes/unobserved?limit=1000", 422),
    ],
)
def test_reading_what_is_not_there_or_not_so(stage: Stage, path: str, number: int) -> None:
    answer = stage.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (number, "application/problem+json")


@pytest.mark.parametrize("path", ["/changes", "/changes/CHG-1", "/changes/sources", "/changes/unobserved"])
def test_nobody_reads_without_a_token_or_a_role(world: World, path: str) -> None:
    stage = Stage(world, (Access(role=Role.VIEWER, to=("ben",)),))
    assert stage.get(path, None).status_code == 401
    assert stage.get(path, "ana").status_code == 403
    assert stage.get(path, "ben").status_code == 200
