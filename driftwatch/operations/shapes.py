"""Shapes: an upgrade of how a cell is normalised is not drift (settled: different shapes are never compared).

While a baseline was made under another shape than the catalogue's, its cells are read under the baseline's shape and, beside it, under
the catalogue's. Once such a cell equals its baseline, the same documents under the new shape become a `reshaped` baseline version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from driftwatch.domain.baseline import BaselineCell, BaselineEntry, BaselineState, BaselineVersion, baseline_of, content_hash
from driftwatch.domain.normalize import NORMALISER_VERSION, Normalisation
from driftwatch.domain.request import Lease
from driftwatch.domain.resource import Cell, Json
from driftwatch.operations.cell_files import cell_part, entries_of
from driftwatch.operations.cells import Layout
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork


def layout_of(installation: Installation, cell: Cell, part: BaselineCell | None) -> Layout:
    """How to read a cell: under its baseline's shape where that differs from the catalogue's and can still be produced."""
    shape, rules = installation.collector.normalisation(cell.type)
    if part is None or part.shape == shape:
        return Layout(shape=shape, rules=rules)
    with installation.store.read() as uow:
        fields = uow.documents.shape(part.shape)
    if fields is None or fields["normaliser"] != NORMALISER_VERSION or fields["key_id"] != installation.key_id:
        return Layout(shape=shape, rules=rules, usable=False)
    return Layout(shape=part.shape, rules=Normalisation.from_json(fields["rules"]), coming=shape)


def shape_fields(rules: Normalisation, key_id: str) -> Json:
    """What a shape digest stands for, as the store and exported baselines keep it."""
    return {"normaliser": NORMALISER_VERSION, "rules": rules.to_json(), "key_id": key_id}


def reshape(installation: Installation, lease: Lease, cells: Sequence[Cell]) -> list[str]:
    """Carries cells that equal their baseline into `reshaped` versions, one for each baseline; answers with the versions' ids."""
    by_name: dict[str, list[Cell]] = {}
    for cell in cells:
        name = baseline_of(cell, installation.baselines)
        if name:
            by_name.setdefault(name, []).append(cell)
    made = []
    for name, members in by_name.items():
        with installation.store.write(lease) as uow:
            version = _reshaped(installation, uow, name, members)
            if version:
                made.append(version)
    return made


def _reshaped(installation: Installation, uow: UnitOfWork, name: str, cells: Sequence[Cell]) -> str | None:
    active = uow.baselines.active(name)
    ready = [cell for cell in cells if _equal(uow, cell, name)]
    if active is None or not ready:
        return None
    parts: dict[Cell, BaselineCell] = {}
    for cell in ready:
        uow.observations.adopt_reshaped(cell)
        shape, rules = installation.collector.normalisation(cell.type)
        uow.documents.put_shape(shape, shape_fields(rules, installation.key_id))
        parts[cell] = cell_part(uow, cell, shape)
    now = installation.clock()
    merged = {**uow.baselines.cells(active.id), **parts}
    version = BaselineVersion(
        id=installation.new_id("baseline"),
        name=name,
        state=BaselineState.APPROVED,
        author="driftwatch",
        created_at=now,
        content_hash=content_hash(name, merged, active.omissions, active.content_hash),
        parent=active.id,
        parent_hash=active.content_hash,
        cells=tuple(parts.values()),
        omissions=active.omissions,
        note="reshaped: the same documents under a new normalisation",
    )
    uow.baselines.add(version)
    for cell, part in parts.items():
        uow.baselines.put_cell(version.id, part, _entries(uow, cell))
        status = uow.cells.get(cell)
        if status:
            uow.cells.set_shape(cell, part.shape, part.digest)
    uow.baselines.activate(version.id)
    uow.ledger.append(
        now,
        "baseline_reshaped",
        {
            "baseline": name,
            "version": version.id,
            "content_hash": version.content_hash,
            "parent": active.id,
            "cells": [[str(cell), part.shape] for cell, part in sorted(parts.items())],
        },
    )
    return version.id


def _equal(uow: UnitOfWork, cell: Cell, name: str) -> bool:
    """Whether the cell equals the active version now, which may have become active since the cell was judged."""
    part, status = uow.baselines.part(name, cell), uow.cells.get(cell)
    if part is None or status is None or part.shape != status.shape:
        return False
    return not any(True for _ in uow.observations.mismatches(cell, name))


def _entries(uow: UnitOfWork, cell: Cell) -> Iterator[BaselineEntry]:
    return entries_of(uow.observations.present(cell))
