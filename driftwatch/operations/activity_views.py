"""The log of calls as plain JSON: page by page, and counted by day."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, time
from typing import Final

from driftwatch.domain.canonical import utc_text
from driftwatch.domain.resource import Json
from driftwatch.domain.selection import ActivitySelection
from driftwatch.errors import InputError
from driftwatch.operations import describe, population
from driftwatch.operations.installation import Installation

MOST_DAYS: Final = 366
EARLIEST: Final = date(1970, 1, 1)


def page(
    installation: Installation, wanted: ActivitySelection, after: tuple[datetime, int] | None, limit: int
) -> tuple[list[Json], tuple[datetime, int] | None]:
    """One page of logged calls, the newest first, each with what became of it; and after which place the next one begins."""
    with installation.store.read() as uow:
        found, following = uow.activity.page(wanted, after, limit)
        became = [uow.activity.fate(item.id) for item in found]
    documents = [describe.stored_activity_document(item, *fate) for item, fate in zip(found, became, strict=True)]
    return documents, following


def population_document(installation: Installation, since: date, until: date, accounts: Collection[str] | None) -> Json:
    """All writes of these days (UTC, both included) by day and account, and how far each source is known; of these accounts (None: all).

    Raises InputError for days that end before they begin, or for more than a year of them.
    """
    if not EARLIEST <= since <= until or (until - since).days >= MOST_DAYS:
        raise InputError(f"the days from {since} to {until}", expected=f"1 to {MOST_DAYS} days, the first one first")
    known = population.population(installation, _start(since), _start(until))
    days = [describe.population_document(day, known.drifts.get((day.day, day.account), (0, 0))) for day in known.days]
    return {
        "days": [day for day in days if accounts is None or day["account"] in accounts],
        "sources": [
            {
                "name": source.name,
                "last_success": utc_text(source.last_success_at) if source.last_success_at else None,
                "complete_until": {
                    account: utc_text(at) for account, at in source.complete_until.items() if accounts is None or account in accounts
                },
            }
            for source in known.sources
        ],
    }


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
