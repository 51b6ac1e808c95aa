"""What one baseline version says of its cells: their contents, written once, or that they are removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Row, Select, insert, select, update

from driftwatch.domain.baseline import BaselineCell, BaselineEntry, BaselineVersion
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import cell_digest
from driftwatch.errors import StoreError
from driftwatch.stores.schema import cells, entries, parts, versions
from driftwatch.stores.session import Session, cell_of, chunks, values_of

CELL_NAMES = (cells.c.partition, cells.c.account, cells.c.region, cells.c.type)


class Parts:
    """The parts of versions. Nothing here changes or removes one: parts and entries are only ever added."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, version_id: str) -> Sequence[Row[Any]]:
        """The rows of a version's own parts, ordered by cell."""
        return self._session.all(_own(version_id).order_by(*CELL_NAMES))

    def name(self, version: BaselineVersion) -> None:
        """Stores which parts a new version has; raises StoreError when others were written under its id before."""
        named = {part.cell: part for part in version.cells}
        for row in self._session.stream(_own(version.id)):
            if named.pop(cell_of(row), None) != part_of_row(row):
                refused = f"baseline version {version.id} does not name the contents that were written for {cell_of(row)}"
                raise self._session.refusal(refused)
        for chunk in chunks(named.values()):
            numbers = self._session.make_cells(part.cell for part in chunk)
            self._session.execute(insert(parts), [_columns(version.id, part, numbers[part.cell]) for part in chunk])
        for removed in chunks(version.removed):
            numbers = self._session.make_cells(removed)
            self._session.execute(insert(parts), [_removed(version.id, numbers[cell]) for cell in removed])

    def write(self, version_id: str, part: BaselineCell, contents: Iterable[BaselineEntry]) -> None:
        """Writes the contents of one part and checks them against its digest and count; see `SqlBaselines.put_cell`."""
        number = self._start(version_id, part)
        for chunk in chunks(contents):
            self._session.execute(insert(entries), [_entry_columns(number, entry) for entry in chunk])
        found = select(entries.c.id, entries.c.fingerprint).where(entries.c.part == number).order_by(entries.c.id)
        count = 0

        def pairs() -> Iterator[tuple[str, str]]:
            nonlocal count
            for row in self._session.stream(found):
                count += 1
                yield row.id, row.fingerprint

        digest = cell_digest(pairs())
        if (digest, count) != (part.digest, part.count):
            refused = f"the contents of {part.cell} in baseline version {version_id} are not those that it names: another digest"
            raise self._session.refusal(refused)
        self._session.execute(update(parts).where(parts.c.part == number).values(written=True))

    def _start(self, version_id: str, part: BaselineCell) -> int:
        cell = self._session.make_cell(part.cell)
        row = self._session.one(_own(version_id).where(parts.c.cell == cell))
        if row is None and self._session.one(select(versions.c.number).where(versions.c.id == version_id)) is None:
            added = insert(parts).values(_columns(version_id, part, cell)).returning(parts.c.part)
            return int(self._session.execute(added).scalar_one())
        if row is None or part_of_row(row) != part:
            raise StoreError(f"baseline version {version_id} does not name these contents for {part.cell}; versions are immutable")
        if row.written:
            raise StoreError(f"the contents of {part.cell} in baseline version {version_id} are there already; they are written once")
        return int(row.part)


def part_of_row(row: Row[Any]) -> BaselineCell | None:
    """What the row says of its cell; None: that it is removed."""
    if row.removed:
        return None
    return BaselineCell(cell=cell_of(row), **values_of(row, ("shape", "file_hash", "digest", "count")))


def removed_cells(rows: Sequence[Row[Any]]) -> tuple[Cell, ...]:
    return tuple(cell_of(row) for row in rows if row.removed)


def _own(version_id: str) -> Select[Any]:
    return select(parts, *CELL_NAMES).join(cells, cells.c.cell == parts.c.cell).where(parts.c.version_id == version_id)


def _columns(version_id: str, part: BaselineCell, cell: int) -> dict[str, Any]:
    said = {"shape": part.shape, "file_hash": part.file_hash, "digest": part.digest, "count": part.count}
    return said | {"version_id": version_id, "cell": cell, "removed": False, "written": False}


def _removed(version_id: str, cell: int) -> dict[str, Any]:
    nothing = {"shape": "", "file_hash": "", "digest": None, "count": 0}
    return nothing | {"version_id": version_id, "cell": cell, "removed": True, "written": True}


def _entry_columns(part: int, entry: BaselineEntry) -> dict[str, Any]:
    return {"part": part, "id": entry.id, "arn": entry.arn, "label": entry.label, "fingerprint": entry.fingerprint}
