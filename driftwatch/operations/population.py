"""Population: every logged write, counted by day and account, and what became of it; and the drifts that no write explains.

This is what an auditor starts from: the log's own changes, not those that somebody wrote a ticket for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.activity import ActivitySourceStatus, CallClass, Fate, PopulationDay
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.blinding import blind_cells
from driftwatch.domain.drift import DriftKind
from driftwatch.domain.finding import LIVE
from driftwatch.domain.report import ActivityMeasure
from driftwatch.domain.resource import Cell
from driftwatch.domain.selection import FindingSelection
from driftwatch.operations import blindness
from driftwatch.operations.installation import Installation
from driftwatch.ports import ActivitySource, UnitOfWork

PORTION: Final = 500
SHOWN: Final = timedelta(days=1)
"""Status and metrics show today and so long before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The days with the drifts that were detected on each: (attributed, unattributed), by day and account; and how far the log is known."""

    days: tuple[PopulationDay, ...]
    drifts: Mapping[tuple[str, str], tuple[int, int]]
    sources: tuple[ActivitySourceStatus, ...]


def population(installation: Installation, since: datetime, until: datetime) -> Population:
    """The days from `since` to `until`, both included. A drift counts on the day that it was detected; a transient is a change already."""
    with installation.store.read() as uow:
        days = tuple(uow.activity.population(_day(since), _day(until)))
        sources = tuple(uow.activity.sources())
    return Population(days=days, drifts=_drifts(installation, _day(since), _day(until)), sources=sources)


def _drifts(installation: Installation, since: str, until: str) -> dict[tuple[str, str], tuple[int, int]]:
    with installation.store.read() as uow:
        found = [
            (finding.id, (_day(finding.drift.interval.detected), finding.cell.account))
            for finding in uow.findings.all()
            if finding.drift.kind is not DriftKind.TRANSIENT and since <= _day(finding.drift.interval.detected) <= until
        ]
        explained = {id_ for start in range(0, len(found), PORTION) for id_ in _explained(uow, found[start : start + PORTION])}
    counts = Counter((key, id_ in explained) for id_, key in found)
    return {key: (counts[key, True], counts[key, False]) for key, _ in counts}


def _explained(uow: UnitOfWork, found: Sequence[tuple[str, tuple[str, str]]]) -> set[str]:
    return uow.activity.explained([id_ for id_, _ in found])


def measure(installation: Installation, cells: Sequence[Cell]) -> ActivityMeasure:
    """The log of calls in numbers, as the metrics show it."""
    now = installation.clock()
    with installation.store.read() as uow:
        days = uow.activity.population(_day(now - SHOWN), _day(now))
        sources = {source.name: source for source in uow.activity.sources()}
        live, explained = sum(uow.findings.tally(FindingSelection(states=tuple(LIVE))).values()), uow.activity.explained_live()
        names = uow.activity.principals(now - SHOWN)
        drifts = blindness.blinding_now(uow)
    configured = installation.activity_sources
    people = Identities(installation.policy.context)
    return ActivityMeasure(
        synced={source.name: sources[source.name].last_success_at if source.name in sources else None for source in configured},
        complete_until={source.name: _complete_until(source, sources.get(source.name)) for source in configured if source.accounts},
        population=totals(days),
        attributed=explained,
        unattributed=live - explained,
        unresolved=sum(1 for name in names if not (people.knows(name) or people.is_pipeline(name) or name.endswith(".amazonaws.com"))),
        blind=blindness.blinding_drifts(drifts),
        blind_cells=len(blind_cells(cells, drifts)),
    )


def _complete_until(source: ActivitySource, known: ActivitySourceStatus | None) -> datetime | None:
    """Of the accounts whose every call it is to tell, the one that is furthest behind; None while one of them never was complete."""
    times = [known.complete_until.get(account) if known else None for account in source.accounts]
    return None if None in times else min(time for time in times if time)


def totals(days: Sequence[PopulationDay]) -> dict[str, int]:
    """All days and accounts together: by fate, by class for what changed no configuration, and those that failed or were denied."""
    summed: Counter[str] = Counter()
    for day in days:
        summed["failed"] += day.failed
        summed["denied"] += day.denied
        summed.update({fate.value: day.fates.get(fate, 0) for fate in Fate})
        summed.update({call.value: number for call, number in day.others.items() if call is not CallClass.CONFIG})
    return dict(summed)


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
