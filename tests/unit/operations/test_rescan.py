"""Rereading what a logged call names: judged like any scan, and never against a scan that runs beside it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import CellState, GapReason
from driftwatch.operations.rescan import IDS_AT_ONCE, Rescanner, Round
from driftwatch.operations.whereabouts import work
from tests.activity import call
from tests.world import BUCKETS, GROUPS, World, settled_world


def compared_world() -> World:
    """A settled world of which every cell was compared with its baseline."""
    world = settled_world()
    world.scan()
    return world


def reread(world: World, *ids: str, cell: Cell = GROUPS, minutes: float = 1) -> Round:
    world.now += timedelta(minutes=minutes)
    return Rescanner(world.installation).run({cell: ids}, report=world.events.append)


def test_a_change_is_found_without_a_scan() -> None:
    world = compared_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    done = reread(world, "one")
    (finding,) = world.live()
    assert (finding.resource, [change.path for change in finding.drift.changes]) == ("one", ["/Size"])
    assert world.state(GROUPS).state is CellState.DRIFTED
    assert (done.resources, done.whole) == (1, ())


def test_no_verdict_waits_for_a_source_that_was_read_before_the_change() -> None:
    """Two changes within one second: each is judged on records that were read after it, and the sources are not asked without pause."""
    world = compared_world()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.now += timedelta(seconds=seconds)

    rescanner = Rescanner(world.installation, sleep=sleep)
    for id_ in ("one", "two"):
        world.now += timedelta(milliseconds=300)
        world.put(GROUPS, id_, Size=2, Rules=["a", "b"])
        rescanner.run({GROUPS: [id_]})
    assert slept == [pytest.approx(0.7)]
    assert {finding.resource: finding.verdict_current for finding in world.live()} == {
        "one": Verdict.UNAUTHORIZED,
        "two": Verdict.UNAUTHORIZED,
    }


def test_what_a_scan_has_read_already_is_judged_on_records_that_were_read_since() -> None:
    """A call whose cell was read since needs no reading and may have no finding yet: a transient is decided on the round's evidence."""
    world = compared_world()
    rescanner = Rescanner(world.installation, sleep=lambda _seconds: None)
    rescanner.run({GROUPS: ["one"]})
    world.now += timedelta(minutes=1)
    rescanner.run({}, judge_also={GROUPS: ["one"]})
    assert [source.last_success_at for source in rescanner.evidence.sources] == [world.now]


def test_only_what_was_named_is_read_and_judged() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2)
    world.put(GROUPS, "two", Size=2)
    reread(world, "one")
    assert [finding.resource for finding in world.live()] == ["one"]
    world.scan()
    assert sorted(finding.resource for finding in world.live()) == ["one", "two"]


def test_what_equals_the_baseline_again_ends_its_finding() -> None:
    world = compared_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    reread(world, "one")
    world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    reread(world, "one")
    assert world.live() == []
    assert world.state(GROUPS).state is CellState.CLEAN


def test_a_resource_that_is_gone_is_deleted_at_once_since_it_was_asked_for_by_itself() -> None:
    world = settled_world()
    world.remove(GROUPS, "one")
    reread(world, "one")
    (finding,) = world.live()
    assert finding.drift.kind.value == "deleted"
    world.scan()
    assert [item.id for item in world.live()] == [finding.id]
    assert world.state(GROUPS).count == 1


def test_a_new_resource_is_found_by_the_name_that_the_call_gave_it() -> None:
    world = settled_world()
    world.put(GROUPS, "three", Size=1)
    reread(world, "three")
    assert [(finding.resource, finding.drift.kind.value) for finding in world.live()] == [("three", "created")]
    world.scan()
    assert len(world.live()) == 1
    assert world.state(GROUPS).count == 3


def test_a_name_that_is_no_id_of_the_type_is_left_to_a_scan_of_its_cell() -> None:
    world = settled_world()
    assert reread(world, "arn:aws:ec2:eu-west-1:1:security-group/sg-9").whole == (GROUPS,)


def test_too_many_resources_of_a_cell_are_left_to_a_scan_of_it() -> None:
    world = settled_world()
    done = reread(world, *(f"id-{n}" for n in range(IDS_AT_ONCE + 1)))
    assert (done.whole, done.calls) == ((GROUPS,), 0)


def test_a_denied_reread_changes_nothing() -> None:
    world = compared_world()
    world.put(GROUPS, "one", Size=2)
    world.collector.failing_items[GROUPS] = {"one": GapReason.DENIED}
    reread(world, "one")
    assert world.live() == []
    assert world.state(GROUPS).state is CellState.CLEAN


def test_a_finding_that_a_reread_superseded_keeps_its_history() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2)
    reread(world, "one")
    (first,) = world.live()
    world.put(GROUPS, "one", Size=3)
    reread(world, "one")
    (second,) = world.live()
    assert second.previous_id == first.id
    with world.store.read() as uow:
        former = uow.findings.get(first.id)
    assert former is not None
    assert former.state is FindingState.SUPERSEDED


def test_a_scan_that_read_before_a_reread_does_not_take_back_what_that_saw() -> None:
    world = settled_world()
    seen_before = dict(world.collector.world[GROUPS])

    class Between(type(world.collector)):  # type: ignore[misc]
        """A cloud in which somebody changes a resource after it was listed, and a reread sees that first."""

        def read(self, unit, reading, stopped):  # type: ignore[no-untyped-def]
            for event in super().read(unit, reading, stopped):
                if event.cell == GROUPS and seen_before:
                    seen_before.clear()
                    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
                    reread(world, "one", minutes=0.5)
                yield event

    world.collector.__class__ = Between
    world.scan()
    assert [finding.resource for finding in world.live()] == ["one"]
    assert world.live()[0].state is FindingState.OPEN


def test_the_next_scheduled_scan_counts_anew_what_a_reread_changed() -> None:
    world = settled_world()
    world.put(GROUPS, "three", Size=1)
    reread(world, "three")
    world.remove(GROUPS, "three")
    world.scan()
    world.scan()
    assert world.live() == []
    assert world.state(GROUPS).count == 2


def test_calls_ask_for_the_resources_that_they_name_in_watched_cells_and_no_others() -> None:
    world = settled_world()
    later = world.now + timedelta(minutes=5)
    calls = [
        call(later, GROUPS.type, "one"),
        call(later, GROUPS.type, "one", "arn:of:one"),
        call(later, BUCKETS.type, "new"),
        call(later, "AWS::SNS::Topic", "unwatched"),
        call(later, GROUPS.type, "two", error="AccessDenied"),
        call(later, GROUPS.type, "two", paths=[]),
    ]
    with world.store.read() as uow:
        found, left = work(uow, calls, 100)
    assert (dict(found.reread), dict(found.judge), left) == ({GROUPS: {"one"}, BUCKETS: {"new"}}, {}, [])


def test_what_was_read_since_needs_no_reading_but_its_findings_are_judged_again() -> None:
    world = settled_world()
    before = world.now - timedelta(minutes=50)
    with world.store.read() as uow:
        found, _ = work(uow, [call(before, GROUPS.type, "one")], 100)
    assert (dict(found.reread), dict(found.judge)) == ({}, {GROUPS: {"one"}})


def test_the_rereads_of_one_service_are_bounded_and_the_rest_waits() -> None:
    world = settled_world()
    later = world.now + timedelta(minutes=5)
    calls = [call(later, GROUPS.type, f"sg-{n}") for n in range(5)] + [call(later, BUCKETS.type, "b")]
    with world.store.read() as uow:
        found, left = work(uow, calls, 3)
    assert (found.reread[GROUPS], found.reread[BUCKETS]) == ({"sg-0", "sg-1", "sg-2"}, {"b"})
    assert left == calls[3:5]
