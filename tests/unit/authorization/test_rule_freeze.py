"""R12: during a freeze nothing in its scope changes, but for exempt kinds of change and where somebody in its role had allowed it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.activity import ActorKind
from driftwatch.domain.authorization.policy import Freeze, Mode, Policy
from driftwatch.domain.change import Approval, ApprovalDecision, ApprovalKind, ChangeType, Target
from driftwatch.domain.decision import RuleResult, Verdict
from driftwatch.domain.drift import DriftKind, Op
from tests.builders import ACCOUNT, CIDR, GROUP, approval, context, difference, drift, event, freeze, interval, policy, record, window
from tests.unit.authorization.asking import FAIL, PASS, UNDATED, UNKNOWN, ask, decided, rules

REJECTED, WITHDRAWN = ApprovalDecision.REJECTED, ApprovalDecision.WITHDRAWN
ALL_DAY = drift(interval=interval("03-10 00:00", "03-10 23:00"))


def under(*freezes: Freeze, **fields) -> Policy:
    return replace(policy("enterprise", **fields), context=context(freezes=freezes or (freeze(),)))


def override(who: str = "dan", time: str = "03-10 09:00", decision: ApprovalDecision = ApprovalDecision.APPROVED) -> Approval:
    return approval(who, time, decision, kind=ApprovalKind.FREEZE_OVERRIDE)


def r12(*overrides: Approval, made: Policy | None = None, **more) -> RuleResult:
    judged = more.pop("judged", record())
    return ask("R12", replace(judged, approvals=(*judged.approvals, *overrides)), made=made or under(), **more)


class TestWhen:
    @pytest.mark.parametrize(
        ("time", "outcome"),
        [
            ("03-10 09:59:59", PASS),
            ("03-10 10:00:00", FAIL),
            ("03-10 11:59:59", FAIL),
            ("03-10 12:00:00", PASS),
        ],
    )
    def test_from_its_start_up_to_before_its_end_without_any_tolerance(self, time: str, outcome) -> None:
        assert r12(events=[event(time)], drift_=ALL_DAY).outcome is outcome

    @pytest.mark.parametrize(
        ("last_good", "detected", "outcome"),
        [
            ("03-10 10:00:00", "03-10 11:59:59", FAIL),
            ("03-10 09:59:59", "03-10 11:59:59", UNKNOWN),
            ("03-10 10:00:00", "03-10 12:00:00", UNKNOWN),
            ("03-10 09:00:00", "03-10 13:00:00", UNKNOWN),
            ("03-10 09:00:00", "03-10 09:59:59", PASS),
            ("03-10 09:00:00", "03-10 10:00:00", UNKNOWN),
            ("03-10 11:59:59", "03-10 13:00:00", UNKNOWN),
            ("03-10 12:00:00", "03-10 13:00:00", PASS),
            (None, "03-10 09:59:59", PASS),
            (None, "03-10 11:00:00", UNKNOWN),
        ],
    )
    def test_an_interval_fails_inside_it_and_is_unknown_where_it_only_overlaps(self, last_good, detected, outcome) -> None:
        """The change came after `last_good`: one that begins where the freeze ends is disjoint."""
        assert r12(events=UNDATED, drift_=drift(interval=interval(last_good, detected))).outcome is outcome


class TestOverride:
    @pytest.mark.parametrize(
        ("time", "outcome"), [("03-01 00:00:00", PASS), ("03-10 10:30:00", PASS), ("03-10 10:30:01", FAIL), ("03-11 00:00:00", FAIL)]
    )
    def test_it_counts_up_to_the_second_of_the_change_without_tolerance(self, time: str, outcome) -> None:
        assert r12(override(time=time)).outcome is outcome

    @pytest.mark.parametrize(
        ("overrides", "outcome"),
        [
            ((override(time="03-10 10:00:00"),), PASS),
            ((override(time="03-10 10:00:01"),), UNKNOWN),
            ((override(time="03-10 11:00:00"),), UNKNOWN),
            ((override(time="03-10 11:00:01"),), FAIL),
            ((override(), override(time="03-10 10:30", decision=WITHDRAWN)), UNKNOWN),
            ((override(), override(time="03-10 10:00", decision=WITHDRAWN)), FAIL),
            ((override(), override(time="03-10 11:00:01", decision=WITHDRAWN)), PASS),
        ],
    )
    def test_for_an_interval_it_is_proven_where_it_holds_at_both_ends(self, overrides: tuple, outcome) -> None:
        inside = under(freeze("03-10 10:00", "03-10 12:00"))
        assert r12(*overrides, events=UNDATED, made=inside).outcome is outcome

    def test_before_the_first_snapshot_nothing_is_proven(self) -> None:
        old = drift(interval=interval(None))
        assert r12(override(time="01-01 00:00"), events=UNDATED, drift_=old).outcome is UNKNOWN

    @pytest.mark.parametrize("who", ["mia", "mallory", "eve", "group:cab", "Dan"])
    def test_only_somebody_in_its_role_gives_it(self, who: str) -> None:
        assert r12(override(who)).outcome is FAIL

    def test_under_any_name_and_the_latest_word_counts(self) -> None:
        known = replace(under(), context=context(freezes=(freeze(),), identities={"dan": ("dan@corp.example",), "bob": ()}))
        assert r12(override("dan@corp.example"), made=known).outcome is PASS
        assert r12(override(), override("dan@corp.example", "03-10 09:30", WITHDRAWN), made=known).outcome is FAIL
        assert r12(override(decision=REJECTED), override(time="03-10 09:30")).outcome is PASS
        assert r12(override(decision=REJECTED), override("mia")).outcome is FAIL

    @pytest.mark.parametrize("fields", [{"requester": "dan"}, {"authors": ("dan",)}, {"implementers": ("bob", "dan")}])
    def test_nobody_with_a_part_in_the_change_gives_it(self, fields: dict) -> None:
        assert r12(override(), judged=record(**fields)).outcome is FAIL

    def test_nor_who_made_it(self) -> None:
        assert r12(override(), events=[event(actor="dan")]).outcome is FAIL
        behind = event(actor="role/terraform-prod", actor_kind=ActorKind.PIPELINE, on_behalf_of="dan")
        assert r12(override(), events=[behind]).outcome is FAIL

    def test_an_approval_of_the_change_is_none_and_another_record_lends_none(self) -> None:
        assert r12(approval("dan", "03-10 09:00")).outcome is FAIL
        lender = record(id="CHG-2", approvals=(approval(), override()), scope=(Target(ids=("arn:other",)),))
        helper = record(id="CHG-3", approvals=(override(),))
        assert decided(record(), lender, helper, made=under()).verdict is Verdict.UNAUTHORIZED

    def test_one_that_is_dated_after_now_is_not_seen(self) -> None:
        ahead = drift(interval=interval("03-10 10:00", "03-10 11:00"))
        assert r12(override(time="03-10 10:30"), events=[event("03-10 10:30")], drift_=ahead, now="03-10 10:30").outcome is PASS
        assert r12(override(time="03-10 10:45"), events=UNDATED, drift_=ahead, now="03-10 10:40").outcome is FAIL


class TestWhat:
    @pytest.mark.parametrize(
        ("scope", "outcome"),
        [
            ((), FAIL),
            ((Target(ids=(GROUP,)),), FAIL),
            ((Target(ids=("arn:other",)), Target(resource_types=("AWS::EC2::*",))), FAIL),
            ((Target(ids=("arn:other",)),), PASS),
            ((Target(accounts=(ACCOUNT,)),), FAIL),
            ((Target(accounts=("222222222222",)),), PASS),
            ((Target(regions=("eu-*",)),), FAIL),
            ((Target(regions=("us-*",)),), PASS),
            ((Target(resource_types=("AWS::S3::*",)),), PASS),
            ((Target(tags={"env": ("prod",)}),), FAIL),
            ((Target(tags={"env": ("test",)}),), PASS),
            ((Target(operations=(DriftKind.UPDATED,)),), FAIL),
            ((Target(operations=(DriftKind.DELETED,)),), PASS),
            ((Target(attribute_paths=("/IngressRules",)),), FAIL),
            ((Target(attribute_paths=("/Description",)),), PASS),
            ((Target(attribute_paths=("/Description", "/IngressRules")),), FAIL),
            ((Target(ids=("arn:other", GROUP)),), FAIL),
            ((Target(),), FAIL),
            ((Target(ids=()),), PASS),
        ],
    )
    def test_a_scope_that_leaves_something_unsaid_freezes_all_of_it(self, scope: tuple, outcome) -> None:
        assert r12(made=under(freeze(scope=scope))).outcome is outcome

    def test_retagging_frees_nothing(self) -> None:
        retagged = drift(tags_before={"env": "prod"}, tags_after={"env": "test"})
        assert r12(made=under(freeze(scope=(Target(tags={"env": ("prod",)}),))), drift_=retagged).outcome is FAIL

    def test_a_whole_resource_that_comes_or_goes_is_frozen_with_each_of_its_paths(self) -> None:
        gone = drift(difference("", Op.REMOVE, before={}, after=None), kind=DriftKind.DELETED)
        wide = record(scope=(Target(ids=(GROUP,), operations=(DriftKind.DELETED,)),))
        assert r12(judged=wide, drift_=gone, made=under(freeze(scope=(Target(attribute_paths=(CIDR,)),)))).outcome is FAIL

    @pytest.mark.parametrize(
        ("exempt", "kind", "outcome"),
        [
            ((ChangeType.EMERGENCY,), ChangeType.EMERGENCY, PASS),
            ((ChangeType.EMERGENCY,), ChangeType.NORMAL, FAIL),
            ((ChangeType.EMERGENCY,), ChangeType.STANDARD, FAIL),
            ((ChangeType.STANDARD,), ChangeType.STANDARD, PASS),
            ((ChangeType.STANDARD,), ChangeType.EMERGENCY, FAIL),
            ((), ChangeType.EMERGENCY, FAIL),
        ],
    )
    def test_exempt_kinds_of_change(self, exempt: tuple, kind: ChangeType, outcome) -> None:
        assert r12(judged=record(type=kind), made=under(freeze(exempt_types=exempt))).outcome is outcome

    def test_a_standard_change_whose_template_nobody_enforces_is_no_exempt_one(self) -> None:
        standard, made = record(type=ChangeType.STANDARD), under(freeze(exempt_types=(ChangeType.STANDARD,)), rules={"R17": Mode.OFF})
        assert r12(judged=standard, made=made).outcome is FAIL


class TestSeveral:
    def test_each_must_be_passed_and_a_sure_one_is_named_before_a_doubtful_one(self) -> None:
        doubtful = freeze("03-10 10:30", "03-10 12:00", id="A", override_role="cab")
        sure = freeze("03-10 09:00", "03-10 12:00", id="B")
        result = r12(events=UNDATED, made=under(doubtful, sure))
        assert (result.outcome, "The freeze B" in result.explanation) == (FAIL, True)
        result = r12(override(), events=UNDATED, made=under(doubtful, sure))
        assert (result.outcome, "The freeze A" in result.explanation) == (UNKNOWN, True)
        assert r12(override(), override("eve"), events=UNDATED, made=under(doubtful, sure)).outcome is PASS

    def test_of_two_alike_the_earlier_is_named(self) -> None:
        later, earlier = freeze("03-10 10:00", id="A"), freeze("03-10 09:00", id="B")
        assert "The freeze B" in r12(made=under(later, earlier)).explanation
        assert "The freeze A" in r12(made=under(freeze(id="B"), freeze(id="A"))).explanation


def test_the_sentence_says_when_it_held_and_who_could_have_allowed_it() -> None:
    assert r12().explanation == (
        "The freeze FRZ-1 held 10:00-12:00 UTC on 2026-03-10, and the change was made at 10:30 UTC on 2026-03-10, 1 hour 30 minutes before "
        "the freeze ended, and no change_manager without a part in it had allowed it by then; it would have passed with a freeze override "
        "of somebody in its role without a part in it by 10:30 UTC on 2026-03-10."
    )
    perhaps = r12(events=UNDATED, made=under(freeze("03-10 10:30")))
    assert perhaps.explanation == (
        "The freeze FRZ-1 held 10:30-12:00 UTC on 2026-03-10, and the change was made between 10:00 and 11:00 UTC on 2026-03-10, so "
        "perhaps during it, and no change_manager without a part in it is known to have allowed it before."
    )


@pytest.mark.parametrize(("preset", "where"), [("startup", None), ("scaleup", "warnings"), ("enterprise", "violations")])
def test_startup_knows_no_freezes_scaleup_warns_and_enterprise_enforces(preset: str, where: str | None) -> None:
    made = replace(policy(preset), context=context(freezes=(freeze("03-10 10:30"),)))
    wide = record(windows=(window("03-10 09:00", "03-10 13:00"),))
    for events in (UNDATED, [event()]):
        decision = decided(wide, events=events, made=made)
        found = {name for name in ("violations", "unknowns", "warnings") if "R12" in rules(getattr(decision, name))}
        assert found == ({where} if where else set())


def test_a_freeze_that_ends_before_it_begins_holds_never() -> None:
    assert r12(made=under(freeze("03-10 12:00", "03-10 10:00"))).outcome is PASS
