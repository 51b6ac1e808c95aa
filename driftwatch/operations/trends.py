"""Trends: what happened on each of the last days, counted in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.scan import ScanStatus
from driftwatch.operations.installation import Installation

DAYS: Final = 30
_UNFINISHED: Final = ScanStatus.RUNNING.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day, in UTC (``YYYY-MM-DD``): findings that opened and closed, scans that ended, and those of them that read everything."""

    day: str
    opened: int
    closed: int
    scans: int
    complete: int


def trends(installation: Installation, accounts: Sequence[str] | None) -> list[Day]:
    """The last 30 days, today included, the oldest first; findings of these accounts (None: of all)."""
    today = installation.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    days = [_text(today - timedelta(days=ago)) for ago in range(DAYS - 1, -1, -1)]
    since = today - timedelta(days=DAYS - 1)
    with installation.store.read() as uow:
        found, scans = uow.findings.days(since, accounts), uow.scans.days(since)
    return [
        Day(
            day=day,
            opened=found.get(day, (0, 0))[0],
            closed=found.get(day, (0, 0))[1],
            scans=sum(number for (of, status), number in scans.items() if of == day and status != _UNFINISHED),
            complete=scans.get((day, ScanStatus.COMPLETE.value), 0),
        )
        for day in days
    ]


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
