"""What was approved: baselines."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, UniqueConstraint, text

from driftwatch.stores.columns import Digest, JsonBytes, SafeText, UtcTime
from driftwatch.stores.schema.base import Number, metadata

_ACTIVE_ONLY = text("state = 'active'")

versions = Table(
    "baseline_versions",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", SafeText, nullable=False, unique=True),
    Column("name", SafeText, nullable=False, index=True),
    Column("state", SafeText, nullable=False),
    Column("author", SafeText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("content_hash", SafeText, nullable=False),
    Column("parent", SafeText, ForeignKey("baseline_versions.id")),
    Column("parent_hash", SafeText),
    Column("bootstrap", Boolean, nullable=False),
    Column("omissions", JsonBytes, nullable=False),
    Column("included", JsonBytes, nullable=False),
    Column("records", JsonBytes, nullable=False),
    Column("note", SafeText, nullable=False),
    Index("uq_baseline_versions_active", "name", unique=True, sqlite_where=_ACTIVE_ONLY, postgresql_where=_ACTIVE_ONLY),
)

approvals = Table(
    "baseline_approvals",
    metadata,
    Column("approval", Number, primary_key=True),
    Column("version_id", SafeText, ForeignKey("baseline_versions.id"), nullable=False, index=True),
    Column("body", JsonBytes, nullable=False),
)

parts = Table(
    "baseline_parts",
    metadata,
    Column("part", Number, primary_key=True),
    Column("version_id", SafeText, nullable=False),
    Column("cell", Number, ForeignKey("cells.cell"), nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("written", Boolean, nullable=False),
    Column("shape", SafeText, nullable=False),
    Column("file_hash", SafeText, nullable=False),
    Column("digest", Digest),
    Column("count", BigInteger, nullable=False),
    UniqueConstraint("version_id", "cell"),
)
"""What one version says of one cell: its contents (`written` once they are there), or that it is `removed`.

`version_id` refers to no row: the contents may be written before the version, whose content hash rests on them.
"""

entries = Table(
    "baseline_entries",
    metadata,
    Column("part", Number, ForeignKey("baseline_parts.part"), primary_key=True, autoincrement=False),
    Column("id", SafeText, primary_key=True),
    Column("arn", SafeText),
    Column("label", SafeText),
    Column("fingerprint", Digest, nullable=False),
    sqlite_with_rowid=False,
)

active_cells = Table(
    "active_cells",
    metadata,
    Column("name", SafeText, primary_key=True),
    Column("cell", Number, ForeignKey("cells.cell"), primary_key=True, autoincrement=False),
    Column("part", Number, ForeignKey("baseline_parts.part"), nullable=False),
)
"""The part of each cell in the active version of each baseline: what `Observations.mismatches` joins with."""
