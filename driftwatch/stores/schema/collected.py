"""What was read: scans, cells, documents and observations."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, UniqueConstraint, text

from driftwatch.stores.columns import Digest, JsonBytes, SafeText, UtcTime
from driftwatch.stores.schema.base import Number, metadata

_PRESENT_ONLY = text("until IS NULL")
LONGEST_INDEXED = 512
"""Characters of a name that stands in an index. A row of PostgreSQL's indexes ends at about 2,700 bytes."""
SHORT_ARN = text(f"length(arn) <= {LONGEST_INDEXED}")
SHORT_LABEL = text(f"length(label) <= {LONGEST_INDEXED}")
"""In the very words of the partial indexes, which SQLite otherwise would not use."""

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
    Index("ix_cells_account_type", "account", "type"),
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
    Column("empty_readings", BigInteger, nullable=False, server_default="0"),
    Column("skipped_at", UtcTime),
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
    Index("ix_observations_arn", "cell", "arn", sqlite_where=SHORT_ARN, postgresql_where=SHORT_ARN),
    Index("ix_observations_label", "cell", "label", sqlite_where=SHORT_LABEL, postgresql_where=SHORT_LABEL),
)
"""One row per stretch of time in which a resource had one fingerprint; `until` null: it still has it, as far as is known."""

resource_facts = Table(
    "resource_facts",
    metadata,
    Column("cell", Number, ForeignKey("cells.cell"), primary_key=True, autoincrement=False),
    Column("id", SafeText, primary_key=True),
    Column("facts", JsonBytes, nullable=False),
    Column("read_at", UtcTime, nullable=False),
)
"""What moves by itself beside the configuration of a present resource, as it was last read; rewritten in place, without history."""
