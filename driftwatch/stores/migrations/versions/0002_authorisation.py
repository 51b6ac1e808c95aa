"""Exceptions, the change register, what people did about findings, and the ledger's checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from driftwatch.stores.columns import JsonBytes, SafeText, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LIVE = "state IN ('acknowledged', 'awaiting_baseline', 'excepted', 'informational', 'open', 'pending_review', 'ratified')"


def upgrade() -> None:
    """A store never goes back to an older schema: restore the backup instead."""
    _findings()
    _permissions()
    _checkpoints()


def _findings() -> None:
    op.add_column("findings", sa.Column("handling", JsonBytes))
    op.add_column("findings", sa.Column("due_at", UtcTime))
    op.create_index("ix_findings_due_at", "findings", ["due_at"])
    op.create_index("ix_findings_closed_at", "findings", ["closed_at"])
    unsettled = sa.text("NOT settled")
    op.create_index("ix_findings_unsettled", "findings", ["id"], sqlite_where=unsettled, postgresql_where=unsettled)
    op.drop_index("uq_findings_live", "findings")
    live = sa.text(_LIVE)
    key = ["baseline", "cell", "resource_id"]
    op.create_index("uq_findings_live", "findings", key, unique=True, sqlite_where=live, postgresql_where=live)
    op.create_table(
        "record_effects",
        sa.Column("record_id", SafeText, primary_key=True),
        sa.Column("finding_id", SafeText, sa.ForeignKey("findings.id"), primary_key=True),
        sa.Column("path", SafeText, primary_key=True),
        sa.Column("verdict", SafeText, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
    )
    op.create_index("ix_record_effects_finding_id", "record_effects", ["finding_id"])


def _permissions() -> None:
    op.create_table(
        "exceptions",
        sa.Column("id", SafeText, primary_key=True),
        sa.Column("state", SafeText, nullable=False, index=True),
        sa.Column("expires_at", UtcTime),
        sa.Column("body", JsonBytes, nullable=False),
    )
    op.create_table(
        "register",
        sa.Column("id", SafeText, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.Column("body", JsonBytes, nullable=False),
    )


def _checkpoints() -> None:
    op.create_table(
        "ledger_checkpoints",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("signature", SafeText, nullable=False),
        sa.Column("key", SafeText, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER ledger_checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_checkpoints "
            "FOR EACH STATEMENT EXECUTE FUNCTION driftwatch_append_only()"
        )
        return
    refuse = "BEGIN SELECT RAISE(ABORT, 'ledger_checkpoints is append-only'); END"
    op.execute(f"CREATE TRIGGER ledger_checkpoints_no_update BEFORE UPDATE ON ledger_checkpoints {refuse}")
    op.execute(f"CREATE TRIGGER ledger_checkpoints_no_delete BEFORE DELETE ON ledger_checkpoints {refuse}")
    # INSERT OR REPLACE removes the former row without asking the trigger above
    replaces = "NEW.number <= (SELECT max(number) FROM ledger_checkpoints)"
    op.execute(f"CREATE TRIGGER ledger_checkpoints_no_replace BEFORE INSERT ON ledger_checkpoints WHEN {replaces} {refuse}")
