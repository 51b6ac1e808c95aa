"""Writing files so that a crash leaves whole ones, and only contents that have the recorded hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from driftwatch.baseline_files import layout
from driftwatch.domain.baseline import BaselineCell
from driftwatch.domain.resource import Cell
from driftwatch.errors import StoreError


def write_file(path: Path, data: bytes) -> None:
    """Writes a new file through to the disk."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_cells(folder: Path, cells: Mapping[Cell, BaselineCell], lines: Callable[[Cell], Iterator[bytes]]) -> None:
    """Writes every cell's file; raises StoreError for a cell that has no file name of its own, or whose lines have another hash."""
    for cell, part in sorted(cells.items()):
        _refuse_odd_name(cell)
        path = folder / layout.file_of(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        hasher = hashlib.sha256()
        try:
            with path.open("xb") as file:
                for line in lines(cell):
                    hasher.update(line)
                    file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError as error:
            raise StoreError(f"{cell} shares its file name with another cell of the baseline") from error
        if hasher.hexdigest() != part.file_hash:
            raise StoreError(f"the stored contents of {cell} have another hash than the baseline says: nothing was exported")


def _refuse_odd_name(cell: Cell) -> None:
    parts = (
        (layout.PARTITION, cell.scope.partition),
        (layout.ACCOUNT, cell.account),
        (layout.REGION, cell.region),
        (layout.TYPE, cell.type),
    )
    if not all(pattern.fullmatch(text) for pattern, text in parts):
        raise StoreError(f"{cell} has a name that no file can have")
