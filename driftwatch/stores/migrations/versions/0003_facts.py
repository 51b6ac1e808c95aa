"""What is kept beside a resource's configuration, and how often a cell was empty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from driftwatch.stores.columns import JsonBytes, SafeText, UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """A store never goes back to an older schema: restore the backup instead."""
    op.add_column("cell_status", sa.Column("empty_readings", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("cell_status", sa.Column("skipped_at", UtcTime))
    op.create_table(
        "resource_facts",
        sa.Column("cell", _NUMBER, sa.ForeignKey("cells.cell"), primary_key=True, autoincrement=False),
        sa.Column("id", SafeText, primary_key=True),
        sa.Column("facts", JsonBytes, nullable=False),
        sa.Column("read_at", UtcTime, nullable=False),
    )
