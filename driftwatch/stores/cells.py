"""The cells: their state, one row for each reading, and the gaps of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from driftwatch.domain.freshness import aged
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import CellCount, CellStatus
from driftwatch.domain.selection import CellSelection
from driftwatch.domain.snapshot import CellRead, CellState, Gap, GapReason
from driftwatch.errors import StoreError
from driftwatch.stores import cell_pages
from driftwatch.stores.cell_pages import NAMES
from driftwatch.stores.schema import cell_readings, cell_status, cells, gaps
from driftwatch.stores.session import Session, cell_of, chunks, values_of

_STATUS = ("reason", "shape", "digest", "count", "scan_id", "read_at", "complete_started_at", "complete_ended_at", "held", "empty_readings")


class SqlCells:
    """Implements `ports.Cells`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, cell: Cell) -> CellStatus | None:
        row = self._session.one(select(cell_status, *NAMES).join(cells).where(cell_status.c.cell == self._session.cell(cell)))
        return _status(row) if row else None

    def all(self) -> Iterator[CellStatus]:
        """Ordered by partition, account, region and type."""
        for row in self._session.stream(select(cell_status, *NAMES).join(cells).order_by(*NAMES)):
            yield _status(row)

    def record(self, scan_id: str, status: CellStatus, read: CellRead) -> None:
        """The state of the cell after a reading, one row for the reading itself, and its gaps."""
        number = self._session.make_cell(status.cell)
        reading = self._session.execute(
            insert(cell_readings)
            .values(
                cell=number,
                scan_id=scan_id,
                outcome=read.outcome.value,
                shape=read.shape,
                digest=status.digest,
                count=status.count,
                listed=read.listed,
                calls=read.calls,
                started_at=read.started_at,
                ended_at=read.ended_at,
            )
            .returning(cell_readings.c.reading)
        ).scalar_one()
        if read.gaps:
            self._session.execute(insert(gaps), [_gap_columns(gap) | {"reading": reading} for gap in read.gaps])
        self._session.save(
            cell_status,
            {name: getattr(status, name) for name in _STATUS}
            | {"cell": number, "state": status.state.value, "reading": reading, "skipped_at": None},
        )

    def mark_skipped(self, skipped: Iterable[Cell], at: datetime) -> None:
        """They were not due in the scan that began `at`: nothing else of them changes. Cells without a status are left alone."""
        for chunk in chunks(skipped):
            numbers = [self._session.cell(cell) for cell in chunk]
            self._session.execute(update(cell_status).where(cell_status.c.cell.in_(numbers)).values(skipped_at=at))

    def set_state(self, cell: Cell, state: CellState, reason: str | None) -> None:
        """Keeps everything else; a cell that was never read gets its first status."""
        number = self._session.make_cell(cell)
        changed = update(cell_status).where(cell_status.c.cell == number).values(state=state.value, reason=reason)
        if not self._session.execute(changed).rowcount:
            self._session.execute(insert(cell_status).values(cell=number, state=state.value, reason=reason, count=0))

    def forget_digest(self, cell: Cell) -> None:
        """Some of its resources changed between two scans: what was counted and digested holds no longer."""
        self._session.execute(update(cell_status).where(cell_status.c.cell == self._session.cell(cell)).values(digest=None))

    def set_shape(self, cell: Cell, shape: str, digest: str) -> None:
        """The stored fingerprints of the cell are now those of another shape; raises StoreError for a cell without a status."""
        changed = update(cell_status).where(cell_status.c.cell == self._session.cell(cell)).values(shape=shape, digest=digest)
        if not self._session.execute(changed).rowcount:
            raise StoreError(f"nothing is known of the cell {cell} yet, so that its shape cannot change")

    def gaps(self, cell: Cell) -> Sequence[Gap]:
        """The gaps of the cell's last reading, in their order then."""
        last = select(cell_status.c.reading).where(cell_status.c.cell == self._session.cell(cell)).scalar_subquery()
        rows = self._session.all(select(gaps).where(gaps.c.reading == last).order_by(gaps.c.gap))
        return [_gap(cell, row) for row in rows]

    def page(self, wanted: CellSelection, after: Cell | None, limit: int) -> Sequence[CellStatus]:
        """At most `limit` of them behind `after`, with their states as of now, ordered as in `all`."""
        return [aged(_status(row), wanted.fresh_since) for row in self._session.all(cell_pages.page(wanted, after, limit))]

    def first_gaps(self, wanted: Collection[Cell], most: int) -> Mapping[Cell, tuple[int, Sequence[Gap]]]:
        """How many gaps the last reading of each of these cells has, and the first `most` of them; cells without any are left out."""
        found: dict[Cell, tuple[int, list[Gap]]] = {}
        for chunk in chunks(wanted):
            numbers = {number: cell for cell, number in self._session.cells(chunk).items()}
            for row in self._session.all(cell_pages.first_gaps(list(numbers), most)):
                found.setdefault(numbers[row.cell], (row.number, []))[1].append(_gap(numbers[row.cell], row))
        return found

    def counts(self, wanted: CellSelection) -> Mapping[tuple[str, str, CellState], CellCount]:
        """The cells counted by account, region and state as of now."""
        rows = self._session.all(cell_pages.counts(wanted))
        return {(row.account, row.region, CellState(row.now)): cell_pages.count_of(row) for row in rows}

    def tally(self, wanted: CellSelection) -> Mapping[tuple[CellState, str | None], int]:
        """The number of cells by state and reason as of now."""
        return {(CellState(row.now), row.why): row.number for row in self._session.all(cell_pages.tally(wanted))}

    def read_at_all(self, accounts: Collection[str]) -> set[str]:
        """Those of the accounts of which a cell has a state. Asked one by one: each is a step in an index, however many cells there are."""
        one = select(cells.c.cell).join(cell_status).limit(1)
        return {account for account in accounts if self._session.one(one.where(cells.c.account == account))}

    def accounts(self) -> Sequence[str]:
        """Those of which a cell is known, sorted."""
        return [row.account for row in self._session.all(select(cells.c.account).distinct().order_by(cells.c.account))]

    def progress(self, scan_id: str) -> tuple[int, int]:
        """How many cells the scan has read so far, and how many there are."""
        read = select(func.count(cell_readings.c.cell.distinct())).where(cell_readings.c.scan_id == scan_id)
        known = select(func.count()).select_from(cell_status)
        return self._session.execute(read).scalar_one(), self._session.execute(known).scalar_one()


def _status(row: Row[Any]) -> CellStatus:
    return CellStatus(cell=cell_of(row), state=CellState(row.state), skipped_at=row.skipped_at, **values_of(row, _STATUS))


def _gap(cell: Cell, row: Row[Any]) -> Gap:
    return Gap(cell=cell, reason=GapReason(row.reason), detail=row.detail, operation=row.operation, resource_id=row.resource_id)


def _gap_columns(gap: Gap) -> dict[str, Any]:
    return {"reason": gap.reason.value, "detail": gap.detail, "operation": gap.operation, "resource_id": gap.resource_id}
