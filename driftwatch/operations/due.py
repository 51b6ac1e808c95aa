"""Which cells a scheduled scan need not read: those whose type asks for it in each n-th scan only, and those that were empty for long.

A cell that is skipped keeps its state, and the time of its last complete reading, until its freshness runs out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.baseline import BaselineCell
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import CellStatus, Plan, ReadUnit, ScanStatus
from driftwatch.domain.snapshot import CellState
from driftwatch.ports import UnitOfWork

_READ = frozenset({ScanStatus.COMPLETE, ScanStatus.PARTIAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyCells:
    """Cells that `after` complete readings in a row found empty are read in each `every`-th scheduled scan (1: in every one)."""

    after: int = 3
    every: int = 1


ALWAYS: Final = EmptyCells()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of cells before a scan: as they were last read, as the active baseline has them, and the shape of a type by now."""

    former: Mapping[Cell, CellStatus]
    baselined: Callable[[Cell], BaselineCell | None]
    shape: Callable[[str], str]
    empty: EmptyCells = ALWAYS


def skipped(uow: UnitOfWork, plan: Plan, known: Known, *, now: datetime, freshness_s: float) -> frozenset[Cell]:
    """The planned cells that are not due.

    Due is whatever is not clean (or off), whatever the active baseline or the catalogue says differently by now, what was last read n - 1
    scans ago, and what has used up half of its freshness: a cell does not turn stale for being skipped. Cells of one type that are read
    by one listing are skipped together or not at all: that saves no call, and would not see what appears in one of them.
    """
    most = max(known.empty.every, *plan.every.values()) if plan.every else known.empty.every
    if most == 1:
        return frozenset()
    ended = [scan.started_at for scan in uow.scans.latest(most) if scan.status in _READ]
    half = timedelta(seconds=freshness_s / 2)

    def rests(cell: Cell) -> bool:
        status = known.former.get(cell)
        read_at = _quiet_since(status, known.baselined(cell), known.shape(cell.type)) if status else None
        if status is None or read_at is None:
            return False
        apart = known.empty.every if status.empty_readings >= known.empty.after else 1
        since = sum(1 for at in ended if at > read_at)
        return now - read_at < half and since < max(apart, plan.every.get(cell.type, 1)) - 1

    return frozenset(cell for unit in plan.units for cells in _by_type(unit) if all(map(rests, cells)) for cell in cells)


def _quiet_since(status: CellStatus, part: BaselineCell | None, shape: str) -> datetime | None:
    """The time of its last reading, if the cell was then as the baseline has it, and nothing is open; else None."""
    if status.state is CellState.NOT_ENABLED and status.reason is None and (part is None or not part.count):
        return status.read_at
    if part is None or status.state is not CellState.CLEAN:
        return None
    same = (status.digest, status.shape) == (part.digest, part.shape) and status.shape == shape
    return status.complete_started_at if same else None


def _by_type(unit: ReadUnit) -> Iterator[list[Cell]]:
    types: dict[str, list[Cell]] = {}
    for cell in unit.cells:
        types.setdefault(cell.type, []).append(cell)
    yield from types.values()
