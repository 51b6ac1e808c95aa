"""R16: an approval is for what stood in the record when it was given; what was rewritten since has to be approved again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.authorization.policy import ApprovalRequirement, Mode, UnknownAs
from driftwatch.domain.change import ApprovalDecision, ApprovalKind, ChangeType, Observation
from driftwatch.domain.decision import RuleResult, Verdict
from tests.builders import approval, at, drift, interval, policy, record
from tests.unit.authorization.asking import BY_BOB, FAIL, NOT_APPLICABLE, PASS, UNDATED, UNKNOWN, ask, asked, decided, rules

REJECTED, WITHDRAWN = ApprovalDecision.REJECTED, ApprovalDecision.WITHDRAWN


def r16(edited: str | None, *approvals, **more) -> RuleResult:
    judged = record(material_changed_at=at(edited) if edited else None, approvals=approvals or (approval(),))
    return ask("R16", judged, **more)


@pytest.mark.parametrize(
    ("edited", "outcome"),
    [
        (None, PASS),
        ("03-09 14:59:59", PASS),
        ("03-09 15:00:00", PASS),
        ("03-09 15:00:01", FAIL),
        ("03-10 10:30:00", FAIL),
        ("03-11 00:00:00", FAIL),
        ("03-13 00:00:00", FAIL),
    ],
)
def test_an_approval_counts_from_the_second_of_the_edit(edited: str | None, outcome) -> None:
    """Also an edit after the change, and even one that is dated after now: what was approved then nobody can read any more."""
    result = r16(edited)
    assert (result.outcome, result.detail) == (outcome, "edited" if outcome is FAIL else "")


@pytest.mark.parametrize(
    ("again", "events", "outcome"),
    [
        ("03-10 10:35:00", BY_BOB, PASS),
        ("03-10 10:35:01", BY_BOB, FAIL),
        ("03-10 10:05:00", UNDATED, PASS),
        ("03-10 10:05:01", UNDATED, UNKNOWN),
        ("03-10 11:05:00", UNDATED, UNKNOWN),
        ("03-10 11:05:01", UNDATED, FAIL),
    ],
)
def test_the_new_approval_has_to_come_before_the_change_as_any_other(again: str, events, outcome) -> None:
    assert r16("03-09 16:00", approval("dan"), approval("mia", again), events=events).outcome is outcome


def test_before_the_first_snapshot_nothing_is_approved_for_certain_so_it_is_not_asked() -> None:
    old = drift(interval=interval(None))
    assert r16("03-09 14:00", events=UNDATED, drift_=old).outcome is NOT_APPLICABLE


def test_all_that_the_policy_requires_has_to_be_approved_again() -> None:
    made = replace(policy(), approvals=ApprovalRequirement(min_count=2, role_groups=(("manager",), ("security",))))
    first = (approval("mia"), approval("sam"))
    assert r16("03-09 16:00", *first, approval("mia", "03-09 17:00"), made=made).outcome is FAIL
    assert r16("03-09 16:00", *first, approval("mia", "03-09 17:00"), approval("sam", "03-09 17:00"), made=made).outcome is PASS


def test_an_override_of_a_freeze_approves_no_edit_and_a_withdrawn_approval_neither() -> None:
    over = approval("mia", "03-09 17:00", kind=ApprovalKind.FREEZE_OVERRIDE)
    assert r16("03-09 16:00", approval("dan"), over).outcome is FAIL
    back = (approval("mia", "03-09 17:00"), approval("mia@corp.example", "03-09 18:00", WITHDRAWN))
    assert r16("03-09 16:00", approval("dan"), *back).outcome is FAIL


def test_another_records_approval_is_not_this_ones() -> None:
    edited = record(material_changed_at=at("03-09 16:00"))
    fresh = record(id="CHG-2", approvals=(approval(time="03-09 17:00"),), scope=())
    enforced = policy(rules={"R16": Mode.ENFORCE})
    assert decided(edited, fresh, made=enforced).verdict is Verdict.UNAUTHORIZED


@pytest.mark.parametrize(
    "fields",
    [
        {"approvals": ()},
        {"approvals": (approval(time="03-11 00:00"),)},
        {"approvals": (approval(), approval("eve", decision=REJECTED))},
        {"observations": (Observation(at=at("03-11 00:00"), approved=False),)},
    ],
)
def test_it_is_not_asked_where_the_approval_itself_failed(fields: dict) -> None:
    assert ask("R16", record(material_changed_at=at("03-11 00:00"), **fields)).outcome is NOT_APPLICABLE


def test_an_accepted_unknown_is_no_pass() -> None:
    """At a tier that accepts what is unknown, R4 lets an undated approval stand; that does not make it one to build on."""
    made = policy("startup", rules={"R16": Mode.ENFORCE}, clock_tolerance_s=0)
    judged = record(material_changed_at=at("03-11 00:00"), approvals=(approval(time="03-10 10:30"),))
    assert made.unknown_as is UnknownAs.PASS
    assert ask("R16", judged, events=UNDATED, made=made).outcome is NOT_APPLICABLE
    assert decided(judged, events=UNDATED, made=made).verdict is Verdict.AUTHORIZED


@pytest.mark.parametrize("mode", [Mode.WARN, Mode.OFF])
def test_it_is_asked_whatever_the_mode_of_r4(mode: Mode) -> None:
    assert r16("03-11 00:00", made=policy(rules={"R4": mode})).outcome is FAIL


@pytest.mark.parametrize("kind", [ChangeType.EMERGENCY, ChangeType.STANDARD])
def test_only_a_normal_change_is_asked(kind: ChangeType) -> None:
    assert "R16" not in asked(record(type=kind, material_changed_at=at("03-11 00:00")))


def test_the_sentences() -> None:
    assert r16("03-09 16:00").explanation == (
        "The record was changed in substance at 16:00 UTC on 2026-03-09, and the change was made at 10:30 UTC on 2026-03-10; of the "
        "approvals given to it as it stood, 0 of 1 required approvals given and no approver is manager, change_manager or cab; it would "
        "have passed with its approval, as it stands, by 10:30 UTC on 2026-03-10."
    )
    assert r16("03-10 12:00").explanation == (
        "The record was changed in substance at 12:00 UTC on 2026-03-10, and the change was made at 10:30 UTC on 2026-03-10, so the record "
        "was rewritten 1 hour 30 minutes after the change; it would have passed with its approval, as it stands, by 10:30 UTC on "
        "2026-03-10."
    )
    perhaps = r16("03-09 16:00", approval("dan"), approval("mia", "03-10 10:30"), events=UNDATED)
    assert perhaps.explanation == (
        "The record was changed in substance at 16:00 UTC on 2026-03-09, and the change was made between 10:00 and 11:00 UTC on "
        "2026-03-10; whether what stood there then had been approved again before the change cannot be told."
    )
    assert r16("03-09 14:00").explanation == (
        "The record was last changed in substance at 14:00 UTC on 2026-03-09, and approved as it stands since."
    )


@pytest.mark.parametrize(("preset", "where"), [("startup", None), ("scaleup", "warnings"), ("enterprise", "violations")])
def test_startup_does_not_look_scaleup_warns_and_enterprise_enforces(preset: str, where: str | None) -> None:
    decision = decided(record(material_changed_at=at("03-09 16:00")), made=policy(preset))
    assert {name for name in ("violations", "unknowns", "warnings") if "R16" in rules(getattr(decision, name))} == (
        {where} if where else set()
    )
