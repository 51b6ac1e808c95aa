"""Moment: when a change was made (T), and what can be said about it in three values (authorisation specification, section 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftwatch.domain.authorization import words
from driftwatch.domain.decision import RuleOutcome
from driftwatch.domain.drift import Interval

Cutoff = datetime | None
"""A time up to which things are visible, inclusive; None lies before everything, where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a change was made: at `latest` exactly, or after `earliest` (None: nobody knows since when) and by `latest`."""

    exact: bool
    earliest: datetime | None
    latest: datetime

    @classmethod
    def at(cls, time: datetime) -> Moment:
        return cls(exact=True, earliest=time, latest=time)

    @classmethod
    def within(cls, interval: Interval) -> Moment:
        return cls(exact=False, earliest=interval.last_good, latest=interval.detected)

    def says(self, predicate: Callable[[Cutoff], bool], tolerance: timedelta) -> RuleOutcome:
        """The three-valued test: does `predicate`, which looks at what is visible up to a cutoff, hold at this moment?

        The cutoffs are later by the clock tolerance. An interval passes or fails only where both its ends agree.
        """
        by_latest = predicate(self.latest + tolerance)
        if self.exact:
            return RuleOutcome.PASS if by_latest else RuleOutcome.FAIL
        by_earliest = predicate(self.earliest + tolerance if self.earliest else None)
        if by_latest != by_earliest:
            return RuleOutcome.UNKNOWN
        return RuleOutcome.PASS if by_latest else RuleOutcome.FAIL

    def by(self, limit: datetime) -> RuleOutcome:
        """Whether the change was made at or before `limit`; unknown where the interval straddles it."""
        if self.latest <= limit:
            return RuleOutcome.PASS
        if self.exact or (self.earliest is not None and self.earliest >= limit):
            return RuleOutcome.FAIL
        return RuleOutcome.UNKNOWN

    def distance(self, start: datetime, end: datetime | None) -> timedelta:
        """How far this moment lies from a stretch of time (`end` None: it never ends); zero where they touch."""
        if self.latest < start:
            return start - self.latest
        if end is not None and self.earliest is not None and self.earliest > end:
            return self.earliest - end
        return timedelta(0)

    def __str__(self) -> str:
        if self.exact:
            return f"at {words.instant(self.latest)}"
        if self.earliest is None:
            return f"at an unknown time up to {words.instant(self.latest)}"
        return words.between(self.earliest, self.latest)
