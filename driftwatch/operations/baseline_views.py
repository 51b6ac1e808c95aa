"""Looking at baselines: their history, what a version holds, and what differs between two of them or the world as last read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from driftwatch.domain.baseline import BaselineCell, BaselineEntry, BaselinePattern, BaselineState, BaselineVersion
from driftwatch.domain.diff import diff
from driftwatch.domain.drift import Difference
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell, resource_id
from driftwatch.errors import NotFoundError
from driftwatch.operations.baselines import version_of
from driftwatch.operations.cell_files import entries_of
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork

MOST_CELLS: Final = 500
"""Cells that one page of differences looks into, so that no read of the store lasts."""
MOST_PENDING: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A baseline of the configuration: its active version, and the newest proposals that wait for an approval."""

    pattern: BaselinePattern
    active: BaselineVersion | None
    pending: tuple[BaselineVersion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDiff:
    """How one resource differs between two states of a cell."""

    cell: Cell
    id: str
    resource_id: str
    label: str | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A baseline of the configuration as a list shows it, its versions without the drifts that they take up."""

    pattern: BaselinePattern
    active: BaselineVersion | None
    cells: int
    resources: int
    waiting: tuple[BaselineVersion, ...]


def heads(installation: Installation, most_waiting: int = 20) -> list[Head]:
    """Every baseline that the configuration names, in its order, with how large its active version is and the newest proposals."""
    with installation.store.read() as uow:
        return [_head(uow, pattern, most_waiting) for pattern in installation.baselines]


def _head(uow: UnitOfWork, pattern: BaselinePattern, most_waiting: int) -> Head:
    active = next(iter(uow.baselines.heads(pattern.name, (BaselineState.ACTIVE,), None, 1)), None)
    cells, resources = uow.baselines.size(active.id) if active else (0, 0)
    waiting = uow.baselines.heads(pattern.name, (BaselineState.PROPOSED,), None, most_waiting)
    return Head(pattern=pattern, active=active, cells=cells, resources=resources, waiting=tuple(waiting))


def page_of_heads(installation: Installation, name: str, after: str | None, limit: int) -> tuple[Sequence[BaselineVersion], str | None]:
    """As `page`, of versions without the drifts that they take up."""
    with installation.store.read() as uow:
        found = uow.baselines.heads(name, (), after, limit + 1)
    shown = found[:limit]
    return shown, shown[-1].id if len(found) > limit else None


def size(installation: Installation, version_id: str) -> tuple[int, int]:
    """How many cells the version has, and how many resources."""
    with installation.store.read() as uow:
        return uow.baselines.size(version_id)


def named(installation: Installation) -> list[Named]:
    """Every baseline that the configuration names, in its order."""
    with installation.store.read() as uow:
        return [
            Named(
                pattern=pattern,
                active=next(iter(uow.baselines.page(pattern.name, (BaselineState.ACTIVE,), None, 1)), None),
                pending=tuple(uow.baselines.page(pattern.name, (BaselineState.PROPOSED,), None, MOST_PENDING)),
            )
            for pattern in installation.baselines
        ]


def page(installation: Installation, name: str, after: str | None, limit: int) -> tuple[Sequence[BaselineVersion], str | None]:
    """One page of a baseline's versions, newest first, and after which the next one begins (None: this is the last)."""
    with installation.store.read() as uow:
        found = uow.baselines.page(name, (), after, limit + 1)
    shown = found[:limit]
    return shown, shown[-1].id if len(found) > limit else None


def history(installation: Installation, name: str) -> list[BaselineVersion]:
    """Every version, newest first."""
    with installation.store.read() as uow:
        found = list(uow.baselines.versions(name))
    if not found:
        raise NotFoundError(f"{name} has no version yet; `driftwatch baseline capture {name}` makes the first")
    return found


def show(installation: Installation, version_id: str) -> tuple[BaselineVersion, Mapping[Cell, BaselineCell]]:
    """A version and all its cells, its ancestors' included."""
    with installation.store.read() as uow:
        version = version_of(uow, version_id)
        return version, uow.baselines.cells(version.id)


def version(installation: Installation, version_id: str) -> BaselineVersion | None:
    """The version of exactly this id."""
    with installation.store.read() as uow:
        return uow.baselines.get(version_id)


def find(installation: Installation, name_or_id: str) -> BaselineVersion:
    """A version by its id, or the newest version of a baseline by that one's name."""
    with installation.store.read() as uow:
        version = uow.baselines.get(name_or_id)
        named = version or next(iter(uow.baselines.versions(name_or_id)), None)
    if named is None:
        raise NotFoundError(f"neither a baseline version nor a baseline is called {name_or_id}")
    return named


def differences(installation: Installation, version_id: str, other_id: str | None = None) -> Iterator[ResourceDiff]:
    """What `other_id` (None: the world as last read) changes against a version, resource by resource."""
    with installation.store.read() as uow:
        compared = _Compared.of(uow, version_id, other_id)
        for cell in compared.cells:
            yield from compared.of_cell(uow, cell)


def page_of_differences(
    installation: Installation,
    version_id: str | None,
    other_id: str | None = None,
    *,
    after: tuple[Cell, str] | None = None,
    limit: int = 50,
    shown: Callable[[Cell], bool] = lambda _cell: True,
    most_cells: int = MOST_CELLS,
) -> tuple[list[ResourceDiff], tuple[Cell, str] | None]:
    """At most `limit` of the `differences` in the cells that are shown, and after which the next page begins (None: this is the last).

    Against no version at all everything that the other one holds is new.
    A page that looked into `most_cells` cells ends there, with fewer of them or none; the next one goes on.
    """
    found: list[ResourceDiff] = []
    with installation.store.read() as uow:
        compared = _Compared.of(uow, version_id, other_id)
        todo = [cell for cell in compared.cells if (after is None or cell >= after[0]) and shown(cell)]
        for number, cell in enumerate(todo):
            if number == most_cells:
                return found, (cell, "")
            for item in compared.of_cell(uow, cell, beyond=after[1] if after and cell == after[0] else ""):
                if len(found) == limit:
                    return found, (found[-1].cell, found[-1].id)
                found.append(item)
    return found, None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """A version and what it is compared with (None: the world as last read)."""

    version: str | None
    other: str | None
    before: Mapping[Cell, BaselineCell]
    after: Mapping[Cell, BaselineCell] | None
    changed: tuple[Cell, ...] | None = None

    @classmethod
    def of(cls, uow: UnitOfWork, version_id: str | None, other_id: str | None) -> _Compared:
        """Of a version and its parent only the cells are loaded that the version changed; it says so itself."""
        other = version_of(uow, other_id) if other_id else None
        if other and other.parent == version_id:
            own = {part.cell: part for part in other.cells}
            return cls(version=version_id, other=other_id, before={}, after=own, changed=tuple(sorted({*own, *other.removed})))
        before = _cells_of(uow, version_id) if version_id else {}
        return cls(version=version_id, other=other_id, before=before, after=uow.baselines.cells(other.id) if other else None)

    @property
    def cells(self) -> list[Cell]:
        """Those that may differ, in their order."""
        if self.changed is not None:
            return list(self.changed)
        if self.after is None:
            return sorted(self.before)
        return [cell for cell in sorted({*self.before, *self.after}) if not _same(self.before.get(cell), self.after.get(cell))]

    def of_cell(self, uow: UnitOfWork, cell: Cell, beyond: str = "") -> Iterator[ResourceDiff]:
        """The resources that differ, ordered by id, from after the id `beyond` on."""
        new = uow.baselines.entries(self.other, cell) if self.other else entries_of(uow.observations.present(cell))
        old = uow.baselines.entries(self.version, cell) if self.version else iter(())
        part = self.before.get(cell) or (self.after or {}).get(cell)
        rules = _rules(uow, part.shape) if part else Normalisation()
        wanted = [(entry for entry in side if entry.id > beyond) for side in (old, new)]
        yield from _cell(uow, cell, wanted[0], wanted[1], rules)


def _cells_of(uow: UnitOfWork, version_id: str) -> Mapping[Cell, BaselineCell]:
    """All cells of the version; raises NotFoundError where there is none."""
    return uow.baselines.cells(version_id) or uow.baselines.cells(version_of(uow, version_id).id)


def _same(one: BaselineCell | None, other: BaselineCell | None) -> bool:
    return one is not None and other is not None and (one.file_hash, one.shape) == (other.file_hash, other.shape)


def _rules(uow: UnitOfWork, shape: str) -> Normalisation:
    fields = uow.documents.shape(shape)
    return Normalisation.from_json(fields["rules"]) if fields else Normalisation()


def _cell(
    uow: UnitOfWork, cell: Cell, before: Iterator[BaselineEntry], after: Iterator[BaselineEntry], rules: Normalisation
) -> Iterator[ResourceDiff]:
    """Both sides come ordered by id: one merge, whatever their number."""
    old, new = next(before, None), next(after, None)
    while old or new:
        if new is None or (old is not None and old.id < new.id):
            yield _resource(uow, cell, old, None, rules)
            old = next(before, None)
        elif old is None or new.id < old.id:
            yield _resource(uow, cell, None, new, rules)
            new = next(after, None)
        else:
            if old.fingerprint != new.fingerprint:
                yield _resource(uow, cell, old, new, rules)
            old, new = next(before, None), next(after, None)


def _resource(uow: UnitOfWork, cell: Cell, old: BaselineEntry | None, new: BaselineEntry | None, rules: Normalisation) -> ResourceDiff:
    known = new or old
    if known is None:
        raise ValueError("a difference has at least one side")
    return ResourceDiff(
        cell=cell,
        id=known.id,
        resource_id=resource_id(cell, known.id, known.arn),
        label=known.label,
        differences=diff(uow.documents.get(old.fingerprint) if old else None, uow.documents.get(new.fingerprint) if new else None, rules),
    )
