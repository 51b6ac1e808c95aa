"""What a scan left half done, or a baseline that changed beneath it, never makes a cell look clean (promises P1, P4; faults F29, F39)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from driftwatch.domain.baseline import BaselineVersion
from driftwatch.domain.finding import FindingState
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.report import CellJudged, Event, ScanPlanned, SourceSynced
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import Batch, CellState, GapReason
from driftwatch.errors import RefusedError
from driftwatch.operations import approvals, baselines
from driftwatch.operations.approvals import Approved
from driftwatch.operations.baselines import LeftOut
from driftwatch.operations.scan import ScanOrder, scan
from tests.world import ANA, BEN, BUCKETS, GROUPS, World, settled_world


class Died(BaseException):
    """The process ends here, as far as the scan is concerned."""


def dies_after_the_first_batch_of(world: World, cell: Cell) -> None:
    whole = world.collector.read

    def read(*given: Any) -> Iterator[Any]:
        for event in whole(*given):
            yield event
            if isinstance(event, Batch) and event.cell == cell:
                raise Died

    world.collector.read = read  # type: ignore[method-assign]
    with pytest.raises(Died):
        world.scan()
    del world.collector.read


def states(world: World, *cells: Cell) -> list[str]:
    return [str(world.state(cell).reason or world.state(cell).state.value) for cell in cells or (GROUPS, BUCKETS)]


# --- half-read cells ---------------------------------------------------------------------------------------------------------------------


def test_a_change_that_a_dying_scan_stored_is_found_by_the_next_one() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    dies_after_the_first_batch_of(world, GROUPS)
    assert states(world, GROUPS) == ["not_judged"], "stored, but compared by nobody yet"
    assert world.scan().exit_code == 2
    assert [finding.resource for finding in world.live()] == ["one"]
    assert world.state(GROUPS).state is CellState.DRIFTED


def test_a_scan_that_dies_over_an_unchanged_cell_changes_nothing() -> None:
    world = settled_world()
    world.scan()
    dies_after_the_first_batch_of(world, GROUPS)
    assert states(world) == ["clean", "clean"]


def test_a_change_seen_in_a_cut_listing_is_part_of_the_next_baseline() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.collector.cut[GROUPS] = 1
    world.scan()
    world.collector.cut.clear()
    world.scan()
    world.baseline()
    assert not world.live()
    world.scan()
    assert states(world) == ["clean", "clean"]
    world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    assert world.scan().exit_code == 2, "the former value is off the new baseline"


def test_a_resource_of_a_cut_first_listing_is_not_taken_for_present_once_a_complete_listing_lacks_it() -> None:
    world = World()
    for id_ in ("one", "two", "three"):
        world.put(GROUPS, id_, Size=1)
    world.collector.cut[GROUPS] = 3
    world.scan()
    world.collector.cut.clear()
    world.remove(GROUPS, "three")
    world.scan()
    assert states(world, GROUPS) == ["unconfirmed_absence"]
    with pytest.raises(RefusedError, match="not completely read"):
        world.baseline()
    world.scan()
    assert world.state(GROUPS).count == 2


# --- the baseline changes while a scan runs, or between two ------------------------------------------------------------------------------


def proposed(world: World, *left_out: LeftOut) -> BaselineVersion:
    version = baselines.capture(world.installation, "production", ANA, left_out)
    baselines.propose(world.installation, version.id, ANA)
    return version


def approve(world: World, version: BaselineVersion) -> Approved:
    accepted = {item.drift: "part of the story" for item in version.included}
    return approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash, accept_risk=accepted)


def scan_with_approval(world: World, version: BaselineVersion, when: Callable[[Event], bool]) -> int:
    """A scan during which the version becomes active, right after an event."""
    left = [version]

    def report(event: Event) -> None:
        if left and when(event):
            assert approve(world, left.pop()).active

    done = scan(world.installation, ScanOrder(trigger="test"), holder="test", report=report)
    assert not left
    return done.exit_code


MOMENTS: dict[str, Callable[[Event], bool]] = {
    "planned": lambda event: isinstance(event, ScanPlanned),
    "one cell is settled": lambda event: isinstance(event, CellJudged),
    "all is read": lambda event: isinstance(event, SourceSynced),
    "the groups are judged": lambda event: isinstance(event, CellJudged) and event.cell == GROUPS,
}


@pytest.fixture
def drifted() -> World:
    """Both cells have a drift; the change of the groups is proposed for the baseline."""
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    return world


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_baseline_that_takes_the_drift_in_while_a_scan_runs(drifted: World, moment: str) -> None:
    """The finding is baselined once, the scan opens no other one, and nothing is called clean that nobody compared."""
    version = proposed(drifted)
    assert scan_with_approval(drifted, version, MOMENTS[moment]) in (0, 3)
    assert not drifted.live()
    assert drifted.ledger().count("finding_opened") == 1
    assert drifted.scan().exit_code == 0
    assert states(drifted) == ["clean", "clean"]
    assert drifted.ledger().count("finding_opened") == 1


@pytest.mark.parametrize("at_once", [True, False], ids=["settled when read", "judged after all was read"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_world_that_went_back_while_its_change_was_approved_is_never_clean(drifted: World, moment: str, at_once: bool) -> None:
    """The proposal holds the changed value, the world the former one: against the new baseline that is a drift."""
    version = proposed(drifted)
    drifted.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    if at_once:
        drifted.scan()  # ends the finding: a cell without any that equals its baseline is settled when it is read
    assert scan_with_approval(drifted, version, MOMENTS[moment]) in (2, 3)
    assert drifted.state(GROUPS).state is not CellState.CLEAN
    assert drifted.scan().exit_code == 2
    (finding,) = drifted.live()
    assert {(change.path, change.before, change.after) for change in finding.drift.changes} == {("/Size", 2, 1)}


def test_between_two_scans_a_cell_that_was_compared_with_the_former_version_is_not_clean(drifted: World) -> None:
    version = proposed(drifted)
    drifted.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    drifted.scan()
    assert states(drifted) == ["clean", "clean"]
    approve(drifted, version)
    assert states(drifted) == ["not_judged", "clean"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_cell_that_an_approval_leaves_out_while_a_scan_runs_is_never_clean(drifted: World, moment: str) -> None:
    drifted.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    drifted.scan()
    drifted.put(GROUPS, "one", Size=5, Rules=["a", "b"])
    version = proposed(drifted, LeftOut(pattern=str(GROUPS), reason="it belongs to somebody else"))
    scan_with_approval(drifted, version, MOMENTS[moment])
    assert drifted.state(GROUPS).state in (CellState.UNKNOWN, CellState.UNBASELINED)
    drifted.scan()
    assert drifted.state(GROUPS).state is CellState.UNBASELINED


def test_an_upgrade_never_carries_a_cell_into_a_baseline_that_no_longer_has_it() -> None:
    """Between judging and carrying over, a version without the cell became active."""
    world = settled_world()
    version = proposed(world, LeftOut(pattern=str(GROUPS), reason="it belongs to somebody else"))
    world.collector.normalisations[GROUPS.type] = Normalisation(tags="Tags", drop=("Rules",))
    scan_with_approval(world, version, lambda event: isinstance(event, CellJudged) and event.cell == GROUPS)
    with world.store.read() as uow:
        active = uow.baselines.active("production")
        assert active is not None
        assert set(uow.baselines.cells(active.id)) == {BUCKETS}
    assert "baseline_reshaped" not in world.ledger()
    world.scan()
    assert states(world) == ["unbaselined", "clean"]


def test_an_upgrade_carries_no_cell_over_on_a_partial_reading() -> None:
    """What was not read is not known under the new shape: it would be a drift of the next scan."""
    world = settled_world()
    world.collector.normalisations[GROUPS.type] = Normalisation(tags="Tags", drop=("Rules",))
    world.collector.cut[GROUPS] = 1
    for _ in range(2):
        assert world.scan().exit_code == 3
    assert "baseline_reshaped" not in world.ledger()
    world.collector.cut.clear()
    for _ in range(2):
        assert world.scan().exit_code == 0
    assert world.ledger().count("baseline_reshaped") == 1
    assert "finding_opened" not in world.ledger()


def test_the_same_drift_against_another_baseline_is_the_same_finding() -> None:
    """Baseline and value change alike beside the drift: both documents are others, what differs is the same."""
    world = World()
    world.put(GROUPS, "one", A=1, B=1)
    world.scan()
    world.baseline()
    world.put(GROUPS, "one", A=1, B=2)
    world.scan()
    version = proposed(world)
    world.put(GROUPS, "one", A=2, B=1)
    world.scan()
    (before,) = world.live()
    world.put(GROUPS, "one", A=2, B=2)
    approve(world, version)
    assert world.scan().exit_code == 2
    (after,) = world.live()
    assert (after.id, after.state, after.first_seen) == (before.id, FindingState.OPEN, before.first_seen)
    assert [change.path for change in after.drift.changes] == ["/A"]
    world.put(GROUPS, "one", A=1, B=2)
    assert world.scan().exit_code == 0


def test_a_cell_read_by_another_catalogue_is_not_captured_before_it_was_read_again() -> None:
    """Its rules are not known: no later scan could compare with such a version."""
    world = World()
    world.put(GROUPS, "one", Size=1)
    world.scan()
    world.collector.normalisations[GROUPS.type] = Normalisation(tags="Tags", drop=("Rules",))
    with pytest.raises(RefusedError, match="scan again"):
        world.baseline()
    world.scan()
    world.baseline()
    world.scan()
    assert states(world, GROUPS) == ["clean"]


def test_an_unreadable_cell_keeps_its_reason_when_the_baseline_changes_beneath_it(drifted: World) -> None:
    version = proposed(drifted)
    drifted.collector.failing[GROUPS] = GapReason.DENIED
    scan_with_approval(drifted, version, MOMENTS["all is read"])
    assert states(drifted, GROUPS) == ["denied"]
