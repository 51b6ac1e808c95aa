"""What processes do and how they reach each other: scans, requests and leases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from driftwatch.domain.request import Lease, Request
from driftwatch.domain.scan import Scan


class Scans(Protocol):
    def start(self, scan: Scan) -> None: ...
    def finish(self, scan: Scan) -> None: ...
    def get(self, scan_id: str) -> Scan | None: ...
    def latest(self, limit: int = 1) -> Sequence[Scan]: ...
    def last_complete(self, cells: int) -> Scan | None:
        """The newest complete one of so many cells or more: one of fewer says nothing of the others."""

    def page(self, after: tuple[datetime, str] | None, limit: int) -> Sequence[Scan]:
        """At most `limit` of them, the newest first: those that began before, or then with a smaller id than, `after`."""

    def days(self, since: datetime) -> Mapping[tuple[str, str], int]:
        """How many began on which day (UTC, ``YYYY-MM-DD``), by day and status, from `since` on."""

    def outcomes(self, scan_id: str, accounts: Collection[str] | None = None) -> Mapping[str, int]:
        """How many readings of the scan ended how (`Outcome`); of cells in these accounts (None: in any)."""


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
