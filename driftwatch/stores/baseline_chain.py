"""Which parts make up a baseline version: its own, and for every other cell the nearest ancestor's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, Select, func, literal, select

from driftwatch.domain.baseline import BaselineState
from driftwatch.stores.schema import active_cells, parts, versions
from driftwatch.stores.session import Session


def effective(version_id: str) -> Select[Any]:
    """Selects (cell, part, written) of every cell of the version, the removed ones left out."""
    line = _line(version_id)
    nearest = func.row_number().over(partition_by=parts.c.cell, order_by=line.c.distance).label("nearness")
    said = select(parts.c.cell, parts.c.part, parts.c.written, parts.c.removed, nearest).join(line, line.c.id == parts.c.version_id)
    ranked = said.subquery()
    return select(ranked.c.cell, ranked.c.part, ranked.c.written).where(ranked.c.nearness == 1, ~ranked.c.removed)


def part_of(session: Session, version_id: str, cell: int) -> int | None:
    """The part of one cell of the version; None when the version does not have the cell. The active version's is looked up at once."""
    version = session.one(select(versions.c.name, versions.c.state).where(versions.c.id == version_id))
    if version is None:
        return None
    if version.state == BaselineState.ACTIVE.value:
        pointer = session.one(select(active_cells.c.part).where(active_cells.c.name == version.name, active_cells.c.cell == cell))
        return int(pointer.part) if pointer else None
    line = _line(version_id)
    said = select(parts.c.part, parts.c.removed).join(line, line.c.id == parts.c.version_id).where(parts.c.cell == cell)
    row = session.one(said.order_by(line.c.distance).limit(1))
    return None if row is None or row.removed else int(row.part)


def _line(version_id: str) -> CTE:
    """The version and its ancestors with their distance from it. It ends: a parent is always older than its child."""
    own = select(versions.c.id, versions.c.parent, literal(0).label("distance")).where(versions.c.id == version_id)
    line = own.cte("line", recursive=True)
    older = select(versions.c.id, versions.c.parent, (line.c.distance + 1).label("distance")).join(line, versions.c.id == line.c.parent)
    return line.union_all(older)
