"""The first schema."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from driftwatch.stores.columns import Digest, JsonBytes, SafeText, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_APPEND_ONLY = {"ledger": "seq", "decisions": "decision"}
"""Tables in which the database itself refuses to change or remove a row, and their key."""
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """A store never goes back to an older schema: restore the backup instead."""
    _cells()
    _observations()
    _baselines()
    _cases()
    _processes()
    _permissions()
    if op.get_bind().dialect.name == "postgresql":
        _refuse_on_postgresql()
    else:
        _refuse_on_sqlite()


def _some(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def _maybe(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind) for name in names]


def _key(name: str, kind: Any = SafeText) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True)


def _to(name: str, target: str, kind: Any = _NUMBER, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, sa.ForeignKey(target), **{"nullable": False, **options})


def _unique_where(name: str, table: str, columns: list[str], condition: str) -> None:
    op.create_index(name, table, columns, unique=True, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))


def _cells() -> None:
    op.create_table("facts", _key("name"), *_some(SafeText, "value"))
    op.create_table(
        "scans",
        _key("id"),
        sa.Column("started_at", UtcTime, nullable=False, index=True),
        *_some(SafeText, "trigger", "status"),
        *_some(sa.BigInteger, "cells", "gaps", "resources", "calls"),
        *_maybe(UtcTime, "ended_at"),
        *_maybe(SafeText, "error"),
    )
    names = ("partition", "account", "region", "type")
    op.create_table("cells", _key("cell", _NUMBER), *_some(SafeText, *names), sa.UniqueConstraint(*names))
    op.create_table(
        "cell_readings",
        _key("reading", _NUMBER),
        _to("cell", "cells.cell"),
        _to("scan_id", "scans.id", SafeText, index=True),
        *_some(SafeText, "outcome", "shape"),
        *_maybe(Digest, "digest"),
        *_some(sa.BigInteger, "count", "listed", "calls"),
        *_some(UtcTime, "started_at", "ended_at"),
    )
    op.create_index("ix_cell_readings_cell_ended_at", "cell_readings", ["cell", "ended_at"])
    op.create_table(
        "gaps",
        _key("gap", _NUMBER),
        _to("reading", "cell_readings.reading", index=True),
        *_some(SafeText, "reason", "detail"),
        *_maybe(SafeText, "operation", "resource_id"),
    )
    op.create_table(
        "cell_status",
        _to("cell", "cells.cell", primary_key=True, autoincrement=False),
        *_some(SafeText, "state"),
        *_maybe(SafeText, "reason", "shape", "scan_id", "held"),
        *_maybe(Digest, "digest"),
        *_some(sa.BigInteger, "count"),
        *_maybe(UtcTime, "read_at", "complete_started_at", "complete_ended_at"),
        _to("reading", "cell_readings.reading", nullable=True),
    )


def _observations() -> None:
    op.create_table("documents", _key("fingerprint", Digest), *_some(sa.LargeBinary, "body"))
    op.create_table("shapes", _key("digest"), *_some(JsonBytes, "fields"))
    op.create_table(
        "observations",
        _key("row", _NUMBER),
        _to("cell", "cells.cell"),
        *_some(SafeText, "id"),
        *_maybe(SafeText, "arn", "label"),
        *_some(Digest, "fingerprint"),
        *_maybe(Digest, "reshaped"),
        *_maybe(UtcTime, "since_known"),
        *_some(UtcTime, "since"),
        *_maybe(UtcTime, "until_known", "until", "missing_since"),
    )
    _unique_where("uq_observations_present", "observations", ["cell", "id"], "until IS NULL")
    op.create_index("ix_observations_history", "observations", ["cell", "id", "row"])


def _baselines() -> None:
    op.create_table(
        "baseline_versions",
        _key("number", _NUMBER),
        sa.Column("id", SafeText, nullable=False, unique=True),
        sa.Column("name", SafeText, nullable=False, index=True),
        *_some(SafeText, "state", "author", "content_hash", "note"),
        *_some(UtcTime, "created_at"),
        _to("parent", "baseline_versions.id", SafeText, nullable=True),
        *_maybe(SafeText, "parent_hash"),
        *_some(sa.Boolean, "bootstrap"),
        *_some(JsonBytes, "omissions", "included", "records"),
    )
    _unique_where("uq_baseline_versions_active", "baseline_versions", ["name"], "state = 'active'")
    op.create_table(
        "baseline_approvals",
        _key("approval", _NUMBER),
        _to("version_id", "baseline_versions.id", SafeText, index=True),
        *_some(JsonBytes, "body"),
    )
    op.create_table(
        "baseline_parts",
        _key("part", _NUMBER),
        *_some(SafeText, "version_id", "shape", "file_hash"),
        _to("cell", "cells.cell"),
        *_some(sa.Boolean, "removed", "written"),
        *_maybe(Digest, "digest"),
        *_some(sa.BigInteger, "count"),
        sa.UniqueConstraint("version_id", "cell"),
    )
    op.create_table(
        "baseline_entries",
        _to("part", "baseline_parts.part", primary_key=True, autoincrement=False),
        _key("id"),
        *_maybe(SafeText, "arn", "label"),
        *_some(Digest, "fingerprint"),
        sqlite_with_rowid=False,
    )
    cell = _to("cell", "cells.cell", primary_key=True, autoincrement=False)
    op.create_table("active_cells", _key("name"), cell, _to("part", "baseline_parts.part"))


def _cases() -> None:
    op.create_table(
        "findings",
        _key("id"),
        *_some(SafeText, "baseline", "resource_id", "resource", "drift_version", "verdict_current", "policy_version"),
        sa.Column("state", SafeText, nullable=False, index=True),
        _to("cell", "cells.cell"),
        *_some(JsonBytes, "drift"),
        *_maybe(Digest, "before_fingerprint", "after_fingerprint"),
        *_maybe(SafeText, "verdict_initial", "previous_id"),
        *_some(sa.Boolean, "settled"),
        *_some(UtcTime, "first_seen", "last_seen"),
        *_maybe(UtcTime, "closed_at"),
    )
    live = "state IN ('awaiting_baseline', 'informational', 'open')"
    _unique_where("uq_findings_live", "findings", ["baseline", "cell", "resource_id"], live)
    op.create_index("ix_findings_first_seen_id", "findings", ["first_seen", "id"])
    op.create_table(
        "decisions",
        _key("decision", _NUMBER),
        _to("finding_id", "findings.id", SafeText, index=True),
        *_some(UtcTime, "decided_at"),
        *_some(SafeText, "verdict"),
        *_some(JsonBytes, "body"),
    )
    op.create_table(
        "ledger",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("ts", UtcTime, nullable=False, index=True),
        sa.Column("type", SafeText, nullable=False, index=True),
        *_some(sa.LargeBinary, "hashed"),
        *_some(Digest, "prev_hash", "hash"),
    )


def _processes() -> None:
    op.create_table(
        "requests",
        _key("id"),
        *_some(Digest, "asked"),
        *_some(SafeText, "kind", "person"),
        sa.Column("state", SafeText, nullable=False, index=True),
        *_some(JsonBytes, "cells", "arguments", "result"),
        *_some(UtcTime, "created_at"),
        *_maybe(UtcTime, "started_at", "ended_at"),
        *_maybe(SafeText, "scan_id", "error"),
        *_maybe(sa.Integer, "exit_code"),
    )
    _unique_where("uq_requests_pending", "requests", ["asked"], "state = 'pending'")
    fence, times = _some(sa.BigInteger, "fence"), _some(UtcTime, "expires_at", "renewed_at")
    op.create_table("leases", _key("name"), *_maybe(SafeText, "holder"), *fence, *times)


def _permissions() -> None:
    op.create_table(
        "change_records", _key("source"), _key("id"), *_some(Digest, "content"), *_some(JsonBytes, "body"), *_maybe(UtcTime, "stale_since")
    )
    op.create_index("ix_change_records_id", "change_records", ["id"])
    op.create_table(
        "change_sources",
        _key("name"),
        *_maybe(UtcTime, "last_success_at", "last_attempt_at"),
        *_some(sa.BigInteger, "records"),
        *_some(JsonBytes, "set_aside"),
        *_maybe(SafeText, "error"),
    )
    op.create_table("policies", _key("version"), *_some(JsonBytes, "document"))
    version = _to("version", "policies.version", SafeText)
    op.create_table("policy_activations", _key("activation", _NUMBER), version, *_some(UtcTime, "at"))


def _refuse_on_sqlite() -> None:
    for table, key in _APPEND_ONLY.items():
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}")
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}")
        # INSERT OR REPLACE removes the former row without asking the trigger above; -1 is a number that SQLite has still to choose
        last = f"(SELECT max({key}) FROM {table})"  # noqa: S608 - names of our own
        op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN NEW.{key} <= {last} AND NEW.{key} <> -1 {refuse}")


def _refuse_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION driftwatch_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION driftwatch_append_only()"
        )
