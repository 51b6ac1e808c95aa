"""The sentences of R3, R11 and R12: when the change was made, and by how much that was too early or too late."""

from __future__ import annotations

from datetime import datetime, timedelta

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.policy import Freeze
from driftwatch.domain.authorization.question import Question
from driftwatch.domain.authorization.windows import Opening
from driftwatch.domain.change import ChangeType
from driftwatch.domain.decision import RuleOutcome


def no_window(question: Question) -> str:
    if question.kind is ChangeType.STANDARD:
        return "Neither the record nor its template has a window."
    return "The record has no window, and its approvals never sufficed to open one."


def no_derived_window() -> str:
    return "The record has no window, and this policy derives none from its approval."


def partly_inside(question: Question, opening: Opening, *, accepted: bool) -> str:
    required = "which this policy accepts" if accepted else "and this policy requires it to lie wholly inside"
    return f"The change was made {question.moment}, {opening.position(question.moment)}, {required}."


def window(question: Question, opening: Opening, outcome: RuleOutcome) -> str:
    moment = question.moment
    said = f"The change was made {moment}, {opening.position(moment)}"
    if outcome is RuleOutcome.FAIL:
        return f"{said}; a clock difference of {words.duration(question.tolerance)} is allowed."
    exactly = opening.judge(moment, timedelta(0)) is RuleOutcome.PASS
    return f"{said}." if exactly else f"{said}, within the allowed clock difference of {words.duration(question.tolerance)}."


def refused(how: str, at: datetime | None) -> str:
    when = f" at {words.instant(at)}" if at else ""
    return f"The record was {how}{when}, and such a record allows no change, whenever it was made."


def over(question: Question, how: str, outcome: RuleOutcome) -> str:
    """For a record that was closed, or that its source no longer showed (`stale`), before or while the change was made."""
    record, moment = question.record, question.moment
    closed = how == "closed"
    ended = (record.closed_at if closed else record.stale_since) or moment.latest
    what = "The record was closed at" if closed else "The record's source has not shown it, or not legibly, since"
    said = f"{what} {words.instant(ended)}, and the change was made {moment}"
    if outcome is RuleOutcome.UNKNOWN:
        return f"{said}, so perhaps up to {words.duration(moment.latest - ended)} too late."
    late = words.duration((moment.latest if moment.earliest is None else moment.earliest) - ended)
    allowed = f" (a clock difference of {words.duration(question.tolerance)} is allowed)" if closed else ""
    return f"{said}, {'' if moment.exact else 'at least '}{late} later{allowed}."


def backed_out() -> str:
    return "The record says that its change was backed out, but the change is there."


def frozen(question: Question, freeze: Freeze, outcome: RuleOutcome) -> str:
    """For a change that was made, or perhaps made, during a freeze that nobody in its role had lifted for it."""
    moment, held = question.moment, words.stretch(freeze.start, freeze.end)
    said = f"The freeze {freeze.id} held {held}, and the change was made {moment}"
    if outcome is RuleOutcome.UNKNOWN:
        return f"{said}, so perhaps during it, and no {freeze.override_role} without a part in it is known to have allowed it before."
    left = words.duration(freeze.end - moment.latest)
    return f"{said}, {left} before the freeze ended, and no {freeze.override_role} without a part in it had allowed it by then."
