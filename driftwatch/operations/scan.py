"""scan: one pass over the scopes. Read this file first: it is the main job.

For every cell: collect, compare with what was stored and with the baseline, decide, record. A cell's end, its findings, decisions and
ledger entries are one transaction; batches before it only say "this resource is present and looks like this", which is true whatever
happens next, so a scan that is killed loses nothing and adopts nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from driftwatch.domain.authorization.decide import CandidateIndex
from driftwatch.domain.baseline import BaselineCell, baseline_of
from driftwatch.domain.report import CellJudged, Report, ScanDone, ScanPlanned, silent
from driftwatch.domain.request import Lease
from driftwatch.domain.resource import GLOBAL, Cell
from driftwatch.domain.scan import CellStatus, Plan, Reading, ReadUnit, Scan, ScanStatus
from driftwatch.domain.snapshot import Batch, CellRead, CellState, Gap, GapReason, Outcome
from driftwatch.errors import LeaseLostError, RefusedError
from driftwatch.operations import changes, policies
from driftwatch.operations.cells import CellPass, Layout, Release
from driftwatch.operations.installation import Installation
from driftwatch.operations.judge import Evidence, Judge, Judged
from driftwatch.operations.shapes import layout_of, reshape
from driftwatch.operations.status import exit_code, statuses
from driftwatch.ports import UnitOfWork

LEASE = "scan"
LEASE_TTL_S = 60.0


def everything(_cell: Cell) -> bool:
    """Every cell is wanted."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOrder:
    """What is asked of a scan: which cells, who asked, and which held listings a person released."""

    trigger: str = "command"
    wanted: Callable[[Cell], bool] = everything
    whole: bool = True
    """Whether `wanted` is everything: only then is a stored cell that is not planned known to be out of the configuration."""
    releases: Mapping[Cell, Release] = field(default_factory=dict)


def scan(
    installation: Installation,
    order: ScanOrder,
    *,
    holder: str,
    stopped: Callable[[], bool] = lambda: False,
    report: Report = silent,
) -> ScanDone:
    """Runs one scan under the scan lease and answers with its end.

    Raises RefusedError when another scan is running, LeaseLostError when this one was declared stuck and its lease was taken over.
    """
    with installation.store.write() as uow:
        lease = uow.leases.acquire(LEASE, holder, installation.clock(), LEASE_TTL_S)
    if lease is None:
        raise RefusedError("another scan is running; wait for it, or look at `driftwatch status`")
    running = _RunningScan(installation, order, lease, stopped, report)
    try:
        return running.run()
    finally:
        running.release()


class _RunningScan:
    """The state of one scan while it runs; its units are worked on by several threads."""

    def __init__(self, installation: Installation, order: ScanOrder, lease: Lease, stopped: Callable[[], bool], report: Report) -> None:
        self._installation = installation
        self._order = order
        self._lease = lease
        self._report = report
        self._caller_stopped = stopped
        self._started = installation.clock()
        self._deadline = self._started + timedelta(seconds=installation.scan_deadline_s)
        self._scan = Scan(id=installation.new_id("scan"), started_at=self._started, trigger=order.trigger)
        self._guard = threading.Lock()
        self._totals = {"cells": 0, "gaps": 0, "resources": 0, "calls": 0}
        self._reshaping: list[Cell] = []
        self._unnamed: dict[str, list[Cell]] = {}

    def run(self) -> ScanDone:
        installation = self._installation
        with installation.store.write(self._lease) as uow:
            uow.scans.start(self._scan)
        try:
            policies.activate(installation)
            changes.sync(installation, self._report)
            plan = installation.collector.plan(self._order.wanted)
            self._prepare(plan)
            installation.engine.run(plan.units, self._unit, self._stopped)
            reshape(installation, self._lease, self._reshaping)
            status = self._status()
        except BaseException as error:
            self._finish(ScanStatus.ABORTED if self._caller_stopped() else ScanStatus.FAILED, str(error) or type(error).__name__)
            raise
        return self._finish(status, None)

    def release(self) -> None:
        try:
            with self._installation.store.write() as uow:
                uow.leases.release(self._lease)
        except LeaseLostError:
            return  # whoever took it over owns it now

    # --- before ------------------------------------------------------------------------------------------------------------------

    def _prepare(self, plan: Plan) -> None:
        """Pins the active baselines, records what is unreadable from the start, and marks every planned cell that was never read."""
        installation = self._installation
        planned = {cell for unit in plan.units for cell in unit.cells}
        self._report(ScanPlanned(scan_id=self._scan.id, cells=len(planned) + len(plan.gaps) + len(plan.not_enabled)))
        with installation.store.write(self._lease) as uow:
            self._active = _active_cells(uow, [pattern.name for pattern in installation.baselines])
            self._former = {status.cell: status for status in uow.cells.all()}
            index = CandidateIndex(list(uow.changes.records()), installation.policy)
            evidence = Evidence(
                index=index,
                sources=list(uow.changes.sources()),
                policy=installation.policy,
                versions=policies.PolicyVersions(installation.policy),
            )
            self._evidence = evidence
            for cell in planned - self._former.keys():
                uow.cells.set_state(cell, CellState.UNKNOWN, "not_read")
            listed = planned | {gap.cell for gap in plan.gaps} | set(plan.not_enabled)
            for cell, status in self._former.items():
                unit = None if cell in listed else _lister(cell, plan.units)
                if unit:
                    self._unnamed.setdefault(unit.id, []).append(cell)
                elif cell not in listed and self._order.whole:
                    self._retire(uow, status)
        for cell, gaps in _by_cell(plan.gaps).items():
            self._end_without_reading(cell, Outcome.INCOMPLETE, tuple(gaps))
        for cell in plan.not_enabled:
            self._end_without_reading(cell, Outcome.NOT_ENABLED, ())

    def _retire(self, uow: UnitOfWork, status: CellStatus) -> None:
        """A cell that the configuration no longer names: with resources it stays visible as unknown, without it is not enabled."""
        state = CellState.UNKNOWN if status.count else CellState.NOT_ENABLED
        uow.cells.set_state(status.cell, state, "not_configured")

    def _end_without_reading(self, cell: Cell, outcome: Outcome, gaps: tuple[Gap, ...]) -> None:
        now = self._installation.clock()
        self._end(
            self._pass(cell),
            CellRead(cell=cell, outcome=outcome, shape=self._layout(cell).shape, started_at=now, ended_at=now, gaps=gaps),
        )

    # --- one unit, in a worker thread --------------------------------------------------------------------------------------------

    def _unit(self, unit: ReadUnit) -> None:
        """Reads one unit. A cell that its global listing used to name, and no longer does, ends like its siblings: with nothing."""
        installation = self._installation
        passes: dict[Cell, CellPass] = {}
        ended: dict[str, CellRead] = {}
        unnamed = set(self._unnamed.get(unit.id, ()))
        pinned = {cell: layout.rules for cell in unit.cells if (layout := self._layout(cell)).coming}
        for event in installation.collector.read(unit, Reading(pinned=pinned), self._stopped):
            cell_pass = passes.get(event.cell) or passes.setdefault(event.cell, self._pass(event.cell))
            if isinstance(event, Batch):
                with installation.store.write(self._renewed()) as uow:
                    cell_pass.batch(uow, event, installation.clock())
            else:
                self._end(cell_pass, event)
                ended[event.cell.type] = event
                del passes[event.cell]
                unnamed.discard(event.cell)
        for cell in sorted(unnamed):
            if sibling := ended.get(cell.type):
                gaps = tuple(replace(gap, cell=cell) for gap in sibling.gaps if gap.resource_id is None)
                self._end(self._pass(cell), replace(sibling, cell=cell, listed=0, calls=0, gaps=gaps))

    def _end(self, cell_pass: CellPass, read: CellRead) -> None:
        """The one transaction of a cell: its state, its findings, their decisions and ledger entries."""
        cell, name = cell_pass.cell, baseline_of(cell_pass.cell, self._installation.baselines)
        part = self._active.get((name, cell)) if name else None
        judge = Judge(self._installation, self._evidence, self._scan.id, self._report)
        with self._installation.store.write(self._renewed()) as uow:
            status, read = cell_pass.conclude(uow, read, baselined=part is not None)
            status = replace(status, scan_id=self._scan.id)
            if part is not None and name is not None and cell_pass.layout.usable:
                status = self._judge(uow, judge, cell_pass, status, part, name)
            uow.cells.record(self._scan.id, status, read)
        judge.tell()
        self._count(status, read)

    def _judge(self, uow: UnitOfWork, judge: Judge, cell_pass: CellPass, status: CellStatus, part: BaselineCell, name: str) -> CellStatus:
        """Compares with the baseline. Equal cell digests say in one step that nothing differs; findings may still have to close."""
        complete = status.state is CellState.CLEAN
        cell, now = cell_pass.cell, self._installation.clock()
        if complete and status.digest == part.digest and status.shape == part.shape and not any(uow.findings.live(name, cell)):
            judged = Judged(live=0)
        else:
            judged = judge.cell(uow, cell, name, cell_pass.layout.rules, closing=complete, first=cell_pass.first, now=now)
        if complete and judged.never_seen:
            return replace(status, state=CellState.UNKNOWN, reason=GapReason.UNCONFIRMED_ABSENCE.value)
        if complete and cell_pass.layout.coming and not judged.live:
            self._reshaping.append(cell)
        return replace(status, state=CellState.DRIFTED) if complete and judged.live else status

    def _pass(self, cell: Cell) -> CellPass:
        return CellPass(cell, self._layout(cell), self._former.get(cell), self._order.releases.get(cell))

    def _layout(self, cell: Cell) -> Layout:
        name = baseline_of(cell, self._installation.baselines)
        return layout_of(self._installation, cell, self._active.get((name, cell)) if name else None)

    # --- bookkeeping -------------------------------------------------------------------------------------------------------------

    def _count(self, status: CellStatus, read: CellRead) -> None:
        with self._guard:
            self._totals["cells"] += 1
            self._totals["gaps"] += len(read.gaps)
            self._totals["resources"] += read.listed
            self._totals["calls"] += read.calls
        self._report(
            CellJudged(
                scan_id=self._scan.id,
                cell=status.cell,
                state=status.state,
                reason=status.reason,
                resources=status.count,
                calls=read.calls,
                seconds=(read.ended_at - read.started_at).total_seconds(),
                gaps=read.gaps,
            )
        )

    def _renewed(self) -> Lease:
        """The lease, renewed when half of its time is over: a scan that works keeps it, a stuck one loses it."""
        now = self._installation.clock()
        with self._guard:
            if (self._lease.expires_at - now).total_seconds() < LEASE_TTL_S / 2:
                with self._installation.store.write() as uow:
                    renewed = uow.leases.acquire(LEASE, self._lease.holder, now, LEASE_TTL_S)
                if renewed is None or renewed.fence != self._lease.fence:
                    raise LeaseLostError("this scan was declared stuck and another process took over its lease; nothing more is written")
                self._lease = renewed
            return self._lease

    def _stopped(self) -> bool:
        return self._caller_stopped() or self._installation.clock() > self._deadline

    def _status(self) -> ScanStatus:
        if self._caller_stopped():
            return ScanStatus.ABORTED
        return ScanStatus.PARTIAL if self._totals["gaps"] else ScanStatus.COMPLETE

    def _finish(self, status: ScanStatus, error: str | None) -> ScanDone:
        now = self._installation.clock()
        totals = self._totals
        ended = replace(
            self._scan,
            status=status,
            ended_at=now,
            error=error,
            cells=totals["cells"],
            gaps=totals["gaps"],
            resources=totals["resources"],
            calls=totals["calls"],
        )
        with self._installation.store.write() as uow:
            uow.scans.finish(ended)
            uow.ledger.append(now, "scan_ended", {"scan": ended.id, "status": status.value, "trigger": ended.trigger, **totals})
        wanted = [item for item in statuses(self._installation) if self._order.wanted(item.cell)]
        done = ScanDone(
            scan=ended,
            exit_code=1 if status is ScanStatus.FAILED else exit_code(self._installation, wanted),
            seconds=(now - self._started).total_seconds(),
        )
        self._report(done)
        return done


def _active_cells(uow: UnitOfWork, names: Iterable[str]) -> dict[tuple[str, Cell], BaselineCell]:
    active = {name: version for name in names if (version := uow.baselines.active(name))}
    return {(name, cell): part for name, version in active.items() for cell, part in uow.baselines.cells(version.id).items()}


def _lister(cell: Cell, units: Iterable[ReadUnit]) -> ReadUnit | None:
    """The unit whose global listing names this cell's region by itself, as that of buckets does."""
    for unit in units:
        if unit.account == cell.account and unit.region == GLOBAL != cell.region and any(other.type == cell.type for other in unit.cells):
            return unit
    return None


def _by_cell(gaps: Iterable[Gap]) -> dict[Cell, list[Gap]]:
    grouped: dict[Cell, list[Gap]] = {}
    for gap in gaps:
        grouped.setdefault(gap.cell, []).append(gap)
    return grouped
