"""What a database answers, as a sentence for the person who runs driftwatch. No value from the database gets into it."""

from __future__ import annotations

import sqlite3

from driftwatch.errors import StoreError

BUSY_SECONDS = 10
"""How long a statement waits for another process's lock. Long enough for any write of ours, short enough for a person who waits."""
SPOILED = "driftwatch_spoiled"
"""The mark in a connection's info of a transaction in which a statement failed; a new transaction takes it off."""

_FULL = "the disk that holds the store is full: nothing was written. Free some space; driftwatch goes on by itself"
_BUSY = (
    f"the store was locked by another process for over {BUSY_SECONDS} seconds: nothing was written. "
    "Try again; if it stays so, end the process that holds the lock (another driftwatch, a backup, or a database shell)"
)
_READ_ONLY = "the store cannot be written: it is read-only. Check the permissions of its file and folder, or which server it is"
_DAMAGED = "the store is damaged, or is no driftwatch store: nothing was written. Restore it from a backup"
_GONE = "the database cannot be reached, or cut the connection; what was not committed yet is rolled back. Try again"

_SQLITE = {
    "SQLITE_FULL": _FULL,
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_CANTOPEN": "the store's file cannot be opened: check that its folder exists and that you may write there",
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_IOERR": "the disk that holds the store failed: nothing was written. Look into the machine's own log",
}
_POSTGRESQL = {
    "53100": _FULL,
    "55P03": _BUSY,
    "40P01": _BUSY,
    "25006": _READ_ONLY,
    "42501": _READ_ONLY,
    "57014": "the database took too long over one statement and gave it up: nothing was written",
    "25P03": "the transaction stood idle for too long and the database ended it: nothing was written",
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}


def store_error(error: BaseException) -> StoreError | None:
    """The StoreError for an error of a database driver; None for any other exception."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_CONSTRAINT"):
            return StoreError(f"the store refused a row: {error}")
        plain = _SQLITE.get("_".join(name.split("_")[:2]))  # SQLITE_BUSY_SNAPSHOT is a kind of SQLITE_BUSY
        return StoreError(plain or f"the store failed: {error}")
    state = getattr(error, "sqlstate", None)
    diagnosis = getattr(error, "diag", None)
    if diagnosis is None:
        return None
    if state in _POSTGRESQL:
        return StoreError(_POSTGRESQL[state])
    if state is None or state[:2] in ("08", "57"):
        return StoreError(_GONE if state else f"{_GONE} ({_first_line(error)})")
    return StoreError(f"the store refused it: {diagnosis.message_primary or _first_line(error)}")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
