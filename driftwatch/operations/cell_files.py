"""The canonical lines of a cell: what a baseline's file hash covers, and what is exported (settled: id, arn, tags, config, fingerprint)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from driftwatch.domain.baseline import BaselineCell, BaselineEntry
from driftwatch.domain.canonical import encode
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import Stored
from driftwatch.ports import UnitOfWork


def entries_of(stored: Iterable[Stored]) -> Iterator[BaselineEntry]:
    for item in stored:
        yield BaselineEntry(id=item.id, arn=item.arn, label=item.label, fingerprint=item.fingerprint)


def lines(uow: UnitOfWork, entries: Iterable[BaselineEntry]) -> Iterator[bytes]:
    """One canonical line, newline included, for each resource, in the order of the entries (by id)."""
    for entry in entries:
        document = uow.documents.get(entry.fingerprint)
        line = {
            "id": entry.id,
            "arn": entry.arn,
            "label": entry.label,
            "tags": document["tags"],
            "config": document["config"],
            "fingerprint": entry.fingerprint,
        }
        yield encode(line) + b"\n"


def cell_part(uow: UnitOfWork, cell: Cell, shape: str) -> BaselineCell:
    """The baseline part that the present resources of a cell make: hashes and count; streams, whatever their number."""
    digest, count = uow.observations.digest(cell)
    hasher = hashlib.sha256()
    for line in lines(uow, entries_of(uow.observations.present(cell))):
        hasher.update(line)
    return BaselineCell(cell=cell, shape=shape, file_hash=hasher.hexdigest(), digest=digest, count=count)
