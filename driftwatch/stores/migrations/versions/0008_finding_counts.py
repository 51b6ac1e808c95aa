"""Indexes of findings that hold what lists filter and count by, so that a count looks into no row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_LIVE = sa.text("state IN ('acknowledged', 'awaiting_baseline', 'excepted', 'informational', 'open', 'pending_review', 'ratified')")


def upgrade() -> None:
    """A store never goes back to an older schema: restore the backup instead."""
    for name in ("ix_findings_first_seen_id", "ix_findings_live_seen", "ix_findings_closed_at"):
        op.drop_index(name, "findings")
    op.create_index("ix_findings_first_seen_id", "findings", ["first_seen", "id", "cell"])
    op.create_index("ix_findings_closed_at", "findings", ["closed_at", "cell"])
    columns = ["first_seen", "id", "state", "verdict_current", "cell"]
    op.create_index("ix_findings_live_seen", "findings", columns, sqlite_where=_LIVE, postgresql_where=_LIVE)
