"""R4 and R5: enough of the right people had approved when the change was made, without the help of those who made it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.activity import ActorKind
from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.authorization.policy import ApprovalRequirement, Mode, Policy, UnknownAs
from driftwatch.domain.change import ApprovalDecision, ApprovalKind, ChangeRecord, ChangeState, Observation, Risk
from driftwatch.domain.decision import RuleOutcome, RuleResult, Verdict
from tests.builders import approval, at, context, drift, event, interval, policy, record, source

PASS, FAIL, UNKNOWN, NOT_APPLICABLE = RuleOutcome.PASS, RuleOutcome.FAIL, RuleOutcome.UNKNOWN, RuleOutcome.NOT_APPLICABLE
REJECTED, WITHDRAWN = ApprovalDecision.REJECTED, ApprovalDecision.WITHDRAWN
NOW = "03-12 00:00"
BOB = (event(),)


def ask(rule: str, *approvals, events=BOB, drift_=None, now=NOW, made: Policy | None = None, **fields) -> RuleResult:
    judged = record(**{"approvals": approvals or (approval(),), **fields})
    decision = decide(
        drift_ or drift(), events=events, records=[judged], sources=[source(now)], policy=made or policy("scaleup"), now=at(now)
    )
    return next(result for result in decision.paths[0].considered[0].results if result.rule == rule)


@pytest.mark.parametrize(
    ("given", "outcome"), [("03-10 10:30:00", PASS), ("03-10 10:35:00", PASS), ("03-10 10:35:01", FAIL), ("03-10 11:00:00", FAIL)]
)
def test_an_approval_counts_up_to_the_second_of_the_change_and_its_tolerance(given: str, outcome: RuleOutcome) -> None:
    assert ask("R4", approval(time=given)).outcome is outcome


@pytest.mark.parametrize(
    ("given", "outcome"),
    [("03-10 10:05:00", PASS), ("03-10 10:05:01", UNKNOWN), ("03-10 11:05:00", UNKNOWN), ("03-10 11:05:01", FAIL)],
)
def test_within_an_interval_it_is_proven_only_before_its_beginning(given: str, outcome: RuleOutcome) -> None:
    assert ask("R4", approval(time=given), events=()).outcome is outcome


def test_nothing_can_be_proven_to_precede_a_change_that_is_older_than_the_first_snapshot() -> None:
    assert ask("R4", approval(time="01-01 00:00"), events=(), drift_=drift(interval=interval(None))).outcome is UNKNOWN


def test_an_approval_that_was_taken_back_within_the_interval_is_no_proof_either() -> None:
    result = ask("R4", approval(), approval(time="03-10 10:30", decision=WITHDRAWN), events=())
    assert (result.outcome, result.detail) == (UNKNOWN, "undated")
    assert "taken back" in result.explanation


def test_what_is_dated_after_now_is_invisible() -> None:
    wide = drift(interval=interval("03-10 10:00", "03-10 10:30"))
    later = approval(time="03-10 10:31")
    assert ask("R4", later, events=[event("03-10 10:29")], drift_=wide, now="03-10 10:30").outcome is FAIL
    assert ask("R4", later, events=[event("03-10 10:29")], drift_=wide, now="03-10 10:31").outcome is PASS


class TestWhoCounts:
    def test_only_the_latest_decision_of_a_person_counts_under_any_of_their_names(self) -> None:
        assert ask("R4", approval("mia"), approval("mia@corp.example", "03-09 16:00", WITHDRAWN)).outcome is FAIL
        assert ask("R4", approval("mia", "03-09 14:00", REJECTED), approval("mia@corp.example", "03-09 16:00")).outcome is PASS

    def test_an_approval_that_was_taken_back_before_the_change_was_never_retroactive(self) -> None:
        assert ask("R4", approval("mia"), approval("mia", "03-09 16:00", WITHDRAWN)).detail == "unapproved"
        again = (approval("mia"), approval("mia", "03-09 16:00", WITHDRAWN), approval("mia", "03-10 12:00"))
        assert ask("R4", *again, now="03-10 12:00").detail == "retroactive"

    def test_of_two_decisions_at_one_instant_the_worse_counts_in_whatever_order_they_come(self) -> None:
        pair = (approval("mia"), approval("mia", decision=WITHDRAWN))
        assert ask("R4", *pair).outcome is FAIL
        assert ask("R4", *reversed(pair)).outcome is FAIL

    def test_one_standing_rejection_outweighs_any_number_of_approvals(self) -> None:
        result = ask("R4", approval("mia"), approval("dan"), approval("zoe", decision=REJECTED))
        assert (result.outcome, result.detail) == (FAIL, "rejected_by")
        assert result.explanation == (
            "The change was made at 10:30 UTC on 2026-03-10, and by then zoe had rejected it; it would have passed with no rejection that "
            "stands."
        )

    def test_a_rejection_after_the_change_comes_too_late(self) -> None:
        assert ask("R4", approval("mia"), approval("zoe", "03-10 10:35:01", REJECTED)).outcome is PASS

    def test_the_role_comes_from_the_policy_never_from_the_ticket(self) -> None:
        assert ask("R4", approval("mallory", role="manager")).outcome is FAIL
        assert ask("R4", approval("AWSReservedSSO_Admin/mia", role="nobody")).outcome is PASS

    def test_names_are_compared_with_their_case(self) -> None:
        assert ask("R4", approval("Mia")).outcome is FAIL

    @pytest.mark.parametrize("who", ["group:cab", "role/approver-bot", "autoscaling.amazonaws.com", "role/terraform-prod"])
    def test_only_people_approve(self, who: str) -> None:
        anybody = replace(policy("scaleup"), approvals=ApprovalRequirement())
        assert ask("R4", approval(who), made=anybody).outcome is FAIL
        assert ask("R4", approval("somebody"), made=anybody).outcome is PASS

    def test_an_override_of_a_freeze_is_no_approval_of_the_change(self) -> None:
        assert ask("R4", approval(kind=ApprovalKind.FREEZE_OVERRIDE)).outcome is FAIL

    def test_the_state_of_the_record_is_not_consulted(self) -> None:
        assert ask("R4", state=ChangeState.DRAFT).outcome is PASS
        assert ask("R4", approval(time="03-11 00:00"), state=ChangeState.APPROVED).outcome is FAIL


class TestHowMany:
    def test_enough_people_and_one_of_every_group_of_roles(self) -> None:
        made = replace(policy("scaleup"), approvals=ApprovalRequirement(min_count=2, role_groups=(("manager",), ("security",))))
        assert ask("R4", approval("mia"), approval("sam"), made=made).outcome is PASS
        assert ask("R4", approval("mia"), made=made).outcome is FAIL
        assert ask("R4", approval("mia"), approval("dan"), made=made).outcome is FAIL
        assert ask("R4", approval("mia"), approval("mia@corp.example"), made=made).outcome is FAIL

    @pytest.mark.parametrize(("risk", "outcome"), [(None, PASS), (Risk.MEDIUM, PASS), (Risk.HIGH, FAIL), (Risk.CRITICAL, FAIL)])
    def test_high_risk_needs_its_own_groups_too(self, risk: Risk | None, outcome: RuleOutcome) -> None:
        assert ask("R4", approval("mia"), made=policy("enterprise"), risk=risk).outcome is outcome
        assert ask("R4", approval("mia"), approval("eve"), made=policy("enterprise"), risk=risk).outcome is PASS

    def test_the_explanation_says_what_is_missing(self) -> None:
        result = ask("R4", approval("alice"))
        assert result.detail == "unapproved"
        assert result.explanation == (
            "The change was made at 10:30 UTC on 2026-03-10, and the approvals did not suffice by then: no approver is manager, "
            "change_manager or cab; it would have passed with its approval complete by 10:30 UTC on 2026-03-10."
        )


class TestTooLate:
    def test_an_approval_after_the_change_is_retroactive_and_the_delay_is_named(self) -> None:
        result = ask("R4", approval(time="03-10 12:45"))
        assert result.detail == "retroactive"
        assert result.explanation == (
            "The change was made at 10:30 UTC on 2026-03-10; its approval was complete only at 12:45 UTC on 2026-03-10, 2 hours 15 "
            "minutes later; it would have passed with its approval complete by 10:30 UTC on 2026-03-10."
        )

    @pytest.mark.parametrize(("seen", "outcome"), [("03-10 10:29:59", PASS), ("03-10 10:30:00", FAIL), ("03-11 00:00:00", FAIL)])
    def test_a_record_that_we_ourselves_saw_unapproved_at_or_after_the_change_is_back_dated(self, seen: str, outcome: RuleOutcome) -> None:
        result = ask("R4", observations=(Observation(at=at(seen), approved=False),))
        assert result.outcome is outcome
        assert result.detail == ("backdated" if outcome is FAIL else "")

    def test_for_an_interval_the_observation_counts_from_its_end(self) -> None:
        before_end, at_end = (Observation(at=at(time), approved=False) for time in ("03-10 10:59:59", "03-10 11:00:00"))
        assert ask("R4", events=(), observations=(before_end,)).outcome is PASS
        assert ask("R4", events=(), observations=(at_end,)).outcome is FAIL

    def test_one_that_was_made_just_now_counts_and_the_first_of_several_is_named(self) -> None:
        assert ask("R4", observations=(Observation(at=at(NOW), approved=False),)).outcome is FAIL
        seen = tuple(Observation(at=at(time), approved=False) for time in ("03-11 00:00", "03-10 12:00"))
        assert "1 hour 30 minutes later, at 12:00 UTC on 2026-03-10" in ask("R4", observations=seen).explanation

    def test_observations_of_an_approved_record_or_of_the_future_prove_nothing(self) -> None:
        assert ask("R4", observations=(Observation(at=at("03-11 00:00"), approved=True),)).outcome is PASS
        assert ask("R4", observations=(Observation(at=at("03-13 00:00"), approved=False),)).outcome is PASS


class TestSeparationOfDuties:
    @pytest.mark.parametrize(
        "fields",
        [
            {"requester": "mia"},
            {"requester": "mia@corp.example"},
            {"authors": ("zoe", "mia")},
            {"implementers": ("mia",)},
            {"events": (event(actor="mia"),)},
            {"events": (event(actor="AWSReservedSSO_Admin/mia"),)},
            {"events": (event(actor="role/terraform-prod", actor_kind=ActorKind.PIPELINE, on_behalf_of="mia"),)},
        ],
    )
    def test_whoever_had_a_part_in_the_change_does_not_count_under_any_name(self, fields: dict) -> None:
        result = ask("R5", approval("mia"), **fields)
        assert (result.outcome, result.detail) == (FAIL, "self_approval")

    def test_a_self_approval_beside_an_independent_one_is_fine(self) -> None:
        assert ask("R5", approval("mia"), approval("dan"), requester="mia").outcome is PASS

    def test_belonging_to_an_implementing_group_is_no_part(self) -> None:
        made = policy("scaleup")
        made = replace(made, context=context(groups={"group:netops": ("mia",)}))
        assert ask("R5", implementers=("group:netops",), made=made).outcome is PASS

    @pytest.mark.parametrize(
        ("approvals", "made"),
        [
            ((approval(time="03-11 00:00"),), policy("scaleup")),
            (
                (approval(time="03-10 10:30"),),
                policy("startup", rules={"R5": Mode.ENFORCE}, unknown_as=UnknownAs.PASS, clock_tolerance_s=0),
            ),
        ],
    )
    def test_it_applies_only_where_the_approval_is_proven_and_an_accepted_unknown_proves_nothing(
        self, approvals: tuple, made: Policy
    ) -> None:
        result = ask("R5", *approvals, requester="mia", events=(), made=made)
        assert result.outcome is NOT_APPLICABLE

    def test_it_is_judged_at_the_same_moment_as_the_approval(self) -> None:
        """alice's approval came in time and sam's did not: together they are not an independent approval in time."""
        made = replace(policy("scaleup"), approvals=ApprovalRequirement())
        result = ask("R5", approval("alice", "03-10 09:00"), approval("sam", "03-10 10:30"), events=(), made=made)
        assert result.outcome is UNKNOWN
        result = ask("R5", approval("alice", "03-10 09:00"), approval("sam", "03-10 12:00"), events=(), made=made)
        assert result.outcome is FAIL

    def test_the_explanation_names_the_part_that_the_approver_had(self) -> None:
        result = ask("R5", approval("mia"), requester="mia", implementers=("mia",))
        assert result.explanation == (
            "It was approved by mia, who requested it and implements it; without the people who took part in the change, 0 of 1 required "
            "approvals given and no approver is manager, change_manager or cab; it would have passed with the approval of people without a "
            "part in it by 10:30 UTC on 2026-03-10."
        )


def verdict(judged: ChangeRecord, made: Policy) -> Verdict:
    return decide(drift(), events=(), records=[judged], sources=[source(NOW)], policy=made, now=at(NOW)).verdict


@pytest.mark.parametrize(
    ("unknown_as", "mode", "expected"),
    [
        (UnknownAs.PASS, Mode.ENFORCE, (Verdict.AUTHORIZED, "warnings")),
        (UnknownAs.UNKNOWN, Mode.ENFORCE, (Verdict.INDETERMINATE, "unknowns")),
        (UnknownAs.FAIL, Mode.ENFORCE, (Verdict.UNAUTHORIZED, "violations")),
        (UnknownAs.PASS, Mode.WARN, (Verdict.AUTHORIZED, "warnings")),
        (UnknownAs.UNKNOWN, Mode.WARN, (Verdict.AUTHORIZED, "warnings")),
        (UnknownAs.FAIL, Mode.WARN, (Verdict.AUTHORIZED, "warnings")),
        (UnknownAs.FAIL, Mode.OFF, (Verdict.AUTHORIZED, None)),
    ],
)
def test_an_unknown_counts_as_the_policy_says_and_stands_in_exactly_one_list(unknown_as, mode, expected) -> None:
    made = policy("scaleup", rules={"R4": mode}, unknown_as=unknown_as)
    judged = record(approvals=(approval(time="03-10 10:30"),))
    decision = decide(drift(), events=(), records=[judged], sources=[source(NOW)], policy=made, now=at(NOW))
    where = {name: {result.rule for result in getattr(decision, name)} for name in ("violations", "unknowns", "warnings")}
    assert decision.verdict is expected[0]
    assert {name for name, rules in where.items() if "R4" in rules} == ({expected[1]} if expected[1] else set())


@pytest.mark.parametrize(
    ("mode", "expected"), [(Mode.ENFORCE, Verdict.UNAUTHORIZED), (Mode.WARN, Verdict.AUTHORIZED), (Mode.OFF, Verdict.AUTHORIZED)]
)
def test_a_failed_rule_counts_as_its_mode_says(mode: Mode, expected: Verdict) -> None:
    assert verdict(record(approvals=()), policy("scaleup", rules={"R4": mode})) is expected
