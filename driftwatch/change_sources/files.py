"""Change records as files: a directory of YAML and JSON, such as a checkout of a repository that only reviewed changes reach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import Field

from driftwatch.documents.changes import Placed, read_records, without_twins
from driftwatch.documents.models import Section
from driftwatch.documents.reader import read_file
from driftwatch.documents.tree import Limits
from driftwatch.domain.change import Fetched, SetAside
from driftwatch.errors import InputError, Place, SourceError

SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_LEFTOVERS: Final = ("~", ".bak", ".orig", ".swp", ".tmp")


class Settings(Section):
    """The settings of a `files` source."""

    path: Path = Field(description="The directory; everything in it that ends in .yaml, .yml or .json is read, subdirectories too.")
    max_files: int = Field(default=20_000, ge=1, le=1_000_000, description="More files than this are an error of the source.")
    max_file_bytes: int = Field(default=1 << 20, ge=1024, le=64 << 20, description="A larger file is set aside.")


class FilesSource:
    """Reads every record file below a directory on each fetch.

    Hidden files and editors' leftovers are no records. A link that leaves the directory is set aside, never followed.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._settings = settings
        self._limits = Limits(size=settings.max_file_bytes)

    def fetch(self) -> Fetched:
        """All records; raises SourceError when the directory is missing, unreadable, or holds more files than allowed.

        A record's `source` is this source's name, whatever the file says.
        """
        good: list[Placed] = []
        refused: list[SetAside] = []
        for number, path in enumerate(self._files(), start=1):
            if number > self._settings.max_files:
                raise SourceError(f"{self._settings.path} holds more than {self._settings.max_files} record files", retryable=False)
            try:
                self._refuse_outside(path)
                placed, aside = read_records(read_file(path, self._settings.max_file_bytes), str(path), self._limits)
            except InputError as error:
                refused.append(SetAside(place=str(error.place or path), problem=str(error)))
                continue
            good.extend(placed)
            refused.extend(aside)
        fetched = without_twins(good, refused)
        return replace(fetched, records=tuple(replace(record, source=self.name) for record in fetched.records))

    def _files(self) -> Iterator[Path]:
        root = self._settings.path
        if not root.is_dir():
            raise SourceError(f"the directory {root} of the change source {self.name} does not exist", retryable=True)

        def fail(error: OSError) -> None:
            raise SourceError(f"the change source {self.name} cannot read {error.filename}: {error.strerror}", retryable=True) from error

        for folder, folders, files in os.walk(root, onerror=fail, followlinks=False):
            for name in sorted(folders):
                if not name.startswith(".") and (Path(folder) / name).is_symlink():
                    files.append(name)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (Path(folder) / name for name in sorted(files) if self._is_record_file(Path(folder) / name))

    def _is_record_file(self, path: Path) -> bool:
        if path.name.startswith((".", "#")) or path.name.endswith(_LEFTOVERS):
            return False
        return path.suffix.lower() in SUFFIXES or (path.is_symlink() and path.is_dir())

    def _refuse_outside(self, path: Path) -> None:
        if path.is_symlink() and not path.resolve().is_relative_to(self._settings.path.resolve()):
            raise InputError("a link that leaves the directory", expected="a file inside it", place=Place(str(path)))
        if path.is_dir():
            raise InputError("a link to a directory", expected="the directory itself", place=Place(str(path)))


def create(name: str, settings: Settings) -> FilesSource:
    return FilesSource(name, settings)
