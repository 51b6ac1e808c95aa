"""The ledger. The database itself refuses to change or remove an entry (see the triggers in the migrations)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select

from driftwatch.domain.canonical import to_json
from driftwatch.domain.ledger import GENESIS, LedgerEntry, chain
from driftwatch.domain.resource import Json
from driftwatch.stores.columns import decode_json
from driftwatch.stores.schema import ledger
from driftwatch.stores.session import Session


class SqlLedger:
    """Implements `ports.Ledger`. Write transactions are serialised, so that the head cannot move between reading and appending."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def append(self, ts: datetime, type_: str, body: Json) -> LedgerEntry:
        head = self._session.one(select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1))
        seq, prev_hash = (head.seq + 1, head.hash) if head else (1, GENESIS)
        entry = chain(seq, ts.astimezone(UTC), type_, to_json(body), prev_hash)
        self._session.execute(
            insert(ledger).values(seq=seq, ts=entry.ts, type=type_, hashed=entry.hashed, prev_hash=prev_hash, hash=entry.hash)
        )
        return entry

    def head(self) -> LedgerEntry | None:
        row = self._session.one(select(ledger).order_by(ledger.c.seq.desc()).limit(1))
        return _entry(row) if row else None

    def entries(self, after: int = 0) -> Iterator[LedgerEntry]:
        """Those with a greater number than `after`, in their order."""
        for row in self._session.stream(select(ledger).where(ledger.c.seq > after).order_by(ledger.c.seq)):
            yield _entry(row)


def _entry(row: Row[Any]) -> LedgerEntry:
    hashed = bytes(row.hashed)
    return LedgerEntry(
        seq=row.seq,
        ts=row.ts,
        type=row.type,
        body=decode_json(hashed)["body"],
        prev_hash=row.prev_hash,
        hash=row.hash,
        hashed=hashed,
    )
