"""What a scan saw of each cell, and what it could not see."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from driftwatch.domain.resource import Cell, Resource


class CellState(StrEnum):
    """The state of a cell. Only a complete and fresh listing can be clean."""

    CLEAN = "clean"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"
    STALE = "stale"
    UNBASELINED = "unbaselined"
    NOT_ENABLED = "not_enabled"


class GapReason(StrEnum):
    """Why a cell, or one resource in it, could not be read."""

    DENIED = "denied"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    """The service or the network failed: 5xx, connection refused or reset, no name resolution."""
    CREDENTIALS = "credentials"
    """No usable credentials: none found, expired and not refreshed, or the role could not be assumed."""
    NOT_AWS = "not_aws"
    """The reply is not one that the service gives: no request id, no result key, or not of its protocol."""
    TRUNCATED = "truncated"
    PAGE_LOOP = "page_loop"
    """A page token was seen twice, or there were more pages than the cap."""
    OVERSIZE = "oversize"
    INVALID_ITEM = "invalid_item"
    """An item without an id, or two items with one id."""
    UNSUPPORTED = "unsupported"
    """The installed SDK does not know the service or the operation."""
    ERROR = "error"
    """The service refused the call for another reason; `detail` holds its error code."""
    SUSPECTED_MASS_DELETE = "suspected_mass_delete"
    UNCONFIRMED_ABSENCE = "unconfirmed_absence"
    """A resource is missing from a complete listing for the first time: the next listing says whether it was deleted."""
    SHAPE_CHANGED = "shape_changed"
    SETTLING = "settling"
    """The service is still changing the resource: it is read again later, and judged once it has settled."""
    ABORTED = "aborted"
    """The scan was stopped, or ran out of its time, before this cell was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A cell (`resource_id` None) or one resource in it that could not be read, and why.

    `operation` is the call as ``service:Operation``; `detail` is for people and holds no secret and no raw reply.
    """

    cell: Cell
    reason: GapReason
    detail: str = ""
    operation: str | None = None
    resource_id: str | None = None


class Outcome(StrEnum):
    """How the reading of one cell ended."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    NOT_ENABLED = "not_enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some of the resources of a cell, in the order in which the service listed them.

    `reshaped` holds the same resources normalised under the shape that the caller asked for beside the current one
    (`ports.Collector.read`), by id; empty where none was asked for.
    """

    cell: Cell
    resources: tuple[Resource, ...]
    reshaped: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRead:
    """The end of a cell's reading. `complete` means: every resource that the service lists was in a Batch, in full.

    A gap with a `resource_id` means that one resource was listed but not read in full: it is present, its state unknown. Then the
    outcome is INCOMPLETE, too. `listed` counts the resources the listing named; `calls` the API calls made for this cell. `known_since` is
    when the oldest part of what was told was read: before `started_at` where details of an earlier scan were kept, else that itself.
    """

    cell: Cell
    outcome: Outcome
    shape: str
    started_at: datetime
    ended_at: datetime
    listed: int = 0
    calls: int = 0
    gaps: tuple[Gap, ...] = ()
    kept_since: datetime | None = None

    @property
    def known_since(self) -> datetime:
        return min(self.kept_since or self.started_at, self.started_at)

    @property
    def complete(self) -> bool:
        return self.outcome is Outcome.COMPLETE


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A resource as the store knows it. `since` dates its present fingerprint: (last time the former state was known, first seen).

    `row` is the store's number for this observation; `missing_since` the end of the complete listing that lacked it first.
    """

    row: int
    id: str
    arn: str | None
    label: str | None
    fingerprint: str
    since: tuple[datetime | None, datetime]
    missing_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What storing a batch did: the rows of its resources, and how many of them are new or have another fingerprint."""

    rows: array[int]
    changed: int


def cell_digest(resources: Iterable[tuple[str, str]]) -> str:
    """The digest of a cell: SHA-256 (hex) over the (id, fingerprint) of its resources, which come sorted by id in code point order."""
    digest = hashlib.sha256()
    for id_, fingerprint in resources:
        digest.update(f"{len(id_)}:{id_}{fingerprint}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
