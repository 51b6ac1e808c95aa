"""Resources by any of their names, in whichever region of an account they lie: three index look-ups, for id, ARN and label."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, TextClause, null, select

from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import Stored
from driftwatch.stores.columns import safe_text
from driftwatch.stores.mismatches import stored_of
from driftwatch.stores.schema import cells, observations
from driftwatch.stores.schema.collected import LONGEST_INDEXED, SHORT_ARN, SHORT_LABEL
from driftwatch.stores.session import Session, cell_of, chunks

_PRESENT, _ENDED = observations.c.until.is_(null()), observations.c.until.is_not(null())
_Conditions = tuple[ColumnElement[bool] | TextClause, ...]
_LAST_FIRST = (observations.c.until.desc(), observations.c.row.desc())


def named(
    session: Session, account: str, type_: str, names: Collection[str], regions: Collection[str] | None = None
) -> Sequence[tuple[Cell, Stored]]:
    """`ports.Observations.named`."""
    here = select(cells).where(cells.c.account == account, cells.c.type == type_)
    if regions is not None:
        here = here.where(cells.c.region.in_(sorted(regions)))
    places = {row.cell: cell_of(row) for row in session.all(here)}
    if not places:
        return []
    asked = [(observations.c.cell.in_(list(places)), *conditions) for conditions in _by_name(names)]
    present = {row.row: row for conditions in asked for row in session.all(select(observations).where(*conditions, _PRESENT))}
    if not present:
        last = _last(session, asked)
        return [(places[last.cell], stored_of(last))] if last else []
    found = [(places[row.cell], stored_of(row)) for row in present.values()]
    return sorted(found, key=lambda item: (item[0], item[1].id))


def _by_name(names: Collection[str]) -> Iterator[_Conditions]:
    """The conditions for each index that can answer a part of the question. What is too long for the indexes is compared row by row."""
    short = sorted({name for name in names if len(safe_text(name)) <= LONGEST_INDEXED})
    for chunk in chunks(sorted(set(names))):
        yield (observations.c.id.in_(chunk),)
    for column, indexed in ((observations.c.arn, SHORT_ARN), (observations.c.label, SHORT_LABEL)):
        for chunk in chunks(short):
            yield column.in_(chunk), indexed
        for chunk in chunks(sorted(set(names) - set(short))):
            yield (column.in_(chunk),)


def _last(session: Session, asked: Sequence[_Conditions]) -> Row[Any] | None:
    """Of what is no longer there, the row that ended last."""
    ended = select(observations).where(_ENDED).order_by(*_LAST_FIRST).limit(1)
    newest = (session.one(ended.where(*conditions)) for conditions in asked)
    return max((row for row in newest if row), key=lambda row: (row.until, row.row), default=None)
