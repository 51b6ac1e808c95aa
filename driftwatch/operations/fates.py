"""Fates: what became of every logged change, so that their counts add up, and what no reading saw is told.

A change is matched to the drift that it explains; it led to what the baseline has; it left no trace (a transient); it is about nothing
that is watched; it cannot be found; or its resource was not read since, and it waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.activity import Activity, Effect, Fate, Touched
from driftwatch.domain.baseline import baseline_of
from driftwatch.domain.drift import DriftKind
from driftwatch.domain.finding import Finding
from driftwatch.domain.report import Event
from driftwatch.domain.request import Lease
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import Stored
from driftwatch.operations import attribution, transients
from driftwatch.operations.cells import NOT_JUDGED
from driftwatch.operations.decisions import Decider
from driftwatch.operations.installation import Installation
from driftwatch.operations.transients import Seen
from driftwatch.operations.whereabouts import Found, find
from driftwatch.ports import UnitOfWork

AT_ONCE: Final = 100
"""Calls whose fate is decided in one transaction."""
LOOKED_AT: Final = 20_000
"""Pending calls of one account that one pass looks at, the oldest first."""
GIVE_UP_AFTER: Final = timedelta(days=30)
"""A change whose resource was not read for so long is given up: it counts as one that could not be found."""

_TELLING: Final = (Fate.MATCHED, Fate.PENDING, Fate.TRANSIENT, Fate.BASELINED, Fate.UNRESOLVED, Fate.UNWATCHED)
"""Of several resources that one call names, which fate tells most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """The fate of a call with respect to one resource; `seen` is what only the log saw, where that is to be told."""

    fate: Fate
    finding: str | None = None
    seen: Seen | None = None


@dataclass(slots=True, kw_only=True)
class _Settled:
    fates: dict[str, Fate] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)


def settle(
    installation: Installation,
    decider: Decider,
    *,
    lease: Lease | None,
    read_at: Mapping[tuple[Cell, str], datetime] | None = None,
    calls: Sequence[Activity] | None = None,
    scan_id: str | None = None,
) -> list[Event]:
    """Decides the fate of `calls` (None: of all that wait), and opens the findings of transients; answers with what is to be reported.

    `read_at` tells when resources were read by themselves; else what counts is when their cell was last read completely.
    """
    waiting = list(calls) if calls is not None else list(_waiting(installation))
    events: list[Event] = []
    for start in range(0, len(waiting), AT_ONCE):
        settled = _Settled()
        with installation.store.write(lease) as uow:
            for activity in waiting[start : start + AT_ONCE]:
                events.extend(_settle(uow, installation, decider, activity, read_at or {}, settled, scan_id))
            uow.activity.settle(settled.fates, settled.findings)
    return events


def waits(uow: UnitOfWork, activity: Activity) -> bool:
    """Whether the fate of a call is still to come."""
    return uow.activity.fate(activity.id)[0] is Fate.PENDING


def _waiting(installation: Installation) -> Iterable[Activity]:
    for account in installation.accounts:
        with installation.store.read() as uow:
            found = list(uow.activity.pending(account, LOOKED_AT))
        yield from found


def _settle(
    uow: UnitOfWork,
    installation: Installation,
    decider: Decider,
    activity: Activity,
    read_at: Mapping[tuple[Cell, str], datetime],
    settled: _Settled,
    scan_id: str | None,
) -> Iterable[Event]:
    now = installation.clock()
    verdicts = [
        verdict for found in find(uow, activity) for verdict in _verdicts(uow, installation, decider, activity, found, read_at, now)
    ]
    best = min(verdicts, key=lambda item: _TELLING.index(item.fate), default=_Verdict(fate=Fate.UNRESOLVED))
    if best.fate is Fate.PENDING:
        if now - activity.time < GIVE_UP_AFTER:
            return
        best = _Verdict(fate=Fate.UNRESOLVED)
    settled.fates[activity.id] = best.fate
    if best.finding:
        settled.findings[activity.id] = best.finding
    for verdict in verdicts:
        if verdict.seen is None:
            continue
        changed = transients.record(uow, installation, decider, verdict.seen, now, scan_id)
        live = next(iter(uow.findings.live_of(verdict.seen.baseline, verdict.seen.cell, [verdict.seen.id])), None)
        finding = changed.finding if changed else live
        if finding and best.fate is Fate.TRANSIENT:
            settled.findings.setdefault(activity.id, finding.id)
        if changed:
            yield changed


def _verdicts(
    uow: UnitOfWork,
    installation: Installation,
    decider: Decider,
    activity: Activity,
    found: Found,
    read_at: Mapping[tuple[Cell, str], datetime],
    now: datetime,
) -> Iterable[_Verdict]:
    touched = found.touched
    if not found.cells or touched.paths == ():
        yield _Verdict(fate=Fate.UNWATCHED)
        return
    for cell, stored in found.resources:
        yield _known(uow, installation, decider, activity, touched, cell, stored, read_at, now)
    if not found.resources:
        for cell in found.cells:
            yield _unknown(uow, installation, activity, touched, cell, read_at)


def _unknown(
    uow: UnitOfWork,
    installation: Installation,
    activity: Activity,
    touched: Touched,
    cell: Cell,
    read_at: Mapping[tuple[Cell, str], datetime],
) -> _Verdict:
    """A resource that no reading ever saw: it came and went between two of them, or the call's name for it is not ours."""
    asked = max((at for id_ in touched.ids if (at := read_at.get((cell, id_)))), default=None)
    if not _read_since(uow, installation, cell, activity, asked):
        return _Verdict(fate=Fate.PENDING)
    return _Verdict(fate=Fate.TRANSIENT if touched.effect in (Effect.CREATE, Effect.DELETE) else Fate.UNRESOLVED)


def _read_since(uow: UnitOfWork, installation: Installation, cell: Cell, activity: Activity, asked: datetime | None) -> bool:
    """Whether a reading certainly began after the call: by more than clocks may differ, and a service takes to answer alike everywhere."""
    status = uow.cells.get(cell)
    complete = status.complete_started_at if status else None
    certain = activity.time + timedelta(seconds=installation.policy.clock_tolerance_s)
    return any(at is not None and at > certain for at in (complete, asked))


def _known(
    uow: UnitOfWork,
    installation: Installation,
    decider: Decider,
    activity: Activity,
    touched: Touched,
    cell: Cell,
    stored: Stored,
    read_at: Mapping[tuple[Cell, str], datetime],
    now: datetime,
) -> _Verdict:
    name = baseline_of(cell, installation.baselines)
    if name is None:
        return _Verdict(fate=Fate.UNWATCHED)
    earliest = activity.time - timedelta(seconds=installation.policy.clock_tolerance_s)  # what was found before is not of its making
    for finding in uow.findings.of_resource(name, cell, stored.id, earliest):
        if finding.drift.kind is not DriftKind.TRANSIENT and _explains(uow, decider, installation, finding, activity, now):
            return _Verdict(fate=Fate.MATCHED, finding=finding.id)
    seen_after = stored.since[1] > activity.time
    if not seen_after and not _read_since(uow, installation, cell, activity, read_at.get((cell, stored.id))):
        return _Verdict(fate=Fate.PENDING)
    if uow.baselines.part(name, cell) is None:
        return _Verdict(fate=Fate.PENDING)
    off = any(True for _ in uow.observations.mismatches(cell, name, [stored.id]))
    if off and not any(True for _ in uow.findings.live_of(name, cell, [stored.id])):
        status = uow.cells.get(cell)  # it was read, and is not judged yet; or the policy ignores how it differs
        return _Verdict(fate=Fate.PENDING if status and status.reason == NOT_JUDGED else Fate.UNWATCHED)
    if seen_after:
        return _Verdict(fate=Fate.BASELINED)
    told = installation.policy.report_transients and touched.sure
    return _Verdict(fate=Fate.TRANSIENT, seen=_seen(activity, cell, stored, name, now) if told else None)


def _explains(uow: UnitOfWork, decider: Decider, installation: Installation, finding: Finding, activity: Activity, now: datetime) -> bool:
    """Whether the call is one of those that may have made the drift."""
    drift, policy = finding.drift, installation.policy
    event = attribution.actor_event(uow, activity, drift, policy, decider.evidence.people(policy))
    return attribution.wrote(event, drift, policy, now)


def _seen(activity: Activity, cell: Cell, stored: Stored, baseline: str, now: datetime) -> Seen:
    return Seen(
        baseline=baseline,
        cell=cell,
        id=stored.id,
        arn=stored.arn,
        label=stored.label,
        fingerprint=stored.fingerprint,
        paths=transients.of_call(activity, cell.type),
        since=activity.time,
        until=max(now, activity.time),
    )
