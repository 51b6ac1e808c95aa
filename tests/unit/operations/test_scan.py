"""What one scan after another says of a world that changes, fails, vanishes and comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.authorization.policy import Mode
from driftwatch.domain.decision import Verdict
from driftwatch.domain.drift import DriftKind, Interval
from driftwatch.domain.finding import FindingState
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.scan import ScanStatus
from driftwatch.domain.snapshot import CellState, GapReason
from driftwatch.errors import LeaseLostError, RefusedError
from driftwatch.operations.cells import suspicious
from driftwatch.operations.scan import ScanOrder
from driftwatch.operations.serving import scan_order, wanted
from tests.world import ACCOUNT, BUCKETS, GROUPS, World, settled_world


def test_a_cell_that_was_never_baselined_is_not_clean() -> None:
    world = World()
    world.put(GROUPS, "one", Size=1)
    done = world.scan()
    assert world.state(GROUPS).state is CellState.UNBASELINED
    assert done.exit_code == 3
    assert not world.live()


def test_nothing_read_is_not_an_all_clear() -> None:
    assert World().scan().exit_code == 3


def test_a_quiet_world_is_clean_and_costs_no_new_observation() -> None:
    world = settled_world()
    done = world.scan()
    assert done.exit_code == 0
    assert world.state(GROUPS).state is CellState.CLEAN
    with world.store.read() as uow:
        assert next(uow.observations.present(GROUPS)).since[1] < world.now


@pytest.mark.parametrize("reason", [GapReason.DENIED, GapReason.THROTTLED, GapReason.NOT_AWS, GapReason.TIMEOUT])
def test_a_cell_that_cannot_be_read_is_unknown_and_its_resources_are_not_deleted(reason: GapReason) -> None:
    world = settled_world()
    world.collector.failing[GROUPS] = reason
    for _ in range(3):
        done = world.scan()
    assert done.exit_code == 3
    assert (world.state(GROUPS).state, world.state(GROUPS).reason) == (CellState.UNKNOWN, reason.value)
    assert world.state(BUCKETS).state is CellState.CLEAN
    assert not world.live()
    assert done.scan.status is ScanStatus.PARTIAL


def test_a_cut_listing_deletes_nothing_and_still_shows_the_drift_that_it_saw() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.collector.cut[GROUPS] = 1
    world.scan()
    done = world.scan()
    assert [finding.resource for finding in world.live()] == ["one"]
    assert world.state(GROUPS).state is CellState.UNKNOWN
    assert done.exit_code == 2


def test_one_finding_for_one_resource_however_many_attributes_and_scans() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "c"], New="x")
    for _ in range(3):
        done = world.scan()
    (finding,) = world.live()
    assert {change.path for change in finding.drift.changes} == {"/New", "/Rules/b", "/Rules/c", "/Size"}
    assert finding.verdict_current is Verdict.UNAUTHORIZED
    assert finding.state is FindingState.OPEN
    assert done.exit_code == 2
    assert world.ledger().count("finding_opened") == 1


def test_the_interval_of_a_drift_lies_between_the_last_complete_reading_and_the_one_that_saw_it() -> None:
    world = settled_world()
    world.scan()
    good = world.now
    world.collector.failing[GROUPS] = GapReason.DENIED
    world.scan()
    del world.collector.failing[GROUPS]
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    (finding,) = world.live()
    assert finding.drift.interval.last_good == good
    assert finding.drift.interval.detected == world.now


def test_a_reverted_drift_closes_by_itself_and_its_verdict_stays() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    (finding,) = world.live()
    world.put(GROUPS, "one", Size=1, Rules=["b", "a"])
    done = world.scan()
    assert not world.live()
    with world.store.read() as uow:
        closed = uow.findings.get(finding.id)
    assert closed is not None
    assert (closed.state, closed.verdict_initial) == (FindingState.REVERTED, Verdict.UNAUTHORIZED)
    assert done.exit_code == 0


def test_nothing_closes_on_an_incomplete_reading() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    world.collector.failing_items[GROUPS] = {"two": GapReason.DENIED}
    world.scan()
    assert len(world.live()) == 1


def test_a_value_that_changes_again_supersedes_its_finding() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a"])
    world.scan()
    (first,) = world.live()
    at_first = world.now
    world.put(GROUPS, "one", Size=3, Rules=["a"])
    world.scan()
    (second,) = world.live()
    assert second.previous_id == first.id
    changes = {change.path: change for change in second.drift.changes}
    assert changes["/Size"].after == 3
    kept = changes["/Rules/b"].interval
    assert kept is not None, "an unchanged difference keeps its own date"
    assert kept.detected == at_first
    with world.store.read() as uow:
        superseded = uow.findings.get(first.id)
    assert superseded is not None
    assert superseded.state is FindingState.SUPERSEDED


def test_absence_is_a_deletion_only_when_a_second_complete_listing_says_so() -> None:
    world = settled_world()
    for id_ in ("three", "four", "five", "six"):
        world.put(GROUPS, id_, Size=1)
    world.scan()
    world.baseline()
    world.scan()
    had_it = world.now
    world.remove(GROUPS, "three")
    assert world.scan().exit_code == 3
    lacked_it = world.now
    assert (world.state(GROUPS).state, world.state(GROUPS).reason) == (CellState.UNKNOWN, "unconfirmed_absence")
    assert not world.live()
    assert world.scan().exit_code == 2
    (finding,) = world.live()
    assert finding.drift.kind is DriftKind.DELETED
    assert finding.drift.changes[0].path == ""
    assert finding.drift.interval == Interval(last_good=had_it, detected=lacked_it)


def test_a_resource_that_is_back_in_the_next_listing_was_never_gone() -> None:
    world = settled_world()
    world.put(GROUPS, "three", Size=1)
    world.scan()
    world.baseline()
    document = dict(world.collector.world[GROUPS]["three"])
    for _ in range(3):
        world.remove(GROUPS, "three")
        world.scan()
        world.collector.world[GROUPS]["three"] = document
        world.scan()
    assert not world.live()
    assert world.state(GROUPS).state is CellState.CLEAN


@pytest.mark.parametrize(("absent", "present", "held"), [(2, 0, True), (1, 0, False), (5, 20, False), (5, 19, True), (4, 5, False)])
def test_the_guard_against_mass_disappearance(absent: int, present: int, *, held: bool) -> None:
    assert suspicious(absent, present) is held


def test_a_vanished_population_is_held_however_often_it_is_missing() -> None:
    world = settled_world()
    world.collector.world[GROUPS] = {}
    for _ in range(3):
        assert world.scan().exit_code == 3
    assert world.state(GROUPS).reason == "suspected_mass_delete"
    assert not world.live()


def test_a_released_listing_yields_ordinary_deletions_and_a_ledger_entry() -> None:
    world = settled_world()
    world.collector.world[GROUPS] = {}
    world.scan()
    order = scan_order(world.installation, (), "test", {str(GROUPS): "the stack was torn down"}, "ana")
    assert world.scan(order=order).exit_code == 2
    assert {finding.drift.kind for finding in world.live()} == {DriftKind.DELETED}
    assert len(world.live()) == 2
    assert "absence_confirmed" in world.ledger()


def test_a_release_holds_for_that_listing_only() -> None:
    world = settled_world()
    for number in range(8):
        world.put(GROUPS, f"more-{number}", Size=1)
    world.scan()
    world.baseline()
    kept = dict(list(world.collector.world[GROUPS].items())[:4])
    world.collector.world[GROUPS] = kept
    world.scan()
    order = scan_order(world.installation, (), "test", {str(GROUPS): "half was removed"}, "ana")
    world.collector.world[GROUPS] = {}
    world.scan(order=order)
    assert world.state(GROUPS).reason == "suspected_mass_delete"
    assert not world.live()


def test_only_a_held_cell_can_be_released() -> None:
    with pytest.raises(RefusedError, match="not held"):
        scan_order(settled_world().installation, (), "test", {str(GROUPS): "because"}, "ana")


def test_a_service_that_was_switched_off_with_resources_in_it_is_held_and_not_forgotten() -> None:
    world = settled_world()
    world.collector.not_enabled.add(GROUPS)
    assert world.scan().exit_code == 3
    assert world.state(GROUPS).reason == "suspected_mass_delete"


def test_a_service_that_is_off_and_was_empty_is_no_gap() -> None:
    world = settled_world()
    other = Cell(scope=Scope(account=ACCOUNT, region="us-east-1"), type="AWS::GuardDuty::Detector")
    world.collector.world[other] = {}
    world.collector.not_enabled.add(other)
    assert world.scan().exit_code == 0
    assert world.state(other).state is CellState.NOT_ENABLED


def test_an_account_that_cannot_be_reached_makes_all_its_cells_unknown() -> None:
    world = settled_world()
    world.collector.failing_accounts[ACCOUNT] = GapReason.CREDENTIALS
    assert world.scan().exit_code == 3
    assert {world.state(cell).reason for cell in (GROUPS, BUCKETS)} == {"credentials"}


def test_a_reading_that_is_too_old_is_stale() -> None:
    world = settled_world()
    world.scan()
    world.scan(minutes=61, order=ScanOrder(trigger="test", wanted=wanted([str(BUCKETS)]), whole=False))
    assert world.state(GROUPS).state is CellState.STALE
    assert world.state(BUCKETS).state is CellState.CLEAN


def test_a_cell_that_leaves_the_configuration_with_resources_in_it_stays_visible() -> None:
    world = settled_world()
    del world.collector.world[GROUPS]
    assert world.scan().exit_code == 3
    assert world.state(GROUPS).reason == "not_configured"


def test_a_restart_compares_with_the_store_and_never_adopts_the_world_as_found(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/driftwatch.db"
    first = World(url=url)
    first.put(GROUPS, "one", Size=1)
    first.scan()
    first.baseline()
    first.store.close()
    second = World(url=url)
    second.now = first.now
    second.installation = replace(second.installation, new_id=lambda prefix: f"{prefix}-b-{id(object())}-{len(second.events)}")
    second.put(GROUPS, "one", Size=2)
    assert second.scan().exit_code == 2
    (finding,) = second.live()
    assert finding.drift.interval.last_good == first.now


def test_two_scans_never_overlap() -> None:
    world = settled_world()
    with world.store.write() as uow:
        assert uow.leases.acquire("scan", "another process", world.now, 7200.0)
    with pytest.raises(RefusedError, match="another scan is running"):
        world.scan()


def test_a_scan_whose_lease_was_taken_over_writes_nothing_more() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2)
    original = world.collector.plan

    def plan_after_takeover(chosen):
        with world.store.write() as uow:
            lease = uow.leases.get("scan")
            assert lease is not None
            uow.leases.release(lease)
            assert uow.leases.acquire("scan", "another process", world.now, 7200.0)
        return original(chosen)

    world.collector.plan = plan_after_takeover  # type: ignore[method-assign]
    with pytest.raises(LeaseLostError):
        world.scan()
    assert not world.live()


def test_a_stopped_scan_is_marked_aborted() -> None:
    from driftwatch.operations.scan import scan

    world = settled_world()
    done = scan(world.installation, ScanOrder(trigger="test"), holder="test", stopped=lambda: True)
    assert done.scan.status is ScanStatus.ABORTED


def test_an_upgraded_entry_is_no_drift_and_loses_none() -> None:
    """A test upgrades an entry under an active baseline: no finding, no lost drift, and a reshaped version without people."""
    world = settled_world()
    world.put(BUCKETS, "one", Size=9, Rules=["a", "b"])
    upgraded = Normalisation(tags="Tags", drop=("Rules",))
    world.collector.normalisations = {GROUPS.type: upgraded, BUCKETS.type: upgraded}
    world.scan()
    (finding,) = world.live()
    assert (finding.cell, [change.path for change in finding.drift.changes]) == (BUCKETS, ["/Size"])
    with world.store.read() as uow:
        active = uow.baselines.active("production")
        assert active is not None
        shapes = {cell: part.shape for cell, part in uow.baselines.cells(active.id).items()}
    current = world.collector.normalisation(GROUPS.type)[0]
    assert shapes[GROUPS] == current
    assert shapes[BUCKETS] != current, "a cell with a drift stays comparable under its old shape"
    world.scan()
    assert len(world.live()) == 1
    world.put(BUCKETS, "one", Size=1, Rules=["a", "b"])
    world.scan()
    assert not world.live()
    assert world.ledger().count("baseline_reshaped") == 2
    world.put(GROUPS, "one", Size=5, Rules=["z"])
    world.scan()
    assert [change.path for change in world.live()[0].drift.changes] == ["/Size"]


def test_another_key_makes_cells_unknown_until_they_are_baselined_again() -> None:
    world = settled_world()
    world.change(key_id="another")
    world.collector.key_id = "another"
    assert world.scan().exit_code == 3
    assert world.state(GROUPS).reason == "shape_changed"
    assert not world.live()


def test_a_warned_rule_does_not_uncover() -> None:
    world = settled_world()
    world.change(policy=replace(world.installation.policy, rules={**world.installation.policy.rules, "R1": Mode.OFF}))
    assert world.scan().exit_code == 0


def test_a_source_that_left_the_configuration_makes_no_verdict_wait_and_allows_nothing() -> None:
    world = settled_world()
    world.scan()
    world.change(sources=[])
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    (finding,) = world.live()
    assert finding.verdict_current is Verdict.UNAUTHORIZED
    assert "change_source_removed" in world.ledger()
