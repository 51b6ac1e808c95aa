"""The life of an exception (authorisation specification, section 9.4): requested -> active -> expired or revoked.

An exception excuses a state for a while, never the act that led to it. Renewing one is another exception with another approval.
Whether an active one is in force is a matter of its dates; whether it is valid for a drift is judged with the drift (R14).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.matching import paths_cover
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.canonical import canonical_json, sha256_hex, utc_text
from driftwatch.domain.codec import encode
from driftwatch.domain.drift import Drift
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.errors import RefusedError

HASH_DIGITS = 12
"""How much of the content hash an approver has to name."""
_AGREED = ("id", "requested_by", "reason", "scope", "starts_at", "expires_at", "finding")


class ExceptionStatus(StrEnum):
    """Where an exception stands at some time."""

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    """Approved, and not in force before `starts_at`."""
    ACTIVE = "active"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REVOKED = "revoked"


def status(exception: ExceptionRecord, now: datetime) -> ExceptionStatus:
    """In force from `starts_at` up to before `expires_at`; one that has no end is never in force (R14)."""
    if exception.state is not ExceptionState.ACTIVE:
        return ExceptionStatus(exception.state.value)
    if exception.expires_at is None or exception.expires_at <= now:
        return ExceptionStatus.EXPIRED
    return ExceptionStatus.SCHEDULED if now < exception.starts_at else ExceptionStatus.ACTIVE


def content_hash(exception: ExceptionRecord) -> str:
    """SHA-256 (hex) of what an approval agrees to: who asked, why, what it covers, from when, until when."""
    return sha256_hex(canonical_json({name: encode(getattr(exception, name)) for name in _AGREED}))


def check_request(exception: ExceptionRecord, policy: Policy, now: datetime) -> None:
    """Raises RefusedError for a request without a reason, without an end in the future, or for longer than the policy allows."""
    if not exception.reason.strip():
        raise RefusedError("an exception needs a reason: somebody has to be able to weigh it")
    if exception.expires_at is None:
        raise RefusedError("R14: an exception needs an end; without one it would be a baseline that nobody approved")
    if exception.expires_at <= max(now, exception.starts_at):
        raise RefusedError(f"the exception would have expired already: it ends {utc_text(exception.expires_at)}")
    if exception.expires_at - exception.starts_at > timedelta(days=policy.exceptions_max_days):
        longest = utc_text(exception.starts_at + timedelta(days=policy.exceptions_max_days))
        raise RefusedError(
            f"R14: an exception lasts at most {policy.exceptions_max_days} days here, so until {longest}; this one would end "
            f"{utc_text(exception.expires_at)}"
        )


def approve(
    exception: ExceptionRecord, by: str, *, seen_hash: str, policy: Policy, now: datetime, actors: Collection[str] = ()
) -> ExceptionRecord:
    """The exception in force. Raises RefusedError when it is not requested (any more), when other content was seen, or when `by` asked
    for it or made the change that it excuses (`actors`)."""
    _require(exception, ExceptionState.REQUESTED)
    digest = content_hash(exception)
    if len(seen_hash) < HASH_DIGITS or not digest.startswith(seen_hash.lower()):
        raise RefusedError(
            f"{exception.id} has the content hash {digest}, not {seen_hash or '(none given)'}: an approval is bound to the content that "
            "was looked at"
        )
    people = Identities(policy.context)
    who = people.resolve(by)
    if who == people.resolve(exception.requested_by):
        raise RefusedError(f"{by} asked for {exception.id}: nobody approves their own exception")
    if who in people.people(actors):
        raise RefusedError(f"{by} made the change that {exception.id} excuses: nobody approves their own")
    if not people.is_person(who):
        raise RefusedError(f"{by} is no person: an exception is approved by somebody who answers for it")
    check_request(exception, policy, now)
    return replace(exception, state=ExceptionState.ACTIVE, approved_by=by, approved_at=now)


def reject(exception: ExceptionRecord, by: str, now: datetime) -> ExceptionRecord:
    """Turned down; by its own requester that takes it back. Raises RefusedError unless it is requested."""
    _require(exception, ExceptionState.REQUESTED)
    return replace(exception, state=ExceptionState.REJECTED, revoked_by=by, revoked_at=now)


def revoke(exception: ExceptionRecord, by: str, now: datetime) -> ExceptionRecord:
    """Ended before its time. Raises RefusedError unless it is active."""
    _require(exception, ExceptionState.ACTIVE)
    if exception.expires_at is not None and exception.expires_at <= now:
        raise RefusedError(f"{exception.id} expired {utc_text(exception.expires_at)} already")
    return replace(exception, state=ExceptionState.REVOKED, revoked_by=by, revoked_at=now)


def as_granted(exception: ExceptionRecord, granted_for: Drift, drift: Drift) -> ExceptionRecord | None:
    """What is left of an exception that was granted for one finding, for a drift of its resource; None: nothing.

    It was agreed to for the values that were there: it carries over only to differences with the same before and after (section 9.1).
    """
    known = {change.identity for change in granted_for.changes}
    paths = tuple(change.path for change in drift.changes if change.identity in known)
    if granted_for.resource_id != drift.resource_id or not paths:
        return None
    if len(paths) == len(drift.changes):
        return exception
    scope = [(target, _both(target.attribute_paths, paths)) for target in exception.scope]
    left = tuple(replace(target, attribute_paths=kept) for target, kept in scope if kept)
    return replace(exception, scope=left) if left else None


def _both(patterns: tuple[str, ...] | None, paths: tuple[str, ...]) -> tuple[str, ...]:
    return paths if patterns is None else tuple(path for path in paths if paths_cover(patterns, path))


def _require(exception: ExceptionRecord, state: ExceptionState) -> None:
    if exception.state is not state:
        raise RefusedError(f"{exception.id} is {exception.state.value}; this can be done while it is {state.value}")
