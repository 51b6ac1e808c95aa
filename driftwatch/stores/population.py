"""The population: the writes of each day and account, counted in the database over one index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import Row, Select, func, select

from driftwatch.domain.activity import CallClass, Fate, PopulationDay
from driftwatch.stores.schema import activities

OTHERS: Final[tuple[CallClass, ...]] = tuple(call for call in CallClass if call not in (CallClass.CONFIG, CallClass.READ))
_GROUP = tuple(activities.c[name] for name in ("day", "account", "call", "failed", "denied", "fate"))
"""The columns of the index `ix_activities_population`, in its order."""


def counted(since: str, until: str) -> Select[Any]:
    """The number of writes for each combination of day, account, class and outcome. Raises ValueError for what is no day."""
    days = activities.c.day.between(date.fromisoformat(since).toordinal(), date.fromisoformat(until).toordinal())
    return select(*_GROUP, func.count().label("calls")).where(days, activities.c.call != CallClass.READ.value).group_by(*_GROUP)


def day_of(day: int, account: str, rows: Iterable[Row[Any]]) -> PopulationDay:
    """What the counts of one day and account add up to."""
    others: dict[CallClass, int] = dict.fromkeys(OTHERS, 0)
    fates = dict.fromkeys(Fate, 0)
    failed = denied = 0
    for row in rows:
        call = CallClass(row.call)
        if row.failed:
            failed += row.calls
            denied += row.calls if row.denied and call is CallClass.CONFIG else 0
        elif call is CallClass.CONFIG:
            fates[Fate(row.fate)] += row.calls
        else:
            others[call] += row.calls
    changes = sum(fates.values())
    return PopulationDay(
        day=date.fromordinal(day).isoformat(),
        account=account,
        writes=failed + sum(others.values()) + changes,
        failed=failed,
        denied=denied,
        changes=changes,
        others=others,
        fates=fates,
    )


def by_day(rows: Sequence[Row[Any]]) -> dict[tuple[int, int], list[Row[Any]]]:
    """The rows of each day and number of an account."""
    groups: dict[tuple[int, int], list[Row[Any]]] = {}
    for row in rows:
        groups.setdefault((row.day, row.account), []).append(row)
    return groups
