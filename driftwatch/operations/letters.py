"""Letters: a finding put into the words in which a notifier tells it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from driftwatch.domain.authorization.explain import explain
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import Decision
from driftwatch.domain.drift import Drift, DriftKind, Op
from driftwatch.domain.finding import CLOSED, Finding, FindingState
from driftwatch.domain.message import Told, plain
from driftwatch.domain.notification import Delivery, Phase
from driftwatch.operations.attribution import Explained
from driftwatch.operations.findings import explained
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork

PATHS: Final = 5
REASONS: Final = 3
"""So many paths, callers and violated rules are named; of more, the number."""

_OPS: Final = {Op.ADD: "added", Op.REMOVE: "removed", Op.REPLACE: "changed"}
_KINDS: Final = {
    DriftKind.CREATED: "was created",
    DriftKind.UPDATED: "was changed",
    DriftKind.DELETED: "was deleted",
    DriftKind.TRANSIENT: "was changed and is back as it was",
}
_ENDS: Final = {
    FindingState.REVERTED: "it equals its baseline again",
    FindingState.BASELINED: "its baseline holds it now",
    FindingState.SUPERSEDED: "it changed once more, and a new finding stands for it",
    FindingState.RATIFIED: "it was ratified afterwards",
    FindingState.EXCEPTED: "an exception excuses it for now",
}


def told(uow: UnitOfWork, installation: Installation, delivery: Delivery, *, briefly: bool = False) -> Told | None:
    """The finding as it stands now, in the words for this delivery; None where the finding is gone. `briefly` leaves out who and why,
    which are what costs time, for one of very many."""
    finding = uow.findings.get(delivery.finding)
    if finding is None:
        return None
    made = [] if briefly else uow.findings.decisions(finding.id)
    calls = None if briefly else explained(uow, installation, finding)
    cell, drift = finding.cell, finding.drift
    label = f" ({plain(drift.label, 80)})" if drift.label and drift.label not in finding.resource_id else ""
    headline = f"{cell.type} {plain(finding.resource_id, 200)}{label}"
    verb = f"{_KINDS[drift.kind]}: {finding.verdict_current.value}" if delivery.phase is Phase.FIRING else "needs nobody any longer"
    return Told(
        finding=finding.id,
        revision=delivery.revision,
        phase=delivery.phase,
        severity=delivery.severity,
        was=delivery.told if delivery.told is not delivery.severity else None,
        account=cell.account,
        region=cell.region,
        type=cell.type,
        resource=plain(finding.resource_id),
        baseline=finding.baseline,
        verdict=finding.verdict_current.value,
        state=finding.state.value,
        owner=_plain_or_none(installation.routing.owner(finding)),
        title=f"[{delivery.severity.value if delivery.phase is Phase.FIRING else delivery.phase.value}] {headline} {verb}",
        what=_what(drift),
        who=_who(calls),
        why=_why(finding, decode(Decision, made[-1]) if made else None, delivery.phase),
        since=finding.first_seen,
        ended=_ended(finding, delivery),
        link=installation.routing.link(finding.id),
        actors=_actors(calls),
        flapping=finding.handling.flapping,
    )


def _plain_or_none(text: str | None) -> str | None:
    return plain(text, 80) if text else None


def _ended(finding: Finding, delivery: Delivery) -> datetime | None:
    """When it closed; where it stays live (excepted, ratified, covered after all) since when the notifier is owed the resolution."""
    return None if delivery.phase is Phase.FIRING else finding.closed_at or delivery.owed_at


def _what(drift: Drift) -> str:
    """Paths and not values: a message leaves the house."""
    named = [f"{_OPS[change.op]} {plain(change.path, 120)}" if change.path else _KINDS[drift.kind] for change in drift.changes]
    when = f"by {utc_text(drift.interval.detected)}"
    if drift.interval.last_good:
        when = f"between {utc_text(drift.interval.last_good)} and {utc_text(drift.interval.detected)}"
    return f"{_listed(named, PATHS)}; {when}"


def _who(calls: Explained | None) -> str:
    if calls is None:
        return "not known: no log of calls is read"
    if not calls.attribution.writers:
        return "not known: no logged call explains it"
    words = []
    for call in calls.attribution.writers:
        event, logged = call.event, calls.activities[call.event.id]
        behalf = f" on behalf of {event.on_behalf_of}" if event.on_behalf_of else ""
        words.append(plain(f"{event.actor or 'somebody unknown'}{behalf} by {event.event_name} ({logged.actor.channel.value})", 200))
    return _listed(list(dict.fromkeys(words)), REASONS)


def _actors(calls: Explained | None) -> tuple[str, ...]:
    if calls is None:
        return ()
    return tuple(sorted({call.event.actor or "" for call in calls.attribution.writers}))


def _why(finding: Finding, decision: Decision | None, phase: Phase) -> str:
    if phase is Phase.RESOLVED:
        if finding.state in CLOSED or finding.state in _ENDS:
            return _ENDS[finding.state]
        return "a change record covers it" if decision is None else explain(decision)[0]
    if decision is None:
        return finding.verdict_current.value
    found = [f"{result.rule}: {result.explanation}" for result in (*decision.violations, *decision.unknowns)]
    unsettled = "" if finding.settled else " Not settled yet: events and change records may still arrive."
    reasons = _listed([plain(text, 300) for text in dict.fromkeys(found)], REASONS)
    return f"{explain(decision)[0]}{unsettled}{f' {reasons}' if reasons else ''}"


def _listed(words: Sequence[str], at_most: int) -> str:
    rest = f", and {len(words) - at_most} more" if len(words) > at_most else ""
    return ", ".join(words[:at_most]) + rest
