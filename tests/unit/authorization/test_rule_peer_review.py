"""R6: enough people who did not make the change reviewed what the record names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.activity import ActorKind
from driftwatch.domain.authorization.policy import ApprovalRequirement, Mode, ReviewRequirement
from driftwatch.domain.change import ApprovalDecision, ChangeType, Review, ReviewDecision, Risk
from driftwatch.domain.decision import RuleResult, Verdict
from tests.builders import approval, context, event, policy, record, review
from tests.unit.authorization.asking import BY_BOB, FAIL, PASS, UNDATED, ask, asked, decided, rules

CHANGES, WITHDRAWN = ReviewDecision.CHANGES_REQUESTED, ReviewDecision.WITHDRAWN


def r6(*reviews: Review, made=None, events=BY_BOB, now="03-12 00:00", **fields) -> RuleResult:
    return ask("R6", record(reviews=reviews, **fields), made=made, events=events, now=now)


class TestWhichReviewsCount:
    @pytest.mark.parametrize(
        ("reviews", "outcome"),
        [
            ((), FAIL),
            ((review(),), PASS),
            ((review(decision=CHANGES),), FAIL),
            ((review(), review(time="03-09 15:00", decision=CHANGES)), FAIL),
            ((review(), review(time="03-09 15:00", decision=WITHDRAWN)), FAIL),
            ((review(decision=CHANGES), review(time="03-09 15:00")), PASS),
            ((review(), review("zoe", decision=CHANGES)), PASS),
            ((review("group:netops"),), FAIL),
            ((review("role/review-bot"),), FAIL),
            ((review("role/terraform-prod"),), FAIL),
        ],
    )
    def test_the_latest_of_each_person_where_it_approves(self, reviews: tuple, outcome) -> None:
        assert r6(*reviews).outcome is outcome

    @pytest.mark.parametrize("worse", [CHANGES, WITHDRAWN])
    def test_of_two_at_one_instant_the_worse_in_whatever_order_they_come(self, worse: ReviewDecision) -> None:
        pair = (review(), review(decision=worse))
        assert r6(*pair).outcome is r6(*reversed(pair)).outcome is FAIL

    def test_the_names_of_one_person_are_one_person(self) -> None:
        two = replace(policy(), reviews=ReviewRequirement(min_count=2))
        assert r6(review("mia"), review("mia@corp.example"), made=two).outcome is FAIL
        assert r6(review("mia"), review("mia@corp.example", "03-09 15:00", CHANGES)).outcome is FAIL
        assert r6(review("mia"), review("Mia"), made=two).outcome is PASS

    @pytest.mark.parametrize(
        ("ref", "artifact", "outcome"),
        [
            (None, "abc123", PASS),
            (None, None, PASS),
            ("abc123", "abc123", PASS),
            ("abc12", "abc123", FAIL),
            ("ABC123", "abc123", FAIL),
            ("abc123", None, FAIL),
        ],
    )
    def test_it_is_of_what_the_record_names_or_of_nothing_in_particular(self, ref, artifact, outcome) -> None:
        assert r6(review(ref=ref), artifact_ref=artifact).outcome is outcome

    def test_one_before_or_after_the_change_counts_but_none_of_the_future(self) -> None:
        assert r6(review(time="03-11 20:00")).outcome is PASS
        assert r6(review(time="03-12 00:00:00")).outcome is PASS
        assert r6(review(time="03-12 00:00:01")).outcome is FAIL
        assert r6(review(), review(time="03-12 00:00:01", decision=CHANGES)).outcome is PASS

    def test_as_many_as_the_policy_wants_and_none_where_it_wants_none(self) -> None:
        two = replace(policy(), reviews=ReviewRequirement(min_count=2))
        assert r6(review(), made=two).outcome is FAIL
        assert r6(review(), review("zoe"), made=two).outcome is PASS
        assert r6(made=replace(policy(), reviews=ReviewRequirement(min_count=0))).outcome is PASS

    def test_the_reviews_of_two_records_are_never_added_up(self) -> None:
        two = replace(policy(), reviews=ReviewRequirement(min_count=2))
        decision = decided(record(), record(id="CHG-2", reviews=(review("zoe"),)), made=two)
        assert (decision.verdict, rules(decision.violations)) == (Verdict.UNAUTHORIZED, {"R6"})


class TestWhoIsAPeer:
    @pytest.mark.parametrize(
        ("fields", "outcome"),
        [
            ({"authors": ("carol",)}, FAIL),
            ({"authors": ("zoe", "carol")}, FAIL),
            ({"implementers": ("bob", "carol")}, FAIL),
            ({"events": (event(actor="carol"),)}, FAIL),
            ({"events": (event(actor="role/terraform-prod", actor_kind=ActorKind.PIPELINE, on_behalf_of="carol"),)}, FAIL),
            ({"requester": "carol", "authors": ()}, FAIL),
            ({"requester": "carol", "authors": ("alice",)}, PASS),
            ({"requester": None}, PASS),
            ({"implementers": ("group:netops",), "events": UNDATED}, PASS),
            ({"events": (event(actor="carol", actor_kind=ActorKind.PIPELINE),)}, PASS),
        ],
    )
    def test_whoever_wrote_implemented_or_made_the_change_is_none_whoever_only_asked_for_it_is(self, fields, outcome) -> None:
        assert r6(review("carol"), **fields).outcome is outcome

    def test_under_any_name(self) -> None:
        known = replace(policy(), context=context(identities={"carol": ("carol@corp.example",)}))
        assert r6(review("carol@corp.example"), authors=("carol",), made=known).outcome is FAIL
        assert r6(review("carol"), authors=("carol@corp.example",), made=known).outcome is FAIL

    def test_a_second_reviewer_from_outside_is_enough_beside_an_insider(self) -> None:
        assert r6(review("bob"), review("carol")).outcome is PASS


class TestDistinctFromApprover:
    ENTERPRISE = policy("enterprise")

    @pytest.mark.parametrize(
        ("approvals", "outcome"),
        [
            ((approval("mia"), approval("dan")), FAIL),
            ((approval("mia"),), PASS),
            ((approval("mia"), approval("dan", decision=ApprovalDecision.WITHDRAWN)), PASS),
            ((approval("mia"), approval("dan", "03-12 00:00:01")), PASS),
            ((approval("mia"), approval("dan", "03-11 23:00")), FAIL),
        ],
    )
    def test_a_reviewer_may_not_have_approved_in_a_required_role_too(self, approvals: tuple, outcome) -> None:
        assert r6(review("dan"), made=self.ENTERPRISE, approvals=approvals).outcome is outcome

    def test_who_approved_without_such_a_role_may_and_so_may_all_where_the_policy_does_not_mind(self) -> None:
        assert r6(review("sam"), made=self.ENTERPRISE, approvals=(approval("mia"), approval("sam"))).outcome is PASS
        assert r6(review("mia"), approvals=(approval("mia"),)).outcome is PASS

    @pytest.mark.parametrize("risk", [None, Risk.LOW, Risk.HIGH])
    def test_the_roles_for_a_high_risk_are_included_whatever_the_risk_is(self, risk: Risk | None) -> None:
        made = replace(self.ENTERPRISE, approvals=ApprovalRequirement(role_groups=(("manager",),), high_risk_role_groups=(("cab",),)))
        assert r6(review("eve"), made=made, risk=risk, approvals=(approval("mia"), approval("eve"))).outcome is FAIL


@pytest.mark.parametrize(
    ("reviews", "fields", "text"),
    [
        ((), {}, "0 of 1 required review by people who did not make the change was given; "),
        (
            (review("bob"), review("mia", ref="old")),
            {},
            (
                "0 of 1 required review by people who did not make the change was given: bob reviewed their own work; mia reviewed old, "
                "not abc123; "
            ),
        ),
        (
            (review("mia", ref="old"),),
            {"artifact_ref": None},
            (
                "0 of 1 required review by people who did not make the change was given: mia reviewed old, not what the record names, "
                "which is nothing; "
            ),
        ),
        (
            (review("mia"),),
            {"made": policy("enterprise")},
            (
                "0 of 1 required review by people who did not make the change was given: mia approved the change, too, and this policy "
                "wants reviewer and approver to be two people; "
            ),
        ),
        (
            (review("carol"),),
            {"made": replace(policy(), reviews=ReviewRequirement(min_count=2))},
            "1 of 2 required reviews by people who did not make the change was given; ",
        ),
    ],
)
def test_the_sentence_counts_and_says_why_a_review_does_not_count(reviews: tuple, fields: dict, text: str) -> None:
    of = "" if "artifact_ref" in fields else " of abc123"
    remedy = f"it would have passed with an approving review{of} by somebody who did not make the change."
    assert r6(*reviews, **fields).explanation == text + remedy


def test_the_sentence_of_a_pass_names_the_reviewers() -> None:
    assert r6(review("zoe"), review("carol")).explanation == "carol and zoe reviewed it and did not make it."


@pytest.mark.parametrize("kind", [ChangeType.EMERGENCY, ChangeType.STANDARD])
def test_only_a_normal_change_is_asked_in_its_own_right(kind: ChangeType) -> None:
    assert "R6" not in asked(record(type=kind))


@pytest.mark.parametrize(("preset", "verdict"), [("startup", Verdict.AUTHORIZED), ("scaleup", Verdict.UNAUTHORIZED)])
def test_startup_does_not_ask(preset: str, verdict: Verdict) -> None:
    decision = decided(record(reviews=()), made=policy(preset))
    assert decision.verdict is verdict
    assert decided(record(reviews=()), made=policy("enterprise", rules={"R6": Mode.WARN})).warnings[0].rule == "R6"
