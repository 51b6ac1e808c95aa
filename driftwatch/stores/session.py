"""One open transaction: the connection, the results that are still streaming, and the numbers of the cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, CursorResult, Executable, Row, Select, Table, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from driftwatch.domain.resource import Cell, Scope
from driftwatch.errors import StoreError
from driftwatch.stores import schema
from driftwatch.stores.failures import SPOILED

CHUNK = 500
"""Rows, or values in one IN list, that go to the database at once: far under the limits of both (32,766 and 65,535 parameters)."""

T = TypeVar("T")


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`items` in lists of at most `size`, without holding more than one of them."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


class Session:
    """What the aggregates of one unit of work share."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._open: list[CursorResult[Any]] = []
        self._cells: dict[Cell, int] = {}

    def execute(self, statement: Executable, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None) -> CursorResult[Any]:
        return self.connection.execute(statement, rows)

    def one(self, statement: Select[Any]) -> Row[Any] | None:
        """The first row, or None."""
        return self.connection.execute(statement).first()

    def all(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        return self.connection.execute(statement).all()

    def stream(self, statement: Select[Any]) -> Iterator[Row[Any]]:
        """The rows, `CHUNK` in memory at a time, whatever their number. Ends with the transaction."""
        result = self.connection.execute(statement, execution_options={"yield_per": CHUNK})
        self._open.append(result)
        try:
            yield from result
        finally:
            result.close()
            self._open.remove(result)

    def insert_missing(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts the rows whose key is not there yet."""
        if rows:
            dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
            self.connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)

    def insert_new(self, table: Table, rows: Sequence[Mapping[str, Any]], *returning: Column[Any]) -> Sequence[Row[Any]]:
        """Inserts the rows whose key is not there yet, and answers with these columns of those; in any order."""
        if not rows:
            return []
        dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
        return self.connection.execute(dialect.insert(table).on_conflict_do_nothing().returning(*returning), rows).all()

    def save(self, table: Table, row: Mapping[str, Any]) -> None:
        """Inserts the row, or replaces the one with its key."""
        key = [column.name for column in table.primary_key]
        dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table).values(row)
        changed = {name: statement.excluded[name] for name in row if name not in key}
        self.connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))

    def save_all(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """As `save`, for many rows of the same columns; no two of them with the same key."""
        if rows:
            key = [column.name for column in table.primary_key]
            dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
            statement = dialect.insert(table)
            changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
            self.connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), rows)

    def refusal(self, text: str) -> StoreError:
        """The error for something that is found wrong after part of it was written: the transaction can no longer be committed."""
        self.connection.info[SPOILED] = True
        return StoreError(text)

    def close(self) -> None:
        """Ends every stream: an unfinished one would keep its lock on an SQLite file after the commit."""
        for result in self._open:
            result.close()

    def cell(self, cell: Cell) -> int | None:
        """The number of a cell; None when the store has never heard of it."""
        return self._numbers([cell]).get(cell)

    def cells(self, wanted: Sequence[Cell]) -> Mapping[Cell, int]:
        """The numbers of those cells that the store has heard of."""
        return self._numbers(wanted)

    def make_cell(self, cell: Cell) -> int:
        return self.make_cells([cell])[cell]

    def make_cells(self, wanted: Iterable[Cell]) -> Mapping[Cell, int]:
        """The numbers of the cells, which are made where they are new."""
        numbers: dict[Cell, int] = {}
        for chunk in chunks(wanted):
            known = self._numbers(chunk)
            if new := [cell for cell in chunk if cell not in known]:
                self.execute(insert(schema.cells), [_columns(cell) for cell in dict.fromkeys(new)])
                known |= self._numbers(new)
            numbers |= known
        return numbers

    def _numbers(self, wanted: Sequence[Cell]) -> dict[Cell, int]:
        if unknown := [cell for cell in wanted if cell not in self._cells]:
            table = schema.cells
            names = tuple_(table.c.partition, table.c.account, table.c.region, table.c.type)
            for row in self.all(select(table).where(names.in_([tuple(_columns(cell).values()) for cell in unknown]))):
                self._cells[cell_of(row)] = row.cell
        return {cell: self._cells[cell] for cell in wanted if cell in self._cells}


def values_of(row: Row[Any], names: Iterable[str]) -> dict[str, Any]:
    """The named columns of a row. Attributes will not do: `count` of a row is a method of tuples."""
    columns = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    return {name: columns[name] for name in names}


def cell_of(row: Row[Any]) -> Cell:
    """The cell of a row that holds the columns of `schema.cells`."""
    return Cell(scope=Scope(partition=row.partition, account=row.account, region=row.region), type=row.type)


def _columns(cell: Cell) -> dict[str, str]:
    return {"partition": cell.scope.partition, "account": cell.account, "region": cell.region, "type": cell.type}
