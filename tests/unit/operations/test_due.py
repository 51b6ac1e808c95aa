"""Scheduled scans leave cells out whose type need not be read in each of them, and never one of which anything is open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.scan import ScanStatus
from driftwatch.domain.snapshot import CellState, GapReason
from driftwatch.operations.scan import ScanOrder
from tests.world import BUCKETS, GROUPS, World, settled_world

TICK = ScanOrder(trigger="schedule", due_only=True)


def resting_world(every: int = 3) -> World:
    """A settled world whose buckets are read in each third scheduled scan; what was read so far is forgotten."""
    world = settled_world()
    world.scan()
    world.collector.every[BUCKETS.type] = every
    world.collector.calls.clear()
    return world


def reads(world: World) -> int:
    return world.collector.calls.count(str(BUCKETS))


def test_a_quiet_cell_is_read_in_each_third_scan() -> None:
    world = resting_world()
    seen = []
    for _ in range(7):
        world.scan(order=TICK, minutes=1)
        seen.append(reads(world))
    assert seen == [0, 0, 1, 1, 1, 2, 2]
    assert world.collector.calls.count(str(GROUPS)) == 7


def test_a_skipped_cell_keeps_its_state_and_its_time_and_the_scan_is_complete() -> None:
    world = resting_world()
    before = world.state(BUCKETS)
    done = world.scan(order=TICK)
    after = world.state(BUCKETS)
    assert after.skipped_at is not None, "it says that it was left out"
    assert after.skipped_at >= after.read_at
    assert replace(after, skipped_at=None) == before
    assert (done.exit_code, done.scan.status, done.scan.cells) == (0, ScanStatus.COMPLETE, 2)


def test_a_change_is_dated_back_to_the_reading_before() -> None:
    world = resting_world()
    known = world.state(BUCKETS).complete_started_at
    world.put(BUCKETS, "logs", Public=True)
    for _ in range(3):
        world.scan(order=TICK, minutes=1)
    (finding,) = world.live()
    assert finding.drift.interval.last_good == known


def test_a_scan_that_somebody_asked_for_reads_everything() -> None:
    world = resting_world()
    world.scan()
    assert reads(world) == 1


@pytest.mark.parametrize("reason", [GapReason.DENIED, GapReason.THROTTLED])
def test_a_cell_that_could_not_be_read_is_due(reason: GapReason) -> None:
    world = resting_world()
    world.collector.failing[BUCKETS] = reason
    world.scan()
    world.collector.failing.clear()
    world.scan(order=TICK)
    assert world.state(BUCKETS).state is CellState.CLEAN


def test_a_cell_with_an_open_finding_is_due_so_that_a_revert_is_seen() -> None:
    world = resting_world()
    world.put(BUCKETS, "one", Size=2)
    world.scan()
    assert world.live()
    world.put(BUCKETS, "one", Size=1, Rules=["a", "b"])
    world.scan(order=TICK)
    assert not world.live()


def test_a_cell_is_due_when_the_baseline_or_the_catalogue_says_something_else() -> None:
    world = resting_world(every=100)
    world.collector.normalisations[BUCKETS.type] = Normalisation(tags="Tags", drop=("Public",))
    world.scan(order=TICK)
    assert reads(world) == 1


def test_a_cell_does_not_turn_stale_for_being_skipped() -> None:
    world = resting_world(every=1000)
    world.change(freshness_s=3600.0)
    for _ in range(20):
        done = world.scan(order=TICK, minutes=10)
        assert done.exit_code == 0
        assert world.state(BUCKETS).state is CellState.CLEAN
    assert reads(world) < 10


def test_a_scan_of_some_cells_that_is_scheduled_skips_as_well() -> None:
    world = resting_world()
    world.scan(order=replace(TICK, wanted=lambda cell: cell == BUCKETS, whole=False))
    assert reads(world) == 0
