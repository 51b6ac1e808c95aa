"""What was decided: findings, decisions, exceptions, and the ledger."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, text

from driftwatch.domain.finding import LIVE
from driftwatch.stores.columns import Digest, JsonBytes, SafeText, UtcTime
from driftwatch.stores.schema.base import Number, metadata

LIVE_ONLY = text("state IN ({})".format(", ".join(f"'{state.value}'" for state in sorted(LIVE))))
UNSETTLED_ONLY = text("NOT settled")
"""In the very words of the partial index, which SQLite otherwise would not use."""

findings = Table(
    "findings",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("baseline", SafeText, nullable=False),
    Column("cell", Number, ForeignKey("cells.cell"), nullable=False),
    Column("resource_id", SafeText, nullable=False),
    Column("resource", SafeText, nullable=False),
    Column("state", SafeText, nullable=False),
    Column("drift", JsonBytes, nullable=False),
    Column("drift_version", SafeText, nullable=False),
    Column("before_fingerprint", Digest),
    Column("after_fingerprint", Digest),
    Column("verdict_initial", SafeText),
    Column("verdict_current", SafeText, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("policy_version", SafeText, nullable=False),
    Column("handling", JsonBytes),
    Column("due_at", UtcTime, index=True),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_seen", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Column("previous_id", SafeText),
    Index("uq_findings_live", "baseline", "cell", "resource_id", unique=True, sqlite_where=LIVE_ONLY, postgresql_where=LIVE_ONLY),
    Index("ix_findings_resource", "baseline", "cell", "resource", "first_seen"),
    Index("ix_findings_first_seen_id", "first_seen", "id", "cell"),
    Index("ix_findings_closed_at", "closed_at", "cell"),
    Index(
        *("ix_findings_live_seen", "first_seen", "id", "state", "verdict_current", "cell"),
        sqlite_where=LIVE_ONLY,
        postgresql_where=LIVE_ONLY,
    ),
    Index("ix_findings_unsettled", "id", sqlite_where=UNSETTLED_ONLY, postgresql_where=UNSETTLED_ONLY),
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


record_effects = Table(
    "record_effects",
    metadata,
    Column("record_id", SafeText, primary_key=True),
    Column("finding_id", SafeText, ForeignKey("findings.id"), primary_key=True),
    Column("path", SafeText, primary_key=True),
    Column("verdict", SafeText, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("ix_record_effects_finding_id", "finding_id"),
)
"""Which path of which finding a change record decided, as last judged: what a record has brought about."""

exceptions = Table(
    "exceptions",
    metadata,
    Column("id", SafeText, primary_key=True),
    Column("state", SafeText, nullable=False, index=True),
    Column("expires_at", UtcTime),
    Column("body", JsonBytes, nullable=False),
)

checkpoints = Table(
    "ledger_checkpoints",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("signature", SafeText, nullable=False),
    Column("key", SafeText, nullable=False),
)
"""Signed statements of the ledger's head. Several may name one `seq`: a quiet ledger is signed, too."""
