"""Baseline versions: registered, approved, activated; what they say of a cell is found through their ancestors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update

from driftwatch.domain import codec
from driftwatch.domain.baseline import (
    BaselineApproval,
    BaselineCell,
    BaselineEntry,
    BaselineState,
    BaselineVersion,
    IncludedDrift,
    Omission,
)
from driftwatch.domain.resource import Cell
from driftwatch.errors import StoreError
from driftwatch.stores import schema
from driftwatch.stores.baseline_chain import effective, part_of
from driftwatch.stores.baseline_parts import CELL_NAMES, Parts, part_of_row, removed_cells
from driftwatch.stores.schema import active_cells, approvals, parts, versions
from driftwatch.stores.session import Session, cell_of, chunks, values_of

_SAME = ("id", "name", "author", "created_at", "content_hash", "parent", "parent_hash", "bootstrap", "note")


class SqlBaselines:
    """Implements `ports.Baselines`. Nothing here changes or removes what a version says."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._parts = Parts(session)

    def add(self, version: BaselineVersion) -> None:
        """Stores a new version; the contents of its cells may come before (`put_cell`) or after.

        Raises StoreError when the id is taken, when the version claims to be active already, or when contents that were written
        before are not those that it names.
        """
        if version.state is BaselineState.ACTIVE:
            raise StoreError(f"baseline version {version.id} cannot be added as active: add it, then activate it")
        if version.parent == version.id or self._row(version.id):
            raise StoreError(f"baseline version {version.id} is in the store already, or its own parent; versions are immutable")
        row = {name: getattr(version, name) for name in _SAME}
        row |= {name: codec.encode(getattr(version, name)) for name in ("omissions", "included", "records")}
        self._session.execute(insert(versions).values(row | {"state": version.state.value}))
        self._parts.name(version)
        for approval in version.approvals:
            self.add_approval(version.id, approval)

    def put_cell(self, version_id: str, part: BaselineCell, entries: Iterable[BaselineEntry]) -> None:
        """Writes the contents of one cell of a new version; `entries` may be a stream, in any order.

        Raises StoreError when they are there already, when the version does not name this part, or when they do not have the
        digest and the number that the part names.
        """
        self._parts.write(version_id, part, entries)

    def get(self, version_id: str) -> BaselineVersion | None:
        """The version with the cells that it changed and removed."""
        row = self._row(version_id)
        return self._versions([row], {version_id: self._parts.of(version_id)})[0] if row else None

    def versions(self, name: str) -> Sequence[BaselineVersion]:
        """Newest first, without `cells` and `removed`."""
        rows = self._session.all(select(versions).where(versions.c.name == name).order_by(versions.c.number.desc()))
        return self._versions(rows, {})

    def page(self, name: str, states: Sequence[BaselineState], after: str | None, limit: int) -> Sequence[BaselineVersion]:
        """At most `limit` in one of the states (none given: in any), newest first, without `cells` and `removed`: those before `after`."""
        return self._versions(self._session.all(_listed(select(versions), name, states, after, limit)), {})

    def heads(self, name: str, states: Sequence[BaselineState], after: str | None, limit: int) -> Sequence[BaselineVersion]:
        """As `page`, and without `included`."""
        wanted = select(*(column for column in versions.columns if column.name != "included"))
        return self._versions(self._session.all(_listed(wanted, name, states, after, limit)), {})

    def size(self, version_id: str) -> tuple[int, int]:
        """How many cells the version has, and how many resources."""
        found = effective(version_id).subquery()
        counted = select(func.count().label("cells"), func.coalesce(func.sum(parts.c.count), 0).label("resources"))
        row = self._session.one(counted.select_from(parts).join(found, found.c.part == parts.c.part))
        return (row.cells, int(row.resources)) if row else (0, 0)

    def active(self, name: str) -> BaselineVersion | None:
        """The active version, with the cells that it changed and removed."""
        row = self._active(name)
        return self.get(row.id) if row else None

    def _active(self, name: str) -> Row[Any] | None:
        return self._session.one(select(versions).where(versions.c.name == name, versions.c.state == BaselineState.ACTIVE.value))

    def _row(self, version_id: str) -> Row[Any] | None:
        return self._session.one(select(versions).where(versions.c.id == version_id))

    def _known(self, version_id: str) -> Row[Any]:
        row = self._row(version_id)
        if row is None:
            raise StoreError(f"baseline version {version_id} is not in the store")
        return row

    def _versions(self, rows: Sequence[Row[Any]], own: Mapping[str, Sequence[Row[Any]]]) -> list[BaselineVersion]:
        given: dict[str, list[BaselineApproval]] = {row.id: [] for row in rows}
        for chunk in chunks(given):
            wanted = select(approvals).where(approvals.c.version_id.in_(chunk)).order_by(approvals.c.approval)
            for row in self._session.all(wanted):
                given[row.version_id].append(codec.decode(BaselineApproval, row.body))
        return [_version(row, own.get(row.id, ()), given[row.id]) for row in rows]

    def set_state(self, version_id: str, state: BaselineState) -> None:
        """Raises StoreError for the state `active`, in and out: only `activate` changes what is compared with."""
        row = self._known(version_id)
        if BaselineState.ACTIVE in (state, BaselineState(row.state)) and state.value != row.state:
            raise StoreError(f"baseline version {version_id} cannot go from {row.state} to {state.value}: activate a version instead")
        self._session.execute(update(versions).where(versions.c.id == version_id).values(state=state.value))

    def add_approval(self, version_id: str, approval: BaselineApproval) -> None:
        """Appends one decision; what was decided before stays."""
        self._session.execute(insert(approvals).values(version_id=version_id, body=codec.encode(approval)))

    def set_included(self, version_id: str, included: Sequence[IncludedDrift]) -> None:
        """Stores the dispositions that approvers gave to the included drifts.

        Raises StoreError when anything but a disposition differs, or when the version is past its approval.
        """
        row = self._known(version_id)
        if row.state not in (BaselineState.CAPTURED.value, BaselineState.PROPOSED.value):
            raise StoreError(f"baseline version {version_id} is {row.state}: what it includes is settled")
        former = [replace(codec.decode(IncludedDrift, item), disposition=None) for item in row.included]
        if former != [replace(item, disposition=None) for item in included]:
            raise StoreError(f"baseline version {version_id} includes other drifts; only their dispositions may be added")
        self._session.execute(update(versions).where(versions.c.id == version_id).values(included=codec.encode(tuple(included))))

    def cells(self, version_id: str) -> Mapping[Cell, BaselineCell]:
        """All cells of a version, its ancestors' included, in their order."""
        found = effective(version_id).subquery()
        named = select(parts, *CELL_NAMES).join(schema.cells, schema.cells.c.cell == parts.c.cell)
        wanted = named.join(found, found.c.part == parts.c.part)
        whole = ((cell_of(row), part_of_row(row)) for row in self._session.stream(wanted.order_by(*CELL_NAMES)))
        return {cell: part for cell, part in whole if part}

    def part(self, name: str, cell: Cell) -> BaselineCell | None:
        """What the active version of the name says of one cell, looked up at once; None when it does not have the cell."""
        here = (active_cells.c.name == name) & (active_cells.c.cell == self._session.cell(cell))
        row = self._session.one(select(parts).join(active_cells, active_cells.c.part == parts.c.part).where(here))
        return BaselineCell(cell=cell, **values_of(row, ("shape", "file_hash", "digest", "count"))) if row else None

    def entries(self, version_id: str, cell: Cell) -> Iterator[BaselineEntry]:
        """The contents of a cell of a version (found through its ancestors), ordered by id."""
        number = self._session.cell(cell)
        part = None if number is None else part_of(self._session, version_id, number)
        table = schema.entries
        for row in self._session.stream(select(table).where(table.c.part == part).order_by(table.c.id)):
            yield BaselineEntry(id=row.id, arn=row.arn, label=row.label, fingerprint=row.fingerprint)

    def activate(self, version_id: str) -> None:
        """Makes it the active version of its name, and the former one superseded; `Observations.mismatches` compares with it.

        Raises StoreError when the version is unknown or the contents of one of its cells were never written.
        """
        row = self._known(version_id)
        former = self._active(row.name)
        if former and former.id == version_id:
            return
        if former:
            self._session.execute(update(versions).where(versions.c.id == former.id).values(state=BaselineState.SUPERSEDED.value))
        self._session.execute(update(versions).where(versions.c.id == version_id).values(state=BaselineState.ACTIVE.value))
        self._point(row, extends=former is not None and row.parent == former.id)

    def _point(self, version: Row[Any], *, extends: bool) -> None:
        """Points the cells of the name to their parts: only those that the version changed where it `extends` the active one."""
        own = parts.c.version_id == version.id
        chosen = select(parts.c.cell, parts.c.part, parts.c.written).where(own, ~parts.c.removed) if extends else effective(version.id)
        new = chosen.subquery()
        table = schema.cells
        unwritten = select(new.c.cell, *CELL_NAMES).join(table, table.c.cell == new.c.cell).where(~new.c.written).limit(1)
        if row := self._session.one(unwritten):
            refused = f"baseline version {version.id} cannot become active: the contents of {cell_of(row)} were never written"
            raise self._session.refusal(refused)
        old = active_cells.c.name == version.name
        if extends:
            old &= active_cells.c.cell.in_(select(parts.c.cell).where(own))
        self._session.execute(delete(active_cells).where(old))
        name = select(versions.c.name).where(versions.c.id == version.id).scalar_subquery()
        self._session.execute(insert(active_cells).from_select(["name", "cell", "part"], select(name, new.c.cell, new.c.part)))


def _listed(wanted: Select[Any], name: str, states: Sequence[BaselineState], after: str | None, limit: int) -> Select[Any]:
    wanted = wanted.where(versions.c.name == name)
    if states:
        wanted = wanted.where(versions.c.state.in_([state.value for state in states]))
    if after is not None:
        wanted = wanted.where(versions.c.number < select(versions.c.number).where(versions.c.id == after).scalar_subquery())
    return wanted.order_by(versions.c.number.desc()).limit(limit)


def _version(row: Row[Any], own: Sequence[Row[Any]], given: Sequence[BaselineApproval]) -> BaselineVersion:
    return BaselineVersion(
        state=BaselineState(row.state),
        cells=tuple(part for part in map(part_of_row, own) if part),
        removed=removed_cells(own),
        omissions=tuple(codec.decode(Omission, item) for item in row.omissions),
        included=tuple(codec.decode(IncludedDrift, item) for item in getattr(row, "included", ())),
        records=tuple(row.records),
        approvals=tuple(given),
        **values_of(row, _SAME),
    )
