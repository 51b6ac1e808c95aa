"""The sentences of R1, R2 and R9: what was found, what was required, and by how much it was missed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.expectations import expects
from driftwatch.domain.authorization.matching import Candidate, away, covers_operation, needs_paths, operation_of
from driftwatch.domain.authorization.moment import Moment
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.authorization.question import Question
from driftwatch.domain.change import SourceStatus, Target
from driftwatch.domain.drift import Drift, DriftKind

_NOUNS: Final = {DriftKind.CREATED: "creation", DriftKind.UPDATED: "update", DriftKind.DELETED: "deletion"}


def in_scope(question: Question) -> str:
    return f"The record covers {act(question)}."


def out_of_scope(question: Question) -> str:
    reasons = sorted({_not_covered(target, question) for target in question.targets})
    return f"The record names this resource but does not cover {act(question)}: {'; '.join(reasons)}."


def act(question: Question) -> str:
    noun, path = _NOUNS[operation_of(question.drift)], question.change.path
    return f"the {noun} of {words.place(path)}"


def _not_covered(target: Target, question: Question) -> str:
    drift, policy = question.drift, question.policy
    if not covers_operation(target.operations, drift, policy):
        allowed = words.listed([operation.value for operation in target.operations or ()], "or")
        return f"it allows only that resources be {allowed}" if allowed else "this policy requires a record to name deletion expressly"
    if target.attribute_paths is None and needs_paths(drift, policy):
        return f"for {drift.resource_type} this policy requires a record to name the attribute paths, and it names none"
    return f"it covers only {words.listed(target.attribute_paths or ('no path',))}"


def as_expected(question: Question) -> str:
    said = any(expects(target, question.change) for target in question.covering or question.targets)
    return "The new value is one that the record allows." if said else "The record says nothing about the new value."


def mismatch(missed: Sequence[str]) -> str:
    return f"The new value is not what the record says: {words.listed(missed)}."


def no_record(drift: Drift, path: str, moment: Moment, policy: Policy, nearest: Candidate | None) -> str:
    """R1: what was looked for, the record that came nearest, and what would have covered the change."""
    said = f"No change record covers {words.place(path)} of {drift.resource_id}, changed {moment}"
    if nearest is None:
        return f"{said}: none names the resource; a record that names it, approved before the change, would have covered it."
    horizon = words.duration(timedelta(hours=policy.candidate_horizon_h))
    apart = words.duration(away(nearest.record, moment))
    return (
        f"{said}: the nearest that names the resource, {nearest.record.id}, is {apart} away, and {horizon} is the most that is allowed; a "
        "record of that time, approved before the change, would have covered it."
    )


def source_stale(source: SourceStatus, moment: Moment) -> str:
    """Why an uncovered change is not called unauthorised yet."""
    if source.last_success_at is None:
        read = "has never been read"
    else:
        late = words.duration(moment.latest - source.last_success_at)
        read = f"was last read at {words.instant(source.last_success_at)}, {late} too early to know of it"
    return f"The change was made {moment}, but the change source {source.name} {read}: a record that covers it may be waiting there."
