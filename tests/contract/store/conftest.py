"""Every store that driftwatch runs on: the contract suite runs on all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from driftwatch.stores.schema import metadata
from driftwatch.stores.sqlite import wal_is_safe
from driftwatch.stores.store import SqlStore, open_store
from tests.contract.conftest import NewDatabase

KINDS = ["memory", "wal", "truncate", pytest.param("postgresql", marks=pytest.mark.postgres)]


@dataclass(frozen=True)
class Backend:
    """A place for one store, which several processes may open (but for `memory`)."""

    kind: str
    url: str

    def open(self) -> SqlStore:
        wal = {"wal": True, "truncate": False}.get(self.kind)
        return open_store(self.url, wal=wal)


def place(kind: str, folder: Path, postgresql: Callable[[], str]) -> Backend:
    if kind == "wal" and not wal_is_safe(sqlite3.sqlite_version_info):
        pytest.skip(f"SQLite {sqlite3.sqlite_version} lacks the fix of the WAL-reset race, so that driftwatch never uses its WAL")
    if kind == "memory":
        return Backend(kind, "sqlite://")
    return Backend(kind, postgresql() if kind == "postgresql" else f"sqlite:///{folder}/state/driftwatch.db")


@pytest.fixture(scope="session")
def emptied_database(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """One database that is migrated once and emptied at each call: making a new one for each test costs far more."""
    new_database: NewDatabase = request.getfixturevalue("new_database")
    url = new_database()
    open_store(url).close()
    admin = create_engine(url, pool_pre_ping=True)  # tests cut connections

    def empty() -> str:
        tables = ", ".join(metadata.tables)
        with admin.begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # the ledger's own trigger refuses to be emptied
            connection.exec_driver_sql(f"TRUNCATE {tables} RESTART IDENTITY")
        return url

    yield empty
    admin.dispose()


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return place(request.param, tmp_path, lambda: request.getfixturevalue("emptied_database")())


@pytest.fixture(params=KINDS)
def empty_backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """A place where no store is yet."""
    return place(request.param, tmp_path, lambda: request.getfixturevalue("new_database")())


@pytest.fixture
def store(backend: Backend) -> Iterator[SqlStore]:
    opened = backend.open()
    yield opened
    opened.close()
