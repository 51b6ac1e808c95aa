"""Ledger: the append-only, hash-chained record of everything decided or done, and the checkpoints that sign how it stood."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from driftwatch.domain.canonical import canonical_json, utc_text
from driftwatch.domain.resource import Json

GENESIS = "0" * 64
"""The `prev_hash` of the first entry, the head of an empty ledger, and the `previous` of the first checkpoint."""


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


LedgerRow: TypeAlias = tuple[int, str, str, bytes, bytes, bytes]
"""An entry as it is stored, for checks and exports: (seq, ts as canonical text, type, hashed, prev_hash, hash), digests of 32 bytes.

Nothing of it is checked or decoded: after tampering, any member may be anything that the database can hold.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed statement of how the ledger stood: its head at `seq`, when that was, and the hash of the checkpoint before it.

    `body` holds the exact canonical bytes of {seq, head, time, previous} that `signature` (``ssh-keygen -Y``, Ed25519) covers;
    `key` is the public key as ``ssh-ed25519 AAAA...``.
    """

    number: int
    """Its place among the checkpoints; the first is 1. Only a place to find it at: `previous` is what proves the order."""
    seq: int
    """The number of the last entry; 0 for an empty ledger, whose head is `GENESIS`."""
    head: str
    time: datetime
    previous: str
    """SHA-256 (hex) of the body of the checkpoint before it; `GENESIS` for the first."""
    body: bytes
    signature: str
    key: str

    @property
    def digest(self) -> str:
        """What the checkpoint after it names as `previous`."""
        return hashlib.sha256(self.body).hexdigest()


def chain(seq: int, ts: datetime, type_: str, body: Json, prev_hash: str) -> LedgerEntry:
    """The entry that follows the one with `prev_hash`: hash = SHA-256(prev_hash + newline + canonical JSON of the entry)."""
    hashed = canonical_json({"seq": seq, "ts": utc_text(ts), "type": type_, "body": body})
    digest = hashlib.sha256(prev_hash.encode() + b"\n" + hashed).hexdigest()
    return LedgerEntry(seq=seq, ts=ts, type=type_, body=body, prev_hash=prev_hash, hash=digest, hashed=hashed)


def checkpoint_body(seq: int, head: str, time: datetime, previous: str) -> bytes:
    """The canonical bytes that a checkpoint signs."""
    return canonical_json({"seq": seq, "head": head, "time": utc_text(time), "previous": previous})
