"""Request and Lease: how processes that share a store ask each other for work, and keep out of each other's way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from driftwatch.domain.resource import Json


class RequestState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Work asked of a running daemon: kind is `scan` or `refresh`; `cells` are patterns (empty: all); `arguments` for the kind."""

    id: str
    kind: str
    cells: tuple[str, ...]
    person: str
    created_at: datetime
    arguments: Json = None
    state: RequestState = RequestState.PENDING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    scan_id: str | None = None
    exit_code: int | None = None
    result: Json = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who holds a named lease, until when, under which fencing number (grows with every change of holder)."""

    name: str
    holder: str
    fence: int
    expires_at: datetime
    renewed_at: datetime
