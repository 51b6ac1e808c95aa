"""Pages and counts that the API asks for: keyset by keyset, each row once, the same on every store."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.domain.freshness import NOT_CONFIGURED, TOO_LONG, aged
from driftwatch.domain.scan import CellCount, CellStatus, Scan
from driftwatch.domain.selection import CellSelection, FindingSelection
from driftwatch.domain.snapshot import CellRead, CellState, Gap, GapReason, Outcome
from driftwatch.ports import UnitOfWork
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import ODD, T0, at, cell, finding

HERE, THERE = cell("A"), cell("A", account="222222222222")


def read(work: UnitOfWork, status: CellStatus, scan: str, outcome: Outcome = Outcome.COMPLETE) -> None:
    work.cells.record(scan, status, CellRead(cell=status.cell, outcome=outcome, shape="s", started_at=T0, ended_at=at(1)))


# --- scans


def test_scans_come_page_by_page_the_newest_first(store: SqlStore) -> None:
    times = {"s1": 0, "s2": 1, "s3": 1, "s4": 1, ODD: 2}
    with store.write() as work:
        for id_, minutes in times.items():
            work.scans.start(Scan(id=id_, started_at=at(minutes), trigger="t"))
    seen: list[str] = []
    after = None
    while True:
        with store.read() as work:
            found = work.scans.page(after, 2)
        if not found:
            break
        seen += [scan.id for scan in found]
        after = (found[-1].started_at, found[-1].id)
    assert seen == [ODD, "s4", "s3", "s2", "s1"]


def test_the_readings_of_a_scan_are_counted_by_how_they_ended(store: SqlStore) -> None:
    with store.write() as work:
        for id_ in ("s1", "s2"):
            work.scans.start(Scan(id=id_, started_at=T0, trigger="t"))
        for scan in ("s1", "s2"):
            read(work, CellStatus(cell=HERE, state=CellState.CLEAN), scan)
        read(work, CellStatus(cell=THERE, state=CellState.UNKNOWN), "s2", Outcome.INCOMPLETE)
        assert work.scans.outcomes("s2") == {"complete": 1, "incomplete": 1}
        assert work.scans.outcomes("s2", [THERE.account]) == {"incomplete": 1}
        assert work.scans.outcomes("s2", []) == work.scans.outcomes("s9") == {}
        assert work.cells.progress("s1") == (1, 2)
        assert work.cells.progress("s9") == (0, 2)
        read(work, CellStatus(cell=HERE, state=CellState.CLEAN), "s1")
        assert work.cells.progress("s1") == (1, 2), "a cell that was read twice is one cell"


# --- cells

EVERY_STATE = [
    CellStatus(cell=cell(f"T{number}", region=region), state=state, reason=reason, read_at=done, complete_ended_at=done)
    for number, (state, reason) in enumerate(
        [*((state, None) for state in CellState), (CellState.NOT_ENABLED, NOT_CONFIGURED), (CellState.UNKNOWN, "denied")]
    )
    for region, done in (("r-old", at(10)), ("r-edge", at(20)), ("r-new", at(30)), ("r-never", None))
]
"""Every state, read long ago, just in time, lately and never."""
SINCE = at(20)


@pytest.fixture
def filled(store: SqlStore) -> SqlStore:
    with store.write() as work:
        work.scans.start(Scan(id="s1", started_at=T0, trigger="t"))
        for status in EVERY_STATE:
            read(work, status, "s1")
    return store


def of_now() -> list[CellStatus]:
    """What the domain makes of them."""
    return sorted((replace(aged(status, SINCE), scan_id=None) for status in EVERY_STATE), key=lambda status: status.cell)


def test_cells_come_page_by_page_in_the_state_that_freshness_leaves_them(filled: SqlStore) -> None:
    seen: list[CellStatus] = []
    after = None
    while True:
        with filled.read() as work:
            found = work.cells.page(CellSelection(fresh_since=SINCE), after, 5)
        if not found:
            break
        seen += found
        after = found[-1].cell
    assert [replace(status, scan_id=None) for status in seen] == of_now()


@pytest.mark.parametrize("state", CellState)
def test_cells_are_chosen_by_their_state_as_of_now(filled: SqlStore, state: CellState) -> None:
    with filled.read() as work:
        found = work.cells.page(CellSelection(fresh_since=SINCE, states=(state,)), None, 100)
        counted = work.cells.counts(CellSelection(fresh_since=SINCE, states=(state,)))
    wanted = [status for status in of_now() if status.state is state]
    assert [status.cell for status in found] == [status.cell for status in wanted]
    assert sum(item.cells for item in counted.values()) == len(wanted) > 0


@pytest.mark.parametrize(
    ("more", "number"),
    [
        ({"reasons": ("denied",)}, 4),
        ({"reasons": (TOO_LONG, "denied")}, 12),
        ({"reasons": (NOT_CONFIGURED,)}, 4),
        ({"regions": ("r-old",)}, 8),
        ({"types": ("T0", "T1"), "regions": ("r-old", "r-new")}, 4),
        ({"accounts": ("111111111111",)}, 32),
        ({"accounts": ()}, 0),
        ({"accounts": ("222222222222",)}, 0),
    ],
)
def test_cells_are_chosen_by_each_criterion(filled: SqlStore, more: dict[str, tuple[str, ...]], number: int) -> None:
    wanted = CellSelection(fresh_since=SINCE, **more)  # type: ignore[arg-type]
    with filled.read() as work:
        assert len(work.cells.page(wanted, None, 100)) == number
        assert sum(item.cells for item in work.cells.counts(wanted).values()) == number
        assert sum(work.cells.tally(wanted).values()) == number


def test_cells_are_tallied_by_state_and_reason_as_of_now(filled: SqlStore) -> None:
    with filled.read() as work:
        assert work.cells.tally(CellSelection(fresh_since=SINCE)) == Counter((status.state, status.reason) for status in of_now())
        assert work.cells.read_at_all(["222222222222", "111111111111"]) == {"111111111111"}
        assert work.cells.accounts() == ["111111111111"]


def test_cells_are_counted_with_their_oldest_complete_reading(filled: SqlStore) -> None:
    with filled.read() as work:
        counted = work.cells.counts(CellSelection(fresh_since=SINCE))
    assert counted["111111111111", "r-edge", CellState.CLEAN] == CellCount(cells=1, oldest=at(20), late=0)
    assert counted["111111111111", "r-old", CellState.STALE] == CellCount(cells=5, oldest=at(10), late=5)
    assert counted["111111111111", "r-never", CellState.STALE] == CellCount(cells=5, oldest=None, late=5)


def test_the_first_gaps_of_each_cell_come_with_the_number_of_all(store: SqlStore) -> None:
    with store.write() as work:
        work.scans.start(Scan(id="s1", started_at=T0, trigger="t"))
        for _ in range(2):  # the gaps of the reading before do not count
            for where, number in ((HERE, 3), (THERE, 1)):
                gaps = tuple(Gap(cell=where, reason=GapReason.DENIED, detail=str(one), resource_id=ODD) for one in range(number))
                status = CellStatus(cell=where, state=CellState.UNKNOWN)
                done = CellRead(cell=where, outcome=Outcome.INCOMPLETE, shape="s", started_at=T0, ended_at=at(1), gaps=gaps)
                work.cells.record("s1", status, done)
        found = work.cells.first_gaps([HERE, THERE, cell("B")], 2)
        assert {where: (number, [gap.detail for gap in first]) for where, (number, first) in found.items()} == {
            HERE: (3, ["0", "1"]),
            THERE: (1, ["0"]),
        }
        assert found[HERE][1][0] == work.cells.gaps(HERE)[0]
        assert work.cells.first_gaps([], 2) == {}


# --- findings


def test_live_findings_are_found_by_their_types(store: SqlStore) -> None:
    with store.write() as work:
        for number, (type_, state) in enumerate([("A", FindingState.OPEN), ("A", FindingState.REVERTED), ("B", FindingState.OPEN)]):
            work.findings.save(finding(f"f{number}", cell(type_), resource_id=f"r{number}", state=state))
        assert [item.id for item in work.findings.live_of_types({"A", "C"})] == ["f0"]
        assert list(work.findings.live_of_types(())) == []


def test_findings_are_tallied_by_state_and_verdict(store: SqlStore) -> None:
    with store.write() as work:
        for number, (where, state) in enumerate(
            [(HERE, FindingState.OPEN), (HERE, FindingState.OPEN), (THERE, FindingState.OPEN), (HERE, FindingState.REVERTED)]
        ):
            made = finding(f"f{number}", where, resource_id=f"r{number}", state=state, first_seen=at(number))
            work.findings.save(made)
        work.findings.save(finding("f9", HERE, resource_id="r9", verdict_current=Verdict.AUTHORIZED, first_seen=at(9)))
        assert work.findings.tally(FindingSelection()) == {
            ("open", "unauthorized"): 3,
            ("open", "authorized"): 1,
            ("reverted", "unauthorized"): 1,
        }
        assert work.findings.tally(FindingSelection(accounts=(THERE.account,))) == {("open", "unauthorized"): 1}
        assert work.findings.tally(FindingSelection(accounts=())) == {}
        assert work.findings.tally(FindingSelection(since=at(1), until=at(3))) == {
            ("open", "unauthorized"): 2,
            ("reverted", "unauthorized"): 1,
        }
