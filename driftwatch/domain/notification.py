"""Delivery: one finding owed to, or sent to, one notifier; and the routes that say to which.

A finding is told when it needs somebody (firing), told again when its severity changes, and told once more when it needs nobody any
longer (resolved). Severities: authorisation specification, section 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from driftwatch.domain.authorization.glob import any_matches
from driftwatch.domain.authorization.lifecycle import REVIEW_CLOCKS
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import CLOSED, Finding, FindingState

FLAPPING_HOLD: Final = timedelta(minutes=10)
"""A resource that comes and goes is told of at most so often: what happened meanwhile goes into one message."""
BACKOFF_S: Final = 5.0
BACKOFF_CAP_S: Final = 60.0
"""A receiver that is back has everything within two minutes (promise P5)."""
RETRY_AFTER_CAP_S: Final = 600.0
"""No receiver may ask for a longer pause than this."""


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Phase(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class DeliveryState(StrEnum):
    OWED = "owed"
    SENT = "sent"
    QUARANTINED = "quarantined"
    """The receiver refused it for good. A later change of the finding, a restart or a reload makes it owed again."""
    ENDED = "ended"
    """Its notifier is configured no longer."""


_BY_VERDICT: Final = {
    Verdict.UNAUTHORIZED: Severity.CRITICAL,
    Verdict.PARTIALLY_AUTHORIZED: Severity.CRITICAL,
    Verdict.EXCEPTION_EXPIRED: Severity.CRITICAL,
    Verdict.INDETERMINATE: Severity.WARNING,
    Verdict.EMERGENCY_PENDING_REVIEW: Severity.INFO,
}


def severity_of(finding: Finding) -> Severity | None:
    """How urgent a finding is; None where it needs nobody: closed, ratified, covered or not controlled.

    An emergency change whose review is nearly or wholly overdue is a warning, from when its clock struck.
    """
    if finding.state in CLOSED or finding.state is FindingState.RATIFIED:
        return None
    if finding.verdict_current is Verdict.EMERGENCY_PENDING_REVIEW and not REVIEW_CLOCKS.isdisjoint(finding.handling.alerted):
        return Severity.WARNING
    return _BY_VERDICT.get(finding.verdict_current)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Findings that match every part go to the notifiers `to`. Account ids, types and owners are globs; no owners: whoever owns it."""

    accounts: tuple[str, ...] = ("*",)
    severities: tuple[Severity, ...] = (Severity.WARNING, Severity.CRITICAL)
    types: tuple[str, ...] = ("*",)
    owners: tuple[str, ...] = ()
    to: tuple[str, ...]

    def takes(self, finding: Finding, severity: Severity, owner: str | None) -> bool:
        return (
            severity in self.severities
            and any_matches(self.accounts, finding.cell.account)
            and any_matches(self.types, finding.cell.type)
            and (not self.owners or (owner is not None and any_matches(self.owners, owner)))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Which finding goes where: to the notifiers of *every* route that takes it. `notifiers` are all that are configured."""

    notifiers: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    owner_tag: str = "owner"
    storm_after: int = 20
    """More findings than this owed to one notifier at once are told in one summary."""
    base_url: str = ""

    def owner(self, finding: Finding) -> str | None:
        """The value of the owner tag, of the resource as it is, or was before it was deleted or lost its tag."""
        return finding.drift.tags_after.get(self.owner_tag) or finding.drift.tags_before.get(self.owner_tag)

    def demands(self, finding: Finding) -> Mapping[str, Severity]:
        """The notifiers that are to be told of the finding as it stands, each with the severity."""
        severity = severity_of(finding)
        if severity is None:
            return {}
        owner = self.owner(finding)
        wanted = {name for route in self.routes if route.takes(finding, severity, owner) for name in route.to}
        return {name: severity for name in self.notifiers if name in wanted}

    def link(self, finding_id: str) -> str:
        """Where people look at the finding: a page, or the command that shows it."""
        return f"{self.base_url.rstrip('/')}/findings/{finding_id}" if self.base_url else f"driftwatch findings show {finding_id}"


NOBODY: Final = Routing()
"""No notifier is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """`phase` and `severity` are what the notifier is to be told, or was. `revision` counts what there was to tell: the outcome of an
    earlier one changes nothing. `due_at` is the next attempt, or when a firing one is sent again; None: nothing more is to be done.

    `told` is the severity with which it was last told as firing; None: never yet. `owed_at` is since when the notifier waits.
    """

    finding: str
    notifier: str
    state: DeliveryState = DeliveryState.OWED
    phase: Phase = Phase.FIRING
    severity: Severity
    revision: int = 1
    attempts: int = 0
    owed_at: datetime
    due_at: datetime | None
    sent_at: datetime | None = None
    told: Severity | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryMeasure:
    """One notifier's queue for metrics and `status`: how many it is owed, since when the oldest, how many it refused."""

    owed: int = 0
    oldest_owed: datetime | None = None
    quarantined: int = 0


def demanded(finding: Finding, known: Sequence[Delivery], routing: Routing, now: datetime) -> list[Delivery]:
    """The deliveries of a finding that have to change, as the finding demands them now.

    A notifier that these routes do not know is left alone, but for a finding that needs nobody any longer: whoever still works by routes
    that were replaced ends it for the notifiers of the new ones, too.
    """
    wanted, by_name = routing.demands(finding), {delivery.notifier: delivery for delivery in known}
    changed = []
    strangers = [] if severity_of(finding) else sorted(by_name.keys() - set(routing.notifiers))
    for name in (*routing.notifiers, *strangers):
        before, severity = by_name.get(name), wanted.get(name)
        after = _firing(finding, name, before, severity, now) if severity else _resolved(finding, before, now)
        if after is not None:
            changed.append(after)
    return changed


def _firing(finding: Finding, notifier: str, known: Delivery | None, severity: Severity, now: datetime) -> Delivery | None:
    if known is None:
        due_at = _next_turn(now) if finding.handling.flapping else now
        return Delivery(finding=finding.id, notifier=notifier, severity=severity, owed_at=now, due_at=due_at)
    same = known.phase is Phase.FIRING and known.severity is severity
    if same and known.state in (DeliveryState.OWED, DeliveryState.SENT):
        return None
    return _owed(finding, replace(known, phase=Phase.FIRING, severity=severity), now)


def _resolved(finding: Finding, known: Delivery | None, now: datetime) -> Delivery | None:
    """What was never told is told now, too: it came and went while the receiver was away."""
    if known is None or known.state is DeliveryState.ENDED:
        return None
    if known.phase is Phase.RESOLVED and known.state is not DeliveryState.QUARANTINED:
        return None
    return _owed(finding, replace(known, phase=Phase.RESOLVED), now)


def _owed(finding: Finding, known: Delivery, now: datetime) -> Delivery:
    waits = known.state is DeliveryState.OWED
    due_at = now
    if finding.handling.flapping:
        due_at = known.due_at if waits and known.due_at else _next_turn(now)
    owed_at = known.owed_at if waits else now
    revision = known.revision + 1
    return replace(known, state=DeliveryState.OWED, revision=revision, attempts=0, owed_at=owed_at, due_at=due_at, error=None)


def _next_turn(now: datetime) -> datetime:
    """The next of the times at which what flaps is told of: the same for all, so that what happened meanwhile is told together."""
    seconds = FLAPPING_HOLD.total_seconds()
    return datetime.fromtimestamp((now.timestamp() // seconds + 1) * seconds, UTC)


def backoff_s(attempts: int, roll: float, after_s: float | None = None) -> float:
    """Seconds until the next attempt after so many failed ones: doubling up to a cap, of which `roll` (0 to 1) takes up to a half away.

    `after_s` is what the receiver asked for; it is never called earlier than that.
    """
    pause = min(BACKOFF_CAP_S, BACKOFF_S * 2.0 ** min(attempts - 1, 10)) * (1.0 - roll / 2)
    return max(pause, min(after_s, RETRY_AFTER_CAP_S)) if after_s is not None else pause
