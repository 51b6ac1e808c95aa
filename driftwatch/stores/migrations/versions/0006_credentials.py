"""API tokens, sessions, answers to repeated writes, and the order in which findings are paged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from driftwatch.stores.columns import Digest, JsonBytes, SafeText, UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_LIVE = sa.text("state IN ('acknowledged', 'awaiting_baseline', 'excepted', 'informational', 'open', 'pending_review', 'ratified')")


def upgrade() -> None:
    """A store never goes back to an older schema: restore the backup instead."""
    op.create_table(
        "tokens",
        sa.Column("id", SafeText, primary_key=True),
        sa.Column("person", SafeText, nullable=False, index=True),
        sa.Column("label", SafeText, nullable=False),
        sa.Column("hash", Digest, nullable=False, unique=True),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.Column("revoked_at", UtcTime),
        sa.Column("revoked_by", SafeText),
        sa.Column("last_used_at", UtcTime),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", Digest, primary_key=True),
        sa.Column("person", SafeText, nullable=False, index=True),
        sa.Column("method", SafeText, nullable=False),
        sa.Column("assurance", SafeText, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("used_at", UtcTime, nullable=False),
        sa.Column("until", UtcTime, nullable=False, index=True),
        sa.Column("ended_at", UtcTime),
    )
    op.create_table(
        "answers",
        sa.Column("key", Digest, primary_key=True),
        sa.Column("asked", Digest, nullable=False),
        sa.Column("at", UtcTime, nullable=False, index=True),
        sa.Column("status", sa.Integer),
        sa.Column("body", sa.LargeBinary),
        sa.Column("headers", JsonBytes),
    )
    op.drop_index("ix_findings_state", "findings")  # it drew SQLite's planner away from the indexes that give the order
    op.create_index("ix_findings_live_seen", "findings", ["first_seen", "id"], sqlite_where=_LIVE, postgresql_where=_LIVE)
