"""Exceptions: whether one excuses the state of a path for now (section 5, step 10), and R14, what makes one invalid."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.index import TargetIndex
from driftwatch.domain.authorization.matching import covers_path, names_resource
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.decision import RuleOutcome, RuleResult, Verdict
from driftwatch.domain.drift import Drift
from driftwatch.domain.exception import ExceptionRecord, ExceptionState

_BEST_FIRST: Final = (Verdict.EXCEPTED, Verdict.EXCEPTION_EXPIRED, Verdict.UNAUTHORIZED)


class ExceptionIndex:
    """The exceptions that were approved, filed by what they name; those that are only asked for, rejected or revoked excuse nothing."""

    def __init__(self, exceptions: Iterable[ExceptionRecord]) -> None:
        active = (item for item in exceptions if item.state is ExceptionState.ACTIVE)
        self._exceptions = sorted(active, key=lambda item: (item.starts_at, item.id))
        self._index = TargetIndex(exception.scope for exception in self._exceptions)

    def naming(self, drift: Drift, policy: Policy) -> tuple[ExceptionRecord, ...]:
        """Those with a target that names the resource of the drift, the earliest first."""
        found = (self._exceptions[position] for position in self._index.positions(drift))
        return tuple(item for item in found if any(names_resource(target, drift, policy) for target in item.scope))


@dataclass(frozen=True, slots=True, kw_only=True)
class Excuse:
    """What the exceptions that cover a path come to: `excepted` by a valid one, `exception_expired`, or `unauthorized` by a void one."""

    verdict: Verdict
    exception: ExceptionRecord
    result: RuleResult


def excuse(
    exceptions: Iterable[ExceptionRecord],
    path: str,
    drift: Drift,
    policy: Policy,
    people: Identities,
    humans: Collection[str | None],
    now: datetime,
) -> Excuse | None:
    """The best of the exceptions that cover the path: a valid one, else one that has expired, else a void one; None: none covers it.

    `humans` are the people who actually made the change. One that has not started, or was not approved by `now`, is not looked at. The
    operation does not matter: an exception excuses a state.
    """
    covering = [
        item
        for item in exceptions
        if item.starts_at <= now and (item.approved_at is None or item.approved_at <= now) and _covers(item, path, drift, policy)
    ]
    excuses = [_judged(item, policy, people, humans, now) for item in covering]
    return min(excuses, key=lambda item: _BEST_FIRST.index(item.verdict), default=None)


def _judged(exception: ExceptionRecord, policy: Policy, people: Identities, humans: Collection[str | None], now: datetime) -> Excuse:
    """What one exception comes to. One that is past its end has expired, whatever else is wrong with it."""
    if exception.expires_at is not None and now >= exception.expires_at:
        result = _r14(exception, RuleOutcome.FAIL, "expired", _over(exception, exception.expires_at, now))
        return Excuse(verdict=Verdict.EXCEPTION_EXPIRED, exception=exception, result=result)
    if fault := void_because(exception, policy, people, humans):
        return Excuse(verdict=Verdict.UNAUTHORIZED, exception=exception, result=_r14(exception, RuleOutcome.FAIL, *fault))
    return Excuse(verdict=Verdict.EXCEPTED, exception=exception, result=_r14(exception, RuleOutcome.PASS, "", _in_force(exception)))


def void_because(
    exception: ExceptionRecord, policy: Policy, people: Identities, humans: Collection[str | None] = ()
) -> tuple[str, str] | None:
    """Why R14 takes the exception for none, whatever the time: a word and a sentence; None where it is sound."""
    if exception.approved_by is None:
        return "unapproved", f"The exception {exception.id} was approved by nobody; it would be valid with the approval of somebody else."
    approver = people.resolve(exception.approved_by)
    if approver == people.resolve(exception.requested_by):
        return "self_approved", (
            f"The exception {exception.id} was approved by {approver}, who asked for it; it would be valid with the approval of somebody "
            "else."
        )
    if approver in people.people(humans):
        return "approved_by_actor", (
            f"The exception {exception.id} was approved by {approver}, who made the change that it excuses; it would be valid with the "
            "approval of somebody else."
        )
    longest = timedelta(days=policy.exceptions_max_days)
    if exception.expires_at is None:
        return "endless", f"The exception {exception.id} has no end; one of at most {words.duration(longest)} would be valid."
    lasts = exception.expires_at - exception.starts_at
    if lasts > longest:
        too_long = words.duration(lasts - longest)
        return "too_long", (
            f"The exception {exception.id} lasts {words.duration(lasts)}, {too_long} more than the {words.duration(longest)} allowed; one "
            "that ends by then would be valid."
        )
    return None


def _covers(exception: ExceptionRecord, path: str, drift: Drift, policy: Policy) -> bool:
    return any(names_resource(target, drift, policy) and covers_path(target, path, drift, policy) for target in exception.scope)


def _in_force(exception: ExceptionRecord) -> str:
    until = words.instant(exception.expires_at) if exception.expires_at else "an unknown time"
    why = words.value(exception.reason)
    return f"The exception {exception.id}, which {exception.approved_by} approved for {why}, excuses this until {until}."


def _over(exception: ExceptionRecord, end: datetime, now: datetime) -> str:
    return (
        f"The exception {exception.id} that excused this ended at {words.instant(end)}, {words.duration(now - end)} ago; a new one, "
        "approved anew, would excuse it again."
    )


def _r14(exception: ExceptionRecord, outcome: RuleOutcome, detail: str, explanation: str) -> RuleResult:
    return RuleResult(rule="R14", outcome=outcome, record=exception.id, detail=detail, explanation=explanation)
