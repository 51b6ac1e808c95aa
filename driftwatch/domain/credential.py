"""Credentials: API tokens, and the sessions of people who signed in. Only the hash of a secret is ever kept.

Beside them: the answers to writes that may be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from driftwatch.domain.baseline import Assurance, Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An API token of a person. `hash` is the SHA-256 (hex) of the secret: one that is random needs no slower hash."""

    id: str
    person: str
    label: str
    hash: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    last_used_at: datetime | None = None

    def works(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who signed in with a browser. `hash` is the SHA-256 (hex) of what the cookie holds, `until` the end whatever happens."""

    hash: str
    person: str
    method: Method
    assurance: Assurance
    created_at: datetime
    used_at: datetime
    until: datetime
    ended_at: datetime | None = None

    def works(self, now: datetime, idle: timedelta) -> bool:
        return self.ended_at is None and now < self.until and now - self.used_at < idle


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to a write that came with an idempotency key: the same request gets the same answer again.

    `key` is the SHA-256 of person and key, `asked` that of method, path and body. `status` None: the work began, and how it ended is not
    known, since the process died meanwhile.
    """

    key: str
    asked: str
    at: datetime
    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
