"""ExceptionRecord: a time-boxed waiver that excuses a state for a while, never the act that led to it (specification, 9.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from driftwatch.domain.change import Target


class ExceptionState(StrEnum):
    REQUESTED = "requested"
    ACTIVE = "active"
    """Approved. Whether it is in force now is a matter of its dates."""
    REJECTED = "rejected"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRecord:
    """Who asked, who approved, why, what it covers, and from when up to before when (UTC). Operations of its targets are not looked at.

    One without `expires_at`, or without an approver, is void (R14). `finding` is the finding that it was asked for, if there was one.
    """

    id: str
    requested_by: str
    reason: str
    scope: tuple[Target, ...]
    starts_at: datetime
    expires_at: datetime | None
    state: ExceptionState = ExceptionState.ACTIVE
    approved_by: str | None = None
    approved_at: datetime | None = None
    requested_at: datetime | None = None
    revoked_by: str | None = None
    revoked_at: datetime | None = None
    finding: str | None = None
    alerted: tuple[str, ...] = ()
    """The clocks that were told already (``exception_expiring``, ``exception_expired``)."""
