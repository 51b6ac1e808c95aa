"""What becomes of a finding: which states it may move to, what it remembers, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.baseline import Disposition
from driftwatch.domain.decision import UNCOVERED, Decision, Verdict
from driftwatch.domain.finding import LIVE, Finding, FindingState
from driftwatch.domain.resource import Cell, Scope
from driftwatch.errors import RefusedError
from tests.builders import ACCOUNT, at, difference, drift, interval

CELL = Cell(scope=Scope(account=ACCOUNT, region="eu-west-1"), type="AWS::EC2::SecurityGroup")
NOW, LATER = at("03-10 11:30"), at("03-10 12:30")
OPEN, AWAITING, INFORMATIONAL = FindingState.OPEN, FindingState.AWAITING_BASELINE, FindingState.INFORMATIONAL
CLOSED = sorted(set(FindingState) - LIVE)
AUTHORIZED, UNAUTHORIZED = Verdict.AUTHORIZED, Verdict.UNAUTHORIZED


def decided(verdict: Verdict, *, settled: bool = True, drift_id: str = "D-1") -> Decision:
    return Decision(drift_id=drift_id, verdict=verdict, paths=(), settled=settled, policy_version="p1", inputs_hash="h", decided_at=NOW)


def found(verdict: Verdict = UNAUTHORIZED, *, settled: bool = True, drift_=None, previous: Finding | None = None, **fields) -> Finding:
    made = drift_ or drift()
    finding = lifecycle.detect(
        id="F-1",
        baseline="production",
        cell=CELL,
        drift=made,
        before_fingerprint="before",
        after_fingerprint="after",
        decision=decided(verdict, settled=settled, drift_id=made.id),
        now=NOW,
        previous=previous,
    )
    return replace(finding, **fields)


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.UNAUTHORIZED, OPEN),
        (Verdict.PARTIALLY_AUTHORIZED, OPEN),
        (Verdict.INDETERMINATE, OPEN),
        (Verdict.AUTHORIZED, AWAITING),
        (Verdict.AUTHORIZED_STANDARD, AWAITING),
        (Verdict.AUTHORIZED_MACHINE, AWAITING),
        (Verdict.EXCEPTED, FindingState.EXCEPTED),
        (Verdict.EMERGENCY_PENDING_REVIEW, FindingState.PENDING_REVIEW),
        (Verdict.EXCEPTION_EXPIRED, OPEN),
        (Verdict.NOT_CONTROLLED, INFORMATIONAL),
    ],
)
def test_a_finding_is_born_at_once_in_the_state_of_its_verdict(verdict: Verdict, state: FindingState) -> None:
    assert found(verdict).state is state
    assert found(verdict, settled=False).state is state


def test_every_verdict_has_a_state_and_none_that_is_uncovered_looks_dealt_with() -> None:
    assert {verdict for verdict in Verdict if lifecycle.state_for(verdict) is OPEN} == UNCOVERED


class TestInitialVerdict:
    def test_it_is_unknown_while_unsettled_and_fixed_by_the_first_settled_decision(self) -> None:
        young = found(UNAUTHORIZED, settled=False)
        assert (young.verdict_initial, young.settled) == (None, False)
        better = lifecycle.redecided(young, decided(AUTHORIZED, settled=False), LATER)
        assert (better.state, better.verdict_initial, better.verdict_current) == (AWAITING, None, AUTHORIZED)
        settled = lifecycle.redecided(better, decided(UNAUTHORIZED), LATER)
        assert (settled.state, settled.verdict_initial, settled.settled) == (OPEN, UNAUTHORIZED, True)

    @pytest.mark.parametrize("settled", [True, False])
    @pytest.mark.parametrize("verdict", list(Verdict))
    def test_it_never_changes_after_that(self, verdict: Verdict, settled: bool) -> None:
        after = lifecycle.redecided(found(UNAUTHORIZED), decided(verdict, settled=settled), LATER)
        assert (after.verdict_initial, after.verdict_current, after.settled) == (UNAUTHORIZED, verdict, True)

    def test_reverting_does_not_make_the_change_authorised(self) -> None:
        after = lifecycle.snapshot_clean(found(UNAUTHORIZED), LATER)
        assert (after.state, after.verdict_initial, after.verdict_current) == (FindingState.REVERTED, UNAUTHORIZED, UNAUTHORIZED)

    @pytest.mark.parametrize("state", CLOSED)
    def test_a_finding_that_closed_before_it_settled_still_gets_its_verdict_and_stays_closed(self, state: FindingState) -> None:
        closed = found(UNAUTHORIZED, settled=False, state=state, closed_at=NOW)
        after = lifecycle.redecided(closed, decided(AUTHORIZED), LATER)
        assert (after.state, after.verdict_initial, after.last_seen) == (state, AUTHORIZED, NOW)


class TestRedecidedOnceSettled:
    def test_what_was_covered_and_no_longer_is_opens_again(self) -> None:
        assert lifecycle.redecided(found(AUTHORIZED), decided(UNAUTHORIZED), LATER).state is OPEN
        assert lifecycle.redecided(found(Verdict.NOT_CONTROLLED), decided(Verdict.INDETERMINATE), LATER).state is OPEN

    def test_an_open_finding_is_not_closed_by_late_evidence_alone(self) -> None:
        after = lifecycle.redecided(found(UNAUTHORIZED), decided(AUTHORIZED), LATER)
        assert (after.state, after.verdict_current) == (OPEN, AUTHORIZED)

    def test_a_decision_about_another_drift_is_refused(self) -> None:
        with pytest.raises(RefusedError, match="D-2"):
            lifecycle.redecided(found(), decided(AUTHORIZED, drift_id="D-2"), LATER)


class TestClosing:
    ACTS = (lifecycle.snapshot_clean, lifecycle.supersede, lifecycle.baseline_activated)

    @pytest.mark.parametrize("state", CLOSED)
    @pytest.mark.parametrize("act", ACTS)
    def test_a_closed_finding_is_not_changed(self, act, state: FindingState) -> None:
        with pytest.raises(RefusedError, match="already"):
            act(found(AUTHORIZED, state=state), LATER)

    @pytest.mark.parametrize("state", sorted(LIVE))
    @pytest.mark.parametrize(
        ("act", "ends"), list(zip(ACTS, (FindingState.REVERTED, FindingState.SUPERSEDED, FindingState.BASELINED), strict=True))
    )
    def test_a_live_one_closes_at_the_time_given(self, act, ends: FindingState, state: FindingState) -> None:
        after = act(found(AUTHORIZED, state=state), LATER)
        assert (after.state, after.closed_at, after.last_seen) == (ends, LATER, NOW)

    @pytest.mark.parametrize("verdict", [Verdict.UNAUTHORIZED, Verdict.PARTIALLY_AUTHORIZED, Verdict.INDETERMINATE])
    def test_an_uncovered_drift_enters_a_baseline_only_by_somebodys_word(self, verdict: Verdict) -> None:
        with pytest.raises(RefusedError, match=r"R13.*disposition"):
            lifecycle.baseline_activated(found(verdict), LATER)
        disposed = Disposition(kind="risk_accepted", by="sam")
        after = lifecycle.baseline_activated(found(verdict), LATER, disposition=disposed)
        assert (after.state, after.verdict_current) == (FindingState.BASELINED, verdict)


class TestValueChanged:
    def test_the_successor_names_the_finding_it_stands_for(self) -> None:
        first = found()
        changed = drift(difference(after="10.9.0.0/16"), id="D-2")
        second = found(drift_=changed, previous=first)
        assert (second.previous_id, second.drift_version) == (first.id, changed.version)
        assert second.drift_version != first.drift_version
        assert lifecycle.supersede(first, LATER).state is FindingState.SUPERSEDED

    def test_the_same_version_seen_again_makes_no_successor(self) -> None:
        with pytest.raises(RefusedError, match="same version"):
            found(drift_=drift(id="D-2"), previous=found())

    def test_a_decision_about_another_drift_makes_no_finding(self) -> None:
        with pytest.raises(RefusedError, match="D-2"):
            lifecycle.detect(
                id="F-1",
                baseline="production",
                cell=CELL,
                drift=drift(),
                before_fingerprint=None,
                after_fingerprint=None,
                decision=decided(AUTHORIZED, drift_id="D-2"),
                now=NOW,
            )

    def test_a_difference_that_stays_keeps_its_time_through_any_number_of_versions(self) -> None:
        first = drift(difference(), interval=interval("03-10 10:00", "03-10 11:00"))
        second = lifecycle.carry_intervals(
            first, drift(difference(), difference("/Description"), interval=interval("03-10 11:00", "03-10 12:00"))
        )
        third = lifecycle.carry_intervals(
            second, drift(difference(), difference("/Description", after="y"), interval=interval("03-10 12:00", "03-10 13:00"))
        )
        assert [change.interval for change in second.changes] == [first.interval, None]
        assert [change.interval for change in third.changes] == [first.interval, None]
        assert third.interval == interval("03-10 12:00", "03-10 13:00")

    @pytest.mark.parametrize("fields", [{"after": "z"}, {"before": "z"}, {"path": "/IngressRules/sgr-02/CidrIpv4"}])
    def test_one_that_is_not_the_same_in_path_before_and_after_is_dated_anew(self, fields: dict) -> None:
        carried = lifecycle.carry_intervals(drift(), drift(difference(**fields), interval=interval("03-10 11:00", "03-10 12:00")))
        assert carried.changes[0].interval is None
