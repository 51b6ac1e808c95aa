"""The lines of a cell file: one resource each, canonical JSON, sorted by id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from driftwatch.documents.tree import shown
from driftwatch.domain.baseline import BaselineCell, ImportedResource
from driftwatch.domain.canonical import canonical_json
from driftwatch.domain.normalize import fingerprint
from driftwatch.domain.snapshot import cell_digest
from driftwatch.errors import InputError, Place

KEYS: Final = frozenset({"id", "arn", "label", "tags", "config", "fingerprint"})
MAX_LINE: Final = 64 << 20


def resources(path: Path, part: BaselineCell) -> Iterator[ImportedResource]:
    """The resources of a cell file, one line at a time.

    Raises InputError with the line when it is not canonical, out of order or has another fingerprint, and at the end when the file
    as a whole has another hash or count than the manifest says.
    """
    hasher = hashlib.sha256()
    last: str | None = None
    known: list[tuple[str, str]] = []
    for number, line in enumerate(_lines(path), start=1):
        place = Place(str(path), number)
        hasher.update(line)
        item = _resource(line, place)
        if last is not None and item.id <= last:
            raise InputError(
                f"the resource {shown(item.id)} after {shown(last)}", expected="resources sorted by id, each once", place=place
            )
        last = item.id
        known.append((item.id, item.fingerprint))
        yield item
    _require(path, "SHA-256", hasher.hexdigest(), part.file_hash)
    _require(path, "number of resources", len(known), part.count)
    _require(path, "digest", cell_digest(known), part.digest)


def _require(path: Path, what: str, actual: object, listed: object) -> None:
    if actual != listed:
        raise InputError(f"a file with the {what} {actual}", expected=f"{listed}, as the manifest says", place=Place(str(path)))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE):
            yield line


def _resource(line: bytes, place: Place) -> ImportedResource:
    value = _parsed(line, place)
    if not isinstance(value, dict) or value.keys() != KEYS:
        keys = ", ".join(sorted(str(key) for key in value)) if isinstance(value, dict) else "no mapping"
        raise InputError(f"a resource with {shown(keys)}", expected=", ".join(sorted(KEYS)), place=place)
    _require_texts(value, place)
    actual = fingerprint(value["config"], value["tags"])
    if actual != value["fingerprint"]:
        raise InputError(f"the fingerprint {shown(value['fingerprint'])}", expected=f"{actual}, which this config has", place=place)
    document = {"config": value["config"], "tags": value["tags"]}
    return ImportedResource(id=value["id"], arn=value["arn"], label=value["label"], fingerprint=actual, document=document)


def _require_texts(value: dict[str, Any], place: Place) -> None:
    texts = isinstance(value["id"], str) and isinstance(value["fingerprint"], str)
    names = all(value[key] is None or isinstance(value[key], str) for key in ("arn", "label"))
    maps = (
        isinstance(value["config"], dict)
        and isinstance(value["tags"], dict)
        and all(isinstance(tag, str) for tag in value["tags"].values())
    )
    if not (texts and value["id"] and names and maps):
        raise InputError("a resource with a value of another kind", expected="texts, and mappings for config and tags", place=place)


def _parsed(line: bytes, place: Place) -> Any:
    """The value of a line whose bytes are exactly its canonical form, so that no key stands twice and nothing is hidden in white space."""
    for loads in (orjson.loads, json.loads):  # the second for integers beyond 64 bits and lone surrogates
        try:
            value = loads(line)
            if canonical_json(value) + b"\n" == line:
                return value
        except (ValueError, TypeError, RecursionError):
            continue
    raise InputError("a line that is not canonical JSON", expected="one resource as driftwatch writes it", place=place)
