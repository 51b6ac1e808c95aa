"""Whether a change was made inside a window (rule R3). Both ends belong to a window; windows are never joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.moment import Moment
from driftwatch.domain.authorization.question import Question
from driftwatch.domain.change import ChangeType, Window
from driftwatch.domain.decision import RuleOutcome

_INSTANT: Final = timedelta.resolution
_BEST_FIRST: Final = (RuleOutcome.PASS, RuleOutcome.UNKNOWN, RuleOutcome.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A stretch of time in which a record allows its change, from `start` (None: from ever) to `end`, both included."""

    start: datetime | None
    end: datetime
    name: str

    def judge(self, moment: Moment, tolerance: timedelta) -> RuleOutcome:
        """Pass: surely inside; fail: surely outside; unknown: the interval lies only partly inside. Nothing is inside what ends before
        it begins, however far the tolerance widens it."""
        if self.start is not None and self.end < self.start:
            return RuleOutcome.FAIL
        start = self.start - tolerance if self.start else None
        end = self.end + tolerance
        if moment.exact:
            return RuleOutcome.PASS if (start is None or start <= moment.latest) and moment.latest <= end else RuleOutcome.FAIL
        if start is not None and moment.latest < start:
            return RuleOutcome.FAIL
        if moment.earliest is not None and moment.earliest >= end:
            return RuleOutcome.FAIL
        opened = start is None or (moment.earliest is not None and moment.earliest >= start)
        return RuleOutcome.PASS if opened and moment.latest <= end else RuleOutcome.UNKNOWN

    def missed_by(self, moment: Moment) -> timedelta:
        """How far the moment lies outside, without tolerance; zero where it touches."""
        if self.start is not None and moment.latest < self.start:
            return self.start - moment.latest
        if moment.earliest is not None and moment.earliest > self.end:
            return moment.earliest - self.end
        return timedelta(0)

    def position(self, moment: Moment) -> str:
        """Where the moment lies, in words: "7 minutes after the window ... closed"."""
        if self.start is not None and self.end < self.start:
            return f"and {self.name} ends before it begins"
        missed = words.duration(self.missed_by(moment))
        if self.start is not None and moment.latest < self.start:
            return f"{'' if moment.exact else 'at the latest '}{missed} before {self.name} opened"
        end = self.end if moment.exact else self.end - _INSTANT  # an interval begins after its `earliest`
        if moment.earliest is not None and moment.earliest > end:
            return f"{'' if moment.exact else 'at the earliest '}{missed} after {self.name} closed"
        wholly = self.judge(moment, timedelta(0)) is RuleOutcome.PASS
        return f"{'inside' if wholly else 'only partly inside'} {self.name}"


def openings_of(question: Question) -> list[Opening] | None:
    """The record's windows. Where it has none: a normal change has the one that its approval opened, an emergency the time after it was
    declared, a standard change those of its template.

    None: nothing bounds the change in time (a template without windows, approvals that never sufficed to open one). Empty: the policy
    derives none.
    """
    record, policy = question.record, question.policy
    if record.windows:
        return [_opening(item, "the window") for item in record.windows]
    if question.kind is ChangeType.STANDARD:
        return [_opening(item, "the template's window") for item in question.template.windows] or None if question.template else None
    if question.kind is ChangeType.EMERGENCY:
        longest = timedelta(hours=policy.emergency.max_duration_h)
        name = f"the {words.duration(longest)} that follow its declaration at {words.instant(record.created_at)}"
        return [Opening(start=None, end=record.created_at + longest, name=name)]
    return _derived(question)


def _opening(window: Window, what: str) -> Opening:
    return Opening(start=window.start, end=window.end, name=f"{what} {words.stretch(window.start, window.end)}")


def _derived(question: Question) -> list[Opening] | None:
    """The window that the approval of a normal change opened."""
    policy = question.policy
    if not policy.derive_window:
        return []
    approved = question.approvals.first_satisfied()
    if approved is None:
        return None
    longest = timedelta(hours=policy.derived_window_max_h)
    name = f"the window of {words.duration(longest)} that its approval at {words.instant(approved)} opened"
    return [Opening(start=None, end=approved + longest, name=name)]


def closest(openings: Sequence[Opening], moment: Moment, tolerance: timedelta) -> Opening:
    """The one opening that judges the moment best; of several that miss it, the nearest."""
    return min(openings, key=lambda opening: (_BEST_FIRST.index(opening.judge(moment, tolerance)), opening.missed_by(moment)))
