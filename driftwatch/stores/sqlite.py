"""SQLite as a store: which journal it may use, how its file is made, how its connections are set up."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import URL, Engine, StaticPool, create_engine, event

from driftwatch.errors import StoreError
from driftwatch.stores.failures import BUSY_SECONDS, SPOILED

_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The first versions, each on its line, without the WAL-reset race, which loses committed writes (settled points, 12)."""
_JOURNAL_LIMIT = 64 * 2**20
"""Bytes that a journal keeps on disk after a commit; without a limit one large write costs its size for good."""
_OLDEST = (3, 35, 0)
"""RETURNING is from 3.35."""
_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "gpfs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"),
    }
)
"""File systems whose locks do not keep two machines apart: SQLite files on them get corrupted."""


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this version of SQLite has the fix of the WAL-reset race."""
    return version >= _FIXED[0] or any(version[:2] == fixed[:2] and version >= fixed for fixed in _FIXED)


def network_file_system(path: PurePosixPath, mounts: str) -> str | None:
    """The network file system that an absolute path is on, by the text of Linux's ``/proc/self/mounts``; None for a local one."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        _, mounted, type_, *_ = line.split(" ")
        mounted = mounted.replace("\\040", " ")
        depth = len(PurePosixPath(mounted).parts)
        if depth >= best and path.is_relative_to(mounted):
            best, kind = depth, type_
    return kind if kind in _NETWORK else None


def sqlite_engine(url: URL, *, wal: bool | None) -> Engine:
    """The engine of a file (`wal` None: WAL where it is safe) or of memory. Makes the file, for its owner only.

    Raises StoreError when the file cannot be made, is on a network file system, or WAL is asked for where it is not safe.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; driftwatch needs {'.'.join(map(str, _OLDEST))} or later")
    if url.query:
        raise StoreError("an SQLite store is named by its path alone (sqlite:///driftwatch.db), without '?'")
    if url.database in (None, "", ":memory:"):
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False, "isolation_level": None})
        _set_up(engine, None)
        return engine
    path = Path(str(url.database)).expanduser().absolute()
    _make_file(path)
    safe = wal_is_safe(sqlite3.sqlite_version_info)
    if wal and not safe:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} can lose committed writes in WAL mode; use the rollback journal")
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"isolation_level": None, "timeout": BUSY_SECONDS},
        max_overflow=-1,  # a thread has one transaction at most: the threads are the limit
    )
    _set_up(engine, "WAL" if safe and wal is not False else "TRUNCATE")
    return engine


def image_of(engine: Engine) -> bytes:
    """A database in memory as the bytes of its file."""
    with engine.connect() as connection:
        image: bytes = connection.connection.driver_connection.serialize()  # type: ignore[union-attr]  # it is sqlite3's
    return image


def copy_into(engine: Engine, image: bytes) -> None:
    """Makes an empty database in memory equal to that image."""
    with engine.connect() as connection:
        connection.connection.driver_connection.deserialize(image)  # type: ignore[union-attr]  # it is sqlite3's


def _make_file(path: Path) -> None:
    mounts = Path("/proc/self/mounts")
    if mounts.exists() and (kind := network_file_system(PurePosixPath(path.resolve()), mounts.read_text(errors="replace"))):
        raise StoreError(f"{path} is on a network file system ({kind}), where SQLite files get corrupted; use a local disk or PostgreSQL")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(handle).st_mode & 0o077:
                os.fchmod(handle, 0o600)
        finally:
            os.close(handle)
    except OSError as error:
        raise StoreError(f"the store's file {path} cannot be made or opened for its owner only: {error.strerror}") from error


def _set_up(engine: Engine, journal: str | None) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        for pragma in _pragmas(journal):
            connection.execute(f"PRAGMA {pragma}").close()

    event.listen(engine, "begin", _begin)


def _pragmas(journal: str | None) -> tuple[str, ...]:
    common = (f"busy_timeout={BUSY_SECONDS * 1000}", "foreign_keys=ON", "recursive_triggers=ON", "synchronous=FULL")
    return (*common, f"journal_mode={journal}", f"journal_size_limit={_JOURNAL_LIMIT}") if journal else common


def _begin(connection: Any) -> None:
    """A writer locks at once: a reader that turns writer is refused without waiting whenever somebody wrote in between."""
    connection.info.pop(SPOILED, None)
    writes = connection.get_execution_options().get("driftwatch_write", False)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
