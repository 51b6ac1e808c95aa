"""Pages and counts that the API asks for: keyset by keyset, each row once, the same on every store."""

from __future__ import annotations

from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.domain.scan import CellStatus, Scan
from driftwatch.domain.selection import FindingSelection
from driftwatch.domain.snapshot import CellRead, CellState, Outcome
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


# --- findings


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
