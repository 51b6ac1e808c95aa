"""`policy test`: a case passes exactly when everything it expects is what the decision procedure comes to."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from driftwatch.documents import cases, policies, tutorials
from driftwatch.documents.cases import Case
from driftwatch.documents.claims import Claim
from driftwatch.operations import policy_tests
from driftwatch.operations.policy_tests import CaseResult


def tutorial(name: str) -> tuple[Case, ...]:
    return cases.parse(tutorials.text(name).encode(), f"{name}.yaml")


def run(text: str) -> CaseResult:
    (result,) = policy_tests.run(cases.parse(text.encode(), "c.yaml"))
    return result


@pytest.mark.parametrize("name", policies.PRESETS)
def test_every_case_of_the_tutorials_passes(name: str) -> None:
    results = policy_tests.run(tutorial(name))
    assert [(item.case.id, item.mismatches) for item in results if not item.passed] == []
    assert all(item.explanation for item in results)


def test_the_tutorials_teach_every_rule_that_their_tier_adds() -> None:
    taught = {name: " ".join(re.findall(r"R\d+", tutorials.text(name))) for name in policies.PRESETS}
    assert {"R1", "R2", "R4", "R9", "R10"} <= set(taught["startup"].split())
    assert {"R3", "R5", "R6", "R7", "R13", "R14", "R17"} <= set(taught["scaleup"].split())
    assert {"R8", "R12", "R15", "R16", "R18"} <= set(taught["enterprise"].split())


@pytest.mark.parametrize("name", policies.PRESETS)
def test_every_single_claim_of_the_tutorials_is_compared(name: str) -> None:
    """Turning any claim into another value makes its case, and only that claim, fail."""
    other = {"verdict": "indeterminate", "promotable": None, "state": "superseded", "verdict_initial": "excepted", "record": "another"}
    for case in tutorial(name):
        for number, claim in enumerate(case.expect):
            value = other.get(claim.what, ["R11"]) if claim.what not in {"due_at", "verdict_current"} else "x"
            wrong = Claim(claim.what, value, claim.place, claim.path)
            turned = (*case.expect[:number], wrong, *case.expect[number + 1 :])
            (result,) = policy_tests.run([replace(case, expect=turned)])
            assert [item.claim for item in result.mismatches] == [wrong], (case.id, claim)
            assert result.mismatches[0].found == claim.value


def test_a_path_that_is_not_in_the_drift_fails() -> None:
    text = tutorials.text("startup").replace("/SqsManagedSseEnabled: {verdict", "/Other: {verdict")
    results = policy_tests.run(cases.parse(text.encode(), "c.yaml"))
    (failed,) = [item for item in results if not item.passed]
    assert failed.case.id == "two-paths"
    assert {str(item.claim) for item in failed.mismatches} == {"verdict of /Other", "record of /Other"}
    assert "no such path" in str(failed.mismatches[0].found)


BASELINE = """
cases:
- id: b
  kind: baseline
  preset: PRESET
  now: 2026-03-10T12:00:00Z
  baseline:
    id: BL
    author: dana
    content_hash: h
    bootstrap: BOOT
    approvals: [APPROVALS]
    included: [{drift: D, verdict: VERDICT, actors: [bob]}]
  expect: EXPECT
"""
BY_MIA = "{who: mia, role: manager, decision: DECISION, at: 2026-03-10T11:00:00Z, content_hash: h}"


@pytest.mark.parametrize(
    ("preset", "boot", "approvals", "verdict", "expect"),
    [
        ("scaleup", "false", "", "authorized", "{promotable: true, violations: [], warnings: []}"),
        ("scaleup", "true", "", "authorized", "{promotable: false, violations: [R13]}"),
        ("scaleup", "false", "", "unauthorized", "{promotable: false, violations: [R13]}"),
        ("scaleup", "false", BY_MIA.replace("DECISION", "rejected"), "authorized", "{promotable: false, violations: [R13]}"),
        ("scaleup", "true", BY_MIA.replace("DECISION", "approved"), "authorized", "{promotable: true, violations: []}"),
        ("scaleup", "true", BY_MIA.replace("DECISION", "approved").replace(": h}", ": i}"), "authorized", "{promotable: false}"),
        ("enterprise", "false", "", "authorized", "{promotable: false, violations: [R13]}"),
        ("startup", "true", BY_MIA.replace("DECISION", "approved"), "unauthorized", "{promotable: true, violations: [], warnings: [R13]}"),
    ],
)
def test_a_baseline_is_promoted_by_people_or_by_itself_as_the_policy_says(
    preset: str, boot: str, approvals: str, verdict: str, expect: str
) -> None:
    text = BASELINE
    for word, value in (("PRESET", preset), ("BOOT", boot), ("APPROVALS", approvals), ("VERDICT", verdict), ("EXPECT", expect)):
        text = text.replace(word, value)
    result = run(text)
    assert result.passed, result


@pytest.mark.parametrize(
    ("events", "expect"),
    [
        ("{event: detect, verdict: authorized}, {event: baseline_activated}", "{state: baselined, refused: []}"),
        ("{event: detect, verdict: authorized}, {event: ack}", "{state: awaiting_baseline, refused: [ack]}"),
        (
            "{event: detect, verdict: unauthorized}, {event: baseline_activated}, {event: ratify}, {event: baseline_activated}",
            "{state: baselined, refused: [baseline_activated], verdict_current: unauthorized}",
        ),
        ("{event: detect, verdict: unauthorized, settled: false}", "{verdict_initial: null, verdict_current: unauthorized}"),
        ("{event: detect, verdict: emergency_pending_review}, {event: review_missed}", "{state: open, verdict_current: unauthorized}"),
    ],
)
def test_a_refused_event_leaves_the_finding_as_it_was(events: str, expect: str) -> None:
    result = run(f"cases:\n- {{id: l, kind: lifecycle, events: [{events}], expect: {expect}}}\n")
    assert result.passed, result


def test_the_same_cases_give_the_same_results() -> None:
    one, other = (policy_tests.run(tutorial("enterprise")) for _ in range(2))
    assert [policy_tests.document(item) for item in one] == [policy_tests.document(item) for item in other]


def test_the_examples_of_the_documentation_are_true() -> None:
    page = (Path(__file__).parents[3] / "docs" / "policies.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    for block in blocks:
        if block.startswith("extends"):
            policies.parse(block.encode(), "policies.md")
        else:
            assert [item.mismatches for item in policy_tests.run(cases.parse(block.encode(), "policies.md"))] == [()]
    assert len(blocks) == 3
