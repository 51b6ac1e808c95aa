"""Blindness: what was turned off, of what changes are seen by, is a finding at once, and the cells that it blinds say so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from driftwatch.domain.activity import Activity, LogProblem
from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.baseline import baseline_of
from driftwatch.domain.blinding import BLINDING_TYPES, Blinding, blind_cells, blinding
from driftwatch.domain.drift import Blinds, Drift, DriftKind
from driftwatch.domain.report import Blinded, Event, FindingChanged
from driftwatch.domain.resource import GLOBAL, Cell, Scope
from driftwatch.operations import decisions, outbox, transients
from driftwatch.operations.decisions import Decider, evidence_in
from driftwatch.operations.installation import Installation
from driftwatch.operations.transients import Seen
from driftwatch.operations.whereabouts import candidates, partition_of
from driftwatch.ports import UnitOfWork

TRAIL: Final = "AWS::CloudTrail::Trail"
_TURNED_ON: Final = {
    ("cloudtrail.amazonaws.com", "StartLogging"): Blinds.TRAIL,
    ("config.amazonaws.com", "StartConfigurationRecorder"): Blinds.RECORDER,
    ("guardduty.amazonaws.com", "CreateDetector"): Blinds.DETECTOR,
}
"""The calls that end it where no reading does, since the type is not watched."""


def look(
    uow: UnitOfWork, installation: Installation, activities: Iterable[Activity], problems: Sequence[LogProblem], now: datetime
) -> list[Event]:
    """Opens the findings for what these calls turned off, and for what is wrong with the log itself; in the caller's transaction."""
    sources = {name for source in installation.activity_sources for name in source.reads_from}
    off = [(activity, found) for activity in activities if (found := blinding(activity, sources))]
    on = [activity for activity in activities if (activity.event_source, activity.event_name) in _TURNED_ON and activity.is_config_change]
    if not (off or on or problems):
        return []
    decider = Decider(evidence_in(uow, installation))
    events: list[Event] = []
    for activity, found in off:
        events.extend(_turned_off(uow, installation, decider, activity, found, now))
    for activity in on:
        events.extend(_turned_on(uow, installation, activity, now))
    for problem in problems:
        events.extend(_broken(uow, installation, decider, problem, now))
    return events


def _turned_off(
    uow: UnitOfWork, installation: Installation, decider: Decider, activity: Activity, found: Blinding, now: datetime
) -> Iterable[Event]:
    cell, id_, arn, label, fingerprint = _resource(uow, activity, found)
    body = {"what": found.what.value, "event": activity.id, "call": activity.event_name, "cell": str(cell), "resource": arn or id_}
    uow.ledger.append(now, "watching_turned_off", body)
    yield Blinded(what=found.what, account=activity.account, region=activity.region, resource=arn or id_, event=activity.id)
    name = baseline_of(cell, installation.baselines)
    if name is None:
        return
    seen = Seen(
        baseline=name,
        cell=cell,
        id=id_,
        arn=arn,
        label=label,
        fingerprint=fingerprint,
        paths=transients.of_call(activity, cell.type),
        since=activity.time,
        until=max(now, activity.time),
        blinds=found.what,
    )
    if changed := transients.record(uow, installation, decider, seen, now):
        yield changed


def _resource(uow: UnitOfWork, activity: Activity, found: Blinding) -> tuple[Cell, str, str | None, str | None, str | None]:
    """Cell, id, ARN, label and fingerprint of what was turned off: as it is stored, else as the call names it."""
    for cell, stored in uow.observations.named(activity.account, found.type, found.names, (activity.region, GLOBAL)):
        return cell, stored.id, stored.arn, stored.label, stored.fingerprint
    known = [cell for cell in candidates(activity, found.type) if uow.cells.get(cell)]
    cell = known[0] if known else next(iter(candidates(activity, found.type)))
    arn = next((name for name in found.names if name.startswith("arn:")), None)
    return cell, next(iter(found.names), found.what.value), arn, None, None


def _turned_on(uow: UnitOfWork, installation: Installation, activity: Activity, now: datetime) -> Iterable[Event]:
    """What is on again is over, where no reading will say so."""
    what = _TURNED_ON[activity.event_source, activity.event_name]
    for standing in list(uow.findings.standings()):
        if standing.cell.account != activity.account or not _same_place(standing.cell, activity):
            continue
        finding = uow.findings.get(standing.id)
        if finding and finding.drift.blinds is what and uow.cells.get(finding.cell) is None:
            after = lifecycle.snapshot_clean(finding, now)
            outbox.save(uow, installation.routing, after, now)
            decisions.record(uow, "finding_reverted", after, now, event=activity.id)
            yield FindingChanged(scan_id=None, before=finding, finding=after, decision=None)


def _same_place(cell: Cell, activity: Activity) -> bool:
    return cell in list(candidates(activity, cell.type))


def _broken(uow: UnitOfWork, installation: Installation, decider: Decider, problem: LogProblem, now: datetime) -> Iterable[Event]:
    """A missing digest or a broken signature: somebody may have taken away or changed what the log said."""
    scope = Scope(partition=partition_of(problem.region), account=problem.account, region=problem.region)
    cell = Cell(scope=scope, type=TRAIL)
    body = {"fault": problem.fault.value, "where": problem.where, "cell": str(cell), "detail": problem.detail}
    uow.ledger.append(now, "log_not_trusted", body | {"trail": problem.trail})
    yield Blinded(what=Blinds.LOG, account=problem.account, region=problem.region, resource=problem.where, event=None)
    name = baseline_of(cell, installation.baselines)
    if name is None:
        return
    id_ = problem.trail or "trail"
    seen = Seen(
        baseline=name,
        cell=cell,
        id=id_,
        arn=id_ if id_.startswith("arn:") else None,
        paths=(f"/Log/{problem.fault.value}",),
        since=problem.at,
        until=max(now, problem.at),
        blinds=Blinds.LOG,
    )
    if changed := transients.record(uow, installation, decider, seen, now):
        yield changed


def blind(installation: Installation, cells: Iterable[Cell]) -> dict[Cell, Blinds]:
    """The cells in which a change between two scans would now go unseen, and what was turned off."""
    with installation.store.read() as uow:
        drifts = blinding_now(uow)
    return blind_cells(cells, drifts)


def blinding_now(uow: UnitOfWork) -> list[Drift]:
    """The drifts of the live findings about what was turned off."""
    return [finding.drift for finding in uow.findings.live_of_types(BLINDING_TYPES) if finding.drift.blinds]


def blinding_drifts(drifts: Iterable[Drift]) -> dict[Blinds, int]:
    """How many live drifts turn off what."""
    counts = dict.fromkeys(Blinds, 0)
    for drift in drifts:
        if drift.blinds:
            counts[drift.blinds] += 1
    return counts


def is_only_logged(drift: Drift) -> bool:
    """Whether nothing but the log shows the drift."""
    return drift.kind is DriftKind.TRANSIENT
