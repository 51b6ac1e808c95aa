"""Deliveries: what notifiers are owed, and what they were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from driftwatch.stores.columns import SafeText, UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A store never goes back to an older schema: restore the backup instead."""
    op.create_table(
        "deliveries",
        sa.Column("finding", SafeText, sa.ForeignKey("findings.id"), primary_key=True),
        sa.Column("notifier", SafeText, primary_key=True),
        *(sa.Column(name, SafeText, nullable=False) for name in ("state", "phase", "severity")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("revision", "attempts")),
        sa.Column("owed_at", UtcTime, nullable=False),
        *(sa.Column(name, UtcTime) for name in ("due_at", "sent_at")),
        *(sa.Column(name, SafeText) for name in ("told", "error")),
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_deliveries_due", "deliveries", ["notifier", "due_at"], sqlite_where=due, postgresql_where=due)
    op.create_index("ix_deliveries_state", "deliveries", ["state", "notifier", "owed_at"])
