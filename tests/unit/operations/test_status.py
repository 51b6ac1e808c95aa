"""Status and measures: what is not known for sure never looks good."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.snapshot import CellState, GapReason
from driftwatch.operations import describe, status
from driftwatch.operations.scan import ScanOrder
from driftwatch.operations.serving import scan_order, wanted
from tests.world import ACCOUNT, BUCKETS, GROUPS, FakeSource, World, settled_world

SCOPE = (ACCOUNT, "eu-west-1")


def code(world: World) -> int:
    return status.overview(world.installation).exit_code


def test_an_account_that_no_scan_ever_named_is_no_all_clear() -> None:
    world = settled_world()
    world.scan()
    assert code(world) == 0
    world.change(accounts=[ACCOUNT, "222222222222"])
    view = status.overview(world.installation)
    assert (view.exit_code, view.unread_accounts) == (3, ("222222222222",))


def test_uncovered_findings_win_over_incomplete_coverage() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2)
    world.collector.failing[BUCKETS] = GapReason.DENIED
    world.scan()
    assert code(world) == 2


def test_time_alone_makes_everything_stale_also_what_was_not_enabled() -> None:
    world = settled_world()
    empty = type(GROUPS)(scope=GROUPS.scope, type="AWS::Lambda::Function")
    world.collector.planned_not_enabled.add(empty)
    world.scan()
    assert code(world) == 0
    world.now += timedelta(seconds=3601)
    assert {item.state for item in status.statuses(world.installation)} == {CellState.STALE}
    assert code(world) == 3


def test_a_cell_that_is_no_longer_configured_and_was_empty_does_not_grow_stale() -> None:
    world = settled_world()
    empty = type(GROUPS)(scope=GROUPS.scope, type="AWS::Lambda::Function")
    world.collector.world[empty] = {}
    world.scan()
    del world.collector.world[empty]
    world.scan()
    world.now += timedelta(seconds=3601)
    world.collector.calls.clear()
    assert world.state(empty).state is CellState.NOT_ENABLED


def test_the_gaps_of_an_unknown_cell_are_shown_with_the_call_that_failed() -> None:
    world = settled_world()
    world.collector.failing[GROUPS] = GapReason.DENIED
    world.scan()
    (gap,) = status.overview(world.installation).gaps
    assert (gap.cell, gap.reason, gap.operation) == (GROUPS, GapReason.DENIED, "ec2:List")


# --- measures --------------------------------------------------------------------------------------------------------------------------


def test_measures_count_every_cell_and_date_the_oldest_reading() -> None:
    world = settled_world()
    before = world.now + timedelta(minutes=10)
    world.scan()
    world.now += timedelta(minutes=10)
    world.scan(order=ScanOrder(trigger="test", wanted=wanted(["*/*/AWS::S3::*"]), whole=False))
    measures = status.measure(world.installation)
    assert measures.cells == {(ACCOUNT, "clean"): 2}
    assert measures.oldest_completion == before
    assert measures.scopes[SCOPE].oldest_completion == before
    assert measures.scopes[SCOPE].past_freshness == 0
    assert measures.store_bytes > 0


def test_a_complete_scan_of_some_cells_is_not_a_complete_scan_of_all() -> None:
    world = settled_world()
    world.scan()
    whole = world.now
    world.collector.failing[BUCKETS] = GapReason.DENIED
    world.scan()
    world.scan(order=scan_order(world.installation, [str(GROUPS)], "command", {}, "ana"))
    measures = status.measure(world.installation)
    assert measures.last_complete_scan_ended_at == whole
    assert measures.last_scan_ended_at == world.now


def test_the_last_complete_scan_is_known_however_many_smaller_ones_came_since() -> None:
    """Logged calls have cells scanned by themselves, a hundred times between two scans of everything."""
    world = settled_world()
    world.scan()
    whole = world.now
    for _ in range(120):
        world.scan(0.1, order=scan_order(world.installation, [str(GROUPS)], "event", {}, "ana"))
    assert status.measure(world.installation).last_complete_scan_ended_at == whole


def test_a_scope_with_a_cell_that_was_never_read_completely_has_no_oldest_completion() -> None:
    world = settled_world()
    new = type(GROUPS)(scope=GROUPS.scope, type="AWS::Lambda::Function")
    world.collector.failing[new] = GapReason.DENIED
    world.scan()
    measures = status.measure(world.installation)
    assert measures.oldest_completion is None
    assert measures.scopes[SCOPE].oldest_completion is None
    assert measures.scopes[SCOPE].past_freshness == 1
    assert measures.gaps == {"denied": 1}


def test_cells_past_freshness_are_counted() -> None:
    world = settled_world()
    world.now += timedelta(seconds=3601)
    measures = status.measure(world.installation)
    assert measures.scopes[SCOPE].past_freshness == 2
    assert measures.cells == {(ACCOUNT, "stale"): 2}


def test_what_the_store_counts_is_what_the_cells_say() -> None:
    """Of more accounts than are counted at once, with cells in every state, fresh and old."""
    world = settled_world()
    accounts = [f"{number:012d}" for number in range(1, 2 * status.ACCOUNTS_AT_ONCE + 4)]
    types = [f"AWS::Test::T{number}" for number in range(5)]
    every = [Cell(scope=Scope(account=one, region=region), type=type_) for one in accounts for region in ("r1", "r2") for type_ in types]
    for cell in every:
        world.collector.world[cell] = {}
    world.collector.planned_not_enabled.update(every[::7])
    world.scan()
    for number, cell in enumerate(every[1::3]):
        world.collector.failing[cell] = (GapReason.DENIED, GapReason.THROTTLED)[number % 2]
    for cell in every[2::11]:
        world.collector.world.pop(cell, None)
    world.now += timedelta(seconds=3000)
    world.scan(order=ScanOrder(trigger="test", wanted=wanted(["*/r1/*"]), whole=False))
    world.now += timedelta(seconds=1000)

    known, now = status.statuses(world.installation), world.now
    measures = status.measure(world.installation)
    assert len({item.state for item in known}) >= 4
    assert measures.cells == Counter((item.cell.account, item.state.value) for item in known)
    assert measures.gaps == Counter(item.reason for item in known if item.state is CellState.UNKNOWN)
    for scope, measured in measures.scopes.items():
        here = [item for item in known if (item.cell.account, item.cell.region) == scope]
        read = [item.complete_ended_at for item in here if item.state is not CellState.NOT_ENABLED]
        assert measured.states == Counter(item.state.value for item in here)
        assert measured.past_freshness == sum(1 for at in read if at is None or now - at > timedelta(seconds=3600))
        assert measured.oldest_completion == (None if None in read else min(read, default=now))
    assert len(measures.scopes) == len({(item.cell.account, item.cell.region) for item in known})


def test_what_is_configured_and_was_never_read_is_not_left_out_of_the_measures() -> None:
    world = settled_world()
    world.change(accounts=[ACCOUNT, "222222222222"], sources=[*world.installation.sources, FakeSource(name="new")])
    measures = status.measure(world.installation)
    assert measures.unread_accounts == 1
    assert measures.sources["new"].last_success_at is None
    assert measures.sources["tickets"].last_success_at is not None


# --- documents -------------------------------------------------------------------------------------------------------------------------


class CountingStore:
    """Counts the read transactions."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self.reads = 0

    def read(self) -> object:
        self.reads += 1
        return self._store.read()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.mark.parametrize("count", [1, 30])
def test_many_findings_are_read_in_portions_not_one_by_one(count: int) -> None:
    world = World()
    for number in range(count):
        world.put(GROUPS, f"g{number}", Size=1)
    world.scan()
    world.baseline()
    for number in range(count):
        world.put(GROUPS, f"g{number}", Size=2)
    world.scan()
    found = world.live()
    store = CountingStore(world)
    world.change(store=store)
    documents = describe.finding_documents(world.installation, found)
    assert store.reads == 1
    assert [document["id"] for document in documents] == [finding.id for finding in found]
    assert all(document["violations"] and document["differences"] for document in documents)


def test_the_document_of_a_scan_has_the_documented_shape() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2)
    done = world.scan()
    document = describe.scan_document(world.installation, done.scan, status.statuses(world.installation))
    assert document.keys() == {"scan_id", "cells", "findings", "summary"}
    assert {"account", "region", "type", "state", "reason", "resources"} <= document["cells"][0].keys()
    wanted_keys = {"id", "resource", "kind", "differences", "verdict", "violations", "record", "attribution", "state"}
    assert wanted_keys <= document["findings"][0].keys()
    assert document["summary"]["exit_code"] == done.exit_code == 2
