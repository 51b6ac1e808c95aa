"""The logged calls: each stored once, found by what it names, who made it and when, and given its fate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, TextClause, func, literal, literal_column, select, tuple_, update

from driftwatch.domain.activity import Activity, Actor, Fate, PopulationDay
from driftwatch.domain.selection import ActivitySelection
from driftwatch.stores import population
from driftwatch.stores.activity_rows import ActivityRows, event_key, name_hash, principals
from driftwatch.stores.activity_sources import SqlActivitySources
from driftwatch.stores.activity_values import SqlActivityValues
from driftwatch.stores.columns import Micros
from driftwatch.stores.schema import activities as table
from driftwatch.stores.schema import activity_names, activity_principals, activity_sessions, findings
from driftwatch.stores.schema.activity import CHANGES_ONLY, DENIED_ONLY, EXPLAINING_ONLY, PENDING_ONLY
from driftwatch.stores.schema.judged import LIVE_ONLY
from driftwatch.stores.session import Session, chunks

_FOUND_AT_MOST = 10_000
"""Calls that `find` answers with, however many are asked for."""
_CLAIMS = 100
"""Calls that say that they began one session. A genuine log has one or two; a forged one may have any number."""
_OLDEST_FIRST = (table.c.time, table.c.event)
_NEWEST_FIRST = (table.c.time.desc(), table.c.event.desc())


class SqlActivityLog(SqlActivitySources):
    """Implements `ports.ActivityLog`."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._values = SqlActivityValues(session)
        self._rows = ActivityRows(self._values)

    def add(self, source: str, activities: Sequence[Activity], at: datetime) -> Sequence[Activity]:
        """Stores those that are not there yet, and answers with them. The first call of an id is the one that counts.

        Reading calls are left out, but for those that began a session: the way back from a session to a person leads through them.
        """
        added: list[Activity] = []
        for chunk in chunks(activity for activity in activities if activity.is_write or activity.assumed):
            added += self._add(source, chunk, at)
        return added

    def _add(self, source: str, chunk: Sequence[Activity], at: datetime) -> list[Activity]:
        new: dict[bytes, Activity] = {}
        for activity in chunk:
            new.setdefault(event_key(activity.id), activity)
        for row in self._session.all(select(table.c.key).where(table.c.key.in_(list(new)))):
            del new[bytes(row.key)]
        if not new:
            return []
        stored = self._session.insert_new(table, self._rows.of(new.values(), source, at), table.c.event, table.c.key)
        events = {bytes(row.key): row.event for row in stored}
        named = [row for key, event in events.items() for row in self._rows.names_of(new[key], event)]
        for rows in chunks(named):
            self._session.insert_missing(activity_names, rows)
        added = [activity for key, activity in new.items() if key in events]
        for rows in chunks(self._rows.principals_of(added)):
            self._session.insert_missing(activity_principals, rows)
        begun = [(new[key].assumed, event) for key, event in events.items()]
        keys = [(assumed.access_key, event) for assumed, event in begun if assumed and assumed.access_key is not None]
        self._session.insert_missing(activity_sessions, [{"access_key": name_hash(key), "event": event} for key, event in keys])
        return added

    def get(self, event_id: str) -> Activity | None:
        return next(iter(self._rows.activities(self._session.all(select(table).where(table.c.key == event_key(event_id))))), None)

    def naming(
        self, account: str, type_: str, names: Collection[str], *, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Activity]:
        """The calls (successful ones, and failed attempts) that name a resource by one of its names, oldest first by (time, id).

        `since` and `until` belong to the time asked for.
        """
        wanted, known = frozenset(names), self._values.known([account, type_])
        if len(known) < len({account, type_}):
            return []
        named = activity_names.c
        where = [named.account == known[account], named.type == known[type_], *_within(named.time, since, until)]
        events: set[int] = set()
        for chunk in chunks({name_hash(name) for name in wanted}):
            events.update(row.event for row in self._session.all(select(named.event).where(named.name.in_(chunk), *where)))
        found = [
            activity
            for activity in self._of(sorted(events))
            if any(touched.type == type_ and not wanted.isdisjoint(touched.ids) for touched in activity.resources)
        ]
        return sorted(found, key=lambda activity: (activity.time, activity.id))

    def _of(self, events: Sequence[int]) -> Iterator[Activity]:
        """The calls of these numbers, in their order."""
        for chunk in chunks(events):
            rows = {row.event: row for row in self._session.all(select(table).where(table.c.event.in_(chunk)))}
            yield from self._rows.activities([rows[event] for event in chunk])

    def began(self, access_key: str) -> Activity | None:
        """The call that began the session with this key.

        Where a role was assumed across accounts, both of them log it (the caller's knows the caller better): the one that says most of its
        actor is taken, and of equal ones the first that was stored.
        """
        claims = select(activity_sessions.c.event).where(activity_sessions.c.access_key == name_hash(access_key))
        events = [row.event for row in self._session.all(claims.order_by(activity_sessions.c.event).limit(_CLAIMS))]
        found = [call for call in self._of(events) if call.assumed and call.assumed.access_key == access_key]
        return max(found, key=lambda call: (call.actor.access_key is not None, len(call.actor.names)), default=None)

    def find(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        account: str | None = None,
        name: str | None = None,
        principal: str | None = None,
        changes_only: bool = False,
        denied_only: bool = False,
        limit: int = 100,
    ) -> Sequence[Activity]:
        """The newest calls that fit all of these, newest first, at most 10,000; `since` and `until` belong to the time asked for."""
        accounts = None if account is None else (account,)
        wanted = ActivitySelection(
            since=since, until=until, accounts=accounts, name=name, principal=principal, changes_only=changes_only, denied_only=denied_only
        )
        return self.page(wanted, None, max(0, min(limit, _FOUND_AT_MOST)))[0]

    def page(
        self, wanted: ActivitySelection, after: tuple[datetime, int] | None, limit: int
    ) -> tuple[Sequence[Activity], tuple[datetime, int] | None]:
        """At most `limit` calls behind `after`, newest first, and after which place the next page begins (None: this is the last).

        A page may hold fewer calls than `limit`, and not be the last: names are hashes in the tables, which a forged log may have made
        collide, and are compared here.
        """
        where = list(self._criteria(wanted))
        if after:
            place = tuple_(literal(after[0], Micros), literal(after[1], BigInteger))
            where += [table.c.time <= after[0], tuple_(table.c.time, table.c.event) < place]
        rows = self._session.all(select(table.c.time, table.c.event).where(*where).order_by(*_NEWEST_FIRST).limit(limit + 1))
        shown = rows[:limit]
        found = [call for call in self._of([row.event for row in shown]) if _fits(call, wanted)]
        return found, (shown[-1].time, shown[-1].event) if shown and len(rows) > limit else None

    def _criteria(self, wanted: ActivitySelection) -> Iterator[ColumnElement[bool] | TextClause]:
        known = None if wanted.accounts is None else list(self._values.known(wanted.accounts).values())
        if wanted.name is not None:  # asked of the names alone, so that no database prefers to go through all calls of an account or a time
            named = activity_names.c
            mine = select(named.event).where(named.name == name_hash(wanted.name), *_within(named.time, wanted.since, wanted.until))
            yield table.c.event.in_(mine if known is None else mine.where(_one_of(named.account, known)))
        else:
            yield from _within(table.c.time, wanted.since, wanted.until)
            if known is not None:
                yield _one_of(table.c.account, known)
        if wanted.principal is not None:
            yield table.c.actor.in_(select(activity_principals.c.actor).where(activity_principals.c.name == name_hash(wanted.principal)))
        yield from [CHANGES_ONLY] * wanted.changes_only + [DENIED_ONLY] * wanted.denied_only

    def pending(self, account: str, limit: int) -> Sequence[Activity]:
        """Configuration changes whose fate is PENDING, oldest first."""
        number = self._values.known([account]).get(account, -1)
        waiting = select(table.c.event).where(table.c.account == number, PENDING_ONLY).order_by(*_OLDEST_FIRST).limit(max(limit, 0))
        return list(self._of([row.event for row in self._session.all(waiting)]))

    def settle(self, fates: Mapping[str, Fate], findings: Mapping[str, str] | None = None) -> None:
        """Gives events their fate, and the finding that each belongs to, by event id.

        Only configuration changes have a fate: any other event is left without. A finding stays until another one is given.
        """
        for fate in Fate:
            mine = [event_key(event_id) for event_id, given in fates.items() if given is fate]
            self._set("fate", fate.value, mine, CHANGES_ONLY)
        by_finding: dict[str, list[bytes]] = {}
        for event_id, finding in (findings or {}).items():
            by_finding.setdefault(finding, []).append(event_key(event_id))
        for finding, keys in by_finding.items():
            self._set("finding", finding, keys)

    def _set(self, column: str, value: str, keys: Sequence[bytes], *where: TextClause) -> None:
        for chunk in chunks(keys):
            changed = table.c[column].is_distinct_from(value)
            self._session.execute(update(table).where(table.c.key.in_(chunk), changed, *where).values({column: value}))

    def fate(self, event_id: str) -> tuple[Fate | None, str | None]:
        """What became of an event, and of which finding it is a part; nothing for one that is not stored."""
        row = self._session.one(select(table.c.fate, table.c.finding).where(table.c.key == event_key(event_id)))
        return (Fate(row.fate) if row.fate else None, row.finding) if row else (None, None)

    def explaining(self, finding_id: str) -> Sequence[str]:
        """The ids of the events that belong to a finding, oldest first."""
        mine = select(table.c.event).where(table.c.finding == finding_id, EXPLAINING_ONLY).order_by(*_OLDEST_FIRST)
        return [activity.id for activity in self._of([row.event for row in self._session.all(mine)])]

    def explained(self, finding_ids: Collection[str]) -> set[str]:
        """Those of the findings that at least one event belongs to."""
        found: set[str] = set()
        for chunk in chunks(finding_ids):
            mine = select(table.c.finding).where(table.c.finding.in_(chunk), EXPLAINING_ONLY).distinct()
            found.update(row.finding for row in self._session.all(mine))
        return found

    def explained_live(self) -> int:
        """How many live findings at least one event belongs to."""
        belongs = select(table.c.event).where(table.c.finding == findings.c.id, EXPLAINING_ONLY).exists()
        row = self._session.one(select(func.count().label("number")).select_from(findings).where(LIVE_ONLY, belongs))
        return int(row.number) if row else 0

    def principals(self, since: datetime) -> Mapping[str, int]:
        """How many configuration changes since then each principal made, as the log names it; those without a name under ``""``."""
        actor = table.c.actor + literal_column("0")  # else SQLite groups along an index of the actors, through the whole log
        made = select(actor.label("maker"), func.count().label("calls")).where(table.c.time >= since, CHANGES_ONLY).group_by(actor)
        counts: Counter[str] = Counter()
        for chunk in chunks(self._session.all(made)):
            self._values.load({row.maker for row in chunk})
            for row in chunk:
                counts[self._values.noun(Actor, row.maker).principal or ""] += row.calls
        return counts

    def population(self, since: str, until: str) -> Sequence[PopulationDay]:
        """Counted by day and account, from the day `since` up to and including `until` (``YYYY-MM-DD``, UTC), in their order.

        A day on which an account wrote nothing is left out. Raises ValueError for what is no day.
        """
        groups = population.by_day(self._session.all(population.counted(since, until)))
        self._values.load({account for _, account in groups})
        days = [population.day_of(day, self._values.told(account), rows) for (day, account), rows in groups.items()]
        return sorted(days, key=lambda item: (item.day, item.account))


def _within(time: ColumnElement[Any], since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    return [*([] if since is None else [time >= since]), *([] if until is None else [time <= until])]


def _one_of(column: ColumnElement[Any], numbers: Sequence[int]) -> ColumnElement[bool]:
    """One number is asked for as such: only then do databases read along an index that goes on with the time."""
    return column == numbers[0] if len(numbers) == 1 else column.in_(numbers)


def _fits(activity: Activity, wanted: ActivitySelection) -> bool:
    """Whether the call really has the names whose hashes it was found by."""
    named = wanted.name is None or any(wanted.name in touched.ids for touched in activity.resources)
    return named and (wanted.principal is None or wanted.principal in principals(activity.actor))
