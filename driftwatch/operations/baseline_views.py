"""Looking at baselines: their history, what a version holds, and what differs between two of them or the world as last read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from driftwatch.domain.baseline import BaselineCell, BaselineEntry, BaselineVersion
from driftwatch.domain.diff import diff
from driftwatch.domain.drift import Difference
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell, resource_id
from driftwatch.errors import NotFoundError
from driftwatch.operations.baselines import version_of
from driftwatch.operations.cell_files import entries_of
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDiff:
    """How one resource differs between two states of a cell."""

    cell: Cell
    resource_id: str
    label: str | None
    differences: tuple[Difference, ...]


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
        version = version_of(uow, version_id)
        before = uow.baselines.cells(version.id)
        after = uow.baselines.cells(version_of(uow, other_id).id) if other_id else None
        for cell in sorted({*before, *(after if after is not None else before)}):
            if after is not None and _same(before.get(cell), after.get(cell)):
                continue
            new = uow.baselines.entries(other_id, cell) if other_id else entries_of(uow.observations.present(cell))
            part = before.get(cell) or (after or {}).get(cell)
            rules = _rules(uow, part.shape) if part else Normalisation()
            yield from _cell(uow, cell, uow.baselines.entries(version.id, cell) if cell in before else iter(()), new, rules)


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
        resource_id=resource_id(cell, known.id, known.arn),
        label=known.label,
        differences=diff(uow.documents.get(old.fingerprint) if old else None, uow.documents.get(new.fingerprint) if new else None, rules),
    )
