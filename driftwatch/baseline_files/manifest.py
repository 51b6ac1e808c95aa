"""The manifest: what a baseline consists of, for people to review and for the content hash to cover."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from driftwatch.baseline_files import layout
from driftwatch.documents import values
from driftwatch.documents.fields import Fields
from driftwatch.documents.problems import Problems
from driftwatch.documents.tree import Node
from driftwatch.domain.baseline import BaselineCell, BaselineState, BaselineVersion, Disposition, IncludedDrift, Omission, content_hash
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.resource import Cell, Json, Scope
from driftwatch.errors import Place

FORMAT: Final = 1
_MOST: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a manifest says, and where each cell stands in it."""

    version: BaselineVersion
    cells: Mapping[Cell, BaselineCell]
    places: Mapping[Cell, Place]


def manifest_bytes(version: BaselineVersion, cells: Mapping[Cell, BaselineCell]) -> bytes:
    """The manifest of a version that consists of `cells`; the same version gives the same bytes."""
    document = {
        "format": FORMAT,
        "name": version.name,
        "version": version.id,
        "author": version.author,
        "created_at": utc_text(version.created_at),
        "content_hash": version.content_hash,
        "parent": version.parent,
        "parent_hash": version.parent_hash,
        "bootstrap": version.bootstrap,
        "note": version.note,
        "records": list(version.records),
        "included": [_included_json(item) for item in version.included],
        "omissions": [
            _named(item.cell) | {"reason": item.reason, "by": item.by} for item in sorted(version.omissions, key=lambda o: o.cell)
        ],
        "cells": [
            _named(cell) | {"shape": part.shape, "file_hash": part.file_hash, "digest": part.digest, "count": part.count}
            for cell, part in sorted(cells.items())
        ],
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def manifest_of(node: Node, problems: Problems) -> Manifest:
    """What a manifest says; unusable once `problems` holds any. The content hash is computed anew and compared."""
    fields = Fields(node, problems, "a manifest")
    fields.required("format", values.whole(FORMAT, FORMAT))
    listed = fields.many("cells", _cell)
    cells = {part.cell: part for part, _ in listed}
    version = BaselineVersion(
        id=fields.required("version", values.name),
        name=fields.required("name", values.name),
        state=BaselineState.PROPOSED,
        author=fields.required("author", values.name),
        created_at=fields.required("created_at", values.moment),
        content_hash=fields.required("content_hash", hash_text),
        parent=fields.optional("parent", values.name),
        parent_hash=fields.optional("parent_hash", hash_text),
        bootstrap=fields.required("bootstrap", values.flag),
        cells=tuple(cells[cell] for cell in sorted(cells)),
        omissions=fields.many("omissions", _omission),
        included=fields.many("included", _included),
        records=fields.many("records", values.name),
        note=fields.optional("note", _note) or "",
    )
    fields.done()
    _refuse_twins([(part.cell, place) for part, place in listed], problems)
    if not problems:
        actual = content_hash(version.name, cells, version.omissions, version.parent_hash)
        if actual != version.content_hash:
            problems.add(fields.where("content_hash"), f"the content hash {version.content_hash}", f"{actual}, which the cells here have")
    return Manifest(version=version, cells=cells, places={part.cell: place for part, place in listed})


def hash_text(node: Node, problems: Problems) -> str | None:
    """64 hexadecimal digits."""
    return _matching(layout.HASH, "64 hexadecimal digits")(node, problems)


def _matching(pattern: re.Pattern[str], wanted: str) -> values.Convert[str]:
    def convert(node: Node, problems: Problems) -> str | None:
        value = values.name(node, problems)
        if value is None or pattern.fullmatch(value):
            return value
        return problems.add(node.place, values.found(node), wanted)

    return convert


def _note(node: Node, problems: Problems) -> str | None:
    return "" if values.found(node) == '""' else values.text(node, problems)


def _read_cell(fields: Fields) -> Cell:
    scope = Scope(
        partition=fields.required("partition", _matching(layout.PARTITION, "aws, aws-cn or aws-us-gov")),
        account=fields.required("account", _matching(layout.ACCOUNT, "an account id: twelve digits in quotes")),
        region=fields.required("region", _matching(layout.REGION, "a region such as eu-west-1, or global")),
    )
    return Cell(scope=scope, type=fields.required("type", _matching(layout.TYPE, "a resource type such as AWS::EC2::Volume")))


def _cell(node: Node, problems: Problems) -> tuple[BaselineCell, Place] | None:
    fields = Fields(node, problems, "a cell")
    part = BaselineCell(
        cell=_read_cell(fields),
        shape=fields.required("shape", hash_text),
        file_hash=fields.required("file_hash", hash_text),
        digest=fields.required("digest", hash_text),
        count=fields.required("count", values.whole(0, _MOST)),
    )
    fields.done()
    return None if problems else (part, fields.place)


def _omission(node: Node, problems: Problems) -> Omission | None:
    fields = Fields(node, problems, "an omission")
    omission = Omission(cell=_read_cell(fields), reason=fields.required("reason", values.text), by=fields.required("by", values.name))
    fields.done()
    return omission


def _included(node: Node, problems: Problems) -> IncludedDrift | None:
    fields = Fields(node, problems, "an included drift")
    included = IncludedDrift(
        drift=fields.required("drift", values.name),
        verdict=fields.required("verdict", values.name),
        actors=fields.many("actors", values.name),
        disposition=fields.optional("disposition", _disposition),
    )
    fields.done()
    return included


def _disposition(node: Node, problems: Problems) -> Disposition | None:
    fields = Fields(node, problems, "a disposition")
    disposition = Disposition(kind=fields.required("kind", values.name), by=fields.required("by", values.name))
    fields.done()
    return disposition


def _refuse_twins(listed: list[tuple[Cell, Place]], problems: Problems) -> None:
    """Two cells that would share a file: the same cell twice, or two that differ in the partition alone."""
    first: dict[object, Place] = {}
    for cell, place in listed:
        other = first.setdefault(layout.file_of(cell), place)
        if other is not place:
            problems.add(place, f"the cell {cell} a second time (first on line {other.line})", "each cell once")


def _named(cell: Cell) -> dict[str, Json]:
    return {"partition": cell.scope.partition, "account": cell.account, "region": cell.region, "type": cell.type}


def _included_json(item: IncludedDrift) -> Json:
    disposition = {"kind": item.disposition.kind, "by": item.disposition.by} if item.disposition else None
    return {"drift": item.drift, "verdict": item.verdict, "actors": list(item.actors), "disposition": disposition}
