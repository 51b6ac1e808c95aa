"""Where a cell differs from its baseline: joined in the database, streamed in the order of ids, no list of the cell anywhere."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Label, Row, Select, and_, null, or_, select
from sqlalchemy.sql.elements import ColumnElement

from driftwatch.domain.baseline import BaselineEntry, Mismatch
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import Stored
from driftwatch.stores.schema import active_cells, entries, observations
from driftwatch.stores.session import Session, chunks

_OBSERVED = tuple(observations.c[name] for name in ("row", "arn", "label", "fingerprint", "since_known", "since", "missing_since"))


def mismatches(session: Session, cell: Cell, baseline: str, ids: Collection[str] | None) -> Iterator[Mismatch]:
    """`ports.Observations.mismatches`: two index-ordered streams, changed or gone ones and new ones, merged by id."""
    number = session.cell(cell)
    pointer = session.one(select(active_cells.c.part).where(active_cells.c.name == baseline, active_cells.c.cell == number))
    if pointer is None or number is None:
        return
    for chunk in [None] if ids is None else chunks(sorted(set(ids))):
        off = map(_changed_or_gone, session.stream(_off_baseline(number, pointer.part, chunk)))
        new = map(_new, session.stream(_not_in_baseline(number, pointer.part, chunk)))
        yield from heapq.merge(off, new, key=attrgetter("id"))


def among(column: ColumnElement[str], ids: Sequence[str] | None) -> tuple[ColumnElement[bool], ...]:
    """The condition that an id is one of these; none where they are not given."""
    return () if ids is None else (column.in_(ids),)


def _off_baseline(cell: int, part: int, ids: Sequence[str] | None) -> Select[Any]:
    here = and_(observations.c.cell == cell, observations.c.id == entries.c.id, observations.c.until.is_(null()))
    return (
        select(
            entries.c.id,
            entries.c.arn.label("entry_arn"),
            entries.c.label.label("entry_label"),
            entries.c.fingerprint.label("entry_fingerprint"),
            *_OBSERVED,
            _last("until_known", cell),
            _last("until", cell),
        )
        .select_from(entries.outerjoin(observations, here))
        .where(entries.c.part == part, or_(observations.c.row.is_(null()), observations.c.fingerprint != entries.c.fingerprint))
        .where(*among(entries.c.id, ids))
        .order_by(entries.c.id)
    )


def _last(column: str, cell: int) -> Label[Any]:
    """When the last stretch of a resource ended; asked only for the rows that come out."""
    former = observations.alias("former")
    mine: ColumnElement[bool] = and_(former.c.cell == cell, former.c.id == entries.c.id, former.c.until.is_not(null()))
    newest = select(former.c[column]).where(mine).order_by(former.c.row.desc()).limit(1)
    return newest.correlate(entries).scalar_subquery().label(f"last_{column}")


def _not_in_baseline(cell: int, part: int, ids: Sequence[str] | None) -> Select[Any]:
    there = and_(entries.c.part == part, entries.c.id == observations.c.id)
    return (
        select(observations.c.id, *_OBSERVED)
        .select_from(observations.outerjoin(entries, there))
        .where(observations.c.cell == cell, observations.c.until.is_(null()), entries.c.id.is_(null()))
        .where(*among(observations.c.id, ids))
        .order_by(observations.c.id)
    )


def _changed_or_gone(row: Row[Any]) -> Mismatch:
    entry = BaselineEntry(id=row.id, arn=row.entry_arn, label=row.entry_label, fingerprint=row.entry_fingerprint)
    if row.row is not None:
        return Mismatch(id=row.id, current=stored_of(row), baseline=entry)
    gone = (row.last_until_known, row.last_until) if row.last_until else None
    return Mismatch(id=row.id, current=None, baseline=entry, gone=gone)


def _new(row: Row[Any]) -> Mismatch:
    return Mismatch(id=row.id, current=stored_of(row), baseline=None)


def stored_of(row: Row[Any]) -> Stored:
    """The resource of a row that holds the columns of `schema.observations`."""
    return Stored(
        row=row.row,
        id=row.id,
        arn=row.arn,
        label=row.label,
        fingerprint=row.fingerprint,
        since=(row.since_known, row.since),
        missing_since=row.missing_since,
    )
