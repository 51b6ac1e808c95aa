"""What notifiers are owed, and what they were told."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, text

from driftwatch.stores.columns import SafeText, UtcTime
from driftwatch.stores.schema.base import metadata

DUE_ONLY = text("due_at IS NOT NULL")

deliveries = Table(
    "deliveries",
    metadata,
    Column("finding", SafeText, ForeignKey("findings.id"), primary_key=True),
    Column("notifier", SafeText, primary_key=True),
    Column("state", SafeText, nullable=False),
    Column("phase", SafeText, nullable=False),
    Column("severity", SafeText, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("owed_at", UtcTime, nullable=False),
    Column("due_at", UtcTime),
    Column("sent_at", UtcTime),
    Column("told", SafeText),
    Column("error", SafeText),
    Index("ix_deliveries_due", "notifier", "due_at", sqlite_where=DUE_ONLY, postgresql_where=DUE_ONLY),
    Index("ix_deliveries_state", "state", "notifier", "owed_at"),
)
