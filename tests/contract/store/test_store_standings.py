"""Where findings stand, without their drifts: what clocks and metrics ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.baseline import Disposition
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import LIVE, FindingState, Handling
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import T0, at, cell, finding

HANDLING = Handling(
    acknowledged_by="ana",
    acknowledged_at=at(1),
    ticket="OPS-7",
    disposition=Disposition(kind="excepted", by="ben"),
    disposed_at=at(2),
    exception="EX-1",
    transitions=(at(1), at(2)),
    flapping=True,
    alerted=("review_75",),
)


def test_a_standing_says_what_its_finding_says(store: SqlStore) -> None:
    full = finding(state=FindingState.EXCEPTED, verdict_current=Verdict.EXCEPTED, handling=HANDLING, due_at=at(9))
    with store.write() as work:
        work.findings.save(full)
        (standing,) = work.findings.standings()
    for name in (*("id", "baseline", "cell", "resource", "state", "verdict_current", "settled"), "policy_version", "first_seen", "due_at"):
        assert getattr(standing, name) == getattr(full, name), name
    assert (standing.handling, standing.closed_at, standing.entered_at) == (HANDLING, None, at(2))


def test_only_live_ones_stand_and_only_unsettled_ones_are_to_settle(store: SqlStore) -> None:
    with store.write() as work:
        for number, state in enumerate(FindingState):
            settled = number % 2 == 0
            closed = None if state in LIVE else at(number)
            work.findings.save(finding(f"f{number:02}", resource_id=f"r{number}", state=state, settled=settled, closed_at=closed))
        assert {item.state for item in work.findings.standings()} == LIVE
        unsettled = {item.id for item in work.findings.unsettled()}
        assert unsettled == {f"f{number:02}" for number in range(1, len(FindingState), 2)}
        assert any(item.state not in LIVE for item in work.findings.unsettled())


@pytest.mark.parametrize(("since", "expected"), [(at(5), ["f2", "f1"]), (at(6), ["f1"]), (at(7), [])])
def test_those_that_closed_since_a_time_that_one_included_oldest_first(store: SqlStore, since: object, expected: list[str]) -> None:
    reverted = replace(finding(), state=FindingState.REVERTED)
    with store.write() as work:
        work.findings.save(replace(reverted, id="f1", closed_at=at(6)))
        work.findings.save(replace(reverted, id="f2", closed_at=at(5)))
        work.findings.save(replace(reverted, id="f3", closed_at=at(4.99)))
        work.findings.save(finding("f4", where=cell("AWS::KMS::Key")))
        assert [item.id for item in work.findings.closed_since(since)] == expected  # type: ignore[arg-type]
        assert next(work.findings.closed_since(T0)).id == "f3"
