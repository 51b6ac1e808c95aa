"""Drift and Difference: what a diff of one resource returns."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from driftwatch.domain.canonical import canonical_json
from driftwatch.domain.resource import Json


class DriftKind(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    TRANSIENT = "transient"
    """Seen only in logged calls: what it is now equals what it was."""


class Op(StrEnum):
    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


class Blinds(StrEnum):
    """What was turned off, or changed so that it may see less."""

    TRAIL = "trail"
    BUCKET = "bucket"
    QUEUE = "queue"
    RULE = "rule"
    RECORDER = "recorder"
    DETECTOR = "detector"
    LOG = "log"
    """The log itself: a digest is missing, or a signature does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """When a change happened: after `last_good` (the last time the old state was known; None: never known), by `detected`. UTC."""

    last_good: datetime | None
    detected: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One path with its value before and after, as in settled pointers; path ``""`` is the whole resource (created or deleted).

    `interval` dates this path alone where it is known better than the whole drift's.
    """

    path: str
    op: Op
    before: Json = None
    after: Json = None
    interval: Interval | None = None

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes two differences the same one: path, op and the hashes of both values."""
        return (self.path, self.op.value, _hash(self.before), _hash(self.after))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How one resource differs from its baseline, and between which two instants that came about."""

    id: str
    account: str
    region: str
    resource_type: str
    resource_id: str
    resource: str = ""
    """The resource's id in its cell."""
    label: str | None = None
    kind: DriftKind
    tags_before: Mapping[str, str] = field(default_factory=dict)
    tags_after: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Difference, ...]
    interval: Interval
    blinds: Blinds | None = None
    """What it turned off, of what changes are seen by."""

    @property
    def version(self) -> str:
        """SHA-256 (hex) of the sorted identities of the differences: the same drift seen again has the same version."""
        return _hash(sorted(list(change.identity) for change in self.changes))


def _hash(value: Json) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()
