"""/cells and /coverage: what is known of each cell, what is missing, and what that needs; to those who may see it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftwatch.api.schemas import coverage as schemas
from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.snapshot import GapReason
from driftwatch.operations import coverage
from tests.unit.api.caller import Stage
from tests.unit.api.shapes import fits
from tests.world import ACCOUNT, BUCKETS, GROUPS, World

OTHER = "222222222222"
THERE = Cell(scope=Scope(account=OTHER, region="eu-west-1"), type="AWS::S3::Bucket")
GLOBAL = Cell(scope=Scope(account=OTHER, region="global"), type="AWS::IAM::Role")


@pytest.fixture
def world() -> World:
    """Two accounts with two cells each, one of which is denied."""
    made = World(accounts=[ACCOUNT, OTHER, "333333333333"])
    for cell in (GROUPS, BUCKETS, THERE):
        made.put(cell, "one", Size=1)
    made.scan()
    made.baseline()
    made.collector.failing[GLOBAL] = GapReason.DENIED
    made.scan()
    return made


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def only_there(world: World) -> Stage:
    return Stage(world, (Access(role=Role.VIEWER, to=("ana",), accounts=(OTHER,)),))


def names(stage: Stage, **query: object) -> list[str]:
    return [item["cell"] for item in stage.get("/cells", params=query).json()["cells"]]


def test_a_denied_cell_says_which_permission_it_needs(stage: Stage) -> None:
    answer = stage.get("/cells", params={"state": "unknown"}).json()
    assert fits(schemas.CellPage, answer)
    (cell,) = answer["cells"]
    assert (cell["cell"], cell["reason"], cell["gaps_in_all"]) == (str(GLOBAL), "denied", 1)
    (gap,) = cell["gaps"]
    assert gap["remedy"] == f"allow {gap['needs']}"
    assert gap["needs"] == gap["operation"]


def test_of_many_gaps_the_first_are_told_and_all_are_counted(stage: Stage) -> None:
    world, many = stage.world, coverage.GAPS_SHOWN + 5
    for number in range(many):
        world.put(THERE, f"n{number}", Size=1)
    world.collector.failing_items[THERE] = {f"n{number}": GapReason.THROTTLED for number in range(many)}
    world.scan()
    (cell,) = stage.get("/cells", params={"reason": "throttled"}).json()["cells"]
    assert (len(cell["gaps"]), cell["gaps_in_all"]) == (coverage.GAPS_SHOWN, many)


def test_pages_hold_every_cell_once_in_order(stage: Stage) -> None:
    seen: list[str] = []
    answer = stage.get("/cells", params={"limit": 1}).json()
    while True:
        seen += [cell["cell"] for cell in answer["cells"]]
        if answer["next"] is None:
            break
        answer = stage.get("/cells", params={"limit": 1, "cursor": answer["next"]}).json()
    assert seen == names(stage) == [str(cell) for cell in sorted([GROUPS, BUCKETS, THERE, GLOBAL])]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ({"state": ["clean"]}, 3),
        ({"state": ["clean", "unknown"]}, 4),
        ({"state": ["stale"]}, 0),
        ({"reason": "denied"}, 1),
        ({"account": OTHER}, 2),
        ({"account": "999999999999"}, 0),
        ({"region": "global"}, 1),
        ({"type": "AWS::S3::Bucket"}, 2),
    ],
)
def test_each_filter_filters(stage: Stage, query: dict[str, object], number: int) -> None:
    assert len(names(stage, **query)) == number


def test_what_was_read_too_long_ago_is_stale(stage: Stage) -> None:
    stage.world.now += timedelta(hours=2)
    assert len(names(stage, state="stale")) == 3
    assert names(stage, state="clean") == []
    (first, *_) = stage.get("/coverage").json()["accounts"]
    assert first["regions"][0]["cells"]["stale"] == 2


def test_coverage_counts_by_account_region_and_state(stage: Stage) -> None:
    answer = stage.get("/coverage").json()
    assert fits(schemas.Coverage, answer)
    here, there, never = answer["accounts"]
    assert [(region["region"], region["cells"]["clean"]) for region in here["regions"]] == [("eu-west-1", 2)]
    assert [(region["region"], region["cells"]["unknown"]) for region in there["regions"]] == [("eu-west-1", 0), ("global", 1)]
    assert there["regions"][1]["oldest_complete"] is None
    assert there["regions"][0]["oldest_complete"] is not None
    assert never == {"account": "333333333333", "regions": []}, "an account that was never read is not left out"


def test_coverage_comes_a_page_of_accounts_at_a_time(stage: Stage) -> None:
    seen: list[str] = []
    answer = stage.get("/coverage", params={"limit": 1}).json()
    while True:
        seen += [item["account"] for item in answer["accounts"]]
        if answer["next"] is None:
            break
        answer = stage.get("/coverage", params={"limit": 1, "cursor": answer["next"]}).json()
    assert seen == [ACCOUNT, OTHER, "333333333333"]
    assert [item["account"] for item in stage.get("/coverage", params={"account": OTHER}).json()["accounts"]] == [OTHER]
    (some,) = stage.get("/coverage", params={"account": OTHER, "region": "global"}).json()["accounts"]
    assert [item["region"] for item in some["regions"]] == ["global"]


def test_other_accounts_cells_are_left_out(world: World) -> None:
    stage = only_there(world)
    assert names(stage) == names(stage, account=[ACCOUNT, OTHER]) == [str(THERE), str(GLOBAL)]
    assert names(stage, account=ACCOUNT) == []
    assert [item["account"] for item in stage.get("/coverage").json()["accounts"]] == [OTHER]
    assert stage.get("/coverage", params={"account": ACCOUNT}).json()["accounts"] == []
    beyond = Stage(world).get("/cells", params={"limit": 1, "account": OTHER}).json()["next"]
    assert names(stage, cursor=beyond) == [str(GLOBAL)], "a cursor of somebody else shows nothing more"


@pytest.mark.parametrize("path", ["/cells", "/coverage"])
@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"account": ["1"] * 101}, {"type": "x" * 201}])
def test_a_value_that_is_none_is_refused(stage: Stage, path: str, query: dict[str, object]) -> None:
    assert stage.get(path, params=query).status_code == 422


@pytest.mark.parametrize("path", ["/cells", "/coverage"])
@pytest.mark.parametrize("cursor", ["x", "W10", "e30", "WyIyMDI2IiwgMV0", "WzEsMiwzLDRd"])
def test_a_cursor_that_is_none_of_ours_is_refused(stage: Stage, path: str, cursor: str) -> None:
    assert stage.get(path, params={"cursor": cursor}).status_code == 400
    assert stage.get("/cells", params={"state": "dirty"}).status_code == 422
