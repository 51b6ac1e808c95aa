"""What a scan costs is told before it makes a call: by service, from what is known of each cell."""

from __future__ import annotations

from driftwatch.operations import forecast
from tests.world import BUCKETS, World, settled_world


def test_the_calls_follow_what_was_read_and_nothing_is_read_for_it() -> None:
    world = settled_world()
    world.collector.calls.clear()
    told = forecast.told(world.installation, lambda _cell: True)
    assert [(line.service, line.calls, line.places) for line in told.services] == [("fake", 6, 2)], "two listings, and four resources"
    assert told.seconds == 0.3, "of the account and region that takes longest: each has its own limit"
    assert told.never_read == 0
    assert not world.collector.calls


def test_only_the_cells_that_are_wanted_count() -> None:
    world = settled_world()
    assert forecast.told(world.installation, lambda cell: cell == BUCKETS).calls == 3


def test_a_cell_that_was_never_read_counts_as_empty_and_is_told() -> None:
    world = World()
    world.put(BUCKETS, "logs")
    told = forecast.told(world.installation, lambda _cell: True)
    assert (told.calls, told.never_read) == (1, 1)
    assert told.document == {
        "calls": 1,
        "seconds": 0.1,
        "never_read_cells": 1,
        "services": [{"service": "fake", "calls": 1, "places": 1, "seconds": 0.1}],
    }
