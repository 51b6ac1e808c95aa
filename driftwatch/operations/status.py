"""status: what is known now, and how sure that is. The exit codes of `scan` and `status` come from here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from driftwatch.domain.decision import UNCOVERED
from driftwatch.domain.finding import LIVE, Finding
from driftwatch.domain.report import Measures, SourceMeasure
from driftwatch.domain.scan import CellStatus, Scan, ScanStatus
from driftwatch.domain.snapshot import CellState, Gap
from driftwatch.operations.installation import Installation

COVERED_CODE, UNCOVERED_CODE, INCOMPLETE_CODE = 0, 2, 3
SCANS_LOOKED_AT = 100
"""How far back the last complete scan is looked for."""
FRESH_STATES = frozenset({CellState.CLEAN, CellState.DRIFTED, CellState.UNBASELINED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything `driftwatch status` shows."""

    cells: tuple[CellStatus, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    last_scan: Scan | None
    exit_code: int
    uncontrolled_accounts: tuple[str, ...]
    store: dict[str, str]


def statuses(installation: Installation) -> list[CellStatus]:
    """Every cell with its state as of now: a complete reading that is too old is stale, whatever it said."""
    now = installation.clock()
    with installation.store.read() as uow:
        known = list(uow.cells.all())
    return [
        _aged(status, (now - at).total_seconds() if (at := status.complete_ended_at) else None, installation.freshness_s)
        for status in known
    ]


def _aged(status: CellStatus, age_s: float | None, freshness_s: float) -> CellStatus:
    if status.state in FRESH_STATES and (age_s is None or age_s > freshness_s):
        return replace(status, state=CellState.STALE, reason="not_read_for_too_long")
    return status


def exit_code(installation: Installation, cells: Iterable[CellStatus]) -> int:
    """0: all covered and all cells complete; 2: uncovered findings; 3: none seen, but coverage incomplete. 2 wins over 3.

    No cell at all is no coverage.
    """
    wanted = list(cells)
    names = {status.cell for status in wanted}
    with installation.store.read() as uow:
        if any(finding.cell in names and finding.verdict_current in UNCOVERED for finding in uow.findings.all(tuple(LIVE))):
            return UNCOVERED_CODE
    good = {CellState.CLEAN, CellState.NOT_ENABLED, CellState.DRIFTED}
    return COVERED_CODE if wanted and all(status.state in good for status in wanted) else INCOMPLETE_CODE


def overview(installation: Installation) -> Overview:
    """The state of the installation, read from the store alone."""
    cells = sorted(statuses(installation), key=lambda status: status.cell)
    with installation.store.read() as uow:
        findings = tuple(uow.findings.all(tuple(LIVE)))
        latest = uow.scans.latest()
        gaps = tuple(gap for status in cells if status.state is CellState.UNKNOWN for gap in uow.cells.gaps(status.cell))
    production = installation.policy.context.production_accounts
    return Overview(
        cells=tuple(cells),
        findings=findings,
        gaps=gaps,
        last_scan=latest[0] if latest else None,
        exit_code=exit_code(installation, cells),
        uncontrolled_accounts=tuple(account for account in installation.accounts if production is not None and account not in production),
        store=dict(installation.store.describe()),
    )


def measure(installation: Installation) -> Measures:
    """The state in numbers, as the metrics show it."""
    cells = statuses(installation)
    size = int(installation.store.describe().get("size_bytes", "0"))
    completed = [status.complete_ended_at for status in cells if status.complete_ended_at and status.state is not CellState.NOT_ENABLED]
    with installation.store.read() as uow:
        scans = list(uow.scans.latest(SCANS_LOOKED_AT))
        active = {pattern.name: version for pattern in installation.baselines if (version := uow.baselines.active(pattern.name))}
        return Measures(
            at=installation.clock(),
            cells=Counter((status.cell.account, status.state.value) for status in cells),
            gaps=Counter(status.reason or "unnamed" for status in cells if status.state is CellState.UNKNOWN),
            findings=dict(uow.findings.counts()),
            first_seen=tuple(finding.first_seen for finding in uow.findings.all(tuple(LIVE))),
            oldest_completion=min(completed, default=None),
            last_scan_ended_at=next((scan.ended_at for scan in scans if scan.ended_at), None),
            last_complete_scan_ended_at=next((scan.ended_at for scan in scans if scan.status is ScanStatus.COMPLETE), None),
            baselines={name: version.created_at for name, version in active.items()},
            sources={
                source.name: SourceMeasure(last_success_at=source.last_success_at, set_aside=len(source.set_aside))
                for source in uow.changes.sources()
            },
            store_bytes=size,
        )
