"""Emergency changes: declared and reviewed in time (R10), while they last (R3), approved before where the policy asks (R4, R5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.activity import ActorKind
from driftwatch.domain.authorization.policy import ApprovalRequirement, EmergencyRequirement, Mode, PriorApproval
from driftwatch.domain.change import ApprovalDecision, ChangeType, Observation, ReviewDecision, Risk, TestResult
from driftwatch.domain.decision import Verdict
from tests.builders import approval, at, difference, drift, event, interval, policy, record, review, run, window
from tests.unit.authorization.asking import FAIL, NOT_APPLICABLE, PASS, PENDING, UNDATED, UNKNOWN, ask, asked, decided, rules

REJECTED, WITHDRAWN = ApprovalDecision.REJECTED, ApprovalDecision.WITHDRAWN
DECLARED = record(type=ChangeType.EMERGENCY, approvals=(), reviews=(), tests=(), windows=(), created_at=at("03-10 10:50"))
REVIEWED = replace(
    DECLARED,
    approvals=(approval(time="03-10 12:00"),),
    reviews=(review(time="03-10 12:00"),),
    tests=(run("03-10 12:00"),),
)
"""Of a change at 10:30; at scaleup it is due for review by 10:30 on 13 March."""


class TestDeclaration:
    """24 hours at scaleup, from the time of the change or the end of its interval."""

    @pytest.mark.parametrize(
        ("created", "events", "outcome"),
        [
            ("03-11 10:30:00", [event()], PENDING),
            ("03-11 10:30:01", [event()], FAIL),
            ("03-11 11:00:00", UNDATED, PENDING),
            ("03-11 11:00:01", UNDATED, FAIL),
            ("03-01 00:00:00", [event()], PENDING),
        ],
    )
    def test_it_is_measured_to_the_second_without_tolerance(self, created: str, events, outcome) -> None:
        result = ask("R10", replace(DECLARED, created_at=at(created)), events=events)
        assert result.outcome is outcome
        assert result.detail == ("late_declaration" if outcome is FAIL else "missing:[R4,R6,R7]")

    def test_a_late_declaration_is_not_mended_by_any_review(self) -> None:
        late = replace(REVIEWED, created_at=at("03-11 13:00"), approvals=(approval(time="03-11 14:00"),))
        result = ask("R10", late)
        assert result.outcome is FAIL
        assert result.explanation == (
            "The emergency was declared at 13:00 UTC on 2026-03-11, 1 day 2 hours after the change at 10:30 UTC on 2026-03-10; 1 day are "
            "allowed; it would have passed with its declaration by 10:30 UTC on 2026-03-11."
        )


class TestDeadline:
    @pytest.mark.parametrize(
        ("now", "outcome", "verdict"),
        [
            ("03-10 11:00:00", PENDING, Verdict.EMERGENCY_PENDING_REVIEW),
            ("03-13 10:30:00", PENDING, Verdict.EMERGENCY_PENDING_REVIEW),
            ("03-13 10:30:01", FAIL, Verdict.UNAUTHORIZED),
        ],
    )
    def test_the_review_is_pending_up_to_its_deadline_to_the_second(self, now: str, outcome, verdict) -> None:
        decision = decided(DECLARED, now=now)
        assert decision.verdict is verdict
        assert decision.due_at == (at("03-13 10:30") if outcome is PENDING else None)
        assert ask("R10", DECLARED, now=now).outcome is outcome

    def test_for_an_interval_it_runs_from_its_end(self) -> None:
        assert decided(DECLARED, events=UNDATED, made=policy(rules={"R8": Mode.OFF})).due_at == at("03-13 11:00")

    @pytest.mark.parametrize(("given", "outcome"), [("03-13 10:30:00", PASS), ("03-13 10:30:01", FAIL)])
    @pytest.mark.parametrize("what", ["approvals", "reviews", "tests"])
    def test_what_comes_after_the_deadline_does_not_count(self, what: str, given: str, outcome) -> None:
        items = {"approvals": approval(time=given), "reviews": review(time=given), "tests": run(given)}
        assert ask("R10", replace(REVIEWED, **{what: (items[what],)}), now="03-20 00:00").outcome is outcome

    @pytest.mark.parametrize(("now", "outcome"), [("03-10 11:59:59", PENDING), ("03-10 12:00:00", PASS)])
    def test_what_is_dated_after_now_does_not_count_yet(self, now: str, outcome) -> None:
        assert ask("R10", REVIEWED, now=now).outcome is outcome

    def test_the_sentences_say_what_is_missing_and_how_long_there_is_or_was(self) -> None:
        assert ask("R10", DECLARED, now="03-11 10:30").explanation == (
            "The review is due by 10:30 UTC on 2026-03-13, in 2 days; it still lacks a sufficient approval by people without a part in it, "
            "a peer review and a passed test."
        )
        missed = ask("R10", replace(REVIEWED, reviews=()), now="03-13 12:00")
        assert (missed.outcome, missed.detail) == (FAIL, "missing:[R6]")
        assert missed.explanation == (
            "The review was due by 10:30 UTC on 2026-03-13, 1 hour 30 minutes ago, and by then it lacked a peer review; it would have "
            "passed with a complete review by 10:30 UTC on 2026-03-13."
        )
        assert ask("R10", REVIEWED).explanation == "The emergency change was reviewed in full by its deadline at 10:30 UTC on 2026-03-13."


class TestWhatAReviewNeeds:
    @pytest.mark.parametrize(
        ("fields", "missing"),
        [
            ({}, None),
            ({"approvals": ()}, "R4"),
            ({"approvals": (approval("zoe", "03-10 12:00"),)}, "R4"),
            ({"approvals": (approval("mia", "03-10 12:00"),), "requester": "mia"}, "R4"),
            ({"approvals": (approval("mia", "03-10 12:00"), approval("mia@corp.example", "03-10 13:00", WITHDRAWN))}, "R4"),
            ({"approvals": (approval("mia", "03-09 12:00"),)}, None),
            ({"reviews": ()}, "R6"),
            ({"reviews": (review("bob@corp.example", "03-10 12:00"),)}, "R6"),
            ({"reviews": (review("carol", "03-10 12:00", ReviewDecision.CHANGES_REQUESTED),)}, "R6"),
            ({"tests": ()}, "R7"),
            ({"tests": (run("03-10 12:00", result=TestResult.FAILED),)}, "R7"),
            ({"tests": (run("03-10 12:00", environment="prod"),)}, "R7"),
        ],
    )
    def test_approvals_of_outsiders_a_peer_review_and_a_test(self, fields: dict, missing: str | None) -> None:
        result = ask("R10", replace(REVIEWED, **fields))
        assert result.outcome is (PENDING if missing else PASS)
        assert result.detail == (f"missing:[{missing}]" if missing else "")

    @pytest.mark.parametrize("mode", [Mode.WARN, Mode.OFF])
    @pytest.mark.parametrize(("rule", "fields"), [("R6", {"reviews": ()}), ("R7", {"tests": ()}), ("R5", {"requester": "mia"})])
    def test_only_as_far_as_those_rules_are_enforced(self, rule: str, fields: dict, mode: Mode) -> None:
        poor = replace(REVIEWED, **fields)
        assert ask("R10", poor).outcome is PENDING
        assert ask("R10", poor, made=policy(rules={rule: mode})).outcome is PASS

    @pytest.mark.parametrize("mode", [Mode.WARN, Mode.OFF])
    def test_the_approval_is_needed_even_where_r4_is_not_enforced(self, mode: Mode) -> None:
        assert ask("R10", replace(REVIEWED, approvals=()), made=policy(rules={"R4": mode})).detail == "missing:[R4]"

    def test_as_many_reviews_and_approvals_as_the_policy_wants_and_those_for_a_high_risk(self) -> None:
        two = replace(policy(), reviews=replace(policy().reviews, min_count=2))
        assert ask("R10", REVIEWED, made=two).detail == "missing:[R6]"
        both = replace(REVIEWED, reviews=(review("carol", "03-10 12:00"), review("dan", "03-10 12:00")))
        assert ask("R10", both, made=two).outcome is PASS
        cab = replace(policy(), approvals=ApprovalRequirement(high_risk_role_groups=(("cab",),)))
        assert ask("R10", REVIEWED, made=cab).outcome is PASS
        assert ask("R10", replace(REVIEWED, risk=Risk.HIGH), made=cab).detail == "missing:[R4]"

    def test_the_evidence_of_two_records_is_never_added_up(self) -> None:
        one, other = replace(REVIEWED, id="CHG-1", reviews=()), replace(REVIEWED, id="CHG-2", approvals=())
        assert decided(one, other).verdict is Verdict.EMERGENCY_PENDING_REVIEW
        assert decided(one, other, now="03-14 00:00").verdict is Verdict.UNAUTHORIZED


class TestRejection:
    @pytest.mark.parametrize("when", ["03-09 00:00", "03-10 12:30", "03-11 23:59"])
    def test_one_that_stands_fails_it_at_once(self, when: str) -> None:
        refused = replace(REVIEWED, approvals=(*REVIEWED.approvals, approval("eve", when, REJECTED)))
        result = ask("R10", refused)
        assert (result.outcome, result.detail) == (FAIL, "rejected_by")
        assert result.explanation == (
            "eve rejected the emergency change in its review, and did not take that back; it would have passed with no rejection that "
            "stands."
        )

    def test_one_that_was_taken_back_by_the_deadline_does_not_and_one_of_the_future_is_not_seen(self) -> None:
        back = (*REVIEWED.approvals, approval("eve", "03-10 13:00", REJECTED), approval("eve", "03-10 14:00", WITHDRAWN))
        assert ask("R10", replace(REVIEWED, approvals=back)).outcome is PASS
        assert ask("R10", replace(REVIEWED, approvals=back), now="03-10 13:30").outcome is FAIL
        assert ask("R10", replace(REVIEWED, approvals=back), now="03-10 12:30").outcome is PASS

    def test_one_that_was_taken_back_after_the_deadline_was_in_force_when_it_counted(self) -> None:
        late = (*REVIEWED.approvals, approval("eve", "03-10 13:00", REJECTED), approval("eve", "03-13 10:30:01", WITHDRAWN))
        result = ask("R10", replace(REVIEWED, approvals=late), now="03-14 00:00")
        assert (result.outcome, result.detail) == (FAIL, "missing:[R4]")


class TestHowLongAnEmergencyLasts:
    """R3 without a window: 72 hours after the declaration at scaleup, with the tolerance of 5 minutes, and from ever."""

    LONG = drift(interval=interval("03-01 00:00", "03-20 00:00"))

    @pytest.mark.parametrize(("time", "outcome"), [("03-13 10:55:00", PASS), ("03-13 10:55:01", FAIL), ("03-02 00:00:00", PASS)])
    def test_it_ends_to_the_second(self, time: str, outcome) -> None:
        result = ask("R3", DECLARED, events=[event(time)], drift_=self.LONG, now="03-21 00:00", made=policy(candidate_horizon_h=999))
        assert result.outcome is outcome

    def test_a_window_of_the_record_stands_in_its_place(self) -> None:
        assert ask("R3", replace(DECLARED, windows=(window("03-10 12:00", "03-10 13:00"),))).outcome is FAIL

    def test_it_says_since_when_and_for_how_long(self) -> None:
        result = ask("R3", DECLARED, events=[event("03-14 12:00")], drift_=self.LONG, now="03-21 00:00")
        assert result.explanation == (
            "The change was made at 12:00 UTC on 2026-03-14, 1 day 1 hour after the 3 days that follow its declaration at 10:50 UTC on "
            "2026-03-10 closed; a clock difference of 5 minutes is allowed; it would have passed with a window that contains 12:00 UTC on "
            "2026-03-14."
        )


class TestPriorApproval:
    ASKING = policy(emergency=EmergencyRequirement(prior_approval=PriorApproval.ONE, declare_within_h=24, review_within_h=72))

    def test_where_the_policy_asks_for_none_neither_approval_nor_who_gave_it_is_weighed(self) -> None:
        found = asked(DECLARED)
        assert (found["R4"], found["R5"]) == (NOT_APPLICABLE, NOT_APPLICABLE)
        assert ask("R4", DECLARED).explanation == "This policy lets an emergency change be approved in its review."

    @pytest.mark.parametrize(
        ("approvals", "outcome"),
        [
            ((), FAIL),
            ((approval("zoe", "03-10 10:35:00"),), PASS),
            ((approval("zoe", "03-10 10:35:01"),), FAIL),
            ((approval("zoe"), approval("zoe", "03-10 10:00", WITHDRAWN)), FAIL),
            ((approval("zoe"), approval("eve", decision=REJECTED)), PASS),
            ((approval("group:cab"),), FAIL),
        ],
    )
    def test_anybodys_approval_that_was_in_force_is_enough(self, approvals: tuple, outcome) -> None:
        assert ask("R4", replace(DECLARED, approvals=approvals), made=self.ASKING).outcome is outcome

    @pytest.mark.parametrize(("given", "outcome"), [("03-10 10:05:00", PASS), ("03-10 10:05:01", UNKNOWN), ("03-10 11:05:01", FAIL)])
    def test_over_an_interval_it_is_proven_only_before_its_beginning(self, given: str, outcome) -> None:
        result = ask("R4", replace(DECLARED, approvals=(approval("zoe", given),)), events=UNDATED, made=self.ASKING)
        assert result.outcome is outcome

    def test_the_approval_of_those_who_did_it_is_no_other_ones(self) -> None:
        assert ask("R5", replace(DECLARED, approvals=(approval("zoe"),)), made=self.ASKING).outcome is PASS
        result = ask("R5", replace(DECLARED, approvals=(approval("alice"),)), made=self.ASKING)
        assert result.explanation == (
            "It was approved by alice, who requested it; without the people who took part in the change, nobody approved it; it would have "
            "passed with the approval of people without a part in it by 10:30 UTC on 2026-03-10."
        )
        both = replace(DECLARED, approvals=(approval("alice", "03-10 09:00"), approval("zoe", "03-10 10:30")))
        assert ask("R5", both, events=UNDATED, made=self.ASKING).outcome is UNKNOWN

    def test_a_record_that_we_saw_unapproved_after_the_change_is_back_dated(self) -> None:
        seen = replace(DECLARED, approvals=(approval("zoe"),), observations=(Observation(at=at("03-10 10:30"), approved=False),))
        assert ask("R4", seen, made=self.ASKING).detail == "backdated"

    def test_the_sentence_says_what_was_missing(self) -> None:
        assert ask("R4", DECLARED, made=self.ASKING).explanation == (
            "The emergency change was made at 10:30 UTC on 2026-03-10, and by then nobody's approval of it was in force; it would have "
            "passed with anybody's approval by 10:30 UTC on 2026-03-10."
        )
        undated = ask("R4", replace(DECLARED, approvals=(approval("zoe", "03-10 10:30"),)), events=UNDATED, made=self.ASKING)
        assert undated.explanation == (
            "The change was made between 10:00 and 11:00 UTC on 2026-03-10; somebody's approval was in force in a part of that time only, "
            "so nothing proves that it came first."
        )


def test_rules_for_normal_and_standard_changes_are_not_asked_about_an_emergency() -> None:
    assert asked(DECLARED).keys() == {"R2", "R3", "R4", "R5", "R8", "R9", "R10", "R11", "R12"}


def test_only_an_emergency_is_asked_for_its_review() -> None:
    assert "R10" not in asked(record())


def test_a_reviewed_emergency_is_authorised_and_nothing_is_due() -> None:
    decision = decided(REVIEWED)
    assert (decision.verdict, decision.record, decision.due_at) == (Verdict.AUTHORIZED, "CHG-1", None)


@pytest.mark.parametrize("mode", [Mode.WARN, Mode.OFF])
def test_where_the_review_is_not_enforced_none_is_waited_for(mode: Mode) -> None:
    decision = decided(DECLARED, made=policy(rules={"R10": mode}))
    assert (decision.verdict, decision.due_at) == (Verdict.AUTHORIZED, None)


@pytest.mark.parametrize(("preset", "verdict"), [("startup", Verdict.EMERGENCY_PENDING_REVIEW), ("enterprise", Verdict.UNAUTHORIZED)])
def test_startup_waits_for_the_review_and_enterprise_wants_an_approval_before(preset: str, verdict: Verdict) -> None:
    decision = decided(DECLARED, made=policy(preset))
    assert decision.verdict is verdict
    assert rules(decision.violations) == ({"R4", "R10"} if preset == "enterprise" else set())


def test_a_pending_record_ranks_behind_a_full_match_and_before_a_failed_one() -> None:
    good, poor = record(id="CHG-9"), record(id="CHG-0", approvals=())
    assert decided(DECLARED, good).record == "CHG-9"
    both = decided(DECLARED, poor)
    assert (both.record, both.verdict) == ("CHG-1", Verdict.EMERGENCY_PENDING_REVIEW)


def test_one_pending_path_keeps_the_whole_change_pending_and_an_uncovered_one_makes_it_partial() -> None:
    other = record(id="CHG-2", scope=(replace(record().scope[0], attribute_paths=("/Description",)),))
    two = drift(difference(), difference("/Description"))
    assert decided(DECLARED, other, drift_=two).verdict is Verdict.EMERGENCY_PENDING_REVIEW
    assert decided(DECLARED, drift_=two).verdict is Verdict.PARTIALLY_AUTHORIZED


def test_a_human_behind_a_pipeline_cannot_review_the_emergency_alone() -> None:
    run_by = event(actor="role/terraform-prod", actor_kind=ActorKind.PIPELINE, on_behalf_of="carol")
    assert ask("R10", REVIEWED, events=[run_by]).detail == "missing:[R6]"
