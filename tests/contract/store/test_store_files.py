"""An SQLite file: for its owner only, on a local disk, whole after a kill, and plain in its words when the disk is full or taken."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest
from sqlalchemy import event

from driftwatch.errors import StoreError
from driftwatch.stores.sqlite import network_file_system, wal_is_safe
from driftwatch.stores.store import SqlStore, open_store
from tests.contract.store.samples import ODD, T0, cell, put

KILLED = """
import sys, time
from datetime import UTC, datetime
from driftwatch.domain.canonical import encode, sha256_hex
from driftwatch.stores.store import open_store
store = open_store(sys.argv[1])
import secrets
with store.write() as work:
    work.ledger.append(datetime.now(UTC), "half", {})
    for number in range(60):
        document = {"config": secrets.token_hex(60_000), "tags": {}}
        work.documents.put([(sha256_hex(encode(document)), document)])
    print("half done", flush=True)
    time.sleep(60)
"""


@contextmanager
def pragma(store: SqlStore, statement: str) -> Iterator[None]:
    """Sets something on each connection that is taken from the pool."""

    def checkout(connection: sqlite3.Connection, *_rest: object) -> None:
        connection.execute(f"PRAGMA {statement}").close()

    event.listen(store._engine, "checkout", checkout)
    try:
        yield
    finally:
        event.remove(store._engine, "checkout", checkout)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "driftwatch.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{path}")
    yield opened
    opened.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> Iterator[None]:
    former = os.umask(0)
    yield
    os.umask(former)


@pytest.mark.usefixtures("open_umask")
def test_the_file_and_its_journals_are_for_the_owner_only(path: Path) -> None:
    """It holds the configuration of production; whatever the umask says."""
    store = open_store(f"sqlite:///{path}")
    with store.write() as work:
        work.ledger.append(T0, "test", {})
        assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    assert mode(path.parent) == 0o700
    store.close()


def test_a_file_that_others_may_read_is_closed_to_them(path: Path) -> None:
    open_store(f"sqlite:///{path}").close()
    path.chmod(0o644)
    open_store(f"sqlite:///{path}").close()
    assert mode(path) == 0o600


def test_a_killed_writer_leaves_every_committed_row_and_no_half(path: Path, store: SqlStore) -> None:
    """The journal is hot: by then, megabytes of the open transaction are in the file itself."""
    with store.write() as work:
        work.ledger.append(T0, "whole", {})
    before = path.stat().st_size
    writer = subprocess.Popen([sys.executable, "-c", KILLED, f"sqlite:///{path}"], stdout=subprocess.PIPE, text=True)
    assert writer.stdout
    assert writer.stdout.readline() == "half done\n"
    assert sum(file.stat().st_size for file in path.parent.iterdir()) > before + 1_000_000
    writer.kill()
    writer.wait(10)
    writer.stdout.close()
    again = open_store(f"sqlite:///{path}")
    with again.write() as work:
        assert [entry.type for entry in work.ledger.entries()] == ["whole"]
        work.ledger.append(T0, "after", {})
    again.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (0,)


def test_a_full_disk_refuses_the_write_whole_and_goes_on_when_there_is_space(path: Path, store: SqlStore) -> None:
    with store.write() as work:
        work.ledger.append(T0, "whole", {})

    def too_much() -> None:
        with store.write() as work:
            work.ledger.append(T0, "half", {})
            put(work, cell(), {f"id-{number}": f"{number}" * 500 for number in range(5000)})

    with pragma(store, "max_page_count=1"), pytest.raises(StoreError, match=r"disk.*full.*Free some space"):
        too_much()
    with pragma(store, "max_page_count=1000000"), store.write() as work:
        assert [entry.type for entry in work.ledger.entries()] == ["whole"]
        put(work, cell(), {"a": 1})


def test_a_caught_full_disk_still_costs_the_whole_block(store: SqlStore) -> None:
    """SQLite rolls back by itself then: what follows would be committed statement by statement."""

    def stubborn() -> None:
        with store.write() as work:
            for number in range(2):
                with pytest.raises(StoreError):
                    put(work, cell(), {f"id-{number}": f"{number}" * 500 for number in range(5000)})
                with pytest.raises(StoreError, match="earlier statement"):
                    work.ledger.append(T0, "half", {"number": number})

    with pragma(store, "max_page_count=1"), pytest.raises(StoreError, match="earlier statement"):
        stubborn()
    with store.read() as work:
        assert work.ledger.head() is None


def test_a_store_locked_by_another_process_is_one_plain_sentence(path: Path, store: SqlStore) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pragma(store, "busy_timeout=50"):
        with pytest.raises(StoreError, match=r"locked by another process.*Try again"), store.write():
            pass
        other.execute("ROLLBACK")
        with store.write() as work:
            work.ledger.append(T0, "test", {})
    other.close()


def test_a_writer_waits_for_another_process(path: Path, store: SqlStore) -> None:
    with store.write(), store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 10_000
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
        assert connection.exec_driver_sql("PRAGMA journal_size_limit").scalar_one() == 64 * 2**20


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/name", "no kind of store"),
        ("driftwatch.db", "no URL"),
        ("sqlite:///driftwatch.db?mode=ro", "path alone"),
    ],
)
def test_an_address_that_is_no_store_is_refused(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        open_store(url)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database, " * 1000)
    with pytest.raises(StoreError, match="damaged, or is no driftwatch store"):
        open_store(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made or opened"):
        open_store(f"sqlite:///{tmp_path}/file/driftwatch.db")


def test_a_dead_database_server_is_one_plain_sentence_without_the_password() -> None:
    with pytest.raises(StoreError, match="cannot be reached") as refused:
        open_store("postgresql+psycopg://ana:hunter2@127.0.0.1:1/driftwatch")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 9), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_the_wal_is_used_only_where_it_loses_nothing(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


def test_the_default_journal_is_the_wal_exactly_where_it_is_safe(path: Path, store: SqlStore) -> None:
    safe = wal_is_safe(sqlite3.sqlite_version_info)
    assert store.describe()["journal_mode"] == ("wal" if safe else "truncate")
    if not safe:
        with pytest.raises(StoreError, match="lose committed writes"):
            open_store(f"sqlite:///{path}", wal=True)


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /srv/my\\040share nfs4 rw 0 0
/dev/sdb1 /srv/my\\040share/local ext4 rw 0 0
tmpfs /run tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/driftwatch.db", None),
        ("/srv/my share/driftwatch.db", "nfs4"),
        ("/srv/my share/local/driftwatch.db", None),
        ("/srv/my shared/driftwatch.db", None),
        ("/run/driftwatch.db", None),
    ],
)
def test_a_network_file_system_is_recognised(path: str, kind: str | None) -> None:
    assert network_file_system(PurePosixPath(path), MOUNTS) == kind


def test_two_stores_in_memory_are_two() -> None:
    one, other = open_store("sqlite://"), open_store("sqlite://")
    with one.write() as work:
        work.ledger.append(T0, ODD, {})
    with other.read() as work:
        assert work.ledger.head() is None
    one.close()
    other.close()
