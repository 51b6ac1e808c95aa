"""What allows a change: change records, the built-in register, policies."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table

from driftwatch.stores.columns import Digest, JsonBytes, SafeText, UtcTime
from driftwatch.stores.schema.base import Number, metadata

change_records = Table(
    "change_records",
    metadata,
    Column("source", SafeText, primary_key=True),
    Column("id", SafeText, primary_key=True),
    Column("content", Digest, nullable=False),
    Column("body", JsonBytes, nullable=False),
    Column("stale_since", UtcTime),
    Column("created_at", UtcTime),
    Column("state", SafeText),
    Index("ix_change_records_id", "id"),
    Index("ix_change_records_created_at", "created_at", "id", "source"),
)
"""`created_at` and `state` are the body's own, for pages."""

change_sources = Table(
    "change_sources",
    metadata,
    Column("name", SafeText, primary_key=True),
    Column("last_success_at", UtcTime),
    Column("last_attempt_at", UtcTime),
    Column("records", BigInteger, nullable=False),
    Column("set_aside", JsonBytes, nullable=False),
    Column("error", SafeText),
)

policies = Table("policies", metadata, Column("version", SafeText, primary_key=True), Column("document", JsonBytes, nullable=False))

policy_activations = Table(
    "policy_activations",
    metadata,
    Column("activation", Number, primary_key=True),
    Column("version", SafeText, ForeignKey("policies.version"), nullable=False),
    Column("at", UtcTime, nullable=False),
)

register = Table(
    "register",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("body", JsonBytes, nullable=False),
    Column("created_at", UtcTime),
    Column("state", SafeText),
    Index("ix_register_created_at", "created_at", "id"),
)
"""The built-in change register: its records as they stand. Every act on one is an entry of the ledger. `created_at` and `state` are the
body's own, for pages."""
