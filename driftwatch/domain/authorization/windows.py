"""Whether a change was made inside a window (rule R3). Both ends belong to a window; windows are never joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.moment import Moment
from driftwatch.domain.authorization.question import Question
from driftwatch.domain.decision import RuleOutcome

_BEST_FIRST: Final = (RuleOutcome.PASS, RuleOutcome.UNKNOWN, RuleOutcome.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A stretch of time in which a record allows its change, from `start` (None: from ever) to `end`, both included."""

    start: datetime | None
    end: datetime
    name: str

    def judge(self, moment: Moment, tolerance: timedelta) -> RuleOutcome:
        """Pass: surely inside; fail: surely outside; unknown: the interval lies only partly inside."""
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
        missed = words.duration(self.missed_by(moment))
        if self.start is not None and moment.latest < self.start:
            return f"{'' if moment.exact else 'at the latest '}{missed} before {self.name} opened"
        if moment.earliest is not None and moment.earliest > self.end:
            return f"{'' if moment.exact else 'at the earliest '}{missed} after {self.name} closed"
        wholly = self.judge(moment, timedelta(0)) is RuleOutcome.PASS
        return f"{'inside' if wholly else 'only partly inside'} {self.name}"


def openings_of(question: Question) -> list[Opening] | None:
    """The record's windows; where it has none, the one that its approval opened.

    None: its approvals never sufficed to open one. Empty: the policy derives none.
    """
    record, policy = question.record, question.policy
    if record.windows:
        return [
            Opening(start=item.start, end=item.end, name=f"the window {words.stretch(item.start, item.end)}") for item in record.windows
        ]
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
