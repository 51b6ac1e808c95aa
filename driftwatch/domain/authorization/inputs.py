"""The digest of everything that a decision rests on: equal digests under one policy can only differ by the time that has passed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from driftwatch.domain.activity import ActorEvent
from driftwatch.domain.authorization.matching import Candidate
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.canonical import canonical_json, sha256_hex
from driftwatch.domain.change import SourceStatus
from driftwatch.domain.codec import encode
from driftwatch.domain.drift import Drift
from driftwatch.domain.exception import ExceptionRecord


def inputs_hash(
    drift: Drift,
    events: Sequence[ActorEvent],
    candidates: Iterable[Candidate],
    exceptions: Iterable[ExceptionRecord],
    sources: Sequence[SourceStatus],
    policy: Policy,
) -> str:
    """SHA-256 (hex) of the canonical JSON of drift, events, the records and exceptions that name the resource, source states and policy.

    Of a source it takes when it was last read, up to the end of the time in which the change was made: a later reading tells nothing
    more about that change, so a feed that is polled every minute does not make every decision look new.
    """
    known = drift.interval.detected + timedelta(seconds=policy.clock_tolerance_s)
    document = {
        "drift": encode(drift),
        "events": [encode(event) for event in events],
        "records": [encode(candidate.record) for candidate in candidates],
        "exceptions": [encode(replace(exception, alerted=())) for exception in exceptions],
        "sources": sorted([source.name, _capped(source.last_success_at, known)] for source in sources),
        "policy": policy.version,
    }
    return sha256_hex(canonical_json(document))


def _capped(time: datetime | None, limit: datetime) -> str:
    return min(time, limit).isoformat() if time else ""
