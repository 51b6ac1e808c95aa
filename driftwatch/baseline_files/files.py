"""A baseline in a folder: written as a whole or not at all, and read only when every hash holds."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from driftwatch.baseline_files import layout
from driftwatch.baseline_files.lines import resources
from driftwatch.baseline_files.manifest import Manifest, manifest_bytes, manifest_of
from driftwatch.baseline_files.shapes import read_shapes, shapes_bytes
from driftwatch.baseline_files.writing import write_cells, write_file
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read, read_file
from driftwatch.documents.tree import Limits, shown
from driftwatch.domain.baseline import BaselineCell, BaselineVersion, ImportedBaseline, ImportedResource, Signature
from driftwatch.domain.resource import Cell, Json
from driftwatch.errors import InputError, Place, StoreError

LIMITS: Final = Limits(size=32 << 20, depth=20, nodes=700_000)
MAX_SIGNATURE: Final = 16 << 10


class FileBaselines:
    """The `BaselineFiles` of the ports on a file system."""

    def write(
        self,
        folder: Path,
        version: BaselineVersion,
        cells: Mapping[Cell, BaselineCell],
        lines: Callable[[Cell], Iterator[bytes]],
        shapes: Mapping[str, Json],
    ) -> None:
        """Writes the version to `folder`, whose former content is replaced at the end, in one step; signatures stay if they still fit.

        `lines` gives the canonical lines of a cell, each with its line break. Raises StoreError when they do not have the recorded
        hash, or the disk refuses; InputError when `folder` holds something else than a baseline. The former content then stays.
        """
        folder = folder.absolute()
        _refuse_other_folder(folder)
        draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.new")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            draft.mkdir()
            write_cells(draft, cells, lines)
            write_file(draft / layout.SHAPES, shapes_bytes(shapes))
            write_file(draft / layout.MANIFEST, manifest_bytes(version, cells))
            if _content_hash(folder) == version.content_hash and (folder / layout.SIGNATURES).is_dir():
                shutil.copytree(folder / layout.SIGNATURES, draft / layout.SIGNATURES, symlinks=True)
            _swap(draft, folder)
        except OSError as error:
            raise StoreError(f"the baseline cannot be written to {folder}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def read(self, folder: Path) -> ImportedBaseline:
        """The baseline in `folder`. Raises InputError with the place of whatever is wrong: unknown keys, wrong hashes, files that are
        missing or not listed, links."""
        try:
            return _read(folder)
        except OSError as error:
            raise InputError(
                f"the baseline cannot be read: {error.strerror or error}", place=Place(str(error.filename or folder))
            ) from error

    def signatures(self, folder: Path) -> Sequence[Signature]:
        """The signatures beside the manifest, sorted by principal; whether they hold is for the `Signer` to say."""
        found = []
        directory = folder / layout.SIGNATURES
        for path in sorted(directory.iterdir()) if directory.is_dir() else ():
            if path.name.startswith("."):
                continue
            if path.is_symlink() or path.suffix != layout.SIGNATURE_SUFFIX:
                raise InputError("no signature", expected=f"files that end in {layout.SIGNATURE_SUFFIX}", place=Place(str(path)))
            try:
                text = read_file(path, MAX_SIGNATURE).decode("ascii")
            except UnicodeDecodeError as error:
                raise InputError(
                    "a signature that is no ASCII text", expected="the output of ssh-keygen -Y sign", place=Place(str(path))
                ) from error
            found.append(Signature(principal=layout.principal_of(path.name), text=text))
        return found

    def add_signature(self, folder: Path, signature: Signature) -> Path:
        """Writes a signature beside the manifest, in place of an older one of the same principal; answers with its path."""
        path = folder / layout.SIGNATURES / layout.signature_name(signature.principal)
        draft = path.with_name(f".{secrets.token_hex(4)}.tmp")
        try:
            path.parent.mkdir(exist_ok=True)
            write_file(draft, signature.text.encode("ascii"))
            draft.replace(path)
        except OSError as error:
            raise StoreError(f"the signature cannot be written to {path}: {error.strerror or error}") from error
        finally:
            draft.unlink(missing_ok=True)
        return path


def _read(folder: Path) -> ImportedBaseline:
    path = folder / layout.MANIFEST
    problems = Problems()
    manifest = manifest_of(read(read_file(path, LIMITS.size), str(path), LIMITS), problems)
    problems.check()
    _refuse_strays(folder, manifest)
    shapes = read_shapes(folder / layout.SHAPES, LIMITS, {part.shape for part in manifest.cells.values()})
    paths = {cell: folder / layout.file_of(cell) for cell in manifest.cells}
    for cell, part in manifest.cells.items():
        for _ in resources(paths[cell], part):
            pass

    def again(cell: Cell) -> Iterator[ImportedResource]:
        return resources(paths[cell], manifest.cells[cell])

    return ImportedBaseline(version=manifest.version, cells=manifest.cells, shapes=shapes, resources=again)


def _refuse_strays(folder: Path, manifest: Manifest) -> None:
    """Every listed file is there, nothing else is, and nothing is a link."""
    listed = {str(layout.file_of(cell)): place for cell, place in manifest.places.items()}
    known = listed.keys() | {layout.MANIFEST, layout.SHAPES}
    present: set[str] = set()
    for parent, folders, files in os.walk(folder, onerror=_raise):
        for name in (*folders, *files):
            path = Path(parent) / name
            if path.is_symlink():
                raise InputError("a link", expected="plain files and folders", place=Place(str(path)))
        if Path(parent) == folder and layout.SIGNATURES in folders:
            folders.remove(layout.SIGNATURES)
        present.update((Path(parent) / name).relative_to(folder).as_posix() for name in files)
    for name in sorted(present - known):
        raise InputError(
            "a file that the manifest does not list", expected="only the files of the baseline", place=Place(str(folder / name))
        )
    for name in sorted(listed.keys() - present):
        raise InputError(f"the cell file {shown(name)}, which is missing", expected="every listed file", place=listed[name])


def _raise(error: OSError) -> None:
    raise error


def _refuse_other_folder(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError("this is no folder", expected="a folder of a baseline, or a new one", place=Place(str(folder)))
    if folder.is_dir() and any(folder.iterdir()) and not (folder / layout.MANIFEST).is_file():
        raise InputError("a folder with something else in it", expected="a folder of a baseline, or a new one", place=Place(str(folder)))


def _content_hash(folder: Path) -> str | None:
    """The content hash of what is in the folder now; None where that is no readable manifest."""
    try:
        path = folder / layout.MANIFEST
        return manifest_of(read(read_file(path, LIMITS.size), str(path), LIMITS), Problems()).version.content_hash
    except InputError:
        return None


def _swap(draft: Path, folder: Path) -> None:
    """Puts `draft` in the place of `folder`; when that fails, the former folder is put back."""
    former = draft.with_suffix(".old")
    there = folder.exists()
    if there:
        folder.rename(former)
    try:
        draft.rename(folder)
    except OSError:
        if there:
            former.rename(folder)
        raise
    shutil.rmtree(former, ignore_errors=True)
