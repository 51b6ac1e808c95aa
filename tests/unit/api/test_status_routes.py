"""/status: the same answer as the command's, in counts, and only about accounts that the caller may read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftwatch.api.schemas import status as schemas
from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.snapshot import GapReason
from driftwatch.operations import requests, status
from tests.unit.api.caller import Stage
from tests.unit.api.shapes import fits
from tests.world import ACCOUNT, BUCKETS, GROUPS, World, settled_world

OTHER = "222222222222"


@pytest.fixture
def world() -> World:
    return settled_world()


def test_all_is_well_only_where_everything_was_read(world: World) -> None:
    stage = Stage(world)
    shown = stage.get("/status").json()
    assert fits(schemas.Status, shown)
    assert (shown["exit_code"], shown["cells"]["clean"], shown["daemon"]) == (3, 0, False), "approved, and not read since"
    world.scan()
    requests.heartbeat(world.installation, "here")
    shown = stage.get("/status").json()
    assert (shown["exit_code"], shown["cells"]["clean"], shown["daemon"]) == (0, 2, True)
    assert shown["store"]["kind"] == "SQLite"


@pytest.mark.parametrize("story", ["drifted", "denied", "stale", "unread", "empty", "both"])
def test_the_code_is_the_commands(story: str) -> None:
    world = World() if story == "empty" else settled_world()
    if story in ("drifted", "both"):
        world.put(GROUPS, "one", Size=2)
    if story in ("denied", "both"):
        world.collector.failing[BUCKETS] = GapReason.DENIED
    if story == "unread":
        world.change(accounts=[ACCOUNT, OTHER])
    if story != "empty":
        world.scan()
    if story == "stale":
        world.now += timedelta(hours=2)
    view, shown = status.overview(world.installation), Stage(world).get("/status").json()
    assert shown["exit_code"] == view.exit_code != 0
    assert sum(shown["findings"].values()) == len(view.findings)
    assert sum(shown["cells"].values()) == len(view.cells)
    assert shown["unread_accounts"] == list(view.unread_accounts)
    assert shown["gaps"] == ({"denied": 1} if story in ("denied", "both") else {})


def test_other_accounts_are_not_told_of(world: World) -> None:
    world.put(GROUPS, "one", Size=2)
    world.change(accounts=[ACCOUNT, OTHER])
    world.scan()
    stage = Stage(world, (Access(role=Role.VIEWER, to=("ana",), accounts=(OTHER,)), Access(role=Role.VIEWER, to=("ben",))))
    there, everywhere = stage.get("/status").json(), stage.get("/status", "ben").json()
    assert fits(schemas.Status, there)
    assert (everywhere["exit_code"], everywhere["findings"]) == (2, {"unauthorized": 1})
    assert (there["exit_code"], there["findings"], sum(there["cells"].values())) == (3, {}, 0)
    assert (there["unread_accounts"], there["activity"], there["store"]) == ([OTHER], None, None)


def test_nobody_sees_nothing(world: World) -> None:
    stage = Stage(world, (Access(role=Role.VIEWER, to=("ana",), accounts=("333333333333",)),))
    assert stage.get("/status").json()["cells"]["clean"] == 0
    assert stage.get("/status", "ben").status_code == 403
    assert stage.get("/status", None).status_code == 401
