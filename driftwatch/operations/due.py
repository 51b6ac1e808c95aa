"""Which cells a scheduled scan need not read: those whose type asks for it in each n-th scan only, and of which nothing is open.

A cell that is skipped keeps its state, and the time of its last complete reading, until its freshness runs out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftwatch.domain.baseline import BaselineCell
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import CellStatus, Plan, ScanStatus
from driftwatch.domain.snapshot import CellState
from driftwatch.ports import UnitOfWork

_READ = frozenset({ScanStatus.COMPLETE, ScanStatus.PARTIAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of cells before a scan: as they were last read, as the active baseline has them, and the shape of a type by now."""

    former: Mapping[Cell, CellStatus]
    baselined: Callable[[Cell], BaselineCell | None]
    shape: Callable[[str], str]


def skipped(uow: UnitOfWork, plan: Plan, known: Known, *, now: datetime, freshness_s: float) -> frozenset[Cell]:
    """The planned cells that are not due.

    Due is whatever is not clean, whatever the active baseline or the catalogue says differently by now, what was last read n - 1 scans
    ago, and what has used up half of its freshness: a cell does not turn stale for being skipped.
    """
    if not plan.every:
        return frozenset()
    ended = [scan.started_at for scan in uow.scans.latest(max(plan.every.values())) if scan.status in _READ]
    half = timedelta(seconds=freshness_s / 2)

    def rests(cell: Cell) -> bool:
        status, part = known.former.get(cell), known.baselined(cell)
        if status is None or part is None or status.state is not CellState.CLEAN or not status.complete_started_at:
            return False
        same = (status.digest, status.shape) == (part.digest, part.shape) and status.shape == known.shape(cell.type)
        since = sum(1 for at in ended if at > status.complete_started_at)
        return same and now - status.complete_started_at < half and since < plan.every[cell.type] - 1

    return frozenset(cell for unit in plan.units for cell in unit.cells if cell.type in plan.every and rests(cell))
