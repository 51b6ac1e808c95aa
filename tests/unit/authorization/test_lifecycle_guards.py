"""Every transition of the table, every guard, and what is refused: acknowledging, ratifying, exceptions, reviews, new values, flapping."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.authorization.passages import PASSAGES, Step
from driftwatch.domain.baseline import Disposition
from driftwatch.domain.decision import AWAITING, COVERED, UNCOVERED, PathDecision, Verdict
from driftwatch.domain.finding import CLOSED, LIVE, Finding, FindingState, Handling
from driftwatch.errors import RefusedError
from tests.builders import at, difference, drift
from tests.unit.authorization.test_finding_lifecycle import LATER, NOW, decided, found

S = FindingState
TABLE = {
    Step.ACK: {S.OPEN: S.ACKNOWLEDGED},
    Step.RATIFY: {S.OPEN: S.RATIFIED, S.ACKNOWLEDGED: S.RATIFIED},
    Step.EXCEPTION_GRANTED: {S.OPEN: S.EXCEPTED, S.ACKNOWLEDGED: S.EXCEPTED},
    Step.EXCEPTION_EXPIRED: {S.EXCEPTED: S.OPEN},
    Step.REVIEW_OK: {S.PENDING_REVIEW: S.AWAITING_BASELINE},
    Step.REVIEW_MISSED: {S.PENDING_REVIEW: S.OPEN},
    Step.REVIEW_REJECTED: {S.PENDING_REVIEW: S.OPEN},
    Step.BASELINE_ACTIVATED: dict.fromkeys(LIVE, S.BASELINED),
    Step.SNAPSHOT_CLEAN: dict.fromkeys(LIVE, S.REVERTED),
    Step.VALUE_CHANGED: dict.fromkeys(LIVE, S.SUPERSEDED),
}
"""Section 9.1, written down a second time."""
RESTING = frozenset({S.ACKNOWLEDGED, S.RATIFIED, S.EXCEPTED})


def resting_on(exception: str, verdict: Verdict = Verdict.EXCEPTED, **fields: object):
    return replace(decided(verdict), paths=(PathDecision(path="/a", verdict=Verdict.EXCEPTED, record=exception),), **fields)


@pytest.mark.parametrize("state", sorted(FindingState))
@pytest.mark.parametrize("step", list(Step))
def test_a_step_is_taken_from_the_states_of_the_table_and_refused_from_every_other(step: Step, state: FindingState) -> None:
    finding = found(state=state, closed_at=NOW if state in CLOSED else None)
    wanted = TABLE[step].get(state)
    if wanted is None:
        with pytest.raises(RefusedError, match=finding.id):
            lifecycle.take(finding, step, LATER)
        return
    after = lifecycle.take(finding, step, LATER)
    assert (after.state, after.closed_at) == (wanted, LATER if wanted in CLOSED else None)
    assert after.verdict_initial is Verdict.UNAUTHORIZED


def test_no_step_changes_the_initial_verdict_and_only_reviews_and_exceptions_change_the_current_one() -> None:
    brought = {step: passage.verdict for step, passage in PASSAGES.items() if passage.verdict}
    assert brought == {
        Step.EXCEPTION_GRANTED: Verdict.EXCEPTED,
        Step.EXCEPTION_EXPIRED: Verdict.EXCEPTION_EXPIRED,
        Step.REVIEW_OK: Verdict.AUTHORIZED,
        Step.REVIEW_MISSED: Verdict.UNAUTHORIZED,
        Step.REVIEW_REJECTED: Verdict.UNAUTHORIZED,
    }


class TestAcknowledging:
    def test_it_remembers_who_when_and_which_ticket_and_the_verdict_stays(self) -> None:
        after = lifecycle.ack(found(), "mia", LATER, "OPS-7")
        assert (after.state, after.verdict_current) == (S.ACKNOWLEDGED, Verdict.UNAUTHORIZED)
        assert (after.handling.acknowledged_by, after.handling.acknowledged_at, after.handling.ticket) == ("mia", LATER, "OPS-7")

    def test_a_second_time_is_refused(self) -> None:
        with pytest.raises(RefusedError, match="is acknowledged; this can be done while it is open"):
            lifecycle.ack(lifecycle.ack(found(), "mia", LATER), "bob", LATER)

    def test_later_evidence_that_says_no_better_keeps_it(self) -> None:
        acked = lifecycle.ack(found(settled=False), "mia", LATER)
        assert lifecycle.redecided(acked, decided(Verdict.INDETERMINATE), LATER).state is S.ACKNOWLEDGED


class TestRatifying:
    def test_the_verdict_stays_unauthorized_and_a_disposition_stands(self) -> None:
        after = lifecycle.ratify(found(), "CHG-9", "sam", LATER)
        assert (after.state, after.verdict_initial, after.verdict_current) == (S.RATIFIED, Verdict.UNAUTHORIZED, Verdict.UNAUTHORIZED)
        assert (after.handling.record, after.handling.disposition) == ("CHG-9", Disposition(kind="ratified", by="sam"))

    @pytest.mark.parametrize("settled", [True, False])
    @pytest.mark.parametrize("verdict", sorted(UNCOVERED))
    def test_no_uncovered_decision_undoes_it(self, verdict: Verdict, settled: bool) -> None:
        ratified = lifecycle.ratify(found(settled=settled), "CHG-9", "sam", LATER)
        assert lifecycle.redecided(ratified, decided(verdict), LATER).state is S.RATIFIED

    def test_it_enters_a_baseline_by_its_own_disposition_unless_who_disposed_made_the_change(self) -> None:
        ratified = lifecycle.ratify(found(), "CHG-9", "sam", LATER)
        assert lifecycle.baseline_activated(ratified, LATER).state is S.BASELINED
        with pytest.raises(RefusedError, match=r"R13: sam.*made the change"):
            lifecycle.baseline_activated(ratified, LATER, actors=frozenset({"sam"}))


class TestExceptions:
    def test_one_that_is_granted_excuses_the_state_and_not_the_act(self) -> None:
        after = lifecycle.redecided(found(), resting_on("EX-1"), LATER, excepted_by="sam")
        assert (after.state, after.verdict_initial, after.verdict_current) == (S.EXCEPTED, Verdict.UNAUTHORIZED, Verdict.EXCEPTED)
        assert (after.handling.exception, after.handling.disposition) == ("EX-1", Disposition(kind="excepted", by="sam"))

    def test_when_it_runs_out_the_finding_is_open_without_disposition_and_wants_to_be_acknowledged_anew(self) -> None:
        acked = lifecycle.ack(found(), "mia", LATER)
        excepted = lifecycle.redecided(acked, resting_on("EX-1"), LATER, excepted_by="sam")
        told = replace(excepted, handling=replace(excepted.handling, alerted=("acknowledge", "review_75")))
        after = lifecycle.redecided(told, decided(Verdict.EXCEPTION_EXPIRED), LATER)
        assert (after.state, after.verdict_current, after.verdict_initial) == (S.OPEN, Verdict.EXCEPTION_EXPIRED, Verdict.UNAUTHORIZED)
        assert (after.handling.disposition, after.handling.exception, after.handling.acknowledged_by) == (None, None, None)
        assert after.handling.alerted == ("review_75",)
        with pytest.raises(RefusedError, match="R13"):
            lifecycle.baseline_activated(after, LATER)

    def test_the_explicit_steps_do_the_same(self) -> None:
        granted = lifecycle.exception_granted(found(), "EX-1", "sam", LATER)
        assert granted.handling.disposition == Disposition(kind="excepted", by="sam")
        expired = lifecycle.exception_expired(granted, LATER)
        assert (expired.state, expired.verdict_current, expired.handling.disposition) == (S.OPEN, Verdict.EXCEPTION_EXPIRED, None)

    def test_a_covered_finding_that_rests_on_one_in_part_says_so(self) -> None:
        after = lifecycle.redecided(found(Verdict.AUTHORIZED), resting_on("EX-1", Verdict.AUTHORIZED), LATER, excepted_by="sam")
        assert (after.state, after.handling.exception, after.handling.disposition) == (S.AWAITING_BASELINE, "EX-1", None)


class TestReviews:
    DUE = at("03-13 11:00")

    def pending(self, **fields: object) -> Finding:
        return replace(found(Verdict.EMERGENCY_PENDING_REVIEW), due_at=self.DUE, **fields)

    def test_the_deadline_of_the_decision_is_the_findings(self) -> None:
        decision = replace(decided(Verdict.EMERGENCY_PENDING_REVIEW), due_at=self.DUE)
        again = lifecycle.redecided(found(Verdict.EMERGENCY_PENDING_REVIEW), decision, LATER)
        assert (again.state, again.due_at) == (S.PENDING_REVIEW, self.DUE)

    @pytest.mark.parametrize("verdict", sorted(AWAITING))
    def test_a_review_in_time_ends_it_well(self, verdict: Verdict) -> None:
        after = lifecycle.redecided(self.pending(), decided(verdict), LATER)
        assert (after.state, after.due_at, after.verdict_initial) == (S.AWAITING_BASELINE, None, Verdict.EMERGENCY_PENDING_REVIEW)

    def test_one_that_was_missed_opens_it_and_keeps_the_deadline_that_was_missed(self) -> None:
        after = lifecycle.redecided(self.pending(), decided(Verdict.UNAUTHORIZED), LATER)
        assert (after.state, after.due_at) == (S.OPEN, self.DUE)

    def test_another_deadline_starts_its_clocks_anew_and_the_same_one_does_not(self) -> None:
        told = self.pending(handling=Handling(alerted=("review_75", "acknowledge")))
        same = lifecycle.redecided(told, replace(decided(Verdict.EMERGENCY_PENDING_REVIEW), due_at=self.DUE), LATER)
        moved = lifecycle.redecided(told, replace(decided(Verdict.EMERGENCY_PENDING_REVIEW), due_at=at("03-14 11:00")), LATER)
        assert (same.handling.alerted, moved.handling.alerted) == (("review_75", "acknowledge"), ("acknowledge",))


class TestNewValues:
    """value_changed: what people decided carries over only where every difference was there before with the same values."""

    BOTH = (difference(), difference("/Description", before="web", after="x"))

    def successor(self, former: Finding, *changes, verdict: Verdict = Verdict.UNAUTHORIZED) -> Finding:
        return found(verdict, drift_=drift(*changes, id="D-2"), previous=former)

    @pytest.mark.parametrize("state", [S.ACKNOWLEDGED, S.RATIFIED])
    def test_fewer_of_the_same_differences_carry_it_over(self, state: FindingState) -> None:
        former = found(drift_=drift(*self.BOTH))
        former = lifecycle.ack(former, "mia", LATER) if state is S.ACKNOWLEDGED else lifecycle.ratify(former, "CHG-9", "sam", LATER)
        after = self.successor(former, self.BOTH[0])
        assert after.state is state
        assert (after.handling.acknowledged_by, after.handling.record) == (former.handling.acknowledged_by, former.handling.record)

    @pytest.mark.parametrize("changed", [difference(after="10.9.0.0/16"), difference(before="10.8.0.0/16"), difference("/Other")])
    @pytest.mark.parametrize("state", [S.ACKNOWLEDGED, S.RATIFIED])
    def test_one_new_path_or_value_opens_it_again(self, state: FindingState, changed) -> None:
        former = found(drift_=drift(*self.BOTH))
        former = lifecycle.ack(former, "mia", LATER) if state is S.ACKNOWLEDGED else lifecycle.ratify(former, "CHG-9", "sam", LATER)
        after = self.successor(former, self.BOTH[1], changed)
        assert after.state is S.OPEN
        assert (after.handling.acknowledged_by, after.handling.record, after.handling.disposition) == (None, None, None)

    def test_a_covered_successor_is_what_its_verdict_says(self) -> None:
        former = lifecycle.ack(found(drift_=drift(*self.BOTH)), "mia", LATER)
        assert self.successor(former, self.BOTH[0], verdict=Verdict.AUTHORIZED).state is S.AWAITING_BASELINE


class TestFlapping:
    def moved(self, times: int, apart: timedelta) -> Finding:
        finding, now = found(), NOW
        for number in range(times):
            now += apart
            verdict = Verdict.EXCEPTED if number % 2 == 0 else Verdict.EXCEPTION_EXPIRED
            finding = lifecycle.redecided(finding, decided(verdict), now)
        return finding

    def test_more_than_three_transitions_within_a_day_set_it(self) -> None:
        assert not self.moved(3, timedelta(hours=1)).handling.flapping
        assert self.moved(4, timedelta(hours=1)).handling.flapping
        assert self.moved(4, timedelta(hours=7, minutes=59)).handling.flapping
        assert not self.moved(4, timedelta(hours=8)).handling.flapping, "the first of four is a day old"

    def test_it_ends_when_the_finding_comes_to_rest(self) -> None:
        restless = self.moved(4, timedelta(hours=1))
        assert not lifecycle.redecided(restless, decided(Verdict.EXCEPTED), LATER + timedelta(days=2)).handling.flapping

    def test_the_same_state_again_is_no_transition(self) -> None:
        finding = found()
        for _ in range(5):
            finding = lifecycle.redecided(finding, decided(Verdict.INDETERMINATE), LATER)
        assert (finding.handling.transitions, finding.handling.flapping) == ((), False)

    def test_a_resource_that_comes_and_goes_flaps_across_its_findings(self) -> None:
        now, history = NOW, ()
        for _ in range(3):
            finding = lifecycle.detect(
                id="F",
                baseline="production",
                cell=found().cell,
                drift=drift(),
                before_fingerprint=None,
                after_fingerprint=None,
                decision=decided(Verdict.UNAUTHORIZED),
                now=now,
                history=history,
            )
            now += timedelta(minutes=30)
            history = lifecycle.snapshot_clean(finding, now).handling.transitions
            now += timedelta(minutes=30)
        assert finding.handling.flapping


@given(
    state=st.sampled_from(sorted(LIVE)),
    verdict=st.sampled_from(list(Verdict)),
    before=st.sampled_from(list(Verdict)),
    settled=st.booleans(),
    later=st.booleans(),
)
def test_a_decision_never_hides_what_is_uncovered(
    state: FindingState, verdict: Verdict, before: Verdict, settled: bool, later: bool
) -> None:
    """After any decision an uncovered finding is open, or a person acknowledged or ratified exactly this drift; and a settled finding
    gets better by itself only through a review or an exception."""
    finding = found(before, settled=settled, state=state)
    after = lifecycle.redecided(finding, decided(verdict, settled=later), LATER)
    assert after.state in LIVE
    assert (after.verdict_initial, after.verdict_current) == (before if settled else verdict if later else None, verdict)
    if verdict in UNCOVERED:
        assert after.state in {S.OPEN, S.ACKNOWLEDGED, S.RATIFIED}
        assert after.state is S.OPEN or after.state is state
    if settled and after.state is not state and verdict in COVERED:
        assert (state, after.state) == (S.PENDING_REVIEW, S.AWAITING_BASELINE) or after.state is S.EXCEPTED
