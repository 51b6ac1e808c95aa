"""PostgreSQL as a store: its time limits, and the lock that serialises writers."""

from __future__ import annotations

import importlib.util
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

from driftwatch.errors import StoreError
from driftwatch.stores.failures import BUSY_SECONDS, SPOILED

WRITERS_LOCK = 0x6472_6966_7477_7274
"""The advisory lock of write transactions ("driftwrt"): the head of the ledger and the leases have one writer at a time."""
_OLDEST = 150_000
"""15 is the oldest version that is tested."""
_STATEMENT_SECONDS = 60
"""No statement of ours takes seconds; one that takes a minute waits for a database that hangs."""
_IDLE_SECONDS = 60
"""A stopped process must not hold the writers' lock for ever."""


def postgres_engine(url: URL) -> Engine:
    """The engine; nothing is connected yet. Raises StoreError when the driver is not installed."""
    if importlib.util.find_spec("psycopg") is None:
        raise StoreError("a PostgreSQL store needs the extra `postgres`: pip install 'driftwatch[postgres]'")
    limits = {
        "statement_timeout": f"{_STATEMENT_SECONDS}s",
        "lock_timeout": f"{BUSY_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{_IDLE_SECONDS}s",
        "timezone": "UTC",
        "synchronous_commit": "on",
        "client_encoding": "UTF8",
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    given = url.query.get("options", "")
    engine = create_engine(
        url.set(drivername="postgresql+psycopg").update_query_dict({"options": f"{given} {options}".strip()}),
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=24,
        connect_args={"connect_timeout": BUSY_SECONDS},
    )
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Any) -> None:
    connection.info.pop(SPOILED, None)
    if connection.get_execution_options().get("driftwatch_write", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def refuse_unfit(connection: Any) -> None:
    """Raises StoreError for a server that is too old, or a database that cannot hold every character."""
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    if version < _OLDEST:
        raise StoreError(f"PostgreSQL {version // 10_000} is too old; driftwatch needs {_OLDEST // 10_000} or later")
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StoreError(f"the database is encoded in {encoding}; driftwatch needs one that was created with ENCODING 'UTF8'")
