"""/policy: what is in force and where that comes from; cases and replays, which write nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftwatch.api.routes.policies import MOST_BYTES
from driftwatch.api.schemas import policies as schemas
from driftwatch.config.sections import Access
from driftwatch.documents import policies, tutorials
from driftwatch.domain.access import Role
from tests.unit.api.caller import Stage
from tests.unit.api.shapes import fits
from tests.world import ACCOUNT, GROUPS, PEOPLE, World, settled_world

OTHER = "222222222222"
STRICTER = "extends: enterprise\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text("extends: startup\nsettle_s: 60\n")
    return path


@pytest.fixture
def world(file: Path) -> World:
    made = settled_world()
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.scan()
    made.change(policy=policies.with_people(policies.load(file), PEOPLE))
    return made


@pytest.fixture
def stage(world: World, file: Path) -> Stage:
    made = Stage(world)
    made.config = made.config.model_copy(update={"policy": file})
    return made


def tutorial(name: str) -> dict[str, Any]:
    return json.loads(json.dumps(yaml.safe_load(tutorials.text(name)), default=lambda moment: moment.isoformat()))


# --- what is in force


def test_each_value_says_where_it_comes_from(stage: Stage, file: Path) -> None:
    shown = stage.get("/policy").json()
    assert fits(schemas.PolicyOf, shown)
    by_key = {item["key"]: (item["value"], item["source"], item["place"]) for item in shown["values"]}
    assert by_key["settle_s"] == (60, "file", f"{file}:2:1")
    assert by_key["min_assurance"] == ("local", "preset", None)
    assert by_key["roles.ana"][1] == "people"
    assert shown["version"] == stage.world.installation.policy.version


@pytest.mark.parametrize("text", ["extends: scaleup\n", "nonsense: [", None])
def test_a_file_that_says_something_else_by_now_is_no_origin(stage: Stage, file: Path, text: str | None) -> None:
    file.unlink() if text is None else file.write_text(text)
    shown = stage.get("/policy").json()
    assert fits(schemas.PolicyOf, shown)
    assert (shown["values"], shown["extends"], shown["policy"]["settle_s"]) == (None, "startup", 60)


# --- tests


def test_cases_are_judged_as_the_command_judges_them(stage: Stage) -> None:
    answer = stage.post("/policy/test", tutorial("startup"))
    assert answer.status_code == 200, answer.json()
    assert fits(schemas.CasesResult, answer.json())
    assert answer.json()["summary"]["failed"] == 0 < answer.json()["summary"]["passed"]


def test_a_case_that_fails_says_what_was_found(stage: Stage) -> None:
    cases = tutorial("startup")
    cases["cases"] = cases["cases"][:1]
    cases["cases"][0]["expect"] = {"verdict": "indeterminate"}
    before = len(stage.world.ledger())
    (result,) = stage.post("/policy/test", cases).json()["cases"]
    assert (result["passed"], result["mismatches"][0]["expected"]) == (False, "indeterminate")
    assert len(stage.world.ledger()) - before <= 1, "nothing but the token's own entry is written"


def test_problems_of_cases_name_their_lines(stage: Stage) -> None:
    body = b'{\n  "cases": [\n    {"id": "x",\n     "kind": "decisio"}\n  ]\n}'
    headers = {"content-type": "application/json", **stage._headers("ana", {})}
    answer = stage.client.post("/api/v1/policy/test", content=body, headers=headers)
    assert answer.status_code == 400
    assert "body.json:4:" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"cases": []}, 422),
        ({"cases": {}}, 422),
        ({"cases": [1]}, 400),
        ({"cases": [{"id": "x"}]}, 400),
        ({"cases": [{}] * 101}, 422),
        ({"cases": [{}], "more": 1}, 422),
        ({"cases": [{"title": "x" * MOST_BYTES}]}, 413),
    ],
)
def test_what_are_no_cases_is_refused(stage: Stage, body: object, status: int) -> None:
    assert stage.post("/policy/test", body).status_code == status


# --- replays


def test_a_replay_shows_what_another_policy_would_make_of_stored_drifts(stage: Stage) -> None:
    answer = stage.post("/policy/replay", {"policy": STRICTER, "all": True})
    assert answer.status_code == 200, answer.json()
    assert fits(schemas.ReplayPage, answer.json())
    (replayed,) = answer.json()["replayed"]
    assert (replayed["stored"], answer.json()["judged"], answer.json()["next"]) == ("unauthorized", 1, None)
    assert replayed["new"]["policy_version"] != replayed["old"]["policy_version"]
    alike = stage.post("/policy/replay", {"policy": "extends: startup\n"}).json()
    assert (alike["judged"], alike["replayed"]) == (1, [])
    assert stage.post("/policy/replay", {"policy": STRICTER, "since": "2036-01-01T00:00:00Z"}).json()["judged"] == 0


def test_pages_of_a_replay_hold_every_drift_once(stage: Stage) -> None:
    for number in range(3):
        stage.world.put(GROUPS, f"new-{number}", Size=number)
        stage.world.scan()
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = stage.post("/policy/replay", {"policy": STRICTER, "all": True, "limit": 3} | cursor).json()
        seen += [item["finding"] for item in answer["replayed"]]
        if answer["next"] is None:
            break
        cursor = {"cursor": answer["next"]}
    assert len(seen) == len(set(seen)) == 4


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"policy": ""}, 422),
        ({"policy": 1}, 422),
        ({"policy": STRICTER, "limit": 0}, 422),
        ({"policy": STRICTER, "limit": 201}, 422),
        ({"policy": STRICTER, "limit": "3"}, 422),
        ({"policy": STRICTER, "since": "2026-03-10"}, 422),
        ({"policy": STRICTER, "cursor": "e30"}, 400),
        ({"policy": "extends: nothing\n"}, 400),
        ({"policy": "extends: startup\nrules: {R1: off}\n"}, 400),
        ({"policy": "\ud800"}, 422),
    ],
)
def test_what_is_no_replay_is_refused(stage: Stage, body: object, status: int) -> None:
    content = json.dumps(body).encode()
    headers = {"content-type": "application/json", **stage._headers("ana", {})}
    assert stage.client.post("/api/v1/policy/replay", content=content, headers=headers).status_code == status


def test_other_accounts_drifts_are_not_replayed(world: World) -> None:
    world.change(accounts=[ACCOUNT, OTHER])
    stage = Stage(world, (Access(role=Role.OPERATOR, to=("ana",), accounts=(OTHER,)), Access(role=Role.VIEWER, to=("ben",))))
    assert stage.post("/policy/replay", {"policy": STRICTER, "all": True}).json()["judged"] == 0
    for path, body in (("/policy/replay", {"policy": STRICTER}), ("/policy/test", tutorial("startup"))):
        assert stage.post(path, body, "ben").status_code == 403
    assert stage.get("/policy", "ben").status_code == 200


def test_one_is_judged_at_a_time(stage: Stage) -> None:
    with stage.around.judging:
        for path, body in (("/policy/replay", {"policy": STRICTER}), ("/policy/test", tutorial("startup"))):
            answer = stage.post(path, body)
            assert (answer.status_code, answer.headers["retry-after"]) == (409, "5")
    assert stage.post("/policy/replay", {"policy": "nonsense: ["}).status_code == 400
    assert stage.post("/policy/replay", {"policy": STRICTER}).status_code == 200, "an error gives the turn back"
