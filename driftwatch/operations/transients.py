"""Transients: findings about what no reading shows, since the resource is as it was: only the log of calls saw it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from driftwatch.domain.activity import Activity
from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.drift import Blinds, Difference, Drift, DriftKind, Interval, Op
from driftwatch.domain.finding import Finding, FindingState
from driftwatch.domain.report import FindingChanged
from driftwatch.domain.resource import Cell, resource_id
from driftwatch.operations import decisions, outbox
from driftwatch.operations.decisions import Decider
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork

WHOLE = ("",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What only the log saw: of which resource, on which paths, and when. `fingerprint` is what the resource has, and had; `blinds` what
    was turned off by it."""

    baseline: str
    cell: Cell
    id: str
    arn: str | None = None
    label: str | None = None
    fingerprint: str | None = None
    tags: dict[str, str] | None = None
    paths: tuple[str, ...] = WHOLE
    since: datetime
    until: datetime
    blinds: Blinds | None = None


def of_call(activity: Activity, resource_type: str) -> tuple[str, ...]:
    """The paths that a call can have touched in a resource of the type; the whole of it where nobody has said."""
    found = [touched.paths for touched in activity.resources if touched.type == resource_type]
    if not found or any(paths is None for paths in found):
        return WHOLE
    return tuple(sorted({path for paths in found for path in paths or ()})) or WHOLE


def record(
    uow: UnitOfWork, installation: Installation, decider: Decider, seen: Seen, now: datetime, scan_id: str | None = None
) -> FindingChanged | None:
    """Opens the finding, or widens the live one to this time. None where a live finding says more already: that the resource is off its
    baseline. One that a record covers is over at once: there is nothing that a baseline could take up."""
    former = next(iter(uow.findings.live_of(seen.baseline, seen.cell, [seen.id])), None)
    if former and former.drift.kind is not DriftKind.TRANSIENT:
        _mark(uow, installation, former, seen, now)
        return None
    drift = _drift(installation, seen, former)
    if former and former.drift_version == drift.version:
        seen_again = replace(former, drift=replace(drift, id=former.drift.id), last_seen=now)
        outbox.save(uow, installation.routing, seen_again, now)
        return decider.again(uow, seen_again, now)
    decision = decider.decide(uow, drift, installation.policy, now)
    finding = lifecycle.detect(
        id=installation.new_id("finding"),
        baseline=seen.baseline,
        cell=seen.cell,
        drift=drift,
        before_fingerprint=seen.fingerprint,
        after_fingerprint=seen.fingerprint,
        decision=decision,
        now=now,
        previous=former,
        excepted_by=decider.excepted_by(uow, decision),
    )
    if former:
        outbox.save(uow, installation.routing, lifecycle.supersede(former, now), now)
        decisions.record(uow, "finding_superseded", former, now, scan_id=scan_id, successor=finding.id)
    outbox.save(uow, installation.routing, finding, now)
    uow.findings.add_decision(finding.id, decision)
    decisions.record(uow, "finding_opened", finding, now, scan_id=scan_id, decision=decision)
    if finding.state is FindingState.AWAITING_BASELINE and finding.settled:
        finding = lifecycle.snapshot_clean(finding, now)
        outbox.save(uow, installation.routing, finding, now)
        decisions.record(uow, "finding_reverted", finding, now, scan_id=scan_id)
    return FindingChanged(scan_id=scan_id, before=former, finding=finding, decision=decision)


def _mark(uow: UnitOfWork, installation: Installation, former: Finding, seen: Seen, now: datetime) -> None:
    """A resource that is off its baseline already has its finding; that it blinds is noted there."""
    if seen.blinds and former.drift.blinds is not seen.blinds:
        outbox.save(uow, installation.routing, replace(former, drift=replace(former.drift, blinds=seen.blinds)), now)


def _drift(installation: Installation, seen: Seen, former: Finding | None) -> Drift:
    paths, since = seen.paths, seen.since
    if former:
        paths = tuple(sorted({*paths, *(change.path for change in former.drift.changes)}))
        since = min(since, former.drift.interval.last_good or since)
    return Drift(
        id=installation.new_id("drift"),
        account=seen.cell.account,
        region=seen.cell.region,
        resource_type=seen.cell.type,
        resource_id=resource_id(seen.cell, seen.id, seen.arn),
        resource=seen.id,
        label=seen.label,
        kind=DriftKind.TRANSIENT,
        tags_before=seen.tags or {},
        tags_after=seen.tags or {},
        changes=tuple(Difference(path=path, op=Op.REPLACE) for path in paths),
        interval=Interval(last_good=since, detected=seen.until),
        blinds=seen.blinds or (former.drift.blinds if former else None),
    )
