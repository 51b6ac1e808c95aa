"""The daemon's lease: one daemon works on a store."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import structlog

from driftwatch.errors import DriftwatchError
from driftwatch.operations import requests, serving
from driftwatch.operations.installation import Installation
from driftwatch.wiring import is_dead

LOOK_S = 0.25


def take(installation: Installation, holder: str, *, patience_s: float, waits: Callable[[float], bool]) -> bool:
    """Takes the lease. That of a daemon that was killed is waited for until it runs out; one that is renewed belongs to a live daemon.

    `waits` sleeps so many seconds and says whether to go on; False when it did not. Raises DriftwatchError beside a live daemon.
    """
    serving.free_dead(installation, is_dead)
    seen: set[datetime] = set()
    until = time.monotonic() + patience_s
    while requests.heartbeat(installation, holder) is None:
        with installation.store.read() as uow:
            lease = uow.leases.get(requests.DAEMON)
        seen |= {lease.renewed_at} if lease else set()
        if len(seen) > 1 or time.monotonic() > until:
            raise DriftwatchError("another daemon works on this store; `driftwatch scan` asks it for a scan, SIGTERM stops it")
        if not waits(LOOK_S):
            return False
    return True


def leave(installation: Installation, holder: str, before: Callable[[], None]) -> None:
    """Does what is left to do (`before`) and gives the lease up. When the store fails, the lease runs out by itself."""
    try:
        before()
        with installation.store.write() as uow:
            lease = uow.leases.get(requests.DAEMON)
            if lease is not None and lease.holder == holder:
                uow.leases.release(lease)
    except DriftwatchError as error:
        structlog.get_logger().error("leave_failed", error=str(error))
