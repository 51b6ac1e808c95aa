"""What an operation tells while it works: progress bars, logs and metrics are all fed by these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from driftwatch.domain.authorization.clocks import Alert
from driftwatch.domain.decision import Decision
from driftwatch.domain.drift import Blinds
from driftwatch.domain.exception import ExceptionRecord
from driftwatch.domain.finding import Finding
from driftwatch.domain.notification import DeliveryMeasure
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

    `scan_id` is None where it was not a scan that did it, but a clock, a person, or a call that was logged. `changed_at` is when a new
    one's change was made, where the log says so.
    """

    scan_id: str | None
    before: Finding | None
    finding: Finding
    decision: Decision | None
    changed_at: datetime | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRead:
    """A part of what an activity source holds was stored, or the source failed (`error`). `new` were not known before; `changes` of those
    changed configuration, `denied` tried to. `refused` was set aside, by reason."""

    source: str
    new: int = 0
    changes: int = 0
    denied: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blinded:
    """Somebody turned off what changes are seen by, or the log itself cannot be trusted (`event` None)."""

    what: Blinds
    account: str
    region: str
    resource: str
    event: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescanned:
    """Resources that logged calls named were read anew: how many, in how many API calls, and how long after the calls came in (seconds,
    the oldest). `whole` cells have no call for one resource, or lacked it, and are read by a scan."""

    resources: int
    calls: int
    whole: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierTold:
    """A notifier was told what was due: how many findings came to what (delivered, retry, refused, untried), and what was wrong."""

    notifier: str
    results: Mapping[str, int]
    problems: tuple[str, ...] = ()


Event: TypeAlias = (
    ScanPlanned | CellJudged | FindingChanged | ClockStruck | SourceSynced | ScanDone | ActivityRead | Blinded | Rescanned | NotifierTold
)
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
    and those that closed in the last week; `acknowledge_late` the open findings that nobody acknowledged in time; `review_due` when the
    next review of an emergency change is due, and `reviews` how many of them are `running`, in their `last_quarter` or `overdue`;
    `exceptions` by status, and `exception_expiry` when the next one ends.
    """

    acknowledged: tuple[float, ...] = ()
    disposed: tuple[float, ...] = ()
    acknowledge_late: int = 0
    review_due: datetime | None = None
    reviews: Mapping[str, int] = field(default_factory=dict)
    exceptions: Mapping[str, int] = field(default_factory=dict)
    exception_expiry: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityMeasure:
    """The log of calls in numbers, for metrics.

    `synced` when each source was last read, and `complete_until` up to when it told every call of its accounts (the one that is furthest
    behind; None while one of them never was complete); a source that only answers questions is not in it. `population` the writes of
    yesterday and today (UTC), by fate for changes and by class for the others, and `failed`, `denied`; `attributed` and `unattributed`
    the live findings with and without a call that explains them; `unresolved` the principals of changes of those days that the policy's
    identities do not name; `blind` the live findings about what was turned off, and `blind_cells` the cells that they make blind.
    """

    synced: Mapping[str, datetime | None] = field(default_factory=dict)
    complete_until: Mapping[str, datetime | None] = field(default_factory=dict)
    population: Mapping[str, int] = field(default_factory=dict)
    attributed: int = 0
    unattributed: int = 0
    unresolved: int = 0
    blind: Mapping[Blinds, int] = field(default_factory=dict)
    blind_cells: int = 0


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
    activity: ActivityMeasure = field(default_factory=ActivityMeasure)
    unread_accounts: int = 0
    """The configured accounts of which no scan ever named a cell."""
    deviations: Mapping[str, int] = field(default_factory=dict)
    """The deviations of the policy: how many are `current`, how many `expired`."""
    deliveries: Mapping[str, DeliveryMeasure] = field(default_factory=dict)
    """By notifier, whether or not it was ever owed anything."""
