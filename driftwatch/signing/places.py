"""Second places: where checkpoints go besides the store, so that a rewritten store is found out."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

import structlog

from driftwatch.documents.ledger_lines import checkpoint_line, checkpoint_of, json_object
from driftwatch.domain.ledger import Checkpoint
from driftwatch.errors import DriftwatchError

_TAIL_BYTES: Final = 64 * 1024
"""Enough for many checkpoints: one takes less than a kilobyte."""


class FilePlace:
    """Implements `ports.CheckpointPlace`: a file of JSON lines that only ever grows. Its last line says how far it has got."""

    remembers = True

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    def last(self) -> Checkpoint | None:
        """The last checkpoint that stands in it whole; None for a missing or an empty file.

        Raises DriftwatchError when it cannot be read, or holds something else.
        """
        try:
            with self._path.open("rb", buffering=0) as file:
                return self._last(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("read", error) from error

    def append(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Writes them at the end and waits for the disk. A line that broke off before is ended first, and never counted."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+", buffering=0) as file:
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX)
                last = self._last(file)  # another process may have been faster
                self._write(file, b"".join(checkpoint_line(item) for item in checkpoints if last is None or item.number > last.number))
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._failed("written", error) from error

    def _last(self, file: FileIO) -> Checkpoint | None:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        *whole, half = file.read().split(b"\n")
        for line in reversed((*whole, half)):
            document = json_object(line)
            if document is not None:
                try:
                    return checkpoint_of(document)
                except ValueError:
                    break
        if whole:
            raise DriftwatchError(f"{self._path} ends with something else than a checkpoint: name another file in `ledger.export`")
        return None

    def _write(self, file: FileIO, lines: bytes) -> None:
        end = file.seek(0, os.SEEK_END)
        if end and lines:
            file.seek(end - 1)
            lines = lines if file.read(1) == b"\n" else b"\n" + lines
        written = 0
        try:
            while written < len(lines):
                written += file.write(lines[written:])
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):  # where the file may only grow, the next line tells the half one from a forged one
                file.truncate(end)
            raise

    def _failed(self, done: str, error: OSError) -> DriftwatchError:
        return DriftwatchError(f"the ledger's checkpoints cannot be {done} at {self._path}: {error.strerror or error}")


class LogPlace:
    """Implements `ports.CheckpointPlace`: a line in the log of this process, for whatever collects that.

    `level` is one that the log writes. It remembers nothing of former processes.
    """

    remembers = False

    def __init__(self, name: str = "log", level: str = "info") -> None:
        self.name = name
        self._level = level
        self._last: Checkpoint | None = None

    def last(self) -> Checkpoint | None:
        """The last one that this process logged."""
        return self._last

    def append(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Logs them with the same keys as a line of the file."""
        tell = getattr(structlog.get_logger(), self._level)
        for item in checkpoints:
            try:
                signed = item.body.decode("utf-8", "backslashreplace")
                tell("ledger_checkpoint", number=item.number, signed=signed, signature=item.signature, key=item.key)
            except OSError as error:
                raise DriftwatchError(f"the ledger's checkpoints cannot be logged: {error.strerror or error}") from error
            self._last = item
