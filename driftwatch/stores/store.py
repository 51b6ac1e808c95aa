"""The store itself: one transaction over all aggregates at a time, on SQLite or PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import Any

from sqlalchemy import URL, Connection, Engine, StaticPool, event, insert, make_url, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from driftwatch import ports
from driftwatch.domain.request import Lease
from driftwatch.errors import StoreError
from driftwatch.stores.activity import SqlActivityLog
from driftwatch.stores.baselines import SqlBaselines
from driftwatch.stores.cells import SqlCells
from driftwatch.stores.changes import SqlChanges
from driftwatch.stores.credentials import SqlAnswers, SqlSessions, SqlTokens
from driftwatch.stores.deliveries import SqlDeliveries
from driftwatch.stores.documents import SqlDocuments
from driftwatch.stores.exceptions import SqlExceptions
from driftwatch.stores.failures import SPOILED, store_error
from driftwatch.stores.findings import SqlFindings
from driftwatch.stores.leases import SqlLeases
from driftwatch.stores.ledger import SqlLedger
from driftwatch.stores.migrate import migrate, revision_of
from driftwatch.stores.observations import SqlObservations
from driftwatch.stores.policies import SqlPolicies
from driftwatch.stores.postgres import postgres_engine
from driftwatch.stores.register import SqlRegister
from driftwatch.stores.requests import SqlRequests
from driftwatch.stores.scans import SqlScans
from driftwatch.stores.schema import facts
from driftwatch.stores.session import Session
from driftwatch.stores.sqlite import copy_into, image_of, sqlite_engine

_TURN_SECONDS = 60
"""How long a thread waits for its turn to write. A write takes milliseconds; after a minute something hangs."""


def open_store(url: str, *, wal: bool | None = None) -> SqlStore:
    """Opens a store, makes it where there is none, and brings its schema up to date.

    `url` is ``sqlite:///path``, ``sqlite://`` (in memory, for one process) or ``postgresql+psycopg://...``. On an SQLite file `wal`
    None takes the WAL where this SQLite is safe with it and the rollback journal elsewhere. Raises StoreError with the remedy.
    """
    engine = _engine(url, wal=wal)
    if isinstance(engine.pool, StaticPool):
        copy_into(engine, empty_store())
    event.listen(engine, "handle_error", _translate)
    event.listen(engine, "before_cursor_execute", _refuse_spoiled)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine)


@lru_cache(maxsize=1)
def empty_store() -> bytes:
    """An SQLite database with the whole schema and nothing in it. Stores in memory are many and short-lived: each starts as its copy."""
    engine = _engine("sqlite://", wal=None)
    try:
        migrate(engine)
        return image_of(engine)
    finally:
        engine.dispose()


def _engine(url: str, *, wal: bool | None) -> Engine:
    try:
        parsed: URL = make_url(url)
    except ArgumentError as error:
        raise StoreError("the store's address is no URL such as sqlite:///driftwatch.db or postgresql+psycopg://host/name") from error
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return sqlite_engine(parsed, wal=wal)
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return postgres_engine(parsed)
    raise StoreError(f"{parsed.drivername!r} is no kind of store; use sqlite:///path or postgresql+psycopg://host/name")


def _translate(failure: ExceptionContext) -> StoreError | None:
    """Every error of a driver becomes a StoreError, and spoils its transaction: half of it must never be committed."""
    if failure.is_pre_ping:  # the pool replaces that connection by itself, if it may see the driver's own error
        return None
    if failure.connection is not None and not failure.connection.invalidated:
        failure.connection.info[SPOILED] = True
    return store_error(failure.original_exception)


def _refuse_spoiled(connection: Connection, *_statement: Any) -> None:
    if connection.info.get(SPOILED):
        raise StoreError("an earlier statement of this transaction failed: nothing more of it is written")


class SqlUnitOfWork:
    """Implements `ports.UnitOfWork`."""

    def __init__(self, session: Session) -> None:
        documents = SqlDocuments(session)
        self.scans: ports.Scans = SqlScans(session)
        self.cells: ports.Cells = SqlCells(session)
        self.observations: ports.Observations = SqlObservations(session, documents)
        self.documents: ports.Documents = documents
        self.baselines: ports.Baselines = SqlBaselines(session)
        self.findings: ports.Findings = SqlFindings(session)
        self.ledger: ports.Ledger = SqlLedger(session)
        self.requests: ports.Requests = SqlRequests(session)
        self.leases: ports.Leases = SqlLeases(session)
        self.changes: ports.Changes = SqlChanges(session)
        self.policies: ports.Policies = SqlPolicies(session)
        self.exceptions: ports.Exceptions = SqlExceptions(session)
        self.register: ports.Register = SqlRegister(session)
        self.activity: ports.ActivityLog = SqlActivityLog(session)
        self.tokens: ports.Tokens = SqlTokens(session)
        self.sessions: ports.Sessions = SqlSessions(session)
        self.answers: ports.Answers = SqlAnswers(session)
        self.deliveries: ports.Deliveries = SqlDeliveries(session)


class SqlStore:
    """Implements `ports.Store`. Threads may share it; a thread has one transaction open at a time (nested use is refused)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = threading.Lock()
        self._in_memory = isinstance(engine.pool, StaticPool)
        self._busy_threads: set[int] = set()

    @contextmanager
    def write(self, lease: Lease | None = None) -> Iterator[ports.UnitOfWork]:
        """A write transaction, one at a time over all threads and processes; leaving the block commits.

        With `lease`, LeaseLostError once another process has taken that over: asked at the beginning and right before the commit.
        """
        with self._alone(), self._turn(), self._transaction(writes=True) as session:
            work = SqlUnitOfWork(session)
            if lease:
                work.leases.check(lease)
            yield work
            if lease:
                work.leases.check(lease)

    @contextmanager
    def read(self) -> Iterator[ports.UnitOfWork]:
        """A consistent read transaction, in which nothing can be written; keep it short."""
        turn: AbstractContextManager[None] = self._turn() if self._in_memory else nullcontext()
        with self._alone(), turn, self._transaction(writes=False) as session:
            yield SqlUnitOfWork(session)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        thread = threading.get_ident()
        if thread in self._busy_threads:
            raise StoreError("this thread has a transaction open already; finish it first, or use that one")
        self._busy_threads.add(thread)
        try:
            yield
        finally:
            self._busy_threads.discard(thread)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=_TURN_SECONDS):
            raise StoreError(f"another thread has been writing for over {_TURN_SECONDS} seconds; nothing was written")
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Session]:
        try:
            connection = self._engine.connect().execution_options(driftwatch_write=writes)
        except PoolTimeoutError as error:
            raise StoreError("all connections to the database are in use; nothing was written") from error
        with connection:
            session = Session(connection)
            try:
                with connection.begin():
                    try:
                        yield session
                    finally:
                        session.close()
                    _refuse_spoiled(connection)
            except PendingRollbackError as error:  # the connection was cut, and somebody went on regardless
                raise StoreError("the database cut the connection within this transaction: all of it is rolled back") from error

    @property
    def local(self) -> bool:
        """Whether only people with access to this machine reach the database."""
        return self._engine.dialect.name == "sqlite"

    def describe(self) -> Mapping[str, str]:
        """For `status`: the kind of database, its version, the journal mode, the schema revision, the size in bytes."""
        with self._alone(), self._turn() if self._in_memory else nullcontext(), self._transaction(writes=False) as session:
            ask = session.connection.exec_driver_sql
            schema = revision_of(session.connection) or ""
            if session.connection.dialect.name == "postgresql":
                version, size = ask("SHOW server_version").scalar_one(), ask("SELECT pg_database_size(current_database())").scalar_one()
                return {"kind": "PostgreSQL", "version": str(version), "journal_mode": "wal", "schema": schema, "size_bytes": str(size)}
            version, journal = ask("SELECT sqlite_version()").scalar_one(), ask("PRAGMA journal_mode").scalar_one()
            size = int(ask("PRAGMA page_count").scalar_one()) * int(ask("PRAGMA page_size").scalar_one())
            return {"kind": "SQLite", "version": str(version), "journal_mode": str(journal), "schema": schema, "size_bytes": str(size)}

    def installation_key_id(self, candidate: str) -> str:
        """The id of the installation key this store was made with; a store without one takes `candidate`."""
        with self._alone(), self._turn(), self._transaction(writes=True) as session:
            row = session.one(select(facts.c.value).where(facts.c.name == "installation_key_id"))
            if row:
                return str(row.value)
            session.execute(insert(facts).values(name="installation_key_id", value=candidate))
            return candidate

    def close(self) -> None:
        self._engine.dispose()
