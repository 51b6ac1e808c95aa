"""Intake: the first half of a scan. Every cell is read and stored; what may differ from its baseline is left to be judged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from driftwatch.domain.baseline import BaselineCell, baseline_of
from driftwatch.domain.freshness import NOT_CONFIGURED
from driftwatch.domain.report import Report, ScanPlanned
from driftwatch.domain.request import Lease
from driftwatch.domain.resource import GLOBAL, Cell
from driftwatch.domain.scan import CellStatus, Plan, Reading, ReadUnit
from driftwatch.domain.snapshot import Batch, CellRead, CellState, Gap, Outcome
from driftwatch.operations import due
from driftwatch.operations.cells import NOT_JUDGED, CellPass, Layout, Release
from driftwatch.operations.installation import Installation
from driftwatch.operations.judge import Pending, judged_report
from driftwatch.operations.shapes import layout_of
from driftwatch.ports import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a scan has read so far."""

    cells: int = 0
    skipped: int = 0
    """Cells that were not due: they stay as they were."""
    gaps: int = 0
    resources: int = 0
    calls: int = 0


class Intake:
    """Reads the units of one scan, from several threads. `pending` are the cells to judge, `totals` what was read.

    `lease` gives the scan's lease, renewed; `releases` are the held listings that a person released.
    """

    def __init__(
        self,
        installation: Installation,
        releases: Mapping[Cell, Release],
        scan_id: str,
        lease: Callable[[], Lease],
        stopped: Callable[[], bool],
        report: Report,
    ) -> None:
        self._installation = installation
        self._releases = releases
        self._scan_id = scan_id
        self._lease = lease
        self._stopped = stopped
        self._report = report
        self._guard = threading.Lock()
        self._unnamed: dict[str, list[Cell]] = {}
        self._active: dict[tuple[str, Cell], BaselineCell] = {}
        self._former: dict[Cell, CellStatus] = {}
        self._may_keep = False
        self.pending: list[Pending] = []
        self.totals = Totals()

    def prepare(self, plan: Plan, *, whole: bool, due_only: bool) -> Sequence[ReadUnit]:
        """What is to be read. Pins the active baselines, records what is unreadable from the start, and marks what was never read."""
        installation = self._installation
        planned = {cell for unit in plan.units for cell in unit.cells}
        with installation.store.write(self._lease()) as uow:
            self._active = _active_cells(uow, [pattern.name for pattern in installation.baselines])
            self._former = {status.cell: status for status in uow.cells.all()}
            skipped = self._skipped(uow, plan) if due_only else frozenset()
            uow.cells.mark_skipped(skipped, installation.clock())
            for cell in planned - self._former.keys():
                uow.cells.set_state(cell, CellState.UNKNOWN, "not_read")
            listed = planned | {gap.cell for gap in plan.gaps} | set(plan.not_enabled)
            for cell, status in self._former.items():
                unit = None if cell in listed else _lister(cell, plan.units)
                if unit:
                    self._unnamed.setdefault(unit.id, []).append(cell)
                elif cell not in listed and whole:
                    self._retire(uow, status)
        self.totals = Totals(skipped=len(skipped))
        self._report(ScanPlanned(scan_id=self._scan_id, cells=len(listed) - len(skipped)))
        for cell, gaps in _by_cell(plan.gaps).items():
            self._end_without_reading(cell, Outcome.INCOMPLETE, tuple(gaps))
        for cell in plan.not_enabled:
            self._end_without_reading(cell, Outcome.NOT_ENABLED, ())
        self._may_keep = due_only
        return plan.without(skipped).units

    def _skipped(self, uow: UnitOfWork, plan: Plan) -> frozenset[Cell]:
        known = due.Known(
            former=self._former,
            baselined=self._part,
            shape=lambda type_: self._installation.collector.normalisation(type_)[0],
            empty=self._installation.empty_cells,
        )
        return due.skipped(uow, plan, known, now=self._installation.clock(), freshness_s=self._installation.freshness_s)

    def _retire(self, uow: UnitOfWork, status: CellStatus) -> None:
        """A cell that the configuration no longer names: with resources it stays visible as unknown, without it is not enabled."""
        state = CellState.UNKNOWN if status.count else CellState.NOT_ENABLED
        uow.cells.set_state(status.cell, state, NOT_CONFIGURED)

    def _end_without_reading(self, cell: Cell, outcome: Outcome, gaps: tuple[Gap, ...]) -> None:
        now = self._installation.clock()
        self._end(
            self._pass(cell),
            CellRead(cell=cell, outcome=outcome, shape=self._layout(cell).shape, started_at=now, ended_at=now, gaps=gaps),
        )

    def unit(self, unit: ReadUnit) -> None:
        """Reads one unit. A cell that its global listing used to name, and no longer does, ends like its siblings: with nothing."""
        installation = self._installation
        began = installation.clock()
        passes: dict[Cell, CellPass] = {}
        ended: dict[str, CellRead] = {}
        unnamed = set(self._unnamed.get(unit.id, ()))
        pinned = {cell: layout.rules for cell in unit.cells if (layout := self._layout(cell)).coming}
        for event in installation.collector.read(unit, Reading(pinned=pinned, may_keep=self._may_keep), self._stopped):
            cell_pass = passes.get(event.cell) or passes.setdefault(event.cell, self._pass(event.cell, began))
            if isinstance(event, Batch):
                with installation.store.write(self._lease()) as uow:
                    cell_pass.batch(uow, event, installation.clock())
            else:
                self._end(cell_pass, event)
                ended[event.cell.type] = event
                del passes[event.cell]
                unnamed.discard(event.cell)
        for cell in sorted(unnamed):
            if sibling := ended.get(cell.type):
                gaps = tuple(replace(gap, cell=cell) for gap in sibling.gaps if gap.resource_id is None)
                self._end(self._pass(cell, began), replace(sibling, cell=cell, listed=0, calls=0, gaps=gaps))

    def _end(self, cell_pass: CellPass, read: CellRead) -> None:
        """Concludes a cell. One that equals its baseline is settled at once; one that may differ stays unknown until it is judged."""
        cell, name = cell_pass.cell, baseline_of(cell_pass.cell, self._installation.baselines)
        part = self._part(cell)
        with self._installation.store.write(self._lease()) as uow:
            status, read = cell_pass.conclude(uow, read, baselined=part is not None)
            status = replace(status, scan_id=self._scan_id)
            pending = None
            if part is not None and name is not None and not _settled(uow, cell_pass.layout, status, part, name):
                pending = _pending(cell_pass, status, read, name, part)
                status = replace(status, state=CellState.UNKNOWN, reason=status.reason or NOT_JUDGED)
            uow.cells.record(self._scan_id, status, read)
        self._count(read)
        if pending:
            self.pending.append(pending)
        else:
            self._report(judged_report(self._scan_id, status, read))

    def _pass(self, cell: Cell, began: datetime | None = None) -> CellPass:
        return CellPass(cell, self._layout(cell), self._former.get(cell), self._releases.get(cell), began)

    def _layout(self, cell: Cell) -> Layout:
        return layout_of(self._installation, cell, self._part(cell))

    def _part(self, cell: Cell) -> BaselineCell | None:
        name = baseline_of(cell, self._installation.baselines)
        return self._active.get((name, cell)) if name else None

    def _count(self, read: CellRead) -> None:
        with self._guard:
            known = self.totals
            self.totals = replace(
                known,
                cells=known.cells + 1,
                gaps=known.gaps + len(read.gaps),
                resources=known.resources + read.listed,
                calls=known.calls + read.calls,
            )


def _settled(uow: UnitOfWork, layout: Layout, status: CellStatus, part: BaselineCell, name: str) -> bool:
    """Whether there is nothing to judge: equal digests say in one step that nothing differs, and no finding has to be looked at;
    or the baseline's shape can no longer be produced, so that nothing can be compared. A part that is no longer the active one
    settles nothing."""
    if not layout.usable:
        return True
    same = (status.digest, status.shape) == (part.digest, part.shape) and layout.coming is None
    if status.state is not CellState.CLEAN or not same or any(uow.findings.live(name, status.cell)):
        return False
    return uow.baselines.part(name, status.cell) == part


def _pending(cell_pass: CellPass, status: CellStatus, read: CellRead, name: str, part: BaselineCell) -> Pending:
    layout = cell_pass.layout
    return Pending(baseline=name, part=part, status=status, rules=layout.rules, coming=layout.coming, first=cell_pass.first, read=read)


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
