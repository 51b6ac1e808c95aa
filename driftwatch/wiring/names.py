"""Names that no two processes share: of themselves, and of what they make; and the time."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import time
from datetime import UTC, datetime
from pathlib import Path


def now() -> datetime:
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """A fresh id that sorts by time: the prefix, milliseconds since 1970 in base 16, and 40 random bits."""
    return f"{prefix}-{time.time_ns() // 1_000_000:011x}{secrets.token_hex(5)}"


def holder() -> str:
    """A name for this process in leases: host, process id space, process id, and random digits, so that no two are ever equal."""
    return f"{socket.gethostname()}:{_process_space()}:{os.getpid()}:{secrets.token_hex(4)}"


def is_dead(name: str) -> bool:
    """Whether the holder of that name certainly runs no more: its process id is free in the id space that this process shares with it."""
    parts = name.partition("/")[0].split(":")
    if len(parts) != 4 or not parts[1] or parts[1] != _process_space() or not parts[2].isdigit():
        return False
    try:
        os.kill(int(parts[2]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _process_space() -> str:
    """Which processes can see each other: the boot of the kernel and the process id namespace; empty where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:12]
