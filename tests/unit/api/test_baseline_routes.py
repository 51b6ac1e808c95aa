"""/baselines: seen by those who may see all of it, changed by two people, each on what they looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from driftwatch.api.schemas import baselines as schemas
from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.authorization.policy import Mode
from driftwatch.domain.baseline import BaselinePattern
from driftwatch.domain.snapshot import GapReason
from driftwatch.operations import baseline_views, requests
from tests.unit.api.caller import Stage
from tests.unit.api.refusals import FOREIGN, Act, refuses, same_answer_again, unchanged
from tests.unit.api.shapes import fits
from tests.world import ACCOUNT, BUCKETS, GROUPS, World, settled_world

OTHER = "222222222222"


@pytest.fixture
def world() -> World:
    return settled_world()


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def proposed(stage: Stage) -> dict[str, Any]:
    stage.world.put(GROUPS, "three", Size=1)
    stage.world.scan()
    made = stage.post("/baselines/production/capture", {"note": "one more group", "propose": True})
    assert made.status_code == 201, made.text
    return dict(made.json())


def tag(version: dict[str, Any]) -> dict[str, str]:
    return {"If-Match": f'"{version["content_hash"]}"'}


def risks(version: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {"accept_risk": {item["finding"]: "it was agreed to by word" for item in version["included"]}}


def active(stage: Stage) -> str:
    (one,) = stage.get("/baselines").json()["baselines"]
    return str(one["active"]["id"])


def test_the_list_names_patterns_the_active_version_and_what_waits(stage: Stage) -> None:
    new = proposed(stage)
    answer = stage.get("/baselines")
    assert fits(schemas.BaselineList, answer.json())
    (one,) = answer.json()["baselines"]
    assert (one["name"], one["accounts"], one["regions"], one["types"]) == ("production", ["*"], ["*"], ["*"])
    assert one["active"]["state"] == "active"
    assert [item["id"] for item in one["pending"]] == [new["id"]]
    assert stage.get("/baselines", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_a_capture_is_approved_by_somebody_else_on_what_they_saw_and_is_active_then(stage: Stage) -> None:
    new = proposed(stage)
    assert (new["author"], new["state"], new["note"]) == ("ana", "proposed", "one more group")
    shown = stage.get(f"/baselines/versions/{new['id']}", "ben")
    assert fits(schemas.WholeVersion, shown.json())
    assert shown.headers["etag"] == f'"{new["content_hash"]}"'
    assert [cell["resources"] for cell in shown.json()["cells"]] == [3, 2]
    path = f"/baselines/versions/{new['id']}/approve"
    done = stage.post(path, risks(new), "ben", headers={"If-Match": shown.headers["etag"]})
    assert done.status_code == 200, done.text
    assert fits(schemas.ApprovedOf, done.json())
    assert (done.json()["active"], done.json()["version"]["state"]) == (True, "active")
    assert {item["rule"] for item in done.json()["results"]} >= {"R13"}
    assert active(stage) == new["id"]
    (approval,) = done.json()["version"]["approvals"]
    assert (approval["who"], approval["method"]) == ("ben", "token")


@pytest.mark.parametrize("who", ["ben", "cleo"])
def test_nobody_approves_their_own_proposal_an_admin_neither(stage: Stage, who: str) -> None:
    stage.world.put(GROUPS, "three", Size=1)
    stage.world.scan()
    new = stage.post("/baselines/production/capture", {"propose": True}, who).json()
    answer = stage.post(f"/baselines/versions/{new['id']}/approve", risks(new), who, headers=tag(new))
    assert answer.status_code == 403
    assert "nobody approves their own" in answer.json()["detail"]
    assert stage.get(f"/baselines/versions/{new['id']}").json()["approvals"] == []


def test_an_approval_that_is_not_enough_says_so(stage: Stage) -> None:
    policy = stage.world.installation.policy
    two = replace(policy.baseline, min_count=2)
    stage.world.change(policy=replace(policy, baseline=two, rules={**policy.rules, "R13": Mode.ENFORCE}))
    new = proposed(stage)
    done = stage.post(f"/baselines/versions/{new['id']}/approve", risks(new), "ben", headers=tag(new)).json()
    assert (done["active"], done["version"]["state"]) == (False, "proposed")
    assert {item["outcome"] for item in done["results"]} == {"fail"}
    assert fits(schemas.ApprovedOf, done)
    done = stage.post(f"/baselines/versions/{new['id']}/approve", risks(new), "cleo", headers=tag(new)).json()
    assert (done["active"], [item["who"] for item in done["version"]["approvals"]]) == (True, ["ben", "cleo"])


def test_what_nobody_decided_about_does_not_enter(stage: Stage) -> None:
    new = proposed(stage)
    with unchanged(stage, denials=1, kind="baseline_approval_refused"):
        answer = stage.post(f"/baselines/versions/{new['id']}/approve", {}, "ben", headers=tag(new))
    assert answer.status_code == 403
    assert new["included"][0]["finding"] in answer.json()["detail"]


def test_captured_then_proposed_then_rejected_or_withdrawn(stage: Stage) -> None:
    first = stage.post("/baselines/production/capture", {}).json()
    assert first["state"] == "captured"
    assert stage.post(f"/baselines/versions/{first['id']}/propose").json()["state"] == "proposed"
    rejected = stage.post(f"/baselines/versions/{first['id']}/reject", {"reason": "not yet"}, "ben")
    assert (rejected.status_code, rejected.json()["state"]) == (200, "rejected")
    own = stage.post("/baselines/production/capture", {"propose": True}, "ben").json()
    withdrawn = stage.post(f"/baselines/versions/{own['id']}/reject", {"reason": "a mistake"}, "ben").json()
    assert withdrawn["state"] == "withdrawn"
    assert fits(schemas.VersionOf, withdrawn)


def test_what_is_left_out_is_named_with_its_reason(stage: Stage) -> None:
    body = {"left_out": [{"pattern": "*/*/AWS::S3::*", "reason": "another team's"}]}
    made = stage.post("/baselines/production/capture", body).json()
    assert made["omissions"] == [{"cell": str(BUCKETS), "reason": "another team's", "by": "ana"}]


def test_an_incomplete_reading_is_no_baseline(stage: Stage) -> None:
    stage.world.collector.failing[GROUPS] = GapReason.DENIED
    stage.world.scan()
    with unchanged(stage, denials=0):
        answer = stage.post("/baselines/production/capture", {})
    assert answer.status_code == 403
    assert str(GROUPS) in answer.json()["detail"]


def test_versions_come_in_pages_each_once_the_newest_first(stage: Stage) -> None:
    for _ in range(4):
        assert stage.post("/baselines/production/capture", {}).status_code == 201
    listed = [version.id for version in baseline_views.history(stage.world.installation, "production")]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = stage.get("/baselines/production/versions", params=query).json()
        assert fits(schemas.VersionPage, page)
        assert len(page["versions"]) <= 2
        seen += [item["id"] for item in page["versions"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == listed
    assert len(seen) == 5


def test_the_diff_is_what_the_command_prints_page_by_page(stage: Stage) -> None:
    version = active(stage)
    for number in range(3):
        stage.world.put(GROUPS, f"new-{number}", Size=number)
    stage.world.put(BUCKETS, "one", Size=9, Rules=["a", "b"])
    stage.world.remove(BUCKETS, "two")
    stage.world.scan()
    stage.world.scan()
    whole = [item.resource_id for item in baseline_views.differences(stage.world.installation, version)]
    assert len(whole) == 5
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = stage.get(f"/baselines/versions/{version}/diff", params=query).json()
        assert fits(schemas.DiffPage, page)
        assert len(page["resources"]) <= 2
        seen += [item["resource"] for item in page["resources"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == whole


def test_two_versions_differ_in_what_the_later_one_took_up(stage: Stage) -> None:
    first, new = active(stage), proposed(stage)
    page = stage.get(f"/baselines/versions/{first}/diff", params={"against": new["id"]}).json()
    assert [(item["resource"].rpartition("/")[2], item["differences"][0]["op"]) for item in page["resources"]] == [("three", "add")]
    assert stage.get(f"/baselines/versions/{first}/diff", params={"against": first}).json() == {"resources": [], "next": None}


@pytest.mark.parametrize("alive", [True, False])
def test_a_refresh_is_asked_of_the_daemon_or_waits_for_one_and_says_which(stage: Stage, alive: bool) -> None:
    if alive:
        requests.heartbeat(stage.world.installation, "daemon-1")
    answer = stage.post("/baselines/production/refresh")
    assert answer.status_code == 202
    assert fits(schemas.RefreshOf, answer.json())
    assert answer.json()["daemon"] is alive
    assert ("no daemon runs now" in answer.json()["note"]) is not alive
    assert answer.headers["location"] == f"/api/v1/requests/{answer.json()['request']}"
    asked = requests.get(stage.world.installation, answer.json()["request"])
    assert (asked.kind, asked.cells, asked.person) == ("refresh", ("production",), "ana")
    assert asked.arguments == {"method": "token", "assurance": "local"}


def test_the_same_name_may_be_the_word_versions(world: World) -> None:
    world.change(baselines=[BaselinePattern(name="versions")])
    stage = Stage(world)
    assert stage.get("/baselines/versions/versions").json() == {"versions": [], "next": None}


# --- refusals

ACTS: dict[str, tuple[Act, str, Any]] = {
    "capture": (Act("/baselines/production/capture"), "ana", {}),
    "refresh": (Act("/baselines/production/refresh"), "ana", {}),
    "propose": (Act("/baselines/versions/{id}/propose"), "ana", {}),
    "approve": (Act("/baselines/versions/{id}/approve", conditional=True), "ben", {}),
    "reject": (Act("/baselines/versions/{id}/reject"), "ben", {"reason": "not yet"}),
}
WRONG = {
    "capture": [
        {"left_out": "x"},
        {"left_out": [{"pattern": "*"}]},
        {"propose": "yes"},
        {"propose": 1},
        {"note": 1},
        {"state": "active"},
        {"id": "x"},
    ],
    "refresh": [{"cells": []}, [], 1],
    "propose": [{"state": "active"}],
    "approve": [{"accept_risk": ["x"]}, {"accept_risk": {"x": ""}}, {"approver": "ben"}, {"at": "2026-03-10T09:00:00Z"}],
    "reject": [{}, {"reason": ""}, {"reason": "  "}, {"reason": 1}, {"reason": "x", "by": "cleo"}],
}


@pytest.mark.parametrize("name", ACTS)
def test_every_act_refuses_what_is_wrong_and_writes_nothing(stage: Stage, name: str) -> None:
    act, who, body = ACTS[name]
    version = stage.post("/baselines/production/capture", {"propose": name in ("approve", "reject")}).json()
    refuses(stage, act.of(version["id"]), who, body, WRONG[name], tag(version))


@pytest.mark.parametrize("name", ACTS)
def test_every_act_is_done_once_however_often_it_is_sent(stage: Stage, name: str) -> None:
    act, who, body = ACTS[name]
    version = stage.post("/baselines/production/capture", {"propose": name in ("approve", "reject")}).json()
    same_answer_again(stage, act.of(version["id"]).path, who, body, tag(version) if act.conditional else {})


@pytest.mark.parametrize("name", ACTS)
def test_acting_takes_the_permission_in_every_account_that_the_baseline_covers(world: World, name: str) -> None:
    world.change(accounts=[ACCOUNT, OTHER])
    act, _, body = ACTS[name]
    everywhere = Stage(world)
    version = everywhere.post("/baselines/production/capture", {"propose": name in ("approve", "reject")}).json()
    path, headers = act.of(version["id"]).path, tag(version)
    stage = Stage(
        world,
        (
            Access(role=Role.ADMIN, to=("ben",), accounts=(ACCOUNT,)),
            Access(role=Role.ADMIN, to=("cleo",), accounts=(ACCOUNT,)),
            Access(role=Role.VIEWER, to=("cleo",)),
        ),
    )
    with unchanged(stage, denials=0):
        assert stage.post(path, body, "ben", headers=dict(headers)).status_code == 404, "it lies in an account that ben may not read"
    with unchanged(stage, denials=1):
        assert stage.post(path, body, "cleo", headers=dict(headers)).status_code == 403, "cleo may read all of it, and act in a part"


def test_what_lies_in_a_foreign_account_does_not_exist(world: World) -> None:
    version = active(Stage(world))
    stage = Stage(world, FOREIGN)
    assert stage.get("/baselines").json() == {"baselines": []}
    for path in ("/baselines/production/versions", f"/baselines/versions/{version}", f"/baselines/versions/{version}/diff"):
        assert stage.get(path).status_code == 404
        assert stage.get(path, None).status_code == 401


def test_another_versions_cells_are_as_foreign_as_the_version(world: World) -> None:
    """What the configuration no longer covers is still what the version is about."""
    version = active(Stage(world))
    world.change(accounts=[OTHER], baselines=[BaselinePattern(name="production", accounts=(OTHER,))])
    stage = Stage(world, (Access(role=Role.VIEWER, to=("ana",), accounts=(OTHER,)),))
    assert stage.get(f"/baselines/versions/{version}").status_code == 404
    assert stage.get("/baselines/production/versions").status_code == 200


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/baselines/unknown/versions", 404),
        ("/baselines/versions/baseline-99999", 404),
        ("/baselines/versions/baseline-99999/diff", 404),
        ("/baselines/versions/x", 422),
        ("/baselines/production/versions?limit=0", 422),
        ("/baselines/production/versions?cursor=W10", 400),
        ("/baselines/versions/{id}/diff?against=yesterday", 422),
        ("/baselines/versions/{id}/diff?against=baseline-99999", 404),
        ("/baselines/versions/{id}/diff?cursor=WyJhIl0", 400),
    ],
)
def test_reading_what_is_not_there_or_not_so(stage: Stage, path: str, number: int) -> None:
    answer = stage.get(path.format(id=active(stage)))
    assert answer.status_code == number
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_configured_accounts_baseline_stays_out_of_the_list(world: World) -> None:
    narrow = [BaselinePattern(name="production", accounts=(ACCOUNT,)), BaselinePattern(name="other", accounts=(OTHER,))]
    world.change(accounts=[ACCOUNT, OTHER], baselines=narrow)
    stage = Stage(world, (Access(role=Role.VIEWER, to=("ana",), accounts=(OTHER,)),))
    assert [item["name"] for item in stage.get("/baselines").json()["baselines"]] == ["other"]


def test_an_approval_of_a_superseded_parent_is_refused(stage: Stage) -> None:
    old, new = proposed(stage), proposed(stage)
    assert stage.post(f"/baselines/versions/{new['id']}/approve", risks(new), "ben", headers=tag(new)).json()["active"]
    with unchanged(stage, denials=1, kind="baseline_approval_refused"):
        late = stage.post(f"/baselines/versions/{old['id']}/approve", risks(old), "ben", headers=tag(old))
    assert late.status_code == 403
    assert "stale_parent" in late.json()["detail"]
