"""Exceptions (section 5, step 10) and R14: a valid one excuses the state of an uncovered path for a while, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from driftwatch.domain.activity import ActorKind
from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.authorization.policy import Mode, Policy
from driftwatch.domain.change import ChangeState, ChangeType, Target
from driftwatch.domain.decision import Decision, Verdict
from driftwatch.domain.drift import DriftKind, Op
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from tests.builders import ACCOUNT, CIDR, GROUP, approval, at, difference, drift, event, exception, interval, policy, record, source, target
from tests.unit.authorization.asking import FAIL, SECOND, UNDATED, decided, rules

EXCEPTED, EXPIRED, UNAUTHORIZED = Verdict.EXCEPTED, Verdict.EXCEPTION_EXPIRED, Verdict.UNAUTHORIZED
START, END = at("03-10 00:00"), at("03-12 00:00")
GOOD = exception(starts_at=START, expires_at=END)
SELF_APPROVED = exception(id="EX-VOID", requested_by="sam")
OVER = exception(id="EX-OVER", expires_at=at("03-11 00:00"))


def excused(*exceptions: ExceptionRecord, records=(), now="03-11 12:00", **more) -> Decision:
    return decided(*records, exceptions=exceptions, now=now, **more)


class TestWhen:
    @pytest.mark.parametrize(
        ("moment", "verdict", "violated"),
        [
            (START - SECOND, UNAUTHORIZED, {"R1"}),
            (START, EXCEPTED, set()),
            (END - SECOND, EXCEPTED, set()),
            (END, EXPIRED, {"R1", "R14"}),
            (END + SECOND, EXPIRED, {"R1", "R14"}),
        ],
    )
    def test_from_its_start_up_to_before_its_end_by_the_time_of_the_decision(self, moment, verdict, violated) -> None:
        """The drift is of the 9th: an exception excuses the state that is there now, not the time of the act."""
        early = drift(interval=interval("03-09 10:00", "03-09 11:00"))
        decision = decide(early, events=[], records=[], sources=[], policy=policy(), now=moment, exceptions=[GOOD])
        assert (decision.verdict, rules(decision.violations)) == (verdict, violated)
        assert {result.outcome for result in decision.violations} <= {FAIL}
        assert decision.record == ("EX-1" if verdict is EXCEPTED else None)

    def test_one_without_an_end_is_void_however_young_it_is(self) -> None:
        decision = excused(replace(GOOD, expires_at=None))
        assert (decision.verdict, decision.violations[-1].detail) == (UNAUTHORIZED, "endless")

    @pytest.mark.parametrize(("preset", "days"), [("startup", 365), ("scaleup", 180), ("enterprise", 90)])
    def test_it_may_last_exactly_as_long_as_the_policy_says_and_not_a_second_more(self, preset: str, days: int) -> None:
        longest = replace(GOOD, expires_at=START + timedelta(days=days))
        assert excused(longest, made=policy(preset)).verdict is EXCEPTED
        decision = excused(replace(longest, expires_at=longest.expires_at + SECOND), made=policy(preset))
        assert (decision.verdict, decision.violations[-1].detail) == (UNAUTHORIZED, "too_long")

    @pytest.mark.parametrize(("approved_at", "verdict"), [(None, EXCEPTED), ("03-11 12:00:00", EXCEPTED), ("03-11 12:00:01", UNAUTHORIZED)])
    def test_an_approval_of_the_future_is_not_seen(self, approved_at: str | None, verdict: Verdict) -> None:
        decision = excused(replace(GOOD, approved_at=at(approved_at) if approved_at else None))
        assert (decision.verdict, rules(decision.violations)) == (verdict, set() if verdict is EXCEPTED else {"R1"})


class TestWho:
    @pytest.mark.parametrize(
        ("fields", "detail"),
        [
            ({"approved_by": None}, "unapproved"),
            ({"requested_by": "sam"}, "self_approved"),
            ({"requested_by": "mia@corp.example", "approved_by": "AWSReservedSSO_Admin/mia"}, "self_approved"),
            ({"approved_by": "bob", "requested_by": "alice"}, "approved_by_actor"),
            ({"approved_by": "bob@corp.example", "requested_by": "alice"}, "approved_by_actor"),
            ({"approved_by": "zoe"}, None),
            ({"requested_by": "Sam"}, None),
        ],
    )
    def test_somebody_approves_it_who_neither_asked_for_it_nor_made_the_change(self, fields: dict, detail: str | None) -> None:
        decision = excused(replace(GOOD, **fields))
        assert decision.verdict is (UNAUTHORIZED if detail else EXCEPTED)
        assert {result.outcome for result in decision.violations} <= {FAIL}
        assert [result.detail for result in decision.violations if result.rule == "R14"] == ([detail] if detail else [])

    def test_the_human_behind_a_pipeline_made_the_change_the_pipeline_itself_is_nobody(self) -> None:
        behind = event(actor="role/terraform-prod", actor_kind=ActorKind.PIPELINE, on_behalf_of="sam")
        assert excused(GOOD, events=[behind]).violations[-1].detail == "approved_by_actor"
        alone = event(actor="role/terraform-prod", actor_kind=ActorKind.PIPELINE)
        assert excused(GOOD, events=[alone]).verdict is EXCEPTED

    def test_every_writer_counts_where_every_writer_is_judged(self) -> None:
        writers = [event("03-10 10:10", id="ev-1", actor="sam"), event("03-10 10:20", id="ev-2")]
        assert excused(GOOD, events=writers, made=policy("enterprise")).violations[-1].detail == "approved_by_actor"
        assert excused(GOOD, events=writers, made=policy("enterprise", evaluate_all_writers=False)).verdict is EXCEPTED

    def test_without_any_event_nobody_is_known_to_have_made_it(self) -> None:
        assert excused(replace(GOOD, approved_by="mallory"), events=UNDATED).verdict is EXCEPTED


class TestState:
    @pytest.mark.parametrize("state", [ExceptionState.REQUESTED, ExceptionState.REJECTED, ExceptionState.REVOKED])
    def test_one_that_is_not_approved_or_was_revoked_says_nothing_at_all(self, state: ExceptionState) -> None:
        for item in (GOOD, SELF_APPROVED, OVER):
            decision = excused(replace(item, state=state))
            assert (decision.verdict, rules(decision.violations)) == (UNAUTHORIZED, {"R1"})


class TestSideBySide:
    NOT_YET = exception(id="EX-NEXT", starts_at=at("03-11 12:00:01"))

    @pytest.mark.parametrize(
        ("given", "verdict", "named"),
        [
            ((SELF_APPROVED, OVER, GOOD), EXCEPTED, None),
            ((SELF_APPROVED, OVER), EXPIRED, "EX-OVER"),
            ((SELF_APPROVED,), UNAUTHORIZED, "EX-VOID"),
            ((OVER, NOT_YET), EXPIRED, "EX-OVER"),
            ((NOT_YET,), UNAUTHORIZED, None),
            ((replace(OVER, requested_by="sam"),), EXPIRED, "EX-OVER"),
            ((replace(OVER, approved_by="bob", requested_by="alice"), SELF_APPROVED), EXPIRED, "EX-OVER"),
        ],
    )
    def test_a_valid_one_before_an_expired_before_a_void_one_and_what_is_past_its_end_has_expired_whatever_else_is_wrong(
        self, given, verdict, named
    ) -> None:
        for order in (given, tuple(reversed(given))):
            decision = excused(*order)
            assert decision.verdict is verdict
            assert [result.record for result in decision.violations if result.rule == "R14"] == ([named] if named else [])
            assert rules(decision.violations) == (set() if verdict is EXCEPTED else {"R1", "R14"} if named else {"R1"})

    def test_of_two_valid_ones_the_earlier_is_named_then_the_id(self) -> None:
        later = exception(id="EX-0", starts_at=at("03-02 00:00"))
        assert excused(later, exception(id="EX-9")).record == "EX-9"
        assert excused(exception(id="EX-9"), exception(id="EX-3")).record == "EX-3"

    def test_of_two_expired_or_void_ones_the_earlier_is_named(self) -> None:
        later = exception(id="EX-0", starts_at=at("03-02 00:00"), expires_at=at("03-05 00:00"))
        void = replace(SELF_APPROVED, id="EX-1", starts_at=at("03-02 00:00"))
        for order in ((OVER, later), (later, OVER)):
            assert excused(*order).violations[-1].record == "EX-OVER"
        for order in ((SELF_APPROVED, void), (void, SELF_APPROVED)):
            assert excused(*order).violations[-1].record == "EX-VOID"


class TestWhat:
    @pytest.mark.parametrize(
        ("scope", "verdict"),
        [
            ((target(),), EXCEPTED),
            ((target(attribute_paths=None),), EXCEPTED),
            ((target(attribute_paths=("",)),), EXCEPTED),
            ((target(attribute_paths=("/IngressRules/*/CidrIpv4",)),), EXCEPTED),
            ((target(attribute_paths=("/Description",)),), UNAUTHORIZED),
            ((target(attribute_paths=(f"{CIDR}/deeper",)),), UNAUTHORIZED),
            ((target(ids=("arn:other",)),), UNAUTHORIZED),
            ((target(ids=("arn:other",)), target()), EXCEPTED),
            ((target(ids=("arn:other",)), target(attribute_paths=("/Description",))), UNAUTHORIZED),
            ((target(tags={"app": ("web",)}),), EXCEPTED),
            ((target(tags={"app": ("api",)}),), UNAUTHORIZED),
            ((Target(resource_types=("AWS::EC2::*",)),), EXCEPTED),
            ((Target(accounts=(ACCOUNT,)),), UNAUTHORIZED),
            ((Target(),), UNAUTHORIZED),
            ((), UNAUTHORIZED),
        ],
    )
    def test_it_covers_a_path_of_a_resource_that_it_names(self, scope: tuple, verdict: Verdict) -> None:
        decision = excused(replace(GOOD, scope=scope))
        assert decision.verdict is verdict
        assert rules(decision.violations) == (set() if verdict is EXCEPTED else {"R1"})

    def test_an_account_alone_only_where_the_policy_lets_it(self) -> None:
        assert excused(replace(GOOD, scope=(Target(accounts=(ACCOUNT,)),)), made=policy("startup")).verdict is EXCEPTED

    @pytest.mark.parametrize("operations", [(DriftKind.CREATED,), (DriftKind.DELETED,), ()])
    def test_operations_do_not_matter_it_excuses_a_state(self, operations: tuple) -> None:
        assert excused(replace(GOOD, scope=(target(operations=operations),))).verdict is EXCEPTED
        gone = drift(difference("", Op.REMOVE, before={}, after=None), kind=DriftKind.DELETED)
        assert excused(replace(GOOD, scope=(Target(ids=(GROUP,)),)), drift_=gone).verdict is EXCEPTED

    def test_a_type_that_must_name_its_paths_must_do_so_here_too_but_not_for_a_creation(self) -> None:
        key = drift(difference("/KeyPolicy"), resource_type="AWS::KMS::Key", resource_id="arn:aws:kms:eu-west-1:111111111111:key/1")
        wide, named = Target(resource_types=("AWS::KMS::Key",)), Target(resource_types=("AWS::KMS::Key",), attribute_paths=("/KeyPolicy",))
        enterprise = policy("enterprise")
        assert excused(replace(GOOD, scope=(wide,)), drift_=key, made=enterprise).verdict is UNAUTHORIZED
        assert excused(replace(GOOD, scope=(named,)), drift_=key, made=enterprise).verdict is EXCEPTED
        assert excused(replace(GOOD, scope=(wide,)), drift_=key).verdict is EXCEPTED
        new = replace(key, kind=DriftKind.CREATED, changes=(difference("", Op.ADD, before=None, after={}),))
        assert excused(replace(GOOD, scope=(wide,)), drift_=new, made=enterprise).verdict is EXCEPTED

    def test_it_excuses_only_its_own_path(self) -> None:
        both = drift(difference(), difference("/Description"))
        decision = excused(GOOD, drift_=both)
        assert decision.verdict is Verdict.PARTIALLY_AUTHORIZED
        assert [(path.verdict, path.record) for path in decision.paths] == [(EXCEPTED, "EX-1"), (UNAUTHORIZED, None)]
        assert decision.record is None


class TestWhichVerdictsItTouches:
    def test_an_unauthorised_change_keeps_no_violation_but_its_rules_are_still_told(self) -> None:
        decision = excused(GOOD, records=[record(approvals=())])
        assert (decision.verdict, decision.record, decision.violations, decision.unknowns) == (EXCEPTED, "EX-1", (), ())
        assert decision.paths[0].considered[0].verdict is UNAUTHORIZED
        assert [(result.rule, result.outcome.value) for result in decision.paths[0].results] == [("R14", "pass")]

    def test_an_indeterminate_one_is_excused_too_and_an_expired_exception_makes_it_worse(self) -> None:
        undated = [record(approvals=(approval(time="03-10 10:30"),))]
        assert excused(records=undated, events=UNDATED).verdict is Verdict.INDETERMINATE
        decision = excused(GOOD, records=undated, events=UNDATED)
        assert (decision.verdict, decision.unknowns) == (EXCEPTED, ())
        decision = excused(OVER, records=undated, events=UNDATED)
        assert (decision.verdict, rules(decision.violations), rules(decision.unknowns)) == (EXPIRED, {"R14"}, {"R4"})
        assert excused(SELF_APPROVED, records=undated, events=UNDATED).verdict is UNAUTHORIZED

    @pytest.mark.parametrize(
        ("judged", "verdict"),
        [
            (record(), Verdict.AUTHORIZED),
            (record(type=ChangeType.EMERGENCY, approvals=()), Verdict.EMERGENCY_PENDING_REVIEW),
        ],
    )
    def test_what_is_covered_or_pending_needs_none_and_a_bad_one_does_no_harm(self, judged, verdict) -> None:
        for item in (GOOD, OVER, SELF_APPROVED):
            decision = excused(item, records=[judged])
            assert (decision.verdict, decision.record, decision.violations) == (verdict, "CHG-1", ())
            assert decision.paths[0].results == ()

    def test_what_the_policy_does_not_control_needs_none(self) -> None:
        assert excused(GOOD, drift_=drift(account="222222222222")).verdict is Verdict.NOT_CONTROLLED

    def test_a_source_that_was_not_read_leaves_it_open_no_longer(self) -> None:
        decision = decide(
            drift(), events=[], records=[], sources=[source(None)], policy=policy(), now=at("03-10 12:00"), exceptions=[exception()]
        )
        assert (decision.verdict, decision.violations, decision.unknowns) == (EXCEPTED, (), ())

    @pytest.mark.parametrize("mode", [Mode.WARN, Mode.OFF])
    def test_no_policy_softens_r14(self, mode: Mode) -> None:
        made: Policy = policy(rules={"R14": mode})
        assert rules(excused(OVER, made=made).violations) == {"R1", "R14"}
        assert rules(excused(SELF_APPROVED, made=made).violations) == {"R1", "R14"}

    def test_the_nearest_record_is_still_named_beside_an_expired_one(self) -> None:
        decision = excused(OVER, records=[record(state=ChangeState.CANCELLED)])
        assert (decision.verdict, decision.record, rules(decision.violations)) == (EXPIRED, "CHG-1", {"R11", "R14"})


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (OVER, "The exception EX-OVER that excused this ended at 00:00 UTC on 2026-03-11, 12 hours ago; a new one, approved anew, would "),
        (
            replace(GOOD, approved_by=None),
            "The exception EX-1 was approved by nobody; it would be valid with the approval of somebody else.",
        ),
        (
            replace(GOOD, requested_by="sam"),
            "The exception EX-1 was approved by sam, who asked for it; it would be valid with the approval of somebody else.",
        ),
        (
            replace(GOOD, requested_by="alice", approved_by="bob@corp.example"),
            (
                "The exception EX-1 was approved by bob, who made the change that it excuses; it would be valid with the approval of "
                "somebody else."
            ),
        ),
        (replace(GOOD, expires_at=None), "The exception EX-1 has no end; one of at most 180 days would be valid."),
        (
            replace(GOOD, expires_at=START + timedelta(days=200)),
            "The exception EX-1 lasts 200 days, 20 days more than the 180 days allowed; one that ends by then would be valid.",
        ),
    ],
)
def test_the_sentences_say_why_it_does_not_hold_and_what_would(item: ExceptionRecord, text: str) -> None:
    said = excused(item).violations[-1].explanation
    assert said.startswith(text)
    assert said.endswith("would excuse it again." if item is OVER else text)


def test_the_sentence_of_a_valid_one_says_who_approved_it_until_when_and_why() -> None:
    [result] = excused(GOOD).paths[0].results[1:]
    assert result.explanation == (
        'The exception EX-1, which sam approved for "vendor constraint", excuses this until 00:00 UTC on 2026-03-12.'
    )


def test_the_digest_of_inputs_changes_with_an_exception_that_names_the_resource_and_with_no_other() -> None:
    plain = excused().inputs_hash
    assert excused(GOOD).inputs_hash != plain
    assert excused(replace(GOOD, expires_at=END + SECOND)).inputs_hash != excused(GOOD).inputs_hash
    assert excused(replace(GOOD, scope=(Target(ids=("arn:other",)),))).inputs_hash == plain
    assert excused(replace(GOOD, state=ExceptionState.REVOKED)).inputs_hash == plain
