"""The cells as of now: chosen, paged and counted in the database by the state that freshness leaves them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, literal, or_, select, tuple_

from driftwatch.domain.freshness import FRESH_STATES, NOT_CONFIGURED, TOO_LONG
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import CellCount
from driftwatch.domain.selection import CellSelection
from driftwatch.domain.snapshot import CellState
from driftwatch.stores.columns import SafeText
from driftwatch.stores.schema import cell_status, cells, gaps

NAMES = (cells.c.partition, cells.c.account, cells.c.region, cells.c.type)
"""What cells are ordered by."""


def page(wanted: CellSelection, after: Cell | None, limit: int) -> Select[Any]:
    """The rows of the next cells, with their names."""
    chosen = select(cell_status, *NAMES).join(cells).where(*_criteria(wanted))
    if after:
        place = (after.scope.partition, after.account, after.region, after.type)
        chosen = chosen.where(tuple_(*NAMES) > tuple_(*(literal(name, SafeText) for name in place)))
    return chosen.order_by(*NAMES).limit(limit)


def counts(wanted: CellSelection) -> Select[Any]:
    """The number of cells, of those that were ever read completely, the oldest of these readings, and the number of those without one that
    still counts, by account, region and state."""
    group = (cells.c.account, cells.c.region, _state(wanted.fresh_since).label("now"))
    completed = cell_status.c.complete_ended_at
    late = func.sum(case((or_(completed.is_(None), completed < wanted.fresh_since), 1), else_=0))
    measured = (
        func.count().label("number"),
        func.count(completed).label("completed"),
        func.min(completed).label("oldest"),
        late.label("late"),
    )
    return select(*group, *measured).select_from(cell_status).join(cells).where(*_criteria(wanted)).group_by(*group)


def tally(wanted: CellSelection) -> Select[Any]:
    """The number of cells by state and reason. Where all are wanted, their names are not even looked at."""
    group: tuple[Any, ...] = (_state(wanted.fresh_since).label("now"), _reason(wanted.fresh_since).label("why"))
    counted = select(*group, func.count().label("number")).select_from(cell_status).where(*_criteria(wanted)).group_by(*group)
    everywhere = wanted.accounts is None and not wanted.regions and not wanted.types
    return counted if everywhere else counted.join(cells)


def count_of(row: Row[Any]) -> CellCount:
    return CellCount(cells=row.number, oldest=row.oldest if row.completed == row.number else None, late=int(row.late))


def first_gaps(wanted: Collection[int], most: int) -> Select[Any]:
    """The first gaps of the last reading of each of these cells (by number), each with the number of all of them, in their order."""
    window: dict[str, Any] = {"partition_by": cell_status.c.cell}
    numbered = (
        select(
            gaps,
            cell_status.c.cell,
            func.row_number().over(**window, order_by=gaps.c.gap).label("place"),
            func.count().over(**window).label("number"),
        )
        .join(cell_status, cell_status.c.reading == gaps.c.reading)
        .where(cell_status.c.cell.in_(wanted))
        .subquery()
    )
    return select(numbered).where(numbered.c.place <= most).order_by(numbered.c.cell, numbered.c.gap)


def _too_old(fresh_since: datetime) -> ColumnElement[bool]:
    """`domain.freshness.aged` in SQL."""
    completed, read, state = cell_status.c.complete_ended_at, cell_status.c.read_at, cell_status.c.state
    configured = cell_status.c.reason.is_distinct_from(NOT_CONFIGURED)
    return or_(
        and_(state.in_(sorted(item.value for item in FRESH_STATES)), or_(completed.is_(None), completed < fresh_since)),
        and_(state == CellState.NOT_ENABLED.value, configured, or_(read.is_(None), read < fresh_since)),
    )


def _state(fresh_since: datetime) -> ColumnElement[str]:
    return case((_too_old(fresh_since), CellState.STALE.value), else_=cell_status.c.state)


def _reason(fresh_since: datetime) -> ColumnElement[str | None]:
    return case((_too_old(fresh_since), TOO_LONG), else_=cell_status.c.reason)


def _criteria(wanted: CellSelection) -> Iterator[ColumnElement[bool]]:
    if wanted.states:
        yield _state(wanted.fresh_since).in_([state.value for state in wanted.states])
    if wanted.reasons:
        yield _reason(wanted.fresh_since).in_(wanted.reasons)
    if wanted.accounts is not None:
        yield cells.c.account.in_(wanted.accounts)
    if wanted.regions:
        yield cells.c.region.in_(wanted.regions)
    if wanted.types:
        yield cells.c.type.in_(wanted.types)
