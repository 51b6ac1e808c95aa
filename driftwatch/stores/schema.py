"""The tables. Cells and observations are referred to by number, so that a row costs few bytes; everything else by its own id."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, UniqueConstraint, text

from driftwatch.domain.finding import LIVE
from driftwatch.stores.columns import Digest, JsonBytes, SafeText, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Number = BigInteger().with_variant(Integer, "sqlite")
"""Only an INTEGER key is SQLite's own row number."""

_LIVE_ONLY = text("state IN ({})".format(", ".join(f"'{state.value}'" for state in sorted(LIVE))))
_PRESENT_ONLY = text("until IS NULL")
_ACTIVE_ONLY = text("state = 'active'")
_PENDING_ONLY = text("state = 'pending'")

facts = Table("facts", metadata, Column("name", SafeText, primary_key=True), Column("value", SafeText, nullable=False))
"""What is true of the store as a whole: `installation_key_id`."""

scans = Table(
    "scans",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("started_at", UtcTime, nullable=False, index=True),
    Column("trigger", SafeText, nullable=False),
    Column("status", SafeText, nullable=False),
    Column("ended_at", UtcTime),
    Column("cells", BigInteger, nullable=False),
    Column("gaps", BigInteger, nullable=False),
    Column("resources", BigInteger, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("error", SafeText),
)

cells = Table(
    "cells",
    metadata,
    Column("cell", Number, primary_key=True),
    Column("partition", SafeText, nullable=False),
    Column("account", SafeText, nullable=False),
    Column("region", SafeText, nullable=False),
    Column("type", SafeText, nullable=False),
    UniqueConstraint("partition", "account", "region", "type"),
)

cell_readings = Table(
    "cell_readings",
    metadata,
    Column("reading", Number, primary_key=True),
    Column("cell", Number, ForeignKey("cells.cell"), nullable=False),
    Column("scan_id", SafeText, ForeignKey("scans.id"), nullable=False, index=True),
    Column("outcome", SafeText, nullable=False),
    Column("shape", SafeText, nullable=False),
    Column("digest", Digest),
    Column("count", BigInteger, nullable=False),
    Column("listed", BigInteger, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=False),
    Index("ix_cell_readings_cell_ended_at", "cell", "ended_at"),
)

gaps = Table(
    "gaps",
    metadata,
    Column("gap", Number, primary_key=True),
    Column("reading", Number, ForeignKey("cell_readings.reading"), nullable=False, index=True),
    Column("reason", SafeText, nullable=False),
    Column("detail", SafeText, nullable=False),
    Column("operation", SafeText),
    Column("resource_id", SafeText),
)

cell_status = Table(
    "cell_status",
    metadata,
    Column("cell", Number, ForeignKey("cells.cell"), primary_key=True, autoincrement=False),
    Column("state", SafeText, nullable=False),
    Column("reason", SafeText),
    Column("shape", SafeText),
    Column("digest", Digest),
    Column("count", BigInteger, nullable=False),
    Column("scan_id", SafeText),
    Column("read_at", UtcTime),
    Column("complete_started_at", UtcTime),
    Column("complete_ended_at", UtcTime),
    Column("held", SafeText),
    Column("reading", Number, ForeignKey("cell_readings.reading")),
)

documents = Table("documents", metadata, Column("fingerprint", Digest, primary_key=True), Column("body", LargeBinary, nullable=False))

shapes = Table("shapes", metadata, Column("digest", SafeText, primary_key=True), Column("fields", JsonBytes, nullable=False))

observations = Table(
    "observations",
    metadata,
    Column("row", Number, primary_key=True),
    Column("cell", Number, ForeignKey("cells.cell"), nullable=False),
    Column("id", SafeText, nullable=False),
    Column("arn", SafeText),
    Column("label", SafeText),
    Column("fingerprint", Digest, nullable=False),
    Column("reshaped", Digest),
    Column("since_known", UtcTime),
    Column("since", UtcTime, nullable=False),
    Column("until_known", UtcTime),
    Column("until", UtcTime),
    Column("missing_since", UtcTime),
    Index("uq_observations_present", "cell", "id", unique=True, sqlite_where=_PRESENT_ONLY, postgresql_where=_PRESENT_ONLY),
    Index("ix_observations_history", "cell", "id", "row"),
)
"""One row per stretch of time in which a resource had one fingerprint; `until` null: it still has it, as far as is known."""

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

findings = Table(
    "findings",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("baseline", SafeText, nullable=False),
    Column("cell", Number, ForeignKey("cells.cell"), nullable=False),
    Column("resource_id", SafeText, nullable=False),
    Column("resource", SafeText, nullable=False),
    Column("state", SafeText, nullable=False, index=True),
    Column("drift", JsonBytes, nullable=False),
    Column("drift_version", SafeText, nullable=False),
    Column("before_fingerprint", Digest),
    Column("after_fingerprint", Digest),
    Column("verdict_initial", SafeText),
    Column("verdict_current", SafeText, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("policy_version", SafeText, nullable=False),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_seen", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Column("previous_id", SafeText),
    Index("uq_findings_live", "baseline", "cell", "resource_id", unique=True, sqlite_where=_LIVE_ONLY, postgresql_where=_LIVE_ONLY),
    Index("ix_findings_first_seen_id", "first_seen", "id"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision", Number, primary_key=True),
    Column("finding_id", SafeText, ForeignKey("findings.id"), nullable=False, index=True),
    Column("decided_at", UtcTime, nullable=False),
    Column("verdict", SafeText, nullable=False),
    Column("body", JsonBytes, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("ts", UtcTime, nullable=False, index=True),
    Column("type", SafeText, nullable=False, index=True),
    Column("hashed", LargeBinary, nullable=False),
    Column("prev_hash", Digest, nullable=False),
    Column("hash", Digest, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("asked", Digest, nullable=False),
    Column("kind", SafeText, nullable=False),
    Column("cells", JsonBytes, nullable=False),
    Column("person", SafeText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("arguments", JsonBytes, nullable=False),
    Column("state", SafeText, nullable=False, index=True),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("scan_id", SafeText),
    Column("exit_code", Integer),
    Column("result", JsonBytes, nullable=False),
    Column("error", SafeText),
    Index("uq_requests_pending", "asked", unique=True, sqlite_where=_PENDING_ONLY, postgresql_where=_PENDING_ONLY),
)
"""`asked` is the SHA-256 of (kind, cells, arguments): equal pending requests are one row."""

leases = Table(
    "leases",
    metadata,
    Column("name", SafeText, primary_key=True),
    Column("holder", SafeText),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("renewed_at", UtcTime, nullable=False),
)
"""`holder` null: released. The row stays, because its fence must never start again."""

change_records = Table(
    "change_records",
    metadata,
    Column("source", SafeText, primary_key=True),
    Column("id", SafeText, primary_key=True),
    Column("content", Digest, nullable=False),
    Column("body", JsonBytes, nullable=False),
    Column("stale_since", UtcTime),
    Index("ix_change_records_id", "id"),
)

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
