"""status: what is known now, and how sure that is. The exit codes of `scan` and `status` come from here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftwatch.domain.authorization.clocks import Clock, review_over
from driftwatch.domain.authorization.exception_lifecycle import ExceptionStatus
from driftwatch.domain.authorization.exception_lifecycle import status as exception_status
from driftwatch.domain.blinding import blind_cells
from driftwatch.domain.change import SourceStatus
from driftwatch.domain.decision import UNCOVERED, Verdict
from driftwatch.domain.drift import Blinds
from driftwatch.domain.exception import ExceptionRecord
from driftwatch.domain.finding import LIVE, Finding, FindingState, Standing
from driftwatch.domain.freshness import NOT_CONFIGURED, aged
from driftwatch.domain.notification import Delivery, DeliveryMeasure
from driftwatch.domain.report import ActivityMeasure, HandledMeasure, Measures, ScopeMeasure, SourceMeasure
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import CellCount, CellStatus, Scan
from driftwatch.domain.selection import CellSelection
from driftwatch.domain.snapshot import CellState, Gap
from driftwatch.operations import policies, population
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork

COVERED_CODE, UNCOVERED_CODE, INCOMPLETE_CODE = 0, 2, 3
COVERED_STATES = frozenset({CellState.CLEAN, CellState.NOT_ENABLED, CellState.DRIFTED})
"""The states of a cell about which everything is known."""
SCANS_LOOKED_AT = 10
"""How far back the last scan that has ended is looked for: those before it may run still, or have died."""
HANDLED_WITHIN = timedelta(days=7)
"""For how long findings that closed are counted in how fast they are dealt with."""
REFUSED_SHOWN = 50
ACCOUNTS_AT_ONCE = 10
"""So many accounts are counted in one reading: some ten thousand cells each, at most."""

Counts = Mapping[tuple[str, str, CellState], CellCount]
"""Cells by account, region and state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything `driftwatch status` shows."""

    cells: tuple[CellStatus, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    last_scan: Scan | None
    exit_code: int
    unread_accounts: tuple[str, ...]
    """Configured, but no scan ever named a cell of them."""
    uncontrolled_accounts: tuple[str, ...]
    """Configured, but the policy does not control them (`production_accounts`)."""
    blind: Mapping[Cell, Blinds]
    """The cells in which a change between two scans would go unseen, and what was turned off."""
    activity: ActivityMeasure
    deliveries: Mapping[str, DeliveryMeasure]
    quarantined: tuple[Delivery, ...]
    """What notifiers refused, the first of it."""
    store: dict[str, str]


def statuses(installation: Installation) -> list[CellStatus]:
    """Every cell with its state as of now: what was found out too long ago is stale, whatever it said."""
    now = installation.clock()
    with installation.store.read() as uow:
        known = list(uow.cells.all())
    fresh_since = now - timedelta(seconds=installation.freshness_s)
    return [aged(status, fresh_since) for status in known]


def exit_code(installation: Installation, cells: Iterable[CellStatus]) -> int:
    """0: all covered and all cells complete; 2: uncovered findings; 3: none seen, but coverage incomplete. 2 wins over 3.

    No cell at all is no coverage.
    """
    wanted = list(cells)
    names = {status.cell for status in wanted}
    with installation.store.read() as uow:
        if any(finding.cell in names and finding.verdict_current in UNCOVERED for finding in uow.findings.all(tuple(LIVE))):
            return UNCOVERED_CODE
    return COVERED_CODE if wanted and all(status.state in COVERED_STATES for status in wanted) else INCOMPLETE_CODE


def overview(installation: Installation) -> Overview:
    """The state of the installation, read from the store alone."""
    cells = sorted(statuses(installation), key=lambda status: status.cell)
    unread = _unread(installation, cells)
    with installation.store.read() as uow:
        findings = tuple(uow.findings.all(tuple(LIVE)))
        latest = uow.scans.latest()
        gaps = tuple(gap for status in cells if status.state is CellState.UNKNOWN for gap in uow.cells.gaps(status.cell))
        queues, refused = _queues(uow, installation), tuple(uow.deliveries.quarantined(REFUSED_SHOWN))
    production = installation.policy.context.production_accounts
    return Overview(
        cells=tuple(cells),
        findings=findings,
        gaps=gaps,
        last_scan=latest[0] if latest else None,
        exit_code=exit_code(installation, cells) or (INCOMPLETE_CODE if unread else COVERED_CODE),
        unread_accounts=unread,
        uncontrolled_accounts=tuple(account for account in installation.accounts if production is not None and account not in production),
        blind=blind_cells([status.cell for status in cells], [finding.drift for finding in findings]),
        activity=population.measure(installation, Counter((status.cell.account, status.cell.region) for status in cells)),
        deliveries=queues,
        quarantined=refused,
        store=dict(installation.store.describe()),
    )


def _unread(installation: Installation, cells: Iterable[CellStatus]) -> tuple[str, ...]:
    known = {status.cell.account for status in cells}
    return tuple(account for account in installation.accounts if account not in known)


def measure(installation: Installation) -> Measures:
    """The state in numbers, as the metrics show it. The store counts the cells: there may be very many."""
    cells, reasons = _counted(installation)
    over = len(policies.expired(installation))
    size = int(installation.store.describe().get("size_bytes", "0"))
    with installation.store.read() as uow:
        scans = list(uow.scans.latest(SCANS_LOOKED_AT))
        whole = uow.scans.last_complete(sum(number for (_, reason), number in reasons.items() if reason != NOT_CONFIGURED))
        active = {pattern.name: version for pattern in installation.baselines if (version := uow.baselines.active(pattern.name))}
        counts = dict(uow.findings.counts())
        live, closed = list(uow.findings.standings()), list(uow.findings.closed_since(installation.clock() - HANDLED_WITHIN))
        exceptions = list(uow.exceptions.all())
        sources = {source.name: source for source in uow.changes.sources()}
        queues = _queues(uow, installation)
    scopes = _scopes(cells, installation.clock())
    completions = [scope.oldest_completion for scope in scopes.values()]
    known = {account for account, _ in scopes}
    return Measures(
        at=installation.clock(),
        cells=_by_account(cells),
        gaps={reason or "unnamed": number for (state, reason), number in reasons.items() if state is CellState.UNKNOWN},
        findings=counts,
        first_seen=tuple(item.first_seen for item in live),
        oldest_completion=None if None in completions else min((item for item in completions if item), default=None),
        last_scan_ended_at=next((scan.ended_at for scan in scans if scan.ended_at), None),
        last_complete_scan_ended_at=whole.ended_at if whole else None,
        baselines={name: version.created_at for name, version in active.items()},
        sources={source.name: _source(sources.get(source.name)) for source in installation.sources},
        store_bytes=size,
        scopes=scopes,
        unread_accounts=sum(1 for account in installation.accounts if account not in known),
        activity=population.measure(installation, {scope: sum(item.states.values()) for scope, item in scopes.items()}),
        deviations={"current": len(installation.policy.deviations) - over, "expired": over},
        handled=_handled(live, closed, exceptions, installation.clock()),
        deliveries=queues,
    )


def _source(known: SourceStatus | None) -> SourceMeasure:
    """One that is configured and was never read stands here, too: it allows nothing yet."""
    return SourceMeasure(last_success_at=known.last_success_at if known else None, set_aside=len(known.set_aside) if known else 0)


def _queues(uow: UnitOfWork, installation: Installation) -> dict[str, DeliveryMeasure]:
    """Every configured notifier's queue, an empty one, too."""
    known = uow.deliveries.measures()
    return {name: known.get(name, DeliveryMeasure()) for name in installation.routing.notifiers}


def _handled(live: Sequence[Standing], closed: Sequence[Standing], exceptions: Sequence[ExceptionRecord], now: datetime) -> HandledMeasure:
    seen = [(item.handling.acknowledged_at, item.first_seen) for item in (*live, *closed)]
    ended = [(_disposed_at(item), item.first_seen) for item in (*live, *closed)]
    pending = [item.due_at for item in live if item.due_at and item.verdict_current is Verdict.EMERGENCY_PENDING_REVIEW]
    stand = [(item, exception_status(item, now)) for item in exceptions]
    ends = [item.expires_at for item, status_ in stand if status_ is ExceptionStatus.ACTIVE and item.expires_at]
    return HandledMeasure(
        acknowledged=tuple((at - since).total_seconds() for at, since in seen if at),
        acknowledge_late=sum(1 for item in live if _acknowledgement_late(item)),
        disposed=tuple((at - since).total_seconds() for at, since in ended if at),
        review_due=min(pending, default=None),
        reviews=Counter(stage for item in live if (stage := _review_stage(item, now))),
        exceptions=Counter(status_.value for _, status_ in stand),
        exception_expiry=min(ends, default=None),
    )


def _acknowledgement_late(item: Standing) -> bool:
    waits = item.state is FindingState.OPEN and item.verdict_current in UNCOVERED
    return waits and Clock.ACKNOWLEDGE.value in item.handling.alerted


def _review_stage(item: Standing, now: datetime) -> str | None:
    """How the review of an emergency change stands. One that was missed is owed until somebody decides about the finding."""
    struck = item.handling.alerted
    if item.verdict_current is Verdict.EMERGENCY_PENDING_REVIEW:
        return "overdue" if review_over(item, now) else "last_quarter" if Clock.REVIEW_75.value in struck else "running"
    missed = item.verdict_current in UNCOVERED and item.state is not FindingState.RATIFIED
    return "overdue" if missed and Clock.REVIEW_100.value in struck else None


def _disposed_at(item: Standing) -> datetime | None:
    """When somebody said what is to become of it, or it ended; one that another version of the drift replaced, did not."""
    return item.handling.disposed_at or (None if item.state is FindingState.SUPERSEDED else item.closed_at)


def _counted(installation: Installation) -> tuple[Counts, Mapping[tuple[CellState, str | None], int]]:
    """The cells by account, region and state as of now, and by state and reason. A few accounts in each reading, so that none lasts."""
    since = installation.clock() - timedelta(seconds=installation.freshness_s)
    counts: dict[tuple[str, str, CellState], CellCount] = {}
    reasons: Counter[tuple[CellState, str | None]] = Counter()
    with installation.store.read() as uow:
        accounts = uow.cells.accounts()
    for start in range(0, len(accounts), ACCOUNTS_AT_ONCE):
        wanted = CellSelection(fresh_since=since, accounts=tuple(accounts[start : start + ACCOUNTS_AT_ONCE]))
        with installation.store.read() as uow:
            counts.update(uow.cells.counts(wanted))
            reasons.update(uow.cells.tally(wanted))
    return counts, reasons


def _by_account(counts: Counts) -> dict[tuple[str, str], int]:
    summed: Counter[tuple[str, str]] = Counter()
    for (account, _, state), item in counts.items():
        summed[account, state.value] += item.cells
    return dict(summed)


def _scopes(counts: Counts, now: datetime) -> dict[tuple[str, str], ScopeMeasure]:
    grouped: dict[tuple[str, str], dict[CellState, CellCount]] = {}
    for (account, region, state), item in counts.items():
        grouped.setdefault((account, region), {})[state] = item
    return {scope: _scope(states, now) for scope, states in grouped.items()}


def _scope(states: Mapping[CellState, CellCount], now: datetime) -> ScopeMeasure:
    """What is not enabled has no complete reading, and needs none."""
    read = [item for state, item in states.items() if state is not CellState.NOT_ENABLED]
    return ScopeMeasure(
        states={state.value: item.cells for state, item in states.items()},
        past_freshness=sum(item.late for item in read),
        oldest_completion=None
        if any(item.oldest is None for item in read)
        else min((item.oldest for item in read if item.oldest), default=now),
    )
