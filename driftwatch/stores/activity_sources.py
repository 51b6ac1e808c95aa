"""How far each source of logged calls was read, and what it held that was set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select

from driftwatch.domain import codec
from driftwatch.domain.activity import ActivityBatch, ActivitySourceStatus, Refused
from driftwatch.stores.schema import activity_completeness, activity_refusals, activity_set_aside, activity_sources
from driftwatch.stores.session import Session, chunks

_KEPT = 1_000
"""Things set aside that are kept for each source; beyond them only their number is known."""
_OF_A_SOURCE = {
    activity_sources: activity_sources.c.name,
    activity_completeness: activity_completeness.c.source,
    activity_refusals: activity_refusals.c.source,
    activity_set_aside: activity_set_aside.c.source,
}


class SqlActivitySources:
    """The sources' part of `ports.ActivityLog`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def sources(self) -> Sequence[ActivitySourceStatus]:
        """Ordered by name."""
        rows = self._session.all(select(activity_sources).order_by(activity_sources.c.name))
        return [self._status(row) for row in rows]

    def source(self, name: str) -> ActivitySourceStatus | None:
        row = self._session.one(select(activity_sources).where(activity_sources.c.name == name))
        return self._status(row) if row else None

    def _status(self, row: Row[Any]) -> ActivitySourceStatus:
        complete, refusals = activity_completeness, activity_refusals
        until = self._session.all(select(complete).where(complete.c.source == row.name).order_by(complete.c.account))
        counts = self._session.all(select(refusals).where(refusals.c.source == row.name).order_by(refusals.c.reason))
        return ActivitySourceStatus(
            name=row.name,
            position=row.position,
            complete_until={item.account: item.until for item in until},
            last_success_at=row.last_success_at,
            last_error=row.error,
            refused={item.reason: item._mapping["count"] for item in counts},  # noqa: SLF001 - `count` of a row is a method of tuples
        )

    def advance(self, source: str, batch: ActivityBatch, at: datetime) -> None:
        """The position and completeness after a batch (a time of completeness never goes back), and what it set aside, counted."""
        row = {"name": source, "position": batch.position, "last_success_at": at, "last_attempt_at": at, "error": None}
        self._session.save(activity_sources, row)
        self._complete(source, batch.complete_until)
        if batch.refused:
            self._set_aside(source, batch.refused, at)

    def _complete(self, source: str, until: Mapping[str, datetime]) -> None:
        table = activity_completeness
        for chunk in chunks(until):
            mine = select(table).where(table.c.source == source, table.c.account.in_(chunk))
            known = {row.account: row.until for row in self._session.all(mine)}
            for account in chunk:
                if account not in known or until[account] > known[account]:
                    self._session.save(table, {"source": source, "account": account, "until": until[account]})

    def _set_aside(self, source: str, refused: Sequence[Refused], at: datetime) -> None:
        known = self._session.all(select(activity_refusals).where(activity_refusals.c.source == source))
        counts = Counter({row.reason: row._mapping["count"] for row in known})  # noqa: SLF001 - as above
        new = Counter(item.reason.value for item in refused)
        for reason, number in new.items():
            self._session.save(activity_refusals, {"source": source, "reason": reason, "count": counts[reason] + number})
        kept = activity_set_aside
        rows = [{"source": source, "at": at, "refused": codec.encode(item)} for item in refused[-_KEPT:]]
        self._session.execute(kept.insert(), rows)
        oldest = select(kept.c.number).where(kept.c.source == source).order_by(kept.c.number.desc()).offset(_KEPT).limit(1)
        self._session.execute(delete(kept).where(kept.c.source == source, kept.c.number <= oldest.scalar_subquery()))

    def failed(self, source: str, error: str, at: datetime) -> None:
        """The source could not be read: its position and all that is known of it stay as they are, beside the error."""
        known = self._session.one(select(activity_sources).where(activity_sources.c.name == source))
        row = {"name": source, "last_attempt_at": at, "error": error}
        row |= {"position": known.position if known else None, "last_success_at": known.last_success_at if known else None}
        self._session.save(activity_sources, row)

    def set_aside(self, source: str, limit: int = 100) -> Sequence[tuple[datetime, Refused]]:
        """What was set aside last, newest first."""
        table = activity_set_aside
        newest = select(table).where(table.c.source == source).order_by(table.c.number.desc()).limit(max(limit, 0))
        return [(row.at, codec.decode(Refused, row.refused)) for row in self._session.all(newest)]

    def keep_only(self, sources: Collection[str]) -> Sequence[str]:
        """Forgets the sources that are not among these, and answers with their names; their events stay."""
        names = self._session.all(select(activity_sources.c.name).order_by(activity_sources.c.name))
        gone = [row.name for row in names if row.name not in sources]
        for chunk in chunks(gone):
            for table, name in _OF_A_SOURCE.items():
                self._session.execute(delete(table).where(name.in_(chunk)))
        return gone
