"""The digest of everything that a decision rests on: equal digests under one policy can only differ by the time that has passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any

from driftwatch.domain.activity import ActorEvent
from driftwatch.domain.authorization.matching import Candidate
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.canonical import canonical_json, sha256_hex
from driftwatch.domain.change import SourceStatus
from driftwatch.domain.drift import Drift
from driftwatch.domain.resource import Json


def inputs_hash(
    drift: Drift, events: Sequence[ActorEvent], candidates: Iterable[Candidate], sources: Sequence[SourceStatus], policy: Policy
) -> str:
    """SHA-256 (hex) of the canonical JSON of drift, events, the records that name the resource, source states and policy version.

    Of a source it takes when it was last read, up to the end of the time in which the change was made: a later reading tells nothing
    more about that change, so a feed that is polled every minute does not make every decision look new.
    """
    known = drift.interval.detected + timedelta(seconds=policy.clock_tolerance_s)
    document = {
        "drift": plain(drift),
        "events": [plain(event) for event in events],
        "records": [plain(candidate.record) for candidate in candidates],
        "sources": sorted([source.name, _capped(source.last_success_at, known)] for source in sources),
        "policy": policy.version,
    }
    return sha256_hex(canonical_json(document))


def plain(value: Any) -> Json:
    """A frozen value of the domain as plain data; times are left to the canonical JSON."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _capped(time: datetime | None, limit: datetime) -> str:
    return min(time, limit).isoformat() if time else ""
