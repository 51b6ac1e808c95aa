"""Timelines: what happened to a finding's resource and to the finding, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from driftwatch.domain.codec import decode
from driftwatch.domain.decision import Decision
from driftwatch.operations.findings import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One thing that happened. `what` is one word of a closed set: last_good, call, detected, decided, acknowledged, disposed, closed."""

    at: datetime
    what: str
    detail: str
    who: str | None = None


def timeline(case: Case) -> list[Moved]:
    """Everything that is known, the oldest first; of two at one instant the cause first."""
    order = ("last_good", "call", "detected", "decided", "acknowledged", "disposed", "closed")
    return sorted(_moved(case), key=lambda item: (item.at, order.index(item.what)))


def _moved(case: Case) -> Iterator[Moved]:
    finding, handling = case.finding, case.finding.handling
    interval = finding.drift.interval
    if interval.last_good:
        yield Moved(at=interval.last_good, what="last_good", detail="the state of the baseline was seen the last time")
    for call in case.explained.attribution.writers if case.explained else ():
        event = call.event
        behalf = f" for {event.on_behalf_of}" if event.on_behalf_of else ""
        yield Moved(at=event.time, what="call", who=event.actor, detail=f"{event.event_name}{behalf}")
    yield Moved(at=interval.detected, what="detected", detail=f"the resource was {finding.drift.kind.value}")
    for made in case.decisions:
        decision = decode(Decision, made)
        yield Moved(at=decision.decided_at, what="decided", detail=decision.verdict.value)
    if handling.acknowledged_at:
        ticket = f"ticket {handling.ticket}" if handling.ticket else ""
        yield Moved(at=handling.acknowledged_at, what="acknowledged", who=handling.acknowledged_by, detail=ticket)
    if handling.disposed_at and handling.disposition:
        by = handling.record or handling.exception or ""
        detail = f"{handling.disposition.kind} {by}".strip()
        yield Moved(at=handling.disposed_at, what="disposed", who=handling.disposition.by, detail=detail)
    if finding.closed_at:
        yield Moved(at=finding.closed_at, what="closed", detail=finding.state.value)
