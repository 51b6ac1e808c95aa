"""Logged calls, their sources, and the indexes by which a resource that a call names is found."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from driftwatch.stores.columns import Digest, JsonBytes, Micros, SafeText, UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """A store never goes back to an older schema: restore the backup instead."""
    _resources()
    _calls()
    _found_by()
    _sources()


def _some(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def _keys(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def _index_where(name: str, table: str, columns: list[str], condition: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))


def _resources() -> None:
    op.create_index("ix_cells_account_type", "cells", ["account", "type"])
    _index_where("ix_observations_arn", "observations", ["cell", "arn"], "length(arn) <= 512")
    _index_where("ix_observations_label", "observations", ["cell", "label"], "length(label) <= 512")
    op.create_index("ix_findings_resource", "findings", ["baseline", "cell", "resource", "first_seen"])


def _calls() -> None:
    op.create_table(
        "activity_values",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("digest", Digest, nullable=False, unique=True),
        *_some(JsonBytes, "value"),
    )
    op.create_table(
        "activities",
        sa.Column("event", _NUMBER, primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("time", Micros, nullable=False, index=True),
        *_some(sa.Integer, "day"),
        *_some(_NUMBER, "account", "operation", "actor"),
        *_some(SafeText, "call"),
        *_some(sa.Boolean, "failed", "denied"),
        *(sa.Column(name, SafeText) for name in ("error", "access_key", "source_ip")),
        *_some(JsonBytes, "resources", "more"),
        *(sa.Column(name, SafeText) for name in ("fate", "finding")),
        *_some(_NUMBER, "source"),
        *_some(Micros, "received"),
    )
    op.create_index("ix_activities_account_time", "activities", ["account", "time"])
    op.create_index("ix_activities_actor_time", "activities", ["actor", "time"])
    op.create_index("ix_activities_population", "activities", ["day", "account", "call", "failed", "denied", "fate"])
    _index_where("ix_activities_pending", "activities", ["account", "time", "event"], "fate = 'pending'")
    _index_where("ix_activities_changes", "activities", ["time", "event", "actor"], "fate IS NOT NULL")
    _index_where("ix_activities_denied", "activities", ["time"], "denied")
    _index_where("ix_activities_explaining", "activities", ["finding", "time"], "finding IS NOT NULL")


def _found_by() -> None:
    name, rest = _keys(sa.BigInteger, "name"), _keys(_NUMBER, "account", "type")
    op.create_table("activity_names", *name, *rest, *_keys(Micros, "time"), *_keys(_NUMBER, "event"), sqlite_with_rowid=False)
    op.create_table("activity_principals", *_keys(sa.BigInteger, "name"), *_keys(_NUMBER, "actor"), sqlite_with_rowid=False)
    op.create_table("activity_sessions", *_keys(sa.BigInteger, "access_key"), *_keys(_NUMBER, "event"), sqlite_with_rowid=False)


def _sources() -> None:
    op.create_table(
        "activity_sources",
        *_keys(SafeText, "name"),
        *_some(JsonBytes, "position"),
        sa.Column("last_success_at", UtcTime),
        *_some(UtcTime, "last_attempt_at"),
        sa.Column("error", SafeText),
    )
    op.create_table("activity_completeness", *_keys(SafeText, "source", "account"), *_some(UtcTime, "until"))
    op.create_table("activity_refusals", *_keys(SafeText, "source", "reason"), *_some(sa.BigInteger, "count"))
    op.create_table(
        "activity_set_aside",
        sa.Column("number", _NUMBER, primary_key=True),
        *_some(SafeText, "source"),
        *_some(UtcTime, "at"),
        *_some(JsonBytes, "refused"),
    )
    op.create_index("ix_activity_set_aside_source", "activity_set_aside", ["source", "number"])
