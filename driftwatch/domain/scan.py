"""Scan: one pass over the scopes; what it plans to read, and what is known of each cell after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell, Resource
from driftwatch.domain.snapshot import CellState, Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUnit:
    """What is read together because it shares API calls: the cells that one unit of work answers for."""

    id: str
    account: str
    region: str
    service: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one scan reads. `gaps` are cells that are known to be unreadable before any listing (no credentials, ...)."""

    units: tuple[ReadUnit, ...]
    gaps: tuple[Gap, ...] = ()
    not_enabled: tuple[Cell, ...] = ()
    every: Mapping[str, int] = field(default_factory=dict)
    """The types whose listing need only be made in each n-th scheduled scan, with n."""

    def without(self, cells: Collection[Cell]) -> Plan:
        """The plan less these cells; a unit that is left without a cell falls away."""
        kept = ((unit, tuple(cell for cell in unit.cells if cell not in cells)) for unit in self.units)
        return replace(self, units=tuple(replace(unit, cells=left) for unit, left in kept if left))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Under which normalisation to read the cells of a unit: the pinned one of those that have one, else the catalogue's."""

    pinned: Mapping[Cell, Normalisation] = field(default_factory=dict)
    may_keep: bool = False
    """Whether details may be told as an earlier scan read them, where the catalogue allows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reread:
    """Some resources of a cell that were read by themselves: those that are there, those that certainly are not, and what went wrong.

    `reshaped` is as in `Batch`. Each id that was asked for is in one of `resources`, `absent` and the `resource_id` of `gaps`.
    """

    shape: str
    started_at: datetime
    ended_at: datetime
    resources: tuple[Resource, ...] = ()
    reshaped: tuple[Resource, ...] = ()
    absent: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The calls that a scan will make of one service in one account and region, and for how many seconds its rate limit makes them last."""

    account: str
    region: str
    service: str
    calls: int
    seconds: float


class ScanStatus(StrEnum):
    RUNNING = "running"
    COMPLETE = "complete"
    """Every cell was read in full (or is not enabled)."""
    PARTIAL = "partial"
    ABORTED = "aborted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    id: str
    started_at: datetime
    trigger: str
    status: ScanStatus = ScanStatus.RUNNING
    ended_at: datetime | None = None
    cells: int = 0
    """What it answers for: the cells that it read, and those that were not due and stayed as they were."""
    gaps: int = 0
    resources: int = 0
    calls: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStatus:
    """What is known of a cell: its state as last judged, and its last complete reading.

    `read_at` is when the last reading of any outcome ended; `complete_started_at` when the last complete one began, or when the oldest
    detail was read that it kept: every resource of the cell was certainly in its stored state at some time after that.
    `digest` is the cell digest over the stored fingerprints, `shape` the shape they were made with, `held` the digest of a listing that
    is held as a suspected mass deletion. `empty_readings` counts the complete readings in a row that found nothing; `skipped_at` is when a
    scan began that left the cell as it was, if that is later than its last reading.
    """

    cell: Cell
    state: CellState
    reason: str | None = None
    shape: str | None = None
    digest: str | None = None
    count: int = 0
    scan_id: str | None = None
    read_at: datetime | None = None
    complete_started_at: datetime | None = None
    complete_ended_at: datetime | None = None
    held: str | None = None
    empty_readings: int = 0
    skipped_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCount:
    """Some cells that have a state in common. `oldest` is when the complete reading ended that is the oldest of their last ones; None where
    one of them was never read completely. `late` is how many of them have no complete reading that still counts."""

    cells: int
    oldest: datetime | None
    late: int
