"""The catalogue: every resource type that driftwatch can read, from the TOML files in `resource_types/`.

A file is read strictly: an unknown key, a wrong type or a bad value is refused with its line and what was probably meant. Whether an
entry fits AWS is `typecheck`'s question; loading needs no SDK.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import rtoml
from pydantic import TypeAdapter, ValidationError

from driftwatch.aws.entry import Batch, DetailCall, Entry, Join, Kind, ListCall, One, Paging, Parent, entry_faults
from driftwatch.aws.one import one_faults
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.rule_tree import PATH
from driftwatch.errors import InputError, Place

__all__ = [
    "Batch",
    "Catalog",
    "DetailCall",
    "Entry",
    "Join",
    "Kind",
    "ListCall",
    "One",
    "Paging",
    "Parent",
    "load",
    "read_files",
    "together",
]

_NESTED: Mapping[str, type] = MappingProxyType(
    {"list": ListCall, "detail": DetailCall, "parent": Parent, "batch": Batch, "join": Join, "one": One}
)
_TABLE = re.compile(r"^\s*\[\[\s*resource\s*\]\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an entry is written: the file with its text, and which of its ``[[resource]]`` tables it is (None: the whole file).

    Positions are looked for when somebody asks: a good catalogue is loaded without them.
    """

    file: str
    text: str
    table: int | None = None

    def place(self, *needles: str) -> Place:
        """The line that holds the last of `needles` that is found, each looked for from where the one before it was found."""
        first, lines = self._lines()
        at = 0
        for needle in needles:
            word = re.compile(rf"(?<![\w]){re.escape(needle)}(?![\w])")
            at = next((n for n in range(at, len(lines)) if word.search(lines[n])), at)
        return Place(self.file, first + at)

    def _lines(self) -> tuple[int, list[str]]:
        """The number of the entry's first line, and its lines. The parser gives no positions, so the headers are looked for in the text;
        where they are not there (``resource = [...]``), all that is known is the file."""
        lines = self.text.splitlines()
        starts = [number for number, line in enumerate(lines) if _TABLE.match(line)]
        if self.table is None or self.table >= len(starts):
            return 1, lines
        ends = [*starts[1:], len(lines)]
        return starts[self.table] + 1, lines[starts[self.table] : ends[self.table]]


class Catalog(Mapping[str, Entry]):
    """Type name -> Entry, in the order of the files. Immutable."""

    def __init__(self, entries: Iterable[tuple[Entry, Origin]]) -> None:
        """Raises InputError when a type or an alias is written twice."""
        self._entries: dict[str, Entry] = {}
        self._origins: dict[str, Origin] = {}
        self._aliases: dict[str, str] = {}
        for entry, origin in entries:
            self._add(entry, origin)
        for alias, type_ in self._aliases.items():
            if alias in self._entries:
                raise InputError(f"alias {alias} of {type_} is an entry of its own", place=self.place(type_, "aliases"))

    def _add(self, entry: Entry, origin: Origin) -> None:
        if entry.type in self._entries:
            raise InputError(f"{entry.type} is written twice, first at {self.place(entry.type)}", place=origin.place("type"))
        for alias in entry.aliases:
            if alias in self._aliases:
                raise InputError(f"alias {alias} belongs to {self._aliases[alias]} already", place=origin.place("aliases"))
            self._aliases[alias] = entry.type
        self._entries[entry.type] = entry
        self._origins[entry.type] = origin

    def __getitem__(self, type_: str) -> Entry:
        return self._entries[type_]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def by_service(self) -> Mapping[str, tuple[Entry, ...]]:
        """The entries of each botocore client name."""
        grouped: dict[str, list[Entry]] = {}
        for entry in self.values():
            grouped.setdefault(entry.service, []).append(entry)
        return {service: tuple(entries) for service, entries in grouped.items()}

    def find(self, name: str) -> Entry | None:
        """The entry of that type or alias."""
        return self._entries.get(self._aliases.get(name, name))

    def children(self, type_: str) -> tuple[Entry, ...]:
        """The entries that are listed under each resource of this type."""
        return tuple(entry for entry in self.values() if entry.parent and entry.parent.type == type_)

    def normalisation(self, entry: Entry) -> Normalisation:
        return entry.normalisation

    def place(self, type_: str, *needles: str) -> Place:
        """Where the entry stands, or the part of it that `needles` lead to (field name, then words within it)."""
        return self._origins[type_].place(*needles)

    def with_origins(self) -> Iterator[tuple[Entry, Origin]]:
        return ((entry, self._origins[entry.type]) for entry in self.values())


def load(extra_dirs: Iterable[Path | str] = ()) -> Catalog:
    """The package's entries and those of the ``*.toml`` files in `extra_dirs`; raises InputError naming every mistake by file and line.

    The package's own files are read once in a process, the others at every call.
    """
    own = _package_entries()
    directories = [Path(directory) for directory in extra_dirs]
    for directory in directories:
        if not directory.is_dir():
            raise InputError(f"{directory} is no directory", expected="a directory of catalogue files (*.toml)")
    extra = _read(((str(path), path.read_bytes()) for directory in directories for path in sorted(directory.glob("*.toml"))), thorough=True)
    return Catalog((*own, *extra)) if extra else _package_catalog()


def read_files(paths: Sequence[Path]) -> Catalog:
    """The entries of these files alone."""
    missing = next((path for path in paths if not path.is_file()), None)
    if missing:
        raise InputError(f"{missing} is no file", expected="a catalogue file (*.toml)")
    return Catalog(_read(((str(path), path.read_bytes()) for path in paths), thorough=True))


def together(first: Catalog, second: Catalog) -> Catalog:
    """Both catalogues as one; an entry of `first` takes the place of one of the same type in `second`."""
    return Catalog((*first.with_origins(), *((entry, origin) for entry, origin in second.with_origins() if entry.type not in first)))


@lru_cache(maxsize=1)
def _package_entries() -> tuple[tuple[Entry, Origin], ...]:
    folder = resources.files("driftwatch.aws") / "resource_types"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return _read(((str(file), file.read_bytes()) for file in files), thorough=False)


@lru_cache(maxsize=1)
def _package_catalog() -> Catalog:
    return Catalog(_package_entries())


@lru_cache(maxsize=1)
def _validator() -> TypeAdapter[Entry]:
    return TypeAdapter(Entry)


def _read(files: Iterable[tuple[str, bytes]], *, thorough: bool) -> tuple[tuple[Entry, Origin], ...]:
    """The entries of the files. Those that are shipped need no `thorough` look at what their values mean: a test had one."""
    entries: list[tuple[Entry, Origin]] = []
    problems: list[str] = []
    for name, data in files:
        document = _parse(name, data)
        service = document.pop("service", None)
        tables = document.pop("resource", [])
        whole = Origin(file=name, text=data.decode())
        problems += [f"{whole.place(key)}: unknown key {key}; expected service or [[resource]]" for key in document]
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise InputError("resource is no array of tables", expected="[[resource]]", place=Place(name))
        for number, table in enumerate(tables):
            origin = Origin(file=name, text=whole.text, table=number)
            defaults = {"service": service} if service is not None else {}
            entry, faults = _entry({**defaults, **({"kind": Kind.CHILD} if "parent" in table else {}), **table}, origin, thorough=thorough)
            problems += faults
            if entry:
                entries.append((entry, origin))
    if problems:
        raise InputError("the catalogue is refused" if len(problems) > 1 else "the catalogue entry is refused", problems=tuple(problems))
    return tuple(entries)


def _parse(name: str, data: bytes) -> dict[str, Any]:
    try:
        return rtoml.loads(data.decode())
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8: {error.reason}", place=Place(name, data[: error.start].count(b"\n") + 1)) from error
    except rtoml.TomlParsingError as error:
        at = re.search(r"at line (\d+) column (\d+)", str(error))
        place = Place(name, int(at[1]), int(at[2])) if at else Place(name, data.count(b"\n") + 1)
        raise InputError(f"no TOML: {error}", place=place) from error


def _entry(table: Mapping[str, Any], origin: Origin, *, thorough: bool) -> tuple[Entry | None, list[str]]:
    try:
        entry = _validator().validate_python(table)
    except ValidationError as error:
        return None, [_fault(part["loc"], part["type"], _said(part), table, origin) for part in error.errors()]
    faults = (*entry_faults(entry), *one_faults(entry)) if thorough else ()
    return entry, [f"{origin.place(field)}: {entry.type}: {text}" for field, text in faults]


def _said(part: Any) -> str:
    """pydantic's sentence, or a better one for what is no path."""
    if part["type"] == "string_pattern_mismatch" and part["ctx"]["pattern"] == PATH:
        return f"{part['input']!r} is no path: member names joined by '.', '[]' for the elements of a list, '*' for any key"
    return str(part["msg"])


def _fault(loc: Sequence[str | int], kind: str, message: str, table: Mapping[str, Any], origin: Origin) -> str:
    """One mistake as a line of text. `loc` is pydantic's road to it: keys and indices."""
    names = [str(step) for step in loc if isinstance(step, str) and step not in ("int", "[key]") and not step.startswith("literal[")]
    key = names[-1] if names else ""
    needles = _needles(loc, table)
    name = table.get("type", "resource")
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        near = difflib.get_close_matches(key, _keys_at(names[:-1]), n=1)
        message = f"unknown key {key}" + (f"; did you mean {near[0]}?" if near else f"; expected one of {', '.join(_keys_at(names[:-1]))}")
    elif kind in ("missing", "missing_argument") and isinstance(loc[-1], str):
        message, needles = f"{key} is missing", needles[:-1]
    else:
        message = f"{'.'.join(names)}: {message.removeprefix('Value error, ')}"
    return f"{origin.place(*needles)}: {name}: {message}"


def _needles(loc: Sequence[str | int], table: Any) -> list[str]:
    """The words that lead through the entry's text to the value at `loc`; an array's element is found by its operation."""
    needles: list[str] = []
    value = table
    for step in loc:
        if isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
            needles += [str(value["op"])] if isinstance(value, dict) and "op" in value else []
        elif isinstance(value, dict):
            value = value.get(str(step))
            needles.append(str(step))
    return needles


def _keys_at(road: Sequence[str]) -> list[str]:
    table = _NESTED.get(road[-1], Entry) if road else Entry
    return [f.name for f in fields(table)] if is_dataclass(table) else []
