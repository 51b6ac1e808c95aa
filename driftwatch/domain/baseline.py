"""Baseline: the approved state of the cells that its patterns cover."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from driftwatch.domain.canonical import canonical_json, sha256_hex
from driftwatch.domain.change import ApprovalDecision
from driftwatch.domain.resource import Cell, Json
from driftwatch.domain.snapshot import Stored
from driftwatch.errors import RefusedError


class BaselineState(StrEnum):
    CAPTURED = "captured"
    PROPOSED = "proposed"
    APPROVED = "approved"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Method(StrEnum):
    """How a person was identified."""

    OS_USER = "os_user"
    SSH = "ssh"
    OIDC = "oidc"
    TOKEN = "token"
    SIMULATED = "simulated"
    """Only in the demo, whose people do not exist."""


class Assurance(StrEnum):
    """How much an identification is worth.

    `signed`: an SSH key signed this very act, or an identity provider vouched for whoever acts. `local`: an OS user, or a token, which
    is worth no more than the place where it is kept; shell access to the store defeats both.
    """

    LOCAL = "local"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The identified person behind an act."""

    person: str
    method: Method
    assurance: Assurance = Assurance.LOCAL


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineApproval:
    """One decision about one content hash."""

    who: str
    decision: ApprovalDecision
    at: datetime
    content_hash: str
    role: str | None = None
    method: Method | None = None
    assurance: Assurance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """What a person decided about a drift that a baseline is to absorb: ratified, risk_accepted or excepted."""

    kind: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncludedDrift:
    """A drift that becomes part of the baseline: its verdict, who made the change, and the disposition of an uncovered one."""

    drift: str
    verdict: str
    actors: tuple[str, ...] = ()
    disposition: Disposition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """A cell that was left out on purpose: it is unbaselined, never clean."""

    cell: Cell
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineCell:
    """One cell of a baseline version: the shape its fingerprints were made with, and the SHA-256 (hex) of its canonical lines.

    `digest` is the cell digest (`snapshot.cell_digest`) for comparing a whole cell at once; `count` its resources.
    """

    cell: Cell
    shape: str
    file_hash: str
    digest: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineVersion:
    """One immutable version of a named baseline, without the contents of its cells.

    `cells` are those that differ from the parent's; `removed` are cells of the parent that this version no longer has.
    """

    id: str
    name: str
    state: BaselineState
    author: str
    created_at: datetime
    content_hash: str
    parent: str | None = None
    parent_hash: str | None = None
    bootstrap: bool = False
    cells: tuple[BaselineCell, ...] = ()
    removed: tuple[Cell, ...] = ()
    omissions: tuple[Omission, ...] = ()
    included: tuple[IncludedDrift, ...] = ()
    approvals: tuple[BaselineApproval, ...] = ()
    records: tuple[str, ...] = ()
    """The change records that justify this version."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselinePattern:
    """What a named baseline covers: globs over account, region and type; a cell belongs to exactly one baseline."""

    name: str
    accounts: tuple[str, ...] = ("*",)
    regions: tuple[str, ...] = ("*",)
    types: tuple[str, ...] = ("*",)

    def covers(self, cell: Cell) -> bool:
        return (
            any(fnmatchcase(cell.account, glob) for glob in self.accounts)
            and any(fnmatchcase(cell.region, glob) for glob in self.regions)
            and any(fnmatchcase(cell.type, glob) for glob in self.types)
        )


def baseline_of(cell: Cell, patterns: Sequence[BaselinePattern]) -> str | None:
    """The name of the baseline that covers a cell; raises RefusedError when two do."""
    names = [pattern.name for pattern in patterns if pattern.covers(cell)]
    if len(names) > 1:
        raise RefusedError(f"{cell} is covered by the baselines {' and '.join(names)}: a cell belongs to one, narrow their patterns")
    return names[0] if names else None


def content_hash(name: str, cells: Mapping[Cell, BaselineCell], omissions: tuple[Omission, ...], parent_hash: str | None) -> str:
    """SHA-256 (hex) of the canonical manifest: name, sorted (cell, shape, file hash), omissions and the parent's hash."""
    manifest = {
        "name": name,
        "cells": [
            [cell.scope.partition, cell.account, cell.region, cell.type, part.shape, part.file_hash] for cell, part in sorted(cells.items())
        ],
        "omissions": sorted([str(item.cell), item.cell.scope.partition, item.reason, item.by] for item in omissions),
        "parent": parent_hash,
    }
    return sha256_hex(canonical_json(manifest))


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineEntry:
    """One resource in a baseline cell."""

    id: str
    arn: str | None
    label: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A resource whose stored fingerprint is not the baseline's: `current` None = gone, `baseline` None = new."""

    id: str
    current: Stored | None
    baseline: BaselineEntry | None
    gone: tuple[datetime | None, datetime] | None = None
    """For a resource that is gone: (start of the last complete listing that had it, when it was missed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature file beside an exported baseline: who it says it is from, and its armoured text."""

    principal: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedResource:
    id: str
    arn: str | None
    label: str | None
    fingerprint: str
    document: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedBaseline:
    """A baseline read from files, verified against its own hashes. `resources` streams one cell's (id, arn, label, document)."""

    version: BaselineVersion
    cells: Mapping[Cell, BaselineCell]
    shapes: Mapping[str, Json]
    resources: Callable[[Cell], Iterator[ImportedResource]]
