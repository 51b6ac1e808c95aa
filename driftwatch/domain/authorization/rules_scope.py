"""What the record covers, and which value it promised: R2 and R9."""

from __future__ import annotations

from driftwatch.domain.authorization import wording_scope as wording
from driftwatch.domain.authorization.expectations import unmet
from driftwatch.domain.authorization.question import FAIL, NOT_APPLICABLE, PASS, Answer, Question
from driftwatch.domain.drift import DriftKind


def out_of_scope(question: Question) -> Answer:
    """R2 fails when no target that names the resource covers the operation and the path."""
    if question.covering:
        return Answer(PASS, wording.in_scope(question))
    return Answer(FAIL, wording.out_of_scope(question), "out_of_scope")


def value_mismatch(question: Question) -> Answer:
    """R9 fails when no covering target has all its expectations, at or below the path, met by the value that is there now."""
    if question.drift.kind is DriftKind.TRANSIENT or not question.instance.last:
        return Answer(NOT_APPLICABLE, "What this change wrote is no longer there to be compared.")
    missed = [unmet(target, question.change, question.drift) for target in question.covering or question.targets]
    if not all(missed):
        return Answer(PASS, wording.as_expected(question))
    return Answer(FAIL, wording.mismatch(min(missed, key=len)), "value")
