"""What only a database server can do to its clients: cut them off, keep them waiting, turn read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import PendingRollbackError

from driftwatch.errors import StoreError
from driftwatch.stores.postgres import WRITERS_LOCK
from driftwatch.stores.store import SqlStore, open_store
from tests.contract.store.samples import T0, cell, put

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(emptied_database: Callable[[], str]) -> str:
    return emptied_database()


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def admin(url: str) -> Iterator[Engine]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def cut_all(admin: Engine) -> None:
    with admin.connect() as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


@contextmanager
def setting(store: SqlStore, statement: str) -> Iterator[None]:
    """Sets something in each session that is taken from the pool."""

    def checkout(connection: Any, *_rest: object) -> None:
        connection.execute(statement)
        connection.commit()

    event.listen(store._engine, "checkout", checkout)
    try:
        yield
    finally:
        event.remove(store._engine, "checkout", checkout)


def test_a_cut_connection_loses_the_transaction_whole_and_the_next_one_works(store: SqlStore, admin: Engine) -> None:
    def cut_off() -> None:
        with store.write() as work:
            work.ledger.append(T0, "half", {})
            cut_all(admin)
            work.ledger.append(T0, "half", {})

    with pytest.raises(StoreError, match="cut the connection"):
        cut_off()
    with store.write() as work:
        assert work.ledger.head() is None
        work.ledger.append(T0, "whole", {})


def test_a_cut_that_nobody_minds_is_still_no_commit(store: SqlStore, admin: Engine) -> None:
    def stubborn() -> None:
        with store.write() as work:
            work.ledger.append(T0, "half", {})
            cut_all(admin)
            for _ in range(2):
                with pytest.raises((StoreError, PendingRollbackError)):
                    work.ledger.append(T0, "half", {})

    with pytest.raises(StoreError, match="rolled back"):
        stubborn()
    with store.read() as work:
        assert work.ledger.head() is None


def test_idle_connections_that_were_cut_are_replaced_unseen(store: SqlStore, admin: Engine) -> None:
    cut_all(admin)
    with store.write() as work:
        work.ledger.append(T0, "whole", {})
    with store.read() as work:
        assert [entry.type for entry in work.ledger.entries()] == ["whole"]


def test_a_writer_does_not_wait_for_ever(store: SqlStore, admin: Engine) -> None:
    with setting(store, "SET lock_timeout = '100ms'"), admin.connect() as other:
        other.exec_driver_sql(f"SELECT pg_advisory_lock({WRITERS_LOCK})")
        with pytest.raises(StoreError, match="locked by another process"), store.write():
            pass
        with store.read() as work:
            assert work.ledger.head() is None
        other.exec_driver_sql(f"SELECT pg_advisory_unlock({WRITERS_LOCK})")
        with store.write() as work:
            work.ledger.append(T0, "whole", {})


def test_a_statement_does_not_run_for_ever(store: SqlStore) -> None:
    with store._engine.connect() as connection:
        limits = [connection.exec_driver_sql(f"SHOW {name}_timeout").scalar_one() for name in ("statement", "lock")]
        assert limits == ["1min", "10s"]
        assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one() == "1min"


def test_a_server_that_turned_read_only_refuses_writes_until_it_is_back(store: SqlStore) -> None:
    """A fail-over: the former primary answers, but takes nothing."""

    def write() -> None:
        with store.write() as work:
            work.ledger.append(T0, "test", {})

    with setting(store, "SET default_transaction_read_only = on"), pytest.raises(StoreError, match="read-only"):
        write()
    with setting(store, "SET default_transaction_read_only = off"):
        write()


def test_a_long_id_is_stored(store: SqlStore) -> None:
    """The longest ARN has 2,048 characters; an index row of the server ends at about 2,700 bytes."""
    long = "arn:" + "".join(chr(33 + number * 7 % 90) for number in range(2044))
    with store.write() as work:
        put(work, cell(), {long: 1})
        assert [stored.id for stored in work.observations.present(cell())] == [long]
