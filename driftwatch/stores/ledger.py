"""The ledger. The database itself refuses to change or remove an entry (see the triggers in the migrations)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import insert, select, type_coerce
from sqlalchemy.types import NullType

from driftwatch.domain.canonical import to_json, utc_text
from driftwatch.domain.ledger import GENESIS, Checkpoint, LedgerEntry, LedgerRow, chain
from driftwatch.domain.resource import Json
from driftwatch.errors import StoreError
from driftwatch.stores.columns import decode_json, plain_text
from driftwatch.stores.schema import checkpoints, ledger
from driftwatch.stores.session import Session

_ENTRY: tuple[Any, ...] = tuple(type_coerce(column, NullType()) for column in ledger.c)
_CHECKPOINT: tuple[Any, ...] = tuple(type_coerce(column, NullType()) for column in checkpoints.c)
"""The columns as the driver gives them: a check must neither stumble over what somebody put there, nor pay for decoding it."""
_NEVER = datetime.min.replace(tzinfo=UTC)


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
        row = self._session.one(select(*_ENTRY).order_by(ledger.c.seq.desc()).limit(1))
        return _entry(row) if row else None

    def entries(self, after: int = 0) -> Iterator[LedgerEntry]:
        """Those with a greater number than `after`, in their order."""
        for row in self._session.stream(select(*_ENTRY).where(ledger.c.seq > after).order_by(ledger.c.seq)):
            yield _entry(row)

    def rows(self, after: int, limit: int) -> Sequence[LedgerRow]:
        """The next `limit` entries behind `after`, undecoded."""
        found: Any = self._session.execute(select(*_ENTRY).where(ledger.c.seq > after).order_by(ledger.c.seq).limit(limit))
        return [(seq, _time(ts), _type(type_), hashed, before, own) for seq, ts, type_, hashed, before, own in found]

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        row = {"number": checkpoint.number, "seq": checkpoint.seq, "at": checkpoint.time, "body": checkpoint.body}
        self._session.execute(insert(checkpoints).values(row | {"signature": checkpoint.signature, "key": checkpoint.key}))

    def checkpoints(self, after: int = 0, limit: int | None = None) -> Sequence[Checkpoint]:
        """Those with a greater number than `after`, the oldest first."""
        statement = select(*_CHECKPOINT).where(checkpoints.c.number > after).order_by(checkpoints.c.number)
        return [_checkpoint(row) for row in self._session.all(statement.limit(limit))]

    def last_checkpoint(self) -> Checkpoint | None:
        row = self._session.one(select(*_CHECKPOINT).order_by(checkpoints.c.number.desc()).limit(1))
        return _checkpoint(row) if row else None


def _checkpoint(row: Sequence[Any]) -> Checkpoint:
    """A checkpoint as far as it can be read: what cannot is made up such that it differs from what was signed, for a check to find."""
    number, seq, at, body, signature, key = row
    signed = bytes(body) if isinstance(body, bytes | memoryview) else b""
    said = _said(signed)
    return Checkpoint(
        number=number,
        seq=seq if isinstance(seq, int) else -1,
        head=str(said.get("head", "")),
        time=_moment(at),
        previous=str(said.get("previous", "")),
        body=signed,
        signature=plain_text(str(signature)),
        key=plain_text(str(key)),
    )


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = decode_json(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _moment(stored: Any) -> datetime:
    try:
        return stored.astimezone(UTC) if isinstance(stored, datetime) else datetime.fromisoformat(_time(stored))
    except (ValueError, TypeError):
        return _NEVER


def _entry(row: Sequence[Any]) -> LedgerEntry:
    """Raises StoreError for one that was damaged."""
    try:
        seq, ts, type_, hashed, before, own = row
        return LedgerEntry(
            seq=seq,
            ts=_moment(ts),
            type=_type(type_),
            body=decode_json(hashed)["body"],
            prev_hash=bytes(before).hex(),
            hash=bytes(own).hex(),
            hashed=bytes(hashed),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(f"entry {row[0]} of the ledger is damaged: `driftwatch ledger verify` tells more") from error


def _time(stored: Any) -> Any:
    """A time as canonical text: SQLite holds ``2026-03-10 09:00:00.000000``, PostgreSQL gives a datetime. Anything else stays."""
    if isinstance(stored, datetime):
        return utc_text(stored)
    if isinstance(stored, str) and len(stored) == 26:
        return f"{stored[:10]}T{stored[11:19]}Z" if stored.endswith(".000000") else f"{stored[:10]}T{stored[11:]}Z"
    return stored


@lru_cache(maxsize=1024)
def _type(stored: Any) -> Any:
    return plain_text(stored) if isinstance(stored, str) else stored
