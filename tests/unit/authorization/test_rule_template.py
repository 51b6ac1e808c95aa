"""R17: a standard change follows a template that somebody else approved and that was valid; R3 with the template's windows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.authorization.policy import Mode, Policy, Template, TemplateStatus, WindowMode
from driftwatch.domain.change import ChangeType, Target
from driftwatch.domain.decision import RuleResult, Verdict
from driftwatch.domain.drift import DriftKind, Op
from tests.builders import ACCOUNT, CIDR, GROUP, at, context, difference, drift, event, interval, policy, record, target, template, window
from tests.unit.authorization.asking import FAIL, NOT_APPLICABLE, PASS, UNDATED, UNKNOWN, ask, asked, decided, rules

STANDARD = record(
    type=ChangeType.STANDARD, template_id="STD-RULES", approvals=(), reviews=(), tests=(), rollback_plan=None, artifact_ref=None, windows=()
)


def having(*templates: Template, made: Policy | None = None) -> Policy:
    return replace(made or policy(), context=context(templates=templates))


def r17(given: Template | None = None, judged=STANDARD, **more) -> RuleResult:
    return ask("R17", judged, made=having(given or template()), **more)


def test_a_standard_change_needs_no_approval_review_test_or_way_back_of_its_own() -> None:
    decision = decided(STANDARD, made=having(template()))
    assert (decision.verdict, decision.record, decision.violations) == (Verdict.AUTHORIZED_STANDARD, "CHG-1", ())
    assert asked(STANDARD, made=having(template())).keys() == {"R2", "R3", "R8", "R9", "R11", "R12", "R15", "R17", "R18"}


class TestWhichTemplate:
    @pytest.mark.parametrize(
        ("fields", "detail"),
        [
            ({"id": "STD-OTHER"}, "no_template"),
            ({"id": "std-rules"}, "no_template"),
            ({"status": TemplateStatus.DRAFT}, "template_unapproved"),
            ({"status": TemplateStatus.RETIRED}, "template_unapproved"),
            ({"approved_by": None}, "template_unapproved"),
            ({"author": "mia"}, "template_self_approved"),
            ({"author": "mia@corp.example"}, "template_self_approved"),
            ({"author": "AWSReservedSSO_Admin/mia", "approved_by": "mia@corp.example"}, "template_self_approved"),
            ({"author": "Mia"}, ""),
            ({}, ""),
        ],
    )
    def test_one_that_exists_and_that_another_person_than_its_author_approved(self, fields: dict, detail: str) -> None:
        result = r17(template(**fields))
        assert (result.outcome, result.detail) == (FAIL if detail else PASS, detail)

    def test_a_standard_change_that_names_none_has_none(self) -> None:
        assert r17(judged=replace(STANDARD, template_id=None)).detail == "no_template"

    def test_of_many_the_one_that_is_named(self) -> None:
        others = (template(id="A", status=TemplateStatus.DRAFT), template(), template(id="Z", status=TemplateStatus.DRAFT))
        assert ask("R17", STANDARD, made=having(*others)).outcome is PASS


class TestValidity:
    """From `valid_from` up to before `valid_until`, at the change or at the end of its interval, without any tolerance."""

    SHORT = template(valid_from=at("03-10 10:00"), valid_until=at("03-10 11:00"))
    DAY = drift(interval=interval("03-10 00:00", "03-10 23:00"))

    @pytest.mark.parametrize(
        ("time", "outcome"), [("03-10 09:59:59", FAIL), ("03-10 10:00:00", PASS), ("03-10 10:59:59", PASS), ("03-10 11:00:00", FAIL)]
    )
    def test_a_known_time(self, time: str, outcome) -> None:
        result = r17(self.SHORT, events=[event(time)], drift_=self.DAY)
        assert (result.outcome, result.detail) == (outcome, "template_not_valid" if outcome is FAIL else "")

    @pytest.mark.parametrize(
        ("last_good", "detected", "outcome"),
        [
            ("03-10 09:00", "03-10 10:00:00", PASS),
            ("03-10 09:00", "03-10 09:59:59", FAIL),
            ("03-10 10:30", "03-10 10:59:59", PASS),
            ("03-10 10:30", "03-10 11:00:00", FAIL),
            (None, "03-10 10:30", PASS),
        ],
    )
    def test_an_interval_is_taken_at_its_end(self, last_good, detected, outcome) -> None:
        assert r17(self.SHORT, events=UNDATED, drift_=drift(interval=interval(last_good, detected))).outcome is outcome


class TestScope:
    @pytest.mark.parametrize(
        ("scope", "outcome"),
        [
            ((target(),), PASS),
            ((target(ids=("arn:other",)), target()), PASS),
            ((target(ids=("arn:other",)),), FAIL),
            ((target(attribute_paths=("/Description",)),), FAIL),
            ((target(attribute_paths=None),), PASS),
            ((target(operations=(DriftKind.CREATED,)),), FAIL),
            ((Target(resource_types=("AWS::EC2::*",)),), PASS),
            ((Target(accounts=(ACCOUNT,)),), FAIL),
            ((Target(),), FAIL),
            ((), FAIL),
            ((target(ids=("arn:other",)), target(attribute_paths=("/Description",))), FAIL),
        ],
    )
    def test_the_template_itself_has_to_cover_the_change(self, scope: tuple, outcome) -> None:
        """However wide the record is: else the record would approve itself."""
        wide = replace(STANDARD, scope=(Target(resource_types=("*",)),))
        result = r17(template(scope=scope), wide)
        assert (result.outcome, result.detail) == (outcome, "outside_template" if outcome is FAIL else "")

    def test_it_covers_a_deletion_only_where_it_says_so(self) -> None:
        gone = drift(difference("", Op.REMOVE, before={}, after=None), kind=DriftKind.DELETED)
        wide = replace(STANDARD, scope=(Target(ids=(GROUP,), operations=(DriftKind.DELETED,)),))
        silent, express = Target(ids=(GROUP,)), Target(ids=(GROUP,), operations=(DriftKind.DELETED,))
        assert r17(template(scope=(silent,)), wide, drift_=gone).outcome is FAIL
        assert r17(template(scope=(express,)), wide, drift_=gone).outcome is PASS

    def test_the_record_has_to_cover_it_too(self) -> None:
        elsewhere = replace(STANDARD, scope=(target(attribute_paths=("/Tags",)),))
        assert rules(decided(elsewhere, made=having(template())).violations) == {"R2"}


class TestNoLoophole:
    """Where R17 is not enforced, calling a change standard spares it nothing."""

    @pytest.mark.parametrize("mode", [Mode.WARN, Mode.OFF])
    def test_it_is_judged_as_a_normal_change(self, mode: Mode) -> None:
        made = having(template(), made=policy(rules={"R17": mode}))
        decision = decided(STANDARD, made=made)
        assert (decision.verdict, rules(decision.violations)) == (Verdict.UNAUTHORIZED, {"R4", "R6", "R7"})
        complete = replace(record(), type=ChangeType.STANDARD, template_id="STD-RULES")
        assert decided(complete, made=made).verdict is Verdict.AUTHORIZED

    def test_its_template_is_still_asked_about_where_the_rule_warns(self) -> None:
        warned = policy(rules={"R17": Mode.WARN})
        complete = replace(record(), type=ChangeType.STANDARD, template_id="STD-GONE")
        decision = decided(complete, made=having(template(), made=warned))
        assert (decision.verdict, rules(decision.warnings)) == (Verdict.AUTHORIZED, {"R17"})
        assert "R17" not in asked(complete, made=policy(rules={"R17": Mode.OFF}))
        assert "R17" not in asked(record(), made=warned)

    def test_a_template_that_is_not_good_does_not_turn_it_into_a_normal_change_either(self) -> None:
        complete = replace(record(), type=ChangeType.STANDARD, template_id=None)
        assert rules(decided(complete, made=having(template())).violations) == {"R17"}

    def test_a_full_normal_record_beside_it_still_authorises(self) -> None:
        decision = decided(STANDARD, record(id="CHG-2"), made=having())
        assert (decision.verdict, decision.record) == (Verdict.AUTHORIZED, "CHG-2")


class TestWindows:
    """R3 takes the record's own windows, else the template's; without either nothing bounds a standard change in time."""

    AT_TEN = template(windows=(window("03-10 10:00", "03-10 11:00"),))
    DAY = drift(interval=interval("03-10 00:00", "03-10 23:00"))

    @pytest.mark.parametrize(
        ("time", "outcome"), [("03-10 09:54:59", FAIL), ("03-10 09:55:00", PASS), ("03-10 11:05:00", PASS), ("03-10 11:05:01", FAIL)]
    )
    def test_those_of_the_template_are_widened_by_the_tolerance(self, time: str, outcome) -> None:
        assert ask("R3", STANDARD, made=having(self.AT_TEN), events=[event(time)], drift_=self.DAY).outcome is outcome

    def test_an_interval_that_lies_partly_inside_is_for_the_window_mode_to_judge(self) -> None:
        partly = {"events": UNDATED, "drift_": drift(interval=interval("03-10 10:30", "03-10 11:30"))}
        contain = having(self.AT_TEN, made=policy(window_mode=WindowMode.CONTAIN))
        assert ask("R3", STANDARD, made=having(self.AT_TEN), **partly).outcome is PASS
        assert ask("R3", STANDARD, made=contain, **partly).outcome is UNKNOWN

    def test_those_of_the_record_come_first(self) -> None:
        own = replace(STANDARD, windows=(window("03-10 12:00", "03-10 13:00"),))
        assert ask("R3", own, made=having(self.AT_TEN)).outcome is FAIL

    def test_without_any_or_without_a_template_it_does_not_apply(self) -> None:
        assert ask("R3", STANDARD, made=having(template())).outcome is NOT_APPLICABLE
        assert ask("R3", STANDARD, made=having()).outcome is NOT_APPLICABLE
        assert ask("R3", STANDARD, made=having(template())).explanation == "Neither the record nor its template has a window."

    def test_it_derives_none_from_approvals_unless_it_is_judged_as_a_normal_change(self) -> None:
        approved = replace(STANDARD, approvals=record().approvals)
        late = {"events": [event("03-18 10:00")], "drift_": drift(interval=interval("03-01 00:00", "03-20 00:00")), "now": "03-21 00:00"}
        assert ask("R3", approved, made=having(template()), **late).outcome is NOT_APPLICABLE
        as_normal = having(template(), made=policy(rules={"R17": Mode.OFF}))
        assert ask("R3", approved, made=as_normal, **late).outcome is FAIL

    def test_the_sentence_names_the_templates_window(self) -> None:
        assert ask("R3", STANDARD, made=having(template(windows=(window("03-10 12:00", "03-10 13:00"),)))).explanation == (
            "The change was made at 10:30 UTC on 2026-03-10, 1 hour 30 minutes before the template's window 12:00-13:00 UTC on 2026-03-10 "
            "opened; a clock difference of 5 minutes is allowed; it would have passed with a window that contains 10:30 UTC on 2026-03-10."
        )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            template(id="STD-OLD"),
            (
                "The record is a standard change of the template STD-RULES, which this policy does not have; it would have passed with a "
                "template that the policy has."
            ),
        ),
        (
            template(status=TemplateStatus.RETIRED),
            "The template STD-RULES is retired and approved by mia; it would have passed with a template that somebody approved.",
        ),
        (
            template(approved_by=None),
            "The template STD-RULES is approved and approved by nobody; it would have passed with a template that somebody approved.",
        ),
        (
            template(author="mia"),
            (
                "The template STD-RULES was approved by mia, who wrote it; it would have passed with a template that somebody else than "
                "its author approved."
            ),
        ),
        (
            template(valid_from=at("03-11 10:30")),
            (
                "The template STD-RULES is valid from 10:30 UTC on 2026-03-11 to 00:00 UTC on 2026-07-01, and the change was made at 10:30 "
                "UTC on 2026-03-10, 1 day before that; it would have passed with a template that was valid at 10:30 UTC on 2026-03-10."
            ),
        ),
        (
            template(valid_until=at("03-10 10:00")),
            (
                "The template STD-RULES is valid from 00:00 UTC on 2026-01-01 to 10:00 UTC on 2026-03-10, and the change was made at 10:30 "
                "UTC on 2026-03-10, 30 minutes after its end; it would have passed with a template that was valid at 10:30 UTC on "
                "2026-03-10."
            ),
        ),
        (
            template(scope=(target(attribute_paths=("/Tags",)),)),
            (
                f"The template STD-RULES does not cover {CIDR} of {GROUP} being updated; it would have passed with a template that covers "
                f"the update of {CIDR}."
            ),
        ),
    ],
)
def test_the_sentences_say_what_is_wrong_with_the_template(given: Template, text: str) -> None:
    assert r17(given).explanation == text


def test_a_record_without_template_is_told_so() -> None:
    assert r17(judged=replace(STANDARD, template_id=None)).explanation == (
        "The record is a standard change, and names no template; it would have passed with a template that the policy has."
    )


@pytest.mark.parametrize(
    ("preset", "verdict"),
    [("startup", Verdict.UNAUTHORIZED), ("scaleup", Verdict.AUTHORIZED_STANDARD), ("enterprise", Verdict.AUTHORIZED_STANDARD)],
)
def test_startup_judges_it_as_a_normal_change_the_others_enforce_the_template(preset: str, verdict: Verdict) -> None:
    assert decided(STANDARD, made=having(template(), made=policy(preset))).verdict is verdict
