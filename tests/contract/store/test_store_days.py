"""What a page counts by day, and how large a baseline is: in the database, whatever the number of rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from driftwatch.domain.activity import Fate
from driftwatch.domain.baseline import BaselineState, IncludedDrift
from driftwatch.domain.finding import FindingState
from driftwatch.domain.scan import Scan, ScanStatus
from driftwatch.domain.selection import FindingSelection
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import T0, activity, cell, entries, finding, version

LAST_OF_FEBRUARY = datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC)
FIRST_OF_MARCH = datetime(2026, 3, 1, tzinfo=UTC)
THIRD = datetime(2026, 3, 3, 1, tzinfo=UTC)
ELSEWHERE = cell(account="222222222222")


def fill(store: SqlStore) -> None:
    closed = {"state": FindingState.REVERTED, "closed_at": THIRD}
    with store.write() as work:
        work.findings.save(finding("f-a", resource_id="ra", first_seen=LAST_OF_FEBRUARY, **closed))
        work.findings.save(finding("f-b", resource_id="rb", first_seen=FIRST_OF_MARCH))
        work.findings.save(finding("f-c", resource_id="rc", first_seen=FIRST_OF_MARCH, where=ELSEWHERE, **closed))


def test_findings_are_counted_on_the_days_in_utc_on_which_they_opened_and_closed(store: SqlStore) -> None:
    fill(store)
    with store.read() as work:
        assert work.findings.days(LAST_OF_FEBRUARY) == {"2026-02-28": (1, 0), "2026-03-01": (2, 0), "2026-03-03": (0, 2)}
        assert work.findings.days(FIRST_OF_MARCH) == {"2026-03-01": (2, 0), "2026-03-03": (0, 2)}
        assert work.findings.days(FIRST_OF_MARCH, ["222222222222"]) == {"2026-03-01": (1, 0), "2026-03-03": (0, 1)}
        assert work.findings.days(FIRST_OF_MARCH, []) == {}


def test_one_live_state_is_found_among_all(store: SqlStore) -> None:
    fill(store)
    with store.read() as work:
        assert [item.id for item in work.findings.page(FindingSelection(states=(FindingState.OPEN,)), None, 9)] == ["f-b"]
        both = FindingSelection(states=(FindingState.OPEN, FindingState.REVERTED))
        assert [item.id for item in work.findings.page(both, None, 9)] == ["f-c", "f-b", "f-a"]


def test_scans_are_counted_by_the_day_they_began_and_how_they_ended(store: SqlStore) -> None:
    with store.write() as work:
        for number, (at, status) in enumerate(
            [
                (LAST_OF_FEBRUARY, ScanStatus.COMPLETE),
                (FIRST_OF_MARCH, ScanStatus.COMPLETE),
                (FIRST_OF_MARCH, ScanStatus.COMPLETE),
                (FIRST_OF_MARCH, ScanStatus.FAILED),
            ]
        ):
            work.scans.start(Scan(id=f"scan-{number}", started_at=at, trigger="test", status=status))
    with store.read() as work:
        assert work.scans.days(FIRST_OF_MARCH) == {("2026-03-01", "complete"): 2, ("2026-03-01", "failed"): 1}


def test_a_version_is_as_large_as_its_own_cells_and_its_ancestors(store: SqlStore) -> None:
    first = version("b1", {cell(): {"a": 1, "b": 1}, ELSEWHERE: {"c": 1}})
    second = version("b2", {cell(): {"a": 1}}, parent="b1")
    third = version("b3", {}, parent="b2", removed=(ELSEWHERE,))
    with store.write() as work:
        for made, contents in ((first, {cell(): {"a": 1, "b": 1}, ELSEWHERE: {"c": 1}}), (second, {cell(): {"a": 1}}), (third, {})):
            work.baselines.add(made)
            for part in made.cells:
                work.baselines.put_cell(made.id, part, entries(contents[part.cell]))
    with store.read() as work:
        assert [work.baselines.size(id_) for id_ in ("b1", "b2", "b3", "b4")] == [(2, 3), (2, 2), (1, 1), (0, 0)]


def test_heads_are_pages_without_what_the_versions_take_up(store: SqlStore) -> None:
    with store.write() as work:
        for number in range(3):
            work.baselines.add(replace(version(f"b{number}", {}), included=(IncludedDrift(drift="f-a", verdict="unauthorized"),)))
        work.baselines.set_state("b1", BaselineState.REJECTED)
    with store.read() as work:
        for states, after in (((), None), ((BaselineState.PROPOSED,), None), ((), "b2")):
            whole = work.baselines.page("main", states, after, 2)
            assert work.baselines.heads("main", states, after, 2) == [replace(item, included=()) for item in whole]
            assert whole[0].included


def test_live_findings_that_a_call_explains_are_counted(store: SqlStore) -> None:
    fill(store)
    with store.write() as work:
        work.activity.add("trail", [activity("e1"), activity("e2"), activity("e3")], T0)
        work.activity.settle(dict.fromkeys(("e1", "e2", "e3"), Fate.MATCHED), {"e1": "f-b", "e2": "f-b", "e3": "f-a"})
    with store.read() as work:
        assert work.activity.explained_live() == 1, "f-a is closed, and two calls explain f-b"
