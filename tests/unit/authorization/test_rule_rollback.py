"""R19: a normal change says how to go back."""

from __future__ import annotations

import pytest

from driftwatch.domain.change import ChangeType
from driftwatch.domain.decision import Verdict
from tests.builders import policy, record
from tests.unit.authorization.asking import FAIL, PASS, ask, asked, decided, rules


@pytest.mark.parametrize(("plan", "outcome"), [(None, FAIL), ("", FAIL), (" \t\n\u00a0", FAIL), ("-", PASS), (" undo ", PASS)])
def test_a_blank_plan_is_none(plan: str | None, outcome) -> None:
    assert ask("R19", record(rollback_plan=plan)).outcome is outcome


def test_the_sentence() -> None:
    assert ask("R19", record(rollback_plan=" ")).explanation == (
        "The record has no rollback plan: it does not say how to go back; it would have passed with a rollback plan."
    )


@pytest.mark.parametrize("kind", [ChangeType.EMERGENCY, ChangeType.STANDARD])
def test_only_a_normal_change_is_asked(kind: ChangeType) -> None:
    assert "R19" not in asked(record(type=kind, rollback_plan=None))


def test_another_records_plan_is_none_of_this_one() -> None:
    bare, planned = record(rollback_plan=None), record(id="CHG-2", approvals=())
    assert decided(bare, planned, made=policy("enterprise")).verdict is Verdict.UNAUTHORIZED


@pytest.mark.parametrize(("preset", "where"), [("startup", None), ("scaleup", "warnings"), ("enterprise", "violations")])
def test_startup_does_not_ask_scaleup_warns_and_enterprise_enforces(preset: str, where: str | None) -> None:
    decision = decided(record(rollback_plan=None), made=policy(preset))
    found = {name for name in ("violations", "unknowns", "warnings") if "R19" in rules(getattr(decision, name))}
    assert found == ({where} if where else set())
