"""R7: a test passed outside production."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.authorization.policy import Policy, TestRequirement
from driftwatch.domain.change import ChangeType, TestResult, TestRun
from driftwatch.domain.decision import RuleResult, Verdict
from tests.builders import context, policy, record, run
from tests.unit.authorization.asking import FAIL, PASS, ask, asked, decided, rules

FAILED = TestResult.FAILED


def r7(*tests: TestRun, made: Policy | None = None, now: str = "03-12 00:00", **fields) -> RuleResult:
    return ask("R7", record(tests=tests, **fields), made=made, now=now)


def strict(*, automated: bool = False, match_ref: bool = False) -> Policy:
    return replace(policy(), tests=TestRequirement(automated=automated, match_ref=match_ref))


class TestWhichCount:
    @pytest.mark.parametrize(
        ("tests", "outcome"),
        [
            ((), FAIL),
            ((run(),), PASS),
            ((run(result=FAILED),), FAIL),
            ((run(environment="prod"),), FAIL),
            ((run(environment="Staging"),), FAIL),
            ((run(environment="prod"), run(environment="test")), PASS),
            ((run(), run("03-09 14:00", result=FAILED)), FAIL),
            ((run(result=FAILED), run("03-09 14:00")), PASS),
            ((run(), run("03-09 14:00", result=FAILED, kind="smoke")), PASS),
            ((run(), run("03-09 14:00", result=FAILED, environment="test")), PASS),
            ((run(automated=False, ref=None),), PASS),
        ],
    )
    def test_the_latest_of_each_environment_and_kind_where_it_passed_outside_production(self, tests: tuple, outcome) -> None:
        assert r7(*tests).outcome is outcome

    def test_of_two_at_one_instant_the_failed_one_in_whatever_order_they_come(self) -> None:
        pair = (run(), run(result=FAILED))
        assert r7(*pair).outcome is r7(*reversed(pair)).outcome is FAIL

    @pytest.mark.parametrize(("finished", "outcome"), [("03-12 00:00:00", PASS), ("03-12 00:00:01", FAIL)])
    def test_one_that_finished_after_now_is_not_seen(self, finished: str, outcome) -> None:
        assert r7(run(finished)).outcome is outcome
        assert r7(run(), run("03-12 00:00:01", result=FAILED)).outcome is PASS

    @pytest.mark.parametrize(
        ("made", "test", "outcome"),
        [
            (strict(automated=True), run(automated=False), FAIL),
            (strict(automated=True), run(automated=True), PASS),
            (strict(match_ref=True), run(ref="other"), FAIL),
            (strict(match_ref=True), run(ref=None), FAIL),
            (strict(match_ref=True), run(ref="abc123"), PASS),
            (strict(automated=True, match_ref=True), run(automated=False, ref="abc123"), FAIL),
            (strict(automated=True, match_ref=True), run(automated=True, ref="abc12"), FAIL),
        ],
    )
    def test_automated_and_of_the_artifact_where_the_policy_says_so(self, made: Policy, test: TestRun, outcome) -> None:
        assert r7(test, made=made).outcome is outcome

    def test_two_missing_references_are_no_match(self) -> None:
        assert r7(run(ref=None), made=strict(match_ref=True), artifact_ref=None).outcome is FAIL

    def test_the_latest_counts_even_where_an_earlier_one_was_of_the_artifact(self) -> None:
        assert r7(run(), run("03-09 14:00", ref="newer"), made=strict(match_ref=True)).outcome is FAIL

    def test_where_no_environment_is_named_none_is_outside_production(self) -> None:
        nowhere = replace(policy(), context=context(non_production_environments=()))
        assert r7(run(), made=nowhere).outcome is FAIL

    def test_the_tests_of_another_record_prove_nothing_for_this_one(self) -> None:
        untested, unapproved = record(tests=()), record(id="CHG-2", approvals=())
        decision = decided(untested, unapproved)
        assert (decision.verdict, rules(decision.violations)) == (Verdict.UNAUTHORIZED, {"R7"})


@pytest.mark.parametrize(
    ("tests", "made", "text"),
    [
        ((), None, "The record shows no test in dev, test or staging; it would have passed with a passed test in dev, test or staging."),
        (
            (run(environment="prod"), run(result=FAILED)),
            None,
            (
                "No test of the record counts: the integration test in prod ran in no environment that the policy names as non-production; "
                "the integration test in staging failed at 13:00 UTC on 2026-03-09; it would have passed with a passed test in dev, test "
                "or staging."
            ),
        ),
        (
            (run(automated=False),),
            strict(automated=True),
            (
                "No test of the record counts: the integration test in staging was made by hand, and this policy wants an automated one; "
                "it would have passed with a passed automated test in dev, test or staging."
            ),
        ),
        (
            (run(ref=None),),
            strict(match_ref=True),
            (
                "No test of the record counts: the integration test in staging ran on nothing that it names, not on abc123; it would have "
                "passed with a passed test of abc123 in dev, test or staging."
            ),
        ),
        (
            (run("03-13 00:00"),),
            None,
            "No test of the record counts: none had finished yet; it would have passed with a passed test in dev, test or staging.",
        ),
        (
            (run(),),
            replace(policy(), context=context(non_production_environments=())),
            (
                "No test outside production is known: the policy names no environment as non-production; it would have passed with a "
                "passed test in an environment that the policy names as non-production."
            ),
        ),
    ],
)
def test_the_sentence_says_why_each_test_does_not_count_and_which_would(tests: tuple, made: Policy | None, text: str) -> None:
    assert r7(*tests, made=made).explanation == text


def test_without_an_artifact_the_sentence_does_not_name_one() -> None:
    assert r7(run(ref="x"), made=strict(match_ref=True), artifact_ref=None).explanation == (
        "No test of the record counts: the integration test in staging ran on x, not on an artifact that the record names; it would have "
        "passed with a passed test of the artifact that the record names in dev, test or staging."
    )


@pytest.mark.parametrize("kind", [ChangeType.EMERGENCY, ChangeType.STANDARD])
def test_only_a_normal_change_is_asked_in_its_own_right(kind: ChangeType) -> None:
    assert "R7" not in asked(record(type=kind))


@pytest.mark.parametrize(("preset", "where"), [("startup", "warnings"), ("scaleup", "violations"), ("enterprise", "violations")])
def test_startup_warns_the_others_enforce(preset: str, where: str) -> None:
    decision = decided(record(tests=()), made=policy(preset))
    assert {name for name in ("violations", "unknowns", "warnings") if "R7" in rules(getattr(decision, name))} == {where}


def test_enterprise_wants_an_automated_test_of_the_artifact() -> None:
    assert r7(run(automated=False), made=policy("enterprise")).outcome is FAIL
    assert r7(run(ref="other"), made=policy("enterprise")).outcome is FAIL
    assert r7(run(), made=policy("enterprise")).outcome is PASS
