"""/changes, written: a record's whole life by people with tokens; nobody decides on their own, and nothing is slipped in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from driftwatch.api.schemas import changes as schemas
from driftwatch.change_sources.register import RegisterSource
from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.change import ChangeState
from driftwatch.operations import changes, register
from tests.unit.api.caller import Stage
from tests.unit.api.refusals import FOREIGN, Act, refuses, same_answer_again, unchanged
from tests.unit.api.shapes import fits
from tests.world import ACCOUNT, GROUPS, World, settled_world

OTHER = "222222222222"
WRITTEN: dict[str, Any] = {
    "title": "More room",
    "implementers": ["ana"],
    "scope": [{"accounts": [ACCOUNT], "ids": ["one"], "attribute_paths": ["/Size"]}],
}


@pytest.fixture
def world() -> World:
    made = settled_world(register="register")
    made.change(sources=[RegisterSource("register", made.store), made.source])
    return made


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def made(stage: Stage, who: str = "ana", **more: Any) -> dict[str, Any]:
    answer = stage.post("/changes", {**WRITTEN, **more}, who)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/changes/{answer.json()['id']}"
    return dict(answer.json())


def tag(held: dict[str, Any]) -> dict[str, str]:
    return {"If-Match": f'"{held["content_hash"]}"'}


def act(stage: Stage, held: dict[str, Any], name: str, who: str, body: Any = None, *, match: bool = False) -> Any:
    return stage.post(f"/changes/{held['id']}/{name}", body, who, headers=tag(held) if match else {})


def requested(stage: Stage, who: str = "ana", **more: Any) -> dict[str, Any]:
    return made(stage, who, request=True, **more)


def approved(stage: Stage, **more: Any) -> dict[str, Any]:
    held = requested(stage, **more)
    answer = act(stage, held, "approve", "ben", match=True)
    assert answer.json()["state"] == "approved", answer.text
    return dict(answer.json())


def started(stage: Stage) -> dict[str, Any]:
    return dict(act(stage, approved(stage), "start", "ana").json())


def test_a_record_lives_from_draft_to_closed(stage: Stage) -> None:
    held = made(stage)
    assert fits(schemas.HeldOf, held)
    assert (held["state"], held["requester"], held["source"], held["created_at"]) == ("draft", "ana", "register", "2026-03-10T09:10:00Z")
    assert act(stage, held, "request", "ana").json()["state"] == "requested"
    reviewed = act(stage, held, "review", "cleo", {"decision": "approved"}, match=True).json()
    assert [(item["who"], item["decision"]) for item in reviewed["reviews"]] == [("cleo", "approved")]
    assert act(stage, held, "approve", "ben", match=True).json()["state"] == "approved"
    assert act(stage, held, "start", "ana").json()["state"] == "implementing"
    closed = act(stage, held, "close", "ana", {"outcome": "successful_issues"}).json()
    assert (closed["state"], closed["outcome"]) == ("closed", "successful_issues")
    assert fits(schemas.HeldOf, closed)
    told = [kind for kind in stage.world.ledger() if kind.startswith("change_")]
    assert told == [f"change_{done}" for done in ("created", "requested", "reviewed", "approved", "started", "closed")]


def test_rejected_and_cancelled(stage: Stage) -> None:
    assert act(stage, requested(stage), "reject", "ben", {"reason": "too risky"}).json()["state"] == "rejected"
    assert act(stage, requested(stage), "cancel", "ana", {"reason": "no longer needed"}).json()["state"] == "cancelled"


@pytest.mark.parametrize("who", ["ben", "cleo"])
@pytest.mark.parametrize("name", ["approve", "reject", "review"])
def test_nobody_decides_on_their_own_change_an_admin_neither(stage: Stage, who: str, name: str) -> None:
    held = requested(stage, who, implementers=[])
    body = {"reason": "x"} if name == "reject" else {}
    with unchanged(stage, denials=1):
        answer = act(stage, held, name, who, body, match=name != "reject")
    assert answer.status_code == 403
    assert "nobody" in answer.json()["detail"]


def test_an_approval_of_what_was_amended_meanwhile_is_refused(stage: Stage) -> None:
    held = requested(stage)
    amended = act(stage, held, "amend", "ana", {"title": "Even more room", "rollback_plan": "the other way"}).json()
    assert (amended["title"], amended["implementers"]) == ("Even more room", ["ana"])
    assert amended["content_hash"] != held["content_hash"]
    with unchanged(stage, denials=0):
        assert act(stage, held, "approve", "ben", match=True).status_code == 412
    assert act(stage, amended, "approve", "ben", match=True).json()["state"] == "approved"


def test_null_takes_away_and_what_is_left_out_stays(stage: Stage) -> None:
    held = made(stage, rollback_plan="the other way", risk="low")
    amended = act(stage, held, "amend", "ana", {"rollback_plan": None}).json()
    assert (amended["rollback_plan"], amended["risk"]) == (None, "low")


def test_everything_that_a_record_can_say_arrives_as_it_was_said(stage: Stage) -> None:
    said = {
        **WRITTEN,
        "url": "https://tickets.example/1",
        "type": "emergency",
        "risk": "high",
        "authors": ["ben"],
        "rollback_plan": "the other way\nround",
        "incident_id": "INC-1",
        "artifact_ref": "abc",
        "run_ids": ["7"],
        "tests": [
            {"environment": "stage", "kind": "smoke", "automated": True, "result": "passed", "finished_at": "2026-03-09T10:00:00+01:00"},
        ],
        "windows": [{"start": "2026-03-10T10:00:00Z", "end": "2026-03-10T12:00:00.5Z"}],
        "scope": [
            {
                "accounts": [ACCOUNT],
                "tags": {"owner": ["ana"]},
                "operations": ["updated"],
                "expected": [{"path": "/Size", "equals": None}, {"path": "/A", "min": 1, "max": 2.5}, {"path": "/B", "equals": 2**50}],
            }
        ],
    }
    held = made(stage, **said)
    assert fits(schemas.HeldOf, held)
    assert held["windows"] == [{"start": "2026-03-10T10:00:00Z", "end": "2026-03-10T12:00:00.500000Z"}]
    assert held["tests"][0]["finished_at"] == "2026-03-09T09:00:00Z"
    first, second, third = held["scope"][0]["expected"]
    assert (first["equals"], first["equals_given"], second["min"], second["max"], third["equals"]) == (None, True, 1, 2.5, 2**50)


def test_a_draft_of_a_finding_covers_what_it_shows(stage: Stage) -> None:
    stage.world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    stage.world.scan()
    (found,) = stage.get("/findings").json()["findings"]
    answer = stage.post(f"/findings/{found['id']}/draft", {"implementers": ["ana"]})
    assert answer.status_code == 201, answer.text
    held = answer.json()
    assert fits(schemas.HeldOf, held)
    assert held["state"] == "draft"
    assert (held["scope"][0]["ids"], held["scope"][0]["attribute_paths"]) == ([found["resource"]], ["/Size"])
    assert any("can ratify it" in note for note in held["notes"])
    assert stage.get(answer.headers["location"].removeprefix("/api/v1")).json()["id"] == held["id"]
    assert stage.post("/findings/finding-99999/draft").status_code == 404


SLIPPED_IN = [
    {"id": "CHG-1"},
    {"state": "approved"},
    {"approvals": [{"who": "ben", "decision": "approved", "at": "2026-03-10T09:00:00Z"}]},
    {"reviews": []},
    {"observations": []},
    {"requester": "ben"},
    {"source": "tickets"},
    {"outcome": "successful"},
    {"created_at": "2026-03-10T09:00:00Z"},
    {"closed_at": None},
    {"raw_hash": "x"},
    {"stale_since": None},
    {"content_hash": "x"},
]


@pytest.mark.parametrize("more", SLIPPED_IN, ids=lambda item: str(next(iter(item))))
def test_what_the_register_says_itself_is_an_unknown_key(stage: Stage, more: dict[str, Any]) -> None:
    held = requested(stage)
    (key,) = more
    with unchanged(stage, denials=0):
        for path, body in (("/changes", {**WRITTEN, **more}), (f"/changes/{held['id']}/amend", {"title": "x", **more})):
            answer = stage.post(path, body)
            assert answer.status_code == 422
            assert f"body.{key}" in [part["where"] for part in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"scope": [{"ids": ["x"], "owner": "ana"}]}, "body.scope.0.owner"),
        ({"scope": [{"ids": []}]}, "body.scope.0.ids"),
        ({"scope": []}, "body.scope"),
        ({"scope": [{"ids": ["x"], "operations": ["transient"]}]}, "body.scope.0.operations.0"),
        ({"scope": [{"ids": ["x"], "attribute_paths": ["Size"]}]}, "body.scope"),
        ({"scope": [{"accounts": ["12"], "ids": ["x"]}]}, "body.scope"),
        ({"scope": [{"ids": ["x"], "expected": [{"path": "/a"}]}]}, "body.scope"),
        ({"scope": [{"ids": ["x"], "expected": [{"path": "/a", "min": "1"}]}]}, "body.scope.0.expected.0.min.int"),
        ({"title": "  "}, "body.title"),
        ({"title": "a\u0000b"}, "body.title"),
        ({"title": 1}, "body.title"),
        ({"type": "big"}, "body.type"),
        ({"authors": "ana"}, "body.authors"),
        ({"authors": ["an\u200ba"]}, "body.authors"),
        ({"windows": [{"start": "2026-03-10T10:00:00Z", "end": "2026-03-10T09:00:00Z"}]}, "body.windows"),
        ({"windows": [{"start": "2026-03-10", "end": "2026-03-11T09:00:00Z"}]}, "body.windows.0.start"),
        ({"windows": [{"start": 1773133200, "end": "2026-03-11T09:00:00Z"}]}, "body.windows.0.start"),
        ({"windows": [{"start": "0001-01-01T00:00:00+14:00", "end": "2026-03-11T09:00:00Z"}]}, "body.windows.0.start"),
        ({"request": "yes"}, "body.request"),
    ],
)
def test_an_error_names_the_key(stage: Stage, more: dict[str, Any], named: str) -> None:
    with unchanged(stage, denials=0):
        answer = stage.post("/changes", {**WRITTEN, **more})
    assert answer.status_code in (400, 422)
    assert named in [part["where"] for part in answer.json()["errors"]] or f"{named}:" in answer.json()["detail"]


def test_a_number_that_would_become_another_is_refused(stage: Stage) -> None:
    raw = b'{"title": "x", "scope": [{"ids": ["x"], "expected": [{"path": "/a", "equals": 1e999}]}]}'
    sent = {"Authorization": f"Bearer {stage.secret('ana')}", "Content-Type": "application/json"}
    with unchanged(stage, denials=0):
        assert stage.client.post("/api/v1/changes", content=raw, headers=sent).status_code == 400


def test_a_step_that_is_not_its_turn_is_refused_and_told(stage: Stage) -> None:
    held = made(stage)
    with unchanged(stage, denials=3):
        assert act(stage, held, "start", "ana").status_code == 403
        assert act(stage, held, "close", "ana").status_code == 403
        assert act(stage, held, "approve", "ben", match=True).status_code == 403


def test_somebody_who_takes_no_part_neither_amends_nor_cancels(stage: Stage) -> None:
    held = requested(stage)
    with unchanged(stage, denials=3):
        assert act(stage, held, "amend", "ben", {"title": "mine"}).status_code == 403
        assert act(stage, held, "cancel", "cleo", {"reason": "x"}).status_code == 403
        assert act(stage, held, "start", "cleo").status_code == 403


def test_another_sources_record_is_not_the_registers_to_change(stage: Stage) -> None:
    from tests.unit.operations.acts import covering

    covering(stage.world, "one", id="CHG-1")
    changes.sync(stage.world.installation)
    with unchanged(stage, denials=0):
        answer = stage.post("/changes/CHG-1/cancel", {"reason": "x"})
    assert answer.status_code == 404
    assert "tickets" in answer.json()["detail"]


def test_without_a_register_nothing_is_made(stage: Stage) -> None:
    stage.world.change(register=None)
    with unchanged(stage, denials=0):
        answer = stage.post("/changes", WRITTEN)
    assert answer.status_code == 400
    assert "no change register is configured" in answer.json()["detail"]


Prepare = Callable[[Stage], dict[str, Any]]
ACTS: dict[str, tuple[Prepare, str, Any, list[Any]]] = {
    "amend": (made, "ana", {"title": "Another"}, [{"title": None, "titel": "x"}, {"scope": {}}]),
    "request": (made, "ana", {}, [{"state": "approved"}]),
    "approve": (requested, "ben", {}, [{"kind": "all"}, {"who": "cleo"}, {"at": "2026-03-10T09:00:00Z"}]),
    "reject": (requested, "ben", {"reason": "x"}, [{}, {"reason": ""}, {"reason": "x", "who": "cleo"}]),
    "review": (requested, "cleo", {}, [{"decision": "withdrawn"}, {"ref": "x"}]),
    "start": (approved, "ana", {}, [{"at": "2026-03-10T09:00:00Z"}]),
    "close": (started, "ana", {}, [{"outcome": "fine"}, {"closed_at": None}]),
    "cancel": (made, "ana", {"reason": "x"}, [{}, {"reason": 1}]),
}
CONDITIONAL = ("approve", "review")


@pytest.mark.parametrize("name", ACTS)
def test_every_act_refuses_what_is_wrong_and_writes_nothing(stage: Stage, name: str) -> None:
    prepare, who, body, wrong = ACTS[name]
    held = prepare(stage)
    refuses(stage, Act(f"/changes/{{id}}/{name}", name in CONDITIONAL).of(held["id"]), who, body, wrong, tag(held))
    with unchanged(stage, denials=0):
        assert stage.post(f"/changes/unknown/{name}", body, who, headers=tag(held)).status_code == 404


@pytest.mark.parametrize("name", ACTS)
def test_every_act_is_done_once_however_often_it_is_sent(stage: Stage, name: str) -> None:
    prepare, who, body, _ = ACTS[name]
    held = prepare(stage)
    same_answer_again(stage, f"/changes/{held['id']}/{name}", who, body, tag(held) if name in CONDITIONAL else {})


def test_a_record_is_made_once_however_often_it_is_sent(stage: Stage) -> None:
    same_answer_again(stage, "/changes", "ana", WRITTEN, {})
    refuses(stage, Act("/changes"), "ana", WRITTEN, [{}, {"title": "x"}, {"scope": WRITTEN["scope"]}], {})


@pytest.mark.parametrize("name", ACTS)
def test_acting_takes_the_permission_in_every_account_that_the_record_may_touch(world: World, name: str) -> None:
    world.change(accounts=[ACCOUNT, OTHER])
    prepare, who, body, _ = ACTS[name]
    held = prepare(Stage(world))
    with unchanged(foreign := Stage(world, FOREIGN), denials=0):
        assert act(foreign, held, name, "ben", body, match=True).status_code == 404
    reading = Stage(world, (Access(role=Role.VIEWER, to=("*",)), Access(role=Role.ADMIN, to=("*",), accounts=(OTHER,))))
    with unchanged(reading, denials=1):
        assert act(reading, held, name, who, body, match=True).status_code == 403


def test_a_record_is_not_widened_into_an_account_where_one_may_not(world: World) -> None:
    world.change(accounts=[ACCOUNT, OTHER])
    stage = Stage(world, (Access(role=Role.OPERATOR, to=("ana",), accounts=(ACCOUNT,)), Access(role=Role.VIEWER, to=("ana",))))
    held = made(stage)
    with unchanged(stage, denials=4):
        for scope in ([{"accounts": [OTHER], "ids": ["x"]}], [{"ids": ["x"]}], [{"accounts": ["*"], "ids": ["x"]}]):
            assert stage.post(f"/changes/{held['id']}/amend", {"scope": scope}).status_code == 403
        assert stage.post("/changes", {**WRITTEN, "scope": [{"ids": ["x"]}]}).status_code == 403
    assert register.get(world.installation, held["id"]).record.state is ChangeState.DRAFT
