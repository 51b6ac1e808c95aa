"""Every failure says what would have passed: no word of any rule lacks a remedy, and what is named as one is one."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from driftwatch.domain.authorization import remedies, rules, rules_actor, wording_approval
from driftwatch.domain.authorization.policy import Mode
from driftwatch.domain.change import ApprovalDecision, ChangeType, Observation
from driftwatch.domain.drift import Drift
from tests.builders import approval, at, context, drift, freeze, interval, policy, record, window
from tests.unit.authorization.asking import FAIL, UNDATED, UNKNOWN, ask, asked

CORE = Path(rules.__file__).parent


def words_of(node: ast.expr) -> set[str]:
    """The words that an expression can be: constants, names of constants, the beginnings of filled strings, and choices among them."""
    if isinstance(node, ast.Constant):
        return {str(node.value)} - {""}
    if isinstance(node, ast.IfExp):
        return words_of(node.body) | words_of(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return words_of(node.values[0])
    if isinstance(node, ast.Name) and node.id == "NOBODY_KNOWN":
        return {rules_actor.NOBODY_KNOWN}
    return set()


def answered() -> set[str]:
    """Every word that stands in an Answer, is named `detail`, or is returned with a sentence by the wording of approvals."""
    found: set[str] = set()
    for path in [*sorted(CORE.glob("rules_*.py")), Path(wording_approval.__file__)]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Answer" and len(node.args) == 3:
                found |= words_of(node.args[2])
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.JoinedStr) and getattr(node.targets[0], "id", "") == "detail":
                found |= words_of(node.value)
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and path.name == "wording_approval.py":
                found |= words_of(node.value.elts[1])
            if path.name == "rules_time.py" and isinstance(node, ast.Tuple) and len(node.elts) == 2:
                found |= words_of(node.elts[1])
    return {word.partition(":")[0] for word in found}


def test_the_words_of_the_rules_are_exactly_those_that_have_a_remedy() -> None:
    words = answered()
    assert len(words) > 30
    assert words == set(remedies._REMEDIES)


NOW = "03-12 00:00"
LATE = approval(time="03-11 00:00")
EMERGENCY = record(type=ChangeType.EMERGENCY, approvals=(), windows=())
FROZEN = replace(policy("enterprise"), context=context(freezes=(freeze("03-10 10:30"),)))
OLD: Drift = drift(interval=interval(None))


@pytest.mark.parametrize(
    ("rule", "fields", "more", "mended"),
    [
        (
            "R3",
            {"windows": (window("03-11 00:00", "03-11 01:00"),)},
            {"events": UNDATED},
            {"windows": (window("03-10 10:00", "03-10 11:00"),)},
        ),
        ("R4", {"approvals": (LATE,)}, {"events": UNDATED}, {"approvals": (approval(time="03-10 10:00"),)}),
        ("R4", {"approvals": ()}, {}, {"approvals": (approval(time="03-10 10:30"),)}),
        (
            "R5",
            {"approvals": (approval("alice"), approval("mia")), "requester": "mia"},
            {},
            {"approvals": (approval("dan", "03-10 10:30"),)},
        ),
        (
            "R16",
            {"material_changed_at": at("03-10 09:00")},
            {"events": UNDATED},
            {"approvals": (approval(time="03-10 10:00"),)},
        ),
        ("R19", {"rollback_plan": None}, {}, {"rollback_plan": "undo"}),
    ],
)
def test_what_is_named_with_its_time_would_have_passed_to_the_second(rule: str, fields: dict, more: dict, mended: dict) -> None:
    bad = record(**fields)
    assert ask(rule, bad, **more).outcome is FAIL
    assert asked(replace(bad, **mended), **more)[rule].value == "pass"


@pytest.mark.parametrize(
    ("rule", "judged", "more", "remedy"),
    [
        ("R4", record(approvals=()), {}, "its approval complete"),
        ("R4", record(approvals=(LATE,)), {}, "its approval complete"),
        (
            "R4",
            record(observations=(Observation(at=at("03-10 11:00"), approved=False),), approvals=(approval("mia"),)),
            {"drift_": drift(interval=interval(None, "03-10 10:50")), "made": policy(clock_tolerance_s=0)},
            "its approval, where driftwatch reads it",
        ),
        ("R4", EMERGENCY, {"made": policy("enterprise")}, "anybody's approval"),
    ],
)
def test_nothing_is_said_to_prove_what_came_before_a_time_that_nobody_knows(rule, judged, more, remedy) -> None:
    """Of a change that may be older than the first snapshot no approval is known to precede it; only a logged call mends that."""
    result = ask(rule, judged, **{"events": UNDATED, "drift_": OLD, **more})
    assert result.outcome is FAIL
    assert result.explanation.endswith(f"; it would have passed with {remedy}, and a logged call that dates the change after it.")


@pytest.mark.parametrize(
    ("rule", "judged", "more", "outcome", "text"),
    [
        (
            "R4",
            record(observations=(Observation(at=at("03-10 11:15"), approved=False),)),
            {},
            FAIL,
            (
                "The change was made at 10:30 UTC on 2026-03-10; 45 minutes later, at 11:15 UTC on 2026-03-10, driftwatch read the record "
                "and found it not approved, so an approval dated before the change was entered after it or did not last; it would have "
                "passed with its approval, where driftwatch reads it by 10:30 UTC on 2026-03-10."
            ),
        ),
        (
            "R11",
            record(cancelled_at=at("03-11 00:00")),
            {},
            FAIL,
            (
                "The record was cancelled at 00:00 UTC on 2026-03-11, and such a record allows no change, whenever it was made; it would "
                "have passed with a record that was not cancelled."
            ),
        ),
        (
            "R11",
            record(rejected_at=at("03-11 00:00")),
            {},
            FAIL,
            (
                "The record was rejected at 00:00 UTC on 2026-03-11, and such a record allows no change, whenever it was made; it would "
                "have passed with a record that was not rejected."
            ),
        ),
        (
            "R11",
            record(stale_since=at("03-10 09:30")),
            {},
            FAIL,
            (
                "The record's source has not shown it, or not legibly, since 09:30 UTC on 2026-03-10, and the change was made at 10:30 UTC "
                "on 2026-03-10, 1 hour later; it would have passed with a record that its source still showed at 10:30 UTC on 2026-03-10."
            ),
        ),
        (
            "R5",
            record(requester="mia", approvals=(approval("mia"), approval("dan", "03-10 10:30"))),
            {"events": UNDATED},
            UNKNOWN,
            (
                "It was approved by mia, who requested it; without them the approvals sufficed only for a part of the time in which the "
                "change may have been made."
            ),
        ),
        (
            "R4",
            record(approvals=(approval(time="03-10 10:30"),)),
            {"events": UNDATED, "drift_": OLD},
            UNKNOWN,
            (
                "The change was made at an unknown time up to 11:00 UTC on 2026-03-10; its approval was complete at 10:30 UTC on "
                "2026-03-10, and nothing proves that the approval came first."
            ),
        ),
        (
            "R4",
            record(approvals=(approval(), approval(time="03-10 10:30", decision=ApprovalDecision.WITHDRAWN))),
            {"events": UNDATED},
            UNKNOWN,
            (
                "The change was made between 10:00 and 11:00 UTC on 2026-03-10; its approval was taken back within that time, so nothing "
                "proves that it was approved when the change was made."
            ),
        ),
    ],
)
def test_whole_sentences(rule, judged, more, outcome, text) -> None:
    result = ask(rule, judged, **more)
    assert (result.outcome, result.explanation) == (outcome, text)


def test_a_sentence_about_a_freeze_names_the_time_that_an_override_had() -> None:
    inside = replace(FROZEN, context=context(freezes=(freeze("03-10 09:00"),)))
    result = ask("R12", record(), events=UNDATED, made=replace(inside, rules={**inside.rules, "R8": Mode.OFF}))
    assert result.explanation.endswith("without a part in it by 10:00 UTC on 2026-03-10.")
