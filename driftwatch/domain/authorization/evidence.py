"""What speaks for a change besides its approvals: peer reviews and tests, as far as they were there at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.question import Question
from driftwatch.domain.change import Review, ReviewDecision, TestResult, TestRun

_KINDEST_FIRST: Final = (ReviewDecision.APPROVED, ReviewDecision.WITHDRAWN, ReviewDecision.CHANGES_REQUESTED)


def reviewers(question: Question, by: datetime) -> tuple[list[str], list[str]]:
    """The people whose review counts, given by then, and why each other approving review does not (rule R6)."""
    counted, refused = [], []
    for who, review in sorted(_latest_reviews(question, by).items()):
        if review.decision is ReviewDecision.APPROVED:
            why = _not_independent(question, who, review, by)
            refused.append(f"{who} {why}") if why else counted.append(who)
    return counted, refused


def _latest_reviews(question: Question, by: datetime) -> dict[str, Review]:
    """The latest review of each person; of two at one instant the worse."""
    people, record = question.people, question.record
    seen = [item for item in record.reviews if item.at <= by and people.is_person(people.resolve(item.who))]
    return {people.resolve(item.who): item for item in sorted(seen, key=lambda item: (item.at, _KINDEST_FIRST.index(item.decision)))}


def _not_independent(question: Question, who: str, review: Review, by: datetime) -> str:
    """Why the review does not count; empty where it does."""
    if who in question.makers:
        return "reviewed their own work"
    if review.ref is not None and review.ref != question.record.artifact_ref:
        return f"reviewed {review.ref}, not {question.record.artifact_ref or 'what the record names, which is nothing'}"
    if question.policy.reviews.distinct_from_approver and _approved_in_a_role(question, who, by):
        return "approved the change, too, and this policy wants reviewer and approver to be two people"
    return ""


def _approved_in_a_role(question: Question, who: str, by: datetime) -> bool:
    """Those of the role groups, and of the groups for a high risk whatever the risk of this record is."""
    required = question.policy.approvals
    roles = {role for group in (*required.role_groups, *required.high_risk_role_groups) for role in group}
    return who in question.approvals_by(by).approvers(by) and not roles.isdisjoint(question.people.roles(who))


def passed_tests(question: Question, by: datetime) -> tuple[list[TestRun], list[str]]:
    """The tests that count, finished by then, and why each other one does not (rule R7). Of one environment and kind the latest counts."""
    counted, refused = [], []
    for (environment, kind), run in sorted(_latest_tests(question, by).items()):
        why = _not_proof(question, run)
        refused.append(f"the {kind} test in {environment} {why}") if why else counted.append(run)
    return counted, refused


def _latest_tests(question: Question, by: datetime) -> dict[tuple[str, str], TestRun]:
    """The latest run of each environment and kind; of two at one instant the failed one."""
    seen = [run for run in question.record.tests if run.finished_at <= by]
    in_order = sorted(seen, key=lambda run: (run.finished_at, run.result is TestResult.FAILED))
    return {(run.environment, run.kind): run for run in in_order}


def _not_proof(question: Question, run: TestRun) -> str:
    policy, artifact = question.policy, question.record.artifact_ref
    if run.environment not in policy.context.non_production_environments:
        return "ran in no environment that the policy names as non-production"
    if run.result is not TestResult.PASSED:
        return f"failed at {words.instant(run.finished_at)}"
    if policy.tests.automated and not run.automated:
        return "was made by hand, and this policy wants an automated one"
    if policy.tests.match_ref and (artifact is None or run.ref != artifact):
        return f"ran on {run.ref or 'nothing that it names'}, not on {artifact or 'an artifact that the record names'}"
    return ""
