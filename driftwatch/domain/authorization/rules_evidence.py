"""What a normal change needs besides approval: a peer review (R6), a test (R7) and a way back (R19)."""

from __future__ import annotations

from driftwatch.domain.authorization import wording_evidence as wording
from driftwatch.domain.authorization.evidence import passed_tests, reviewers
from driftwatch.domain.authorization.question import FAIL, PASS, Answer, Question


def peer_review_missing(question: Question) -> Answer:
    """R6 fails when fewer people than required reviewed the change, each without a part in making it, and on what the record names."""
    counted, refused = reviewers(question, question.now)
    if len(counted) >= question.policy.reviews.min_count:
        return Answer(PASS, wording.reviewed(counted))
    return Answer(FAIL, wording.not_reviewed(question, counted, refused), "unreviewed")


def untested(question: Question) -> Answer:
    """R7 fails when no test passed outside production; of one environment and kind only the latest result counts."""
    counted, refused = passed_tests(question, question.now)
    if counted:
        return Answer(PASS, wording.tested(counted))
    return Answer(FAIL, wording.not_tested(question, refused), "untested")


def rollback_plan_missing(question: Question) -> Answer:
    """R19 fails when the record says nothing about how to go back."""
    if (question.record.rollback_plan or "").strip():
        return Answer(PASS, "The record says how to go back.")
    return Answer(FAIL, wording.no_way_back(), "no_rollback_plan")
