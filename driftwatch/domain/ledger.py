"""Ledger: the append-only, hash-chained record of everything decided or done."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from driftwatch.domain.canonical import canonical_json, utc_text
from driftwatch.domain.resource import Json

GENESIS = "0" * 64
"""The `prev_hash` of the first entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One entry: `hashed` holds the exact canonical bytes of {seq, ts, type, body} that `hash` covers."""

    seq: int
    ts: datetime
    type: str
    body: Json
    prev_hash: str
    hash: str
    hashed: bytes


def chain(seq: int, ts: datetime, type_: str, body: Json, prev_hash: str) -> LedgerEntry:
    """The entry that follows the one with `prev_hash`: hash = SHA-256(prev_hash + newline + canonical JSON of the entry)."""
    hashed = canonical_json({"seq": seq, "ts": utc_text(ts), "type": type_, "body": body})
    digest = hashlib.sha256(prev_hash.encode() + b"\n" + hashed).hexdigest()
    return LedgerEntry(seq=seq, ts=ts, type=type_, body=body, prev_hash=prev_hash, hash=digest, hashed=hashed)
