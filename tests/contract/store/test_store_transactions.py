"""All or nothing, one writer at a time, and never a half that looks whole."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import count, pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ResourceClosedError

from driftwatch.domain.change import Fetched
from driftwatch.domain.ledger import GENESIS, chain
from driftwatch.domain.scan import CellStatus, Scan
from driftwatch.domain.snapshot import CellRead, CellState, Outcome
from driftwatch.errors import LeaseLostError, StoreError
from driftwatch.ports import UnitOfWork
from driftwatch.stores.schema import metadata
from driftwatch.stores.store import SqlStore
from tests.contract.store.conftest import Backend
from tests.contract.store.samples import T0, add, at, cell, decision, document, finding, fingerprint, put, version

C = cell()


def everything(work: UnitOfWork) -> None:
    """A write to every table that a port writes to."""
    work.scans.start(Scan(id="s1", started_at=T0, trigger="test"))
    read = CellRead(cell=C, outcome=Outcome.COMPLETE, shape="shape", started_at=T0, ended_at=T0)
    work.cells.record("s1", CellStatus(cell=C, state=CellState.CLEAN), read)
    put(work, C, {"a": 1})
    work.documents.put_shape("shape", {})
    add(work, version("v1", {C: {"a": 1}}), {C: {"a": 1}})
    work.findings.save(finding())
    work.findings.add_decision("f1", decision())
    work.ledger.append(T0, "test", {})
    work.leases.acquire("scan", "me", T0, 60)
    work.changes.sync("files", Fetched(records=()), T0)
    work.policies.activate("p1", {}, T0)


def rows(store: SqlStore) -> int:
    with store._engine.connect() as connection:
        return sum(connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one() for table in metadata.tables)


def test_an_exception_leaves_nothing_of_the_block(store: SqlStore) -> None:
    def interrupted() -> None:
        with store.write() as work:
            everything(work)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert rows(store) == 0


def test_leaving_the_block_commits(backend: Backend, store: SqlStore) -> None:
    with store.write() as work:
        everything(work)
    other = store if backend.kind == "memory" else backend.open()
    with other.read() as work:
        head = work.ledger.head()
        assert head
        assert head.seq == 1
        assert work.findings.get("f1") == finding()
    other.close()


def test_a_caught_database_error_still_costs_the_whole_block(store: SqlStore) -> None:
    """After a failed statement PostgreSQL answers COMMIT with a rollback and no error, and SQLite may have rolled back already."""

    def half_done() -> None:
        with store.write() as work:
            work.ledger.append(T0, "before", {})
            with pytest.raises(StoreError):
                work.findings.add_decision("no such finding", decision())

    with pytest.raises(StoreError, match="earlier statement"):
        half_done()
    with store.write() as work:
        assert work.ledger.head() is None
        work.ledger.append(T0, "after", {})
    assert rows(store) == 1


def test_nothing_can_be_written_while_reading(store: SqlStore) -> None:
    with pytest.raises(StoreError, match="read-only"), store.read() as work:
        work.ledger.append(T0, "test", {})
    assert rows(store) == 0


@pytest.mark.parametrize("inner", ["read", "write"])
@pytest.mark.parametrize("outer", ["read", "write"])
def test_nested_use_is_refused(store: SqlStore, outer: str, inner: str) -> None:
    """It would wait for itself, or see another state than the block that it stands in."""
    with pytest.raises(StoreError, match="open already"), getattr(store, outer)(), getattr(store, inner)():
        pass
    with store.write() as work:
        work.ledger.append(T0, "test", {})


def test_an_unfinished_stream_neither_blocks_the_next_writer_nor_ends_silently(store: SqlStore) -> None:
    with store.write() as work:
        put(work, C, {f"id-{number}": number for number in range(1500)})
    with store.read() as work:
        stream = work.observations.present(C)
        next(stream)
    with store.write() as work:
        work.ledger.append(T0, "test", {})
    with pytest.raises(ResourceClosedError):
        list(stream)


def test_a_read_sees_one_state_throughout(backend: Backend, store: SqlStore) -> None:
    if backend.kind in ("memory", "truncate"):
        pytest.skip("here a writer waits until the reader is done")
    with store.read() as work:
        assert work.ledger.head() is None

        def append() -> None:
            with store.write() as other:
                other.ledger.append(T0, "test", {})

        writer = threading.Thread(target=append)
        writer.start()
        writer.join()
        assert work.ledger.head() is None


APPEND = """
import sys
from datetime import UTC, datetime
from driftwatch.stores.store import open_store
store = open_store(sys.argv[1])
for number in range(int(sys.argv[2])):
    with store.write() as work:
        work.ledger.append(datetime.now(UTC), "test", {"process": number})
"""


def test_writers_in_eight_threads_and_two_processes_count_right(backend: Backend, store: SqlStore) -> None:
    """No entry is lost or doubled, and the chain has no fork: every writer saw the true head."""
    processes = []
    if backend.kind != "memory":
        processes = [subprocess.Popen([sys.executable, "-c", APPEND, backend.url, "40"]) for _ in range(2)]

    def append() -> None:
        for number in range(20):
            with store.write() as work:
                work.ledger.append(T0, "test", {"thread": number})

    in_threads(append, 8)
    for process in processes:
        assert process.wait(30) == 0
    with store.read() as work:
        entries = list(work.ledger.entries())
    assert [entry.seq for entry in entries] == list(range(1, 161 + 80 * bool(processes)))
    assert entries[0].prev_hash == GENESIS
    assert all(later.prev_hash == former.hash for former, later in pairwise(entries))
    assert all(chain(entry.seq, entry.ts, entry.type, entry.body, entry.prev_hash) == entry for entry in entries)


def test_thirty_two_threads_read_and_write_without_an_error(store: SqlStore) -> None:
    names = count()

    def work_hard() -> None:
        name = f"thread-{next(names)}"
        for number in range(4):
            with store.write() as work:
                put(work, C, {name: number}, now=at(number))
            with store.read() as work:
                assert list(work.observations.present(C))

    in_threads(work_hard, 32)
    with store.read() as work:
        assert len(list(work.observations.present(C))) == 32


def in_threads(target: Callable[[], None], number: int) -> None:
    failures: list[Exception] = []

    def guarded() -> None:
        try:
            target()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
            failures.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures


def test_a_leader_that_lost_its_lease_writes_nothing(store: SqlStore) -> None:
    """The paused former leader wakes up with work in its hands: all of it is refused."""
    with store.write() as work:
        old = work.leases.acquire("daemon", "old", T0, 15)
    assert old
    with store.write(old) as work:
        work.ledger.append(T0, "test", {})
    with store.write() as work:
        new = work.leases.acquire("daemon", "new", at(1), 15)
    assert new
    assert new.fence == old.fence + 1
    with pytest.raises(LeaseLostError, match="went to new"), store.write(old) as work:
        raise AssertionError("the block of a former leader is never entered")
    with store.read() as work:
        assert len(list(work.ledger.entries())) == 1


def test_a_lease_that_is_lost_within_the_block_rolls_it_back(store: SqlStore) -> None:
    with store.write() as work:
        old = work.leases.acquire("daemon", "old", T0, 15)

    def overtaken() -> None:
        with store.write(old) as work:
            work.ledger.append(T0, "test", {})
            assert work.leases.acquire("daemon", "new", at(1), 15)

    with pytest.raises(LeaseLostError):
        overtaken()
    with store.read() as work:
        assert work.ledger.head() is None
        assert work.leases.get("daemon") == old


def test_a_spoiled_document_is_never_handed_out(store: SqlStore) -> None:
    """Bits rot and people edit databases: the bytes must have the hash that they are asked for by."""
    with store.write() as work:
        work.documents.put([(fingerprint(1), document(1)), (fingerprint(2), document(2))])
    with store._engine.connect().execution_options(driftwatch_write=True) as connection, connection.begin():
        two = "SELECT body FROM documents WHERE fingerprint = :two"
        statement = text(f"UPDATE documents SET body = ({two}) WHERE fingerprint = :one")
        connection.execute(statement, {"one": bytes.fromhex(fingerprint(1)), "two": bytes.fromhex(fingerprint(2))})
    with store.read() as work:
        assert work.documents.get(fingerprint(2)) == document(2)
    with pytest.raises(StoreError, match="damaged"), store.read() as work:
        work.documents.get(fingerprint(1))


def test_the_store_says_what_it_is(backend: Backend, store: SqlStore) -> None:
    said = store.describe()
    assert (said["kind"], said["journal_mode"]) == {
        "memory": ("SQLite", "memory"),
        "wal": ("SQLite", "wal"),
        "truncate": ("SQLite", "truncate"),
        "postgresql": ("PostgreSQL", "wal"),
    }[backend.kind]
    assert int(said["size_bytes"]) > 0
    assert said["schema"]
    assert said["version"]


def test_a_store_keeps_the_first_installation_key(backend: Backend, store: SqlStore) -> None:
    """Fingerprints of secrets under another key would all differ: the store knows which key it was made with."""
    assert store.installation_key_id("first") == "first"
    assert store.installation_key_id("second") == "first"
    if backend.kind != "memory":
        other = backend.open()
        assert other.installation_key_id("third") == "first"
        other.close()
