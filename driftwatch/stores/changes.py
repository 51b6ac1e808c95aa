"""The last accepted version of every change record, and how its source stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Tuple, delete, insert, literal, select, tuple_, update

from driftwatch.domain import codec
from driftwatch.domain.canonical import encode, sha256_hex
from driftwatch.domain.change import ChangeRecord, ChangeState, Fetched, RecordPlace, SetAside, SourceStatus
from driftwatch.stores.columns import SafeText, UtcTime
from driftwatch.stores.schema import change_records, change_sources, register
from driftwatch.stores.session import Session, chunks, values_of

_SAME = ("name", "last_success_at", "last_attempt_at", "records", "error")
_ORDER = (change_records.c.created_at, change_records.c.id, change_records.c.source)


class SqlChanges:
    """Implements `ports.Changes`. A record is known by its source and id; one that did not change costs no write."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def sync(self, source: str, fetched: Fetched, now: datetime) -> None:
        """Takes what a source holds now. A record that is gone or set aside keeps its last version and becomes stale from `now` on."""
        stored = select(change_records.c.id, change_records.c.content, change_records.c.stale_since)
        known = {row.id: row for row in self._session.all(stored.where(change_records.c.source == source))}
        for record in fetched.records:
            self._take(source, record, known.pop(record.id, None))
        vanished = [id_ for id_, row in known.items() if row.stale_since is None]
        for chunk in chunks(vanished):
            mine = (change_records.c.source == source) & change_records.c.id.in_(chunk)
            self._session.execute(update(change_records).where(mine).values(stale_since=now))
        self._session.save(
            change_sources,
            {
                "name": source,
                "last_success_at": now,
                "last_attempt_at": now,
                "records": len(fetched.records),
                "set_aside": codec.encode(fetched.set_aside),
                "error": None,
            },
        )

    def _take(self, source: str, record: ChangeRecord, known: Row[Any] | None) -> None:
        body = codec.encode(replace(record, stale_since=None))
        content = sha256_hex(encode(body))
        if known is None or known.content != content or known.stale_since != record.stale_since:
            row = {"source": source, "id": record.id, "content": content, "body": body, "stale_since": record.stale_since}
            self._session.save(change_records, row | {"created_at": record.created_at, "state": record.state.value})

    def failed(self, source: str, error: str, now: datetime) -> None:
        """The source could not be read: its records and what is known of it stay as they are, beside the error."""
        changed = update(change_sources).where(change_sources.c.name == source).values(last_attempt_at=now, error=error)
        if not self._session.execute(changed).rowcount:
            self._session.execute(insert(change_sources).values(name=source, last_attempt_at=now, records=0, set_aside=[], error=error))

    def keep_only(self, sources: Collection[str], now: datetime) -> Sequence[str]:
        """Forgets the sources that are not among these, and answers with their names. Their records are stale from `now` on."""
        gone = [row.name for row in self._session.all(select(change_sources.c.name)) if row.name not in sources]
        if gone:
            shown = change_records.c.source.in_(gone) & change_records.c.stale_since.is_(None)
            self._session.execute(update(change_records).where(shown).values(stale_since=now))
            self._session.execute(delete(change_sources).where(change_sources.c.name.in_(gone)))
        return gone

    def records(self) -> Iterator[ChangeRecord]:
        """All of them, stale ones included, ordered by source and id."""
        for row in self._session.stream(select(change_records).order_by(change_records.c.source, change_records.c.id)):
            yield _record(row)

    def page(
        self,
        sources: Collection[str],
        states: Collection[ChangeState],
        after: RecordPlace | None,
        limit: int,
        registered: str | None = None,
    ) -> Sequence[ChangeRecord]:
        """At most `limit` of these sources in these states (none given: of any), the newest first: those after the place `after`.

        Those that the register holds are left out where `registered` names it as a source: it knows them better.
        """
        wanted = select(change_records).order_by(*(column.desc() for column in _ORDER)).limit(limit)
        if sources:
            wanted = wanted.where(change_records.c.source.in_(sources))
        if states:
            wanted = wanted.where(change_records.c.state.in_([state.value for state in states]))
        if registered is not None:
            held = select(register.c.id).where(register.c.id == change_records.c.id).exists()
            wanted = wanted.where((change_records.c.source != registered) | ~held)
        if after is not None:
            wanted = wanted.where(tuple_(*_ORDER) < place(after))
        return [_record(row) for row in self._session.all(wanted)]

    def get(self, record_id: str) -> ChangeRecord | None:
        """The record; where two sources hold one of that id, the one that is not stale."""
        found = select(change_records).where(change_records.c.id == record_id)
        row = self._session.one(found.order_by(change_records.c.stale_since.is_not(None), change_records.c.source).limit(1))
        return _record(row) if row else None

    def sources(self) -> Sequence[SourceStatus]:
        return [
            SourceStatus(set_aside=tuple(codec.decode(SetAside, item) for item in row.set_aside), **values_of(row, _SAME))
            for row in self._session.all(select(change_sources).order_by(change_sources.c.name))
        ]


def place(after: RecordPlace) -> Tuple:
    """A place in the order of records, to be compared with their columns."""
    created_at, id_, source = after
    return tuple_(literal(created_at, UtcTime), literal(id_, SafeText), literal(source, SafeText))


def _record(row: Row[Any]) -> ChangeRecord:
    return replace(codec.decode(ChangeRecord, row.body), stale_since=row.stale_since)
