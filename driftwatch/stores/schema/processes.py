"""How processes reach each other: requests and leases."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, text

from driftwatch.stores.columns import Digest, JsonBytes, SafeText, UtcTime
from driftwatch.stores.schema.base import metadata

_PENDING_ONLY = text("state = 'pending'")

requests = Table(
    "requests",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("asked", Digest, nullable=False),
    Column("kind", SafeText, nullable=False),
    Column("cells", JsonBytes, nullable=False),
    Column("person", SafeText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("arguments", JsonBytes, nullable=False),
    Column("state", SafeText, nullable=False, index=True),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("scan_id", SafeText),
    Column("exit_code", Integer),
    Column("result", JsonBytes, nullable=False),
    Column("error", SafeText),
    Index("uq_requests_pending", "asked", unique=True, sqlite_where=_PENDING_ONLY, postgresql_where=_PENDING_ONLY),
)
"""`asked` is the SHA-256 of (kind, cells, arguments): equal pending requests are one row."""

leases = Table(
    "leases",
    metadata,
    Column("name", SafeText, primary_key=True),
    Column("holder", SafeText),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("renewed_at", UtcTime, nullable=False),
)
"""`holder` null: released. The row stays, because its fence must never start again."""
