"""/scans and /requests: asked for by those who may operate there, shared, and told in counts to those who may see them."""

from __future__ import annotations

import pytest

from driftwatch.api.schemas import scans as schemas
from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.request import RequestState
from driftwatch.operations import requests, serving
from tests.unit.api.caller import Stage
from tests.unit.api.shapes import fits
from tests.world import ACCOUNT, GROUPS, World, settled_world

OTHER = "222222222222"


@pytest.fixture
def world() -> World:
    made = settled_world()
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.scan()
    made.change(accounts=[ACCOUNT, OTHER])
    return made


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def divided(world: World) -> Stage:
    """Ana operates in the other account and sees this one; ben sees the other one only."""
    return Stage(
        world,
        (
            Access(role=Role.OPERATOR, to=("ana",), accounts=(OTHER,)),
            Access(role=Role.VIEWER, to=("ana",), accounts=(ACCOUNT,)),
            Access(role=Role.OPERATOR, to=("ben",), accounts=(OTHER,)),
        ),
    )


def serve(world: World) -> None:
    taken = requests.next_pending(world.installation)
    assert taken is not None
    serving.serve(world.installation, taken, holder="test", stopped=lambda: False, report=world.events.append, folders={})


# --- asking


def test_a_request_waits_in_the_store_and_says_whether_a_daemon_runs(stage: Stage) -> None:
    answer = stage.post("/scans")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/v1/requests/{answer.json()['id']}"
    assert fits(schemas.RequestOf, answer.json())
    assert (answer.json()["state"], answer.json()["person"], answer.json()["daemon"]) == ("pending", "ana", False)
    requests.heartbeat(stage.world.installation, "here")
    assert stage.get(f"/requests/{answer.json()['id']}").json()["daemon"] is True


def test_equal_requests_that_wait_are_one(stage: Stage) -> None:
    first = stage.post("/scans", {"cells": [f"{ACCOUNT}/eu-west-1/*", f"{ACCOUNT}/global/*"]}).json()
    again = stage.post("/scans", {"cells": [f"{ACCOUNT}/global/*", f"{ACCOUNT}/eu-west-1/*", f"{ACCOUNT}/global/*"]}, "ben").json()
    assert again["id"] == first["id"]
    assert stage.post("/scans", {"cells": ["*/*/*"]}).json()["id"] == stage.post("/scans").json()["id"] != first["id"]


def test_a_request_that_was_done_tells_its_scan_and_code(stage: Stage) -> None:
    asked = stage.post("/scans").json()["id"]
    serve(stage.world)
    done = stage.get(f"/requests/{asked}").json()
    assert (done["state"], done["exit_code"], done["progress"]) == ("done", 2, None)
    assert stage.get(f"/scans/{done['scan_id']}").json()["trigger"] == "ana"


def test_a_running_request_says_how_far_it_is(stage: Stage) -> None:
    asked = stage.post("/scans").json()["id"]
    requests.next_pending(stage.world.installation)
    assert stage.get(f"/requests/{asked}").json()["progress"] is None, "its scan has not begun"
    with stage.world.store.write() as uow:
        (last,) = uow.scans.latest()
        uow.scans.finish(type(last)(id=last.id, started_at=last.started_at, trigger="ana"))
    running = stage.get(f"/requests/{asked}").json()
    assert (running["state"], running["progress"]) == (RequestState.RUNNING, {"done": 2, "all": 2})
    assert fits(schemas.RequestOf, running)


@pytest.mark.parametrize(
    "cells",
    ["*/*/*", [""], ["*"], ["1/2"], ["*/*/*/*"], ["[1]/*/*"], ["*/*/*\n"], [None], [1], {"a": 1}, ["*/*/" + "A" * 201], ["*/*/*"] * 101],
)
def test_what_is_no_pattern_is_refused(stage: Stage, cells: object) -> None:
    assert stage.post("/scans", {"cells": cells}).status_code == 422


def test_asking_needs_the_right_in_every_account_that_the_patterns_touch(world: World) -> None:
    stage = divided(world)
    assert stage.post("/scans", {"cells": [f"{OTHER}/*/*"]}).status_code == 202
    for cells in ([f"{ACCOUNT}/*/*"], ["*/eu-west-1/*"], [], [f"{OTHER}/*/*", "?11111111111/*/*"]):
        assert stage.post("/scans", {"cells": cells}).status_code == 403
    unknown = stage.post("/scans", {"cells": ["333333333333/*/*"]}, "ben")
    hidden = stage.post("/scans", {"cells": [f"{ACCOUNT}/*/*"]}, "ben")
    assert (unknown.status_code, hidden.status_code) == (404, 404), "whether an account is there is nobody's to see"
    with world.store.read() as uow:
        assert [request.cells for request in uow.requests.pending()] == [(f"{OTHER}/*/*",)]


def test_a_viewer_may_not_ask(world: World) -> None:
    stage = Stage(world, (Access(role=Role.VIEWER, to=("*",)),))
    assert stage.post("/scans").status_code == 403
    assert world.ledger()[-1] == "attempt_denied"


def test_a_request_is_seen_by_those_who_see_all_that_it_touches(world: World) -> None:
    stage = divided(world)
    whole = requests.ask(world.installation, "scan", (), "cleo").id
    mine = requests.ask(world.installation, "scan", (f"{OTHER}/*/*",), "cleo").id
    refresh = requests.ask(world.installation, "refresh", ("production",), "cleo").id
    gone = requests.ask(world.installation, "scan", ("999999999999/*/*",), "cleo").id
    assert [stage.get(f"/requests/{id_}", "ben").status_code for id_ in (whole, mine, refresh, gone)] == [404, 200, 404, 404]
    assert [stage.get(f"/requests/{id_}", "ana").status_code for id_ in (whole, mine, refresh, gone)] == [200] * 4


@pytest.mark.parametrize("path", ["/requests/request-00", "/scans/scan-00"])
def test_what_does_not_exist_is_not_found(stage: Stage, path: str) -> None:
    assert stage.get(path).status_code == 404
    assert stage.get(path.replace("-", "%20")).status_code == 422


# --- scans


def test_pages_hold_every_scan_once_the_newest_first(stage: Stage) -> None:
    for _ in range(3):
        stage.world.scan(minutes=0)
    with stage.world.store.read() as uow:
        all_ = [scan.id for scan in uow.scans.latest(100)]
    seen: list[str] = []
    answer = stage.get("/scans", params={"limit": 2}).json()
    assert fits(schemas.ScanPage, answer)
    while True:
        seen += [scan["id"] for scan in answer["scans"]]
        if answer["next"] is None:
            break
        answer = stage.get("/scans", params={"limit": 2, "cursor": answer["next"]}).json()
    assert seen == all_
    assert len(seen) == 5


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"cursor": "!"}])
def test_a_value_that_is_none_is_refused(stage: Stage, query: dict[str, str]) -> None:
    assert stage.get("/scans", params=query).status_code == 422
    assert stage.get("/scans", params={"cursor": "e30"}).status_code == 400


def test_a_scan_is_told_in_counts_and_leads_to_its_findings(stage: Stage) -> None:
    scan = stage.get("/scans/latest").json()
    assert fits(schemas.ScanCounts, scan)
    assert scan == stage.get(f"/scans/{scan['id']}").json()
    assert scan["readings"] == {"complete": 2, "incomplete": 0, "not_enabled": 0}
    assert scan["new_findings"] == {"unauthorized": 1}
    assert len(stage.client.get(scan["findings"], headers=stage._headers("ana", {})).json()["findings"]) == 1
    stage.world.scan()
    assert stage.get("/scans/latest").json()["new_findings"] == {}, "it was seen before"


def test_counts_over_all_accounts_are_for_those_who_see_all(world: World) -> None:
    stage = divided(world)
    assert stage.get("/scans/latest", "ana").json()["resources"] == 4
    (first, *_) = stage.get("/scans", "ben").json()["scans"]
    shown = stage.get("/scans/latest", "ben").json()
    assert (first["resources"], shown["resources"], shown["calls"]) == (None, None, None)
    assert (shown["readings"]["complete"], shown["new_findings"]) == (0, {})


def test_before_the_first_scan_there_is_no_latest_one() -> None:
    stage = Stage(World())
    assert stage.get("/scans/latest").status_code == 404
    assert stage.get("/scans").json() == {"scans": [], "next": None}
