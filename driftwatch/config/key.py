"""The installation key: what secret values are hashed with, so that they can be compared and never be read."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from driftwatch.errors import InputError, Place

KEY_FILE: Final = "installation.key"
KEY_BYTES: Final = 32
_OTHERS: Final = 0o077


def installation_key(state_dir: Path, file_ref: Path | None = None) -> tuple[bytes, str]:
    """The key and its id (16 hex): from `file_ref`, else from the state directory, where it is made when there is none yet.

    Raises InputError when the file cannot be read, has another length than 32 bytes, or gives its group or others any right.
    """
    path = file_ref or state_dir / KEY_FILE
    if file_ref is None and not path.exists():
        _make(path)
    key = _read(path)
    return key, hashlib.sha256(b"driftwatch-key-id" + key).hexdigest()[:16]


def _make(path: Path) -> None:
    """Writes a new key as a whole: two processes that start together end up with one and the same."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _read(path: Path) -> bytes:
    place = Place(str(path))
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read(KEY_BYTES + 1)
    except OSError as error:
        raise InputError(f"the installation key cannot be read: {error.strerror}", expected="a file of 32 bytes", place=place) from error
    if mode & _OTHERS:
        raise InputError(f"the installation key has mode {mode & 0o777:04o}, so that others can read it", expected="mode 0600", place=place)
    if len(key) != KEY_BYTES:
        size = f"{len(key)} bytes" if len(key) < KEY_BYTES else f"more than {KEY_BYTES} bytes"
        raise InputError(f"an installation key of {size}", expected=f"{KEY_BYTES} bytes", place=place)
    return key
