"""Who can sign in: API tokens and sessions, by the hashes of their secrets."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, Table

from driftwatch.stores.columns import Digest, JsonBytes, SafeText, UtcTime
from driftwatch.stores.schema.base import metadata

tokens = Table(
    "tokens",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("person", SafeText, nullable=False, index=True),
    Column("label", SafeText, nullable=False),
    Column("hash", Digest, nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    Column("revoked_by", SafeText),
    Column("last_used_at", UtcTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", Digest, primary_key=True),
    Column("person", SafeText, nullable=False, index=True),
    Column("method", SafeText, nullable=False),
    Column("assurance", SafeText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("used_at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False, index=True),
    Column("ended_at", UtcTime),
)

answers = Table(
    "answers",
    metadata,
    Column("key", Digest, primary_key=True),
    Column("asked", Digest, nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    Column("status", Integer),
    Column("body", LargeBinary),
    Column("headers", JsonBytes),
)
"""What was answered to a write with an idempotency key. `key` is the digest of person and key, `asked` that of the request; `status` null:
the work began and nobody knows how it ended."""
