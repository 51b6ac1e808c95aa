"""Clocks: what becomes due by itself (authorisation specification, sections 9.3, 9.4 and 12). Pure: `now` is an argument.

A review of an emergency change alerts when three quarters of its time are over, and when all of it is, also where a scan saw that first;
an exception 14 days before it expires, and when it does; an open finding when nobody acknowledged it in time. Each alert is given once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.decision import UNCOVERED, Verdict
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.domain.finding import LIVE, FindingState, Standing

EXPIRY_WARNING: Final = timedelta(days=14)
REVIEW_WARNING: Final = 0.25
"""The share of the review's time that is left when it warns."""


class Clock(StrEnum):
    REVIEW_75 = "review_75"
    REVIEW_100 = "review_100"
    ACKNOWLEDGE = "acknowledge"
    EXCEPTION_EXPIRING = "exception_expiring"
    EXCEPTION_EXPIRED = "exception_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A clock that strikes, and the deadline that it is about."""

    clock: Clock
    due_at: datetime


def finding_alert(standing: Standing, policy: Policy, now: datetime) -> Alert | None:
    """The alert that a live finding gives now under the policy it was detected under; None when it gives none, or gave it already.

    Where a deadline has passed, its warning is no news: it is not given any more.
    """
    if standing.state not in LIVE:
        return None
    struck = (_review(standing, policy, now), _acknowledge(standing, policy, now))
    return next((alert for alert in struck if alert and alert.clock.value not in standing.handling.alerted), None)


def exception_alert(exception: ExceptionRecord, now: datetime) -> Alert | None:
    """The alert that an active exception gives now; None when it gives none, or gave it already."""
    end = exception.expires_at
    if exception.state is not ExceptionState.ACTIVE or end is None or now < end - EXPIRY_WARNING:
        return None
    clock = Clock.EXCEPTION_EXPIRED if now >= end else Clock.EXCEPTION_EXPIRING
    return None if clock.value in exception.alerted else Alert(clock=clock, due_at=end)


def review_over(standing: Standing, now: datetime) -> bool:
    """Whether the time for a review is over and the finding still waits for it. At the deadline itself it still may be given (R10)."""
    return standing.verdict_current is Verdict.EMERGENCY_PENDING_REVIEW and standing.due_at is not None and now > standing.due_at


def settling_due(standing: Standing, policy: Policy, now: datetime, since: datetime | None = None) -> bool:
    """Whether an unsettled finding, live or closed, can settle: its feeds have had their time since it was seen.

    With `since` only those whose time came after it: what did not settle then waits for a change source, not for the clock.
    """
    comes = standing.first_seen + timedelta(seconds=policy.settle_s)
    return not standing.settled and now >= comes and (since is None or comes > since)


def _review(standing: Standing, policy: Policy, now: datetime) -> Alert | None:
    deadline = standing.due_at
    if deadline is None or now < deadline - timedelta(hours=policy.emergency.review_within_h) * REVIEW_WARNING:
        return None
    return Alert(clock=Clock.REVIEW_100 if now > deadline else Clock.REVIEW_75, due_at=deadline)


def _acknowledge(standing: Standing, policy: Policy, now: datetime) -> Alert | None:
    if standing.state is not FindingState.OPEN or standing.verdict_current not in UNCOVERED:
        return None
    target = standing.entered_at + timedelta(hours=policy.acknowledge_target_h)
    return Alert(clock=Clock.ACKNOWLEDGE, due_at=target) if now >= target else None
