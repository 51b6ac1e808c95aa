"""activity: logged calls are taken from their sources into the store, each once.

A batch, the position after it, and the findings about what it turned off are one transaction; only then is the source told that it may
forget the batch. A process that dies in between reads it again, and knows its events already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.activity import Activity, ActivityBatch, ActivityOrder, CallClass, Unexplained
from driftwatch.domain.attribute import names_of
from driftwatch.domain.drift import DriftKind
from driftwatch.domain.finding import Finding
from driftwatch.domain.report import ActivityRead, Event, Report, silent
from driftwatch.domain.request import Lease
from driftwatch.errors import SourceError
from driftwatch.operations import blindness
from driftwatch.operations.installation import Installation
from driftwatch.ports import ActivitySource, UnitOfWork

LEASE: Final = "activity"
LEASE_TTL_S: Final = 60.0
LOOKED_UP: Final = 200
"""The newest unexplained findings that a source which answers questions is asked about."""
HELD_FOR: Final = timedelta(days=90)
"""For how long AWS's event history holds calls (CloudTrail user guide, "Working with CloudTrail event history")."""

Found = Callable[[Sequence[Activity]], None]


def collect(
    installation: Installation,
    source: ActivitySource,
    *,
    lease: Callable[[], Lease | None],
    stopped: Callable[[], bool] = lambda: False,
    report: Report = silent,
    found: Found = lambda _new: None,
) -> bool:
    """Takes what the source holds now; `found` is told of the calls that were not known before. False when the source failed: what it had
    told before that stands, and the reason is recorded."""
    with installation.store.read() as uow:
        known = uow.activity.source(source.name)
        questions = () if source.accounts else _unexplained(uow, installation)
    order = ActivityOrder(position=known.position if known else None, now=installation.clock(), unexplained=questions)
    try:
        for batch in source.fetch(order, stopped):
            new = _take(installation, source, batch, lease(), report)
            source.done(batch)
            found(new)
    except SourceError as error:
        with installation.store.write(lease()) as uow:
            uow.activity.failed(source.name, str(error), installation.clock())
        report(ActivityRead(source=source.name, error=str(error)))
        return False
    return True


def catch_up(
    installation: Installation, *, holder: str, stopped: Callable[[], bool] = lambda: False, report: Report = silent
) -> list[Activity]:
    """Takes what all sources hold now, and answers with what is new. Nothing where another process does that already, or none is
    configured."""
    new: list[Activity] = []
    if not installation.activity_sources:
        return new
    with installation.store.write() as uow:
        lease = uow.leases.acquire(LEASE, f"{holder}/{installation.new_id('pass')}", installation.clock(), LEASE_TTL_S)
    if lease is None:
        return new
    try:
        for source in installation.activity_sources:
            collect(installation, source, lease=lambda: None, stopped=stopped, report=report, found=new.extend)
    finally:
        with installation.store.write() as uow:
            uow.leases.release(lease)
    return new


def _take(
    installation: Installation, source: ActivitySource, batch: ActivityBatch, lease: Lease | None, report: Report
) -> Sequence[Activity]:
    events: list[Event] = []
    with installation.store.write(lease) as uow:
        now = installation.clock()
        new = uow.activity.add(source.name, batch.activities, now)
        uow.activity.advance(source.name, batch, now)
        events.extend(blindness.look(uow, installation, new, batch.problems, now))
    report(
        ActivityRead(
            source=source.name,
            new=len(new),
            changes=sum(1 for activity in new if activity.is_config_change),
            denied=sum(1 for activity in new if activity.denied and activity.call is CallClass.CONFIG),
            refused=Counter(item.reason.value for item in batch.refused),
        )
    )
    for event in events:
        report(event)
    return new


def _unexplained(uow: UnitOfWork, installation: Installation) -> tuple[Unexplained, ...]:
    """What nobody has explained yet: of the newest live findings those without an event."""
    now = installation.clock()
    newest = sorted(uow.findings.standings(), key=lambda item: item.first_seen, reverse=True)[:LOOKED_UP]
    lacking = [item.id for item in newest if not uow.activity.explaining(item.id)]
    found = [finding for id_ in lacking if (finding := uow.findings.get(id_)) and finding.drift.kind is not DriftKind.TRANSIENT]
    return tuple(_question(finding, now) for finding in found if now - finding.drift.interval.detected < HELD_FOR)


def _question(finding: Finding, now: datetime) -> Unexplained:
    drift = finding.drift
    arn = finding.resource_id if finding.resource_id.startswith("arn:") else None
    return Unexplained(
        account=drift.account,
        region=drift.region,
        type=drift.resource_type,
        names=tuple(sorted(names_of(finding.cell, drift.resource, arn, drift.label))),
        since=max(drift.interval.last_good, now - HELD_FOR) if drift.interval.last_good else None,
        until=drift.interval.detected,
    )
