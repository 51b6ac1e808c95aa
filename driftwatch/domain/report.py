"""What an operation tells while it works: progress bars, logs and metrics are all fed by these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from driftwatch.domain.authorization.clocks import Alert
from driftwatch.domain.decision import Decision
from driftwatch.domain.exception import ExceptionRecord
from driftwatch.domain.finding import Finding
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import Scan
from driftwatch.domain.snapshot import CellState, Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPlanned:
    scan_id: str
    cells: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellJudged:
    """One cell was read and judged."""

    scan_id: str
    cell: Cell
    state: CellState
    reason: str | None
    resources: int
    calls: int
    seconds: float
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingChanged:
    """A finding was opened, decided anew, or closed; `before` is None for a new one, `decision` None where none was made.

    `scan_id` is None where it was not a scan that did it, but a clock or a person.
    """

    scan_id: str | None
    before: Finding | None
    finding: Finding
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStruck:
    """Something became due by itself: the review of a finding or its acknowledgement, or the end of an exception. Told once."""

    alert: Alert
    finding: Finding | None = None
    exception: ExceptionRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSynced:
    """A change source was read, or failed to be (`error`)."""

    source: str
    records: int = 0
    set_aside: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanDone:
    """The end of a scan. `exit_code` as the commands give it: 0, 2 or 3 (1 when the scan itself failed)."""

    scan: Scan
    exit_code: int
    seconds: float = field(default=0.0)


Event: TypeAlias = ScanPlanned | CellJudged | FindingChanged | ClockStruck | SourceSynced | ScanDone
Report: TypeAlias = Callable[[Event], None]


def silent(_event: Event) -> None:
    """A report that tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMeasure:
    """A change source for metrics: when it was last read, and how many of its records stand aside."""

    last_success_at: datetime | None
    set_aside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeMeasure:
    """One account x region for metrics: its cells by state, how many were not read completely for too long, and the oldest reading.

    `oldest_completion` is None while a cell of it was never read completely.
    """

    states: Mapping[str, int]
    past_freshness: int
    oldest_completion: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandledMeasure:
    """What people did about findings, for metrics.

    `acknowledged` and `disposed` are the seconds from a finding to its acknowledgement, and to its end or disposition, of the live ones
    and those that closed in the last week; `review_due` when the next review of an emergency change is due; `exceptions` by status, and
    `exception_expiry` when the next one ends.
    """

    acknowledged: tuple[float, ...] = ()
    disposed: tuple[float, ...] = ()
    review_due: datetime | None = None
    exceptions: Mapping[str, int] = field(default_factory=dict)
    exception_expiry: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """The state of an installation in numbers, for metrics: counts only, never ids.

    `cells` by (account, state); `gaps` by reason; `findings` by (state, verdict, settled); `first_seen` of live findings;
    `baselines` the activation age source: name -> when its active version was made; `scopes` by (account, region).
    """

    at: datetime
    cells: Mapping[tuple[str, str], int]
    gaps: Mapping[str, int]
    findings: Mapping[tuple[str, str, bool], int]
    first_seen: tuple[datetime, ...]
    oldest_completion: datetime | None
    last_scan_ended_at: datetime | None
    last_complete_scan_ended_at: datetime | None
    baselines: Mapping[str, datetime]
    sources: Mapping[str, SourceMeasure]
    store_bytes: int
    scopes: Mapping[tuple[str, str], ScopeMeasure] = field(default_factory=dict)
    handled: HandledMeasure = field(default_factory=HandledMeasure)
    deviations: Mapping[str, int] = field(default_factory=dict)
    """The deviations of the policy: how many are `current`, how many `expired`."""
