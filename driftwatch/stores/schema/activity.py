"""What was logged: calls, what they name and who made them; and how far each source of them was read.

There are millions of calls: what they have in common is a number, and no table of them has a foreign key, whose check costs more than
the insert itself. They are only ever added together, in one transaction, and none is ever removed.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, text

from driftwatch.stores.columns import Digest, JsonBytes, Micros, SafeText, UtcTime
from driftwatch.stores.schema.base import Number, metadata

PENDING_ONLY = text("fate = 'pending'")
CHANGES_ONLY = text("fate IS NOT NULL")
DENIED_ONLY = text("denied")
EXPLAINING_ONLY = text("finding IS NOT NULL")
"""In the very words of the partial indexes, which SQLite otherwise would not use."""

activity_values = Table(
    "activity_values",
    metadata,
    Column("number", Number, primary_key=True),
    Column("digest", Digest, nullable=False, unique=True),
    Column("value", JsonBytes, nullable=False),
)
"""What many calls have in common, each once: an account, an actor, an operation with its region. `digest` is of the value's bytes."""

activities = Table(
    "activities",
    metadata,
    Column("event", Number, primary_key=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("time", Micros, nullable=False, index=True),
    Column("day", Integer, nullable=False),
    Column("account", Number, nullable=False),
    Column("operation", Number, nullable=False),
    Column("actor", Number, nullable=False),
    Column("call", SafeText, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("denied", Boolean, nullable=False),
    Column("error", SafeText),
    Column("access_key", SafeText),
    Column("source_ip", SafeText),
    Column("resources", JsonBytes, nullable=False),
    Column("more", JsonBytes, nullable=False),
    Column("fate", SafeText),
    Column("finding", SafeText),
    Column("source", Number, nullable=False),
    Column("received", Micros, nullable=False),
    Index("ix_activities_account_time", "account", "time"),
    Index("ix_activities_actor_time", "actor", "time"),
    Index("ix_activities_population", "day", "account", "call", "failed", "denied", "fate"),
    Index("ix_activities_pending", "account", "time", "event", sqlite_where=PENDING_ONLY, postgresql_where=PENDING_ONLY),
    Index("ix_activities_changes", "time", "event", "actor", sqlite_where=CHANGES_ONLY, postgresql_where=CHANGES_ONLY),
    Index("ix_activities_denied", "time", sqlite_where=DENIED_ONLY, postgresql_where=DENIED_ONLY),
    Index("ix_activities_explaining", "finding", "time", sqlite_where=EXPLAINING_ONLY, postgresql_where=EXPLAINING_ONLY),
)
"""One logged call. `key` stands for the event id (`activity_rows.event_key`), `day` is the day of `time` in UTC as a number (1 is 1 January
of the year 1), `resources` are lists of the number of what a call does to a resource and the names of that; `fate` is null where the call
changed no configuration. `finding` may be set before its finding is saved: both happen in one transaction."""

activity_names = Table(
    "activity_names",
    metadata,
    Column("name", BigInteger, primary_key=True, autoincrement=False),
    Column("account", Number, primary_key=True, autoincrement=False),
    Column("type", Number, primary_key=True, autoincrement=False),
    Column("time", Micros, primary_key=True, autoincrement=False),
    Column("event", Number, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Which calls name a resource. `name` is a hash (`activity_rows.name_hash`), so that a name of any length costs eight bytes; whoever asks
compares the names of the calls that come out."""

activity_principals = Table(
    "activity_principals",
    metadata,
    Column("name", BigInteger, primary_key=True, autoincrement=False),
    Column("actor", Number, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""By which names the actors go, on whose behalf they act included; hashes, as above."""

activity_sessions = Table(
    "activity_sessions",
    metadata,
    Column("access_key", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Number, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Which call began the session with a key; a hash, as above."""

activity_sources = Table(
    "activity_sources",
    metadata,
    Column("name", SafeText, primary_key=True),
    Column("position", JsonBytes, nullable=False),
    Column("last_success_at", UtcTime),
    Column("last_attempt_at", UtcTime, nullable=False),
    Column("error", SafeText),
)

activity_completeness = Table(
    "activity_completeness",
    metadata,
    Column("source", SafeText, primary_key=True),
    Column("account", SafeText, primary_key=True),
    Column("until", UtcTime, nullable=False),
)
"""Up to when a source has told every call of an account."""

activity_refusals = Table(
    "activity_refusals",
    metadata,
    Column("source", SafeText, primary_key=True),
    Column("reason", SafeText, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
"""How much a source held that was set aside, ever."""

activity_set_aside = Table(
    "activity_set_aside",
    metadata,
    Column("number", Number, primary_key=True),
    Column("source", SafeText, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("refused", JsonBytes, nullable=False),
    Index("ix_activity_set_aside_source", "source", "number"),
)
"""The last things of each source that were set aside."""
