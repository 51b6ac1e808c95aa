"""Cells that were empty for long are left out of most scheduled scans, and say so; whatever is open about them, they are read."""

from __future__ import annotations

import pytest

from driftwatch.domain.snapshot import CellState
from driftwatch.operations import baselines, due
from driftwatch.operations.due import EmptyCells
from driftwatch.operations.scan import ScanOrder
from tests.world import BEN, BUCKETS, GROUPS, World

TICK = ScanOrder(trigger="schedule", due_only=True)


def empty_world(**overrides: object) -> World:
    """Buckets are empty, and baselined so; groups are not."""
    world = World(empty_cells=EmptyCells(after=3, every=4), **overrides)  # type: ignore[arg-type]
    world.put(GROUPS, "web", Size=1)
    world.collector.world.setdefault(BUCKETS, {})
    world.scan()
    world.baseline()
    return world


def reads(world: World, scans: int) -> list[int]:
    seen = []
    for _ in range(scans):
        world.collector.calls.clear()
        world.scan(order=TICK, minutes=1)
        seen.append(world.collector.calls.count(str(BUCKETS)))
    return seen


def test_a_cell_that_was_empty_three_times_is_read_in_each_fourth_scan() -> None:
    assert reads(empty_world(), 10) == [1, 1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_a_skipped_cell_says_when_it_was_left_out_and_when_it_was_last_looked_at() -> None:
    world = empty_world()
    reads(world, 4)
    state = world.state(BUCKETS)
    assert (state.state, state.skipped_at) == (CellState.CLEAN, world.now)
    assert state.read_at is not None
    assert state.read_at < world.now
    assert world.state(GROUPS).skipped_at is None
    reads(world, 2)
    assert world.state(BUCKETS).skipped_at is None, "it was read again"


def test_a_skipped_cell_is_not_clean_beyond_its_freshness() -> None:
    world = empty_world()
    reads(world, 4)
    world.now += 2 * world.now.resolution * int(world.installation.freshness_s * 1e6)
    assert world.state(BUCKETS).state is CellState.STALE


def test_a_cell_that_is_half_way_to_stale_is_read() -> None:
    world = empty_world()
    assert reads(world, 4)[-1] == 0
    world.now += world.now.resolution * int(world.installation.freshness_s / 2 * 1e6)
    assert reads(world, 1) == [1]


def test_what_appears_is_found_at_the_next_reading_and_the_cell_is_read_in_every_scan_from_then_on() -> None:
    world = empty_world()
    reads(world, 3)
    world.put(BUCKETS, "exfiltrated")
    assert reads(world, 5) == [0, 0, 1, 1, 1]
    assert [finding.resource for finding in world.live()] == ["exfiltrated"]


def test_a_scan_that_somebody_asked_for_reads_every_cell() -> None:
    world = empty_world()
    reads(world, 4)
    world.collector.calls.clear()
    world.scan()
    assert world.collector.calls.count(str(BUCKETS)) == 1


def test_a_cell_whose_baseline_is_not_empty_is_read() -> None:
    """Somebody approved a bucket that is not there: that must show."""
    world = empty_world()
    reads(world, 4)
    world.put(BUCKETS, "approved")
    world.scan()
    version = baselines.capture(world.installation, "production", BEN)
    world.remove(BUCKETS, "approved")
    assert version
    assert reads(world, 3) == [1, 1, 1]


def test_one_of_every_scan_reads_it_where_the_configuration_says_so() -> None:
    world = empty_world()
    world.change(empty_cells=due.ALWAYS)
    assert reads(world, 6) == [1] * 6


@pytest.mark.parametrize("after", [1, 2, 5])
def test_so_many_readings_make_it_an_empty_cell(after: int) -> None:
    world = empty_world()
    world.change(empty_cells=EmptyCells(after=after, every=10))
    assert reads(world, 6).count(1) == max(1, after - 1), "the first reading after the baseline makes it clean"
