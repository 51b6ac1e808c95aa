"""The outbox: whatever changes a finding says in the same transaction what notifiers are owed about it.

`save` is the only way in which operations store a finding, so that none can change without its deliveries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from driftwatch.domain.finding import Finding
from driftwatch.domain.notification import Routing, demanded
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork

AT_ONCE: Final = 100
"""Findings in one transaction when all of them are looked at."""


def save(uow: UnitOfWork, routing: Routing, finding: Finding, now: datetime) -> None:
    """Stores a finding as it stands now, with the deliveries that it demands."""
    uow.findings.save(finding)
    known = uow.deliveries.of([finding.id])
    if known or routing.notifiers:
        uow.deliveries.save(demanded(finding, known, routing, now))


def reconcile(installation: Installation) -> Mapping[str, int]:
    """Brings the deliveries of all live findings in line with the routes in force, at a start or a reload.

    A new notifier is owed what is open already, a removed one nothing more (answered: how many of each ended), and what was refused is
    owed again: whoever restarts or reloads may have mended it.
    """
    routing = installation.routing
    with installation.store.write() as uow:
        ended = uow.deliveries.keep_only(routing.notifiers)
        refused = [item.finding for item in uow.deliveries.quarantined(limit=10_000)]
    if not routing.notifiers:
        return ended
    with installation.store.read() as uow:
        ids = sorted({*(standing.id for standing in uow.findings.standings()), *refused})
    for start in range(0, len(ids), AT_ONCE):
        with installation.store.write() as uow:
            _owe(uow, installation, ids[start : start + AT_ONCE])
    return ended


def _owe(uow: UnitOfWork, installation: Installation, ids: Sequence[str]) -> None:
    now = installation.clock()
    known = uow.deliveries.of(ids)
    for id_ in ids:
        finding = uow.findings.get(id_)
        if finding:
            mine = [item for item in known if item.finding == id_]
            uow.deliveries.save(demanded(finding, mine, installation.routing, now))
