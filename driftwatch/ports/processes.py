"""The store's ports for processes that share it: how they ask each other for work, and keep out of each other's way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from driftwatch.domain.request import Lease, Request


class Requests(Protocol):
    def add(self, request: Request) -> Request:
        """Stores it, or answers with the equal (kind, cells, arguments) pending one, which it then shares."""

    def get(self, request_id: str) -> Request | None: ...
    def pending(self) -> Sequence[Request]:
        """Pending and running ones, oldest first."""

    def save(self, request: Request) -> None: ...


class Leases(Protocol):
    """Leases guard what only one process may do: `daemon` (its renewal is the heartbeat) and `scan`."""

    def acquire(self, name: str, holder: str, now: datetime, ttl_s: float) -> Lease | None:
        """The lease, new or renewed; None while another holder's is still running."""

    def get(self, name: str) -> Lease | None: ...
    def release(self, lease: Lease) -> None: ...
    def check(self, lease: Lease) -> None:
        """Raises LeaseLostError unless the lease still has this holder and fence. Called inside each write transaction of a leader."""
