"""auto_promote: covered drifts become part of the baseline without people, since their change records are the approval (section 9.2).

Only settled findings of completely read cells, and of a cell only the resources that they are about: every other resource keeps what
the baseline says of it, so that nothing uncovered can slip in beside what was allowed. A version that rests on an exception is not made:
that would be a state for ever out of one for a while.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.authorization.baseline_rules import auto_promotable
from driftwatch.domain.authorization.policy import AutoPromote
from driftwatch.domain.baseline import BaselineCell, BaselineEntry, BaselineState, BaselineVersion, content_hash
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import AWAITING, Decision
from driftwatch.domain.finding import Finding, FindingState
from driftwatch.domain.report import FindingChanged, Report
from driftwatch.domain.request import Lease
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import CellState, cell_digest
from driftwatch.operations import decisions, outbox
from driftwatch.operations.baselines import included_drift
from driftwatch.operations.cell_files import lines
from driftwatch.operations.installation import Installation
from driftwatch.operations.judge import Pending
from driftwatch.ports import UnitOfWork

AUTHOR = "driftwatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """A finding that may be promoted, with the decision that covers it, and what the baseline then says of its resource (None: gone)."""

    finding: Finding
    decision: Decision
    entry: BaselineEntry | None


def promote(installation: Installation, lease: Lease, judged: Sequence[Pending], report: Report, scan_id: str) -> list[str]:
    """Promotes what is covered in cells that this scan read completely, one version for each baseline; answers with the versions' ids.

    Nothing where the policy in force does not allow it. A cell whose part of the baseline is no longer the one that it was compared
    with is left to the next scan.
    """
    if installation.policy.baseline.auto_promote is AutoPromote.OFF:
        return []
    by_name: dict[str, list[Pending]] = {}
    for pending in judged:
        by_name.setdefault(pending.baseline, []).append(pending)
    made = []
    for name, members in by_name.items():
        events: list[FindingChanged] = []
        with installation.store.write(lease) as uow:
            version = _promoted(installation, uow, name, members, scan_id, events)
            if version:
                made.append(version)
        for event in events:
            report(event)
    return made


def _promoted(
    installation: Installation, uow: UnitOfWork, name: str, cells: Sequence[Pending], scan_id: str, events: list[FindingChanged]
) -> str | None:
    active = uow.baselines.active(name)
    found = {pending.status.cell: _covered(uow, pending) for pending in cells}
    chosen = {cell: items for cell, items in found.items() if items}
    if active is None or not chosen:
        return None
    contents = {cell: _Contents(uow, active.id, cell, items) for cell, items in chosen.items()}
    shapes = {pending.status.cell: pending.part.shape for pending in cells}
    parts = {cell: content.part(shapes[cell]) for cell, content in contents.items()}
    now = installation.clock()
    version = _version(installation, uow, active, parts, chosen, now)
    allowed, _ = auto_promotable(version, installation.policy)
    if not allowed:
        return None
    uow.baselines.add(version)
    for cell, part in parts.items():
        uow.baselines.put_cell(version.id, part, contents[cell].entries())
    uow.baselines.activate(version.id)
    for cell, items in chosen.items():
        events.extend(_baselined(uow, installation, item.finding, version.id, scan_id, now) for item in items)
        if not any(uow.findings.live(name, cell)):
            uow.cells.set_state(cell, CellState.CLEAN, None)
    _record(uow, version, active, chosen, now)
    return version.id


def _covered(uow: UnitOfWork, pending: Pending) -> list[Covered]:
    """The findings of the cell that a baseline may absorb by itself, as they stand now."""
    name, cell = pending.baseline, pending.status.cell
    if uow.baselines.part(name, cell) != pending.part:
        return []
    mismatches = {item.id: item for item in uow.observations.mismatches(cell, name)}
    found = []
    for finding in uow.findings.live(name, cell):
        mismatch = mismatches.get(finding.resource)
        decision = _covering(uow, finding)
        if decision is None or mismatch is None:
            continue
        current = mismatch.current
        seen = (mismatch.baseline.fingerprint if mismatch.baseline else None, current.fingerprint if current else None)
        if seen != (finding.before_fingerprint, finding.after_fingerprint):
            continue  # what was judged is not what is there now
        entry = BaselineEntry(id=current.id, arn=current.arn, label=current.label, fingerprint=current.fingerprint) if current else None
        found.append(Covered(finding=finding, decision=decision, entry=entry))
    return found


def _covering(uow: UnitOfWork, finding: Finding) -> Decision | None:
    """The settled decision by which every single path of the finding is authorised; None where there is none."""
    if finding.state is not FindingState.AWAITING_BASELINE:
        return None
    decision = decode(Decision, uow.findings.decisions(finding.id)[-1])
    whole = decision.settled and decision.paths and all(path.verdict in AWAITING for path in decision.paths)
    return decision if whole else None


class _Contents:
    """What the new version says of one cell: the active version's entries, with those of the covered resources in their place."""

    def __init__(self, uow: UnitOfWork, active: str, cell: Cell, items: Iterable[Covered]) -> None:
        self._uow = uow
        self._active = active
        self._cell = cell
        self._changed = {item.finding.resource: item.entry for item in items}

    def entries(self) -> Iterator[BaselineEntry]:
        """Ordered by id; a stream over the store."""
        kept = (entry for entry in self._uow.baselines.entries(self._active, self._cell) if entry.id not in self._changed)
        new = sorted((entry for entry in self._changed.values() if entry), key=attrgetter("id"))
        return heapq.merge(kept, new, key=attrgetter("id"))

    def part(self, shape: str) -> BaselineCell:
        count = 0

        def pairs() -> Iterator[tuple[str, str]]:
            nonlocal count
            for entry in self.entries():
                count += 1
                yield entry.id, entry.fingerprint

        digest = cell_digest(pairs())
        hasher = hashlib.sha256()
        for line in lines(self._uow, self.entries()):
            hasher.update(line)
        return BaselineCell(cell=self._cell, shape=shape, file_hash=hasher.hexdigest(), digest=digest, count=count)


def _version(
    installation: Installation,
    uow: UnitOfWork,
    active: BaselineVersion,
    parts: Mapping[Cell, BaselineCell],
    chosen: Mapping[Cell, Sequence[Covered]],
    now: datetime,
) -> BaselineVersion:
    items = sorted((item for group in chosen.values() for item in group), key=lambda item: item.finding.id)
    merged = {**uow.baselines.cells(active.id), **parts}
    return BaselineVersion(
        id=installation.new_id("baseline"),
        name=active.name,
        state=BaselineState.APPROVED,
        author=AUTHOR,
        created_at=now,
        content_hash=content_hash(active.name, merged, active.omissions, active.content_hash),
        parent=active.id,
        parent_hash=active.content_hash,
        cells=tuple(parts[cell] for cell in sorted(parts)),
        omissions=active.omissions,
        included=tuple(included_drift(uow, installation, item.finding) for item in items),
        records=tuple(sorted({path.record for item in items for path in item.decision.paths if path.record})),
        note="promoted: every change in it was authorised by its own change record",
    )


def _baselined(uow: UnitOfWork, installation: Installation, finding: Finding, version: str, scan_id: str, now: datetime) -> FindingChanged:
    after = lifecycle.baseline_activated(finding, now)
    outbox.save(uow, installation.routing, after, now)
    decisions.record(uow, "finding_baselined", after, now, scan_id=scan_id, version=version)
    return FindingChanged(scan_id=scan_id, before=finding, finding=after, decision=None)


def _record(
    uow: UnitOfWork, version: BaselineVersion, active: BaselineVersion, chosen: Mapping[Cell, Sequence[Covered]], now: datetime
) -> None:
    body = {
        "baseline": version.name,
        "version": version.id,
        "content_hash": version.content_hash,
        "parent": active.id,
        "cells": [[str(part.cell), part.file_hash] for part in version.cells],
        "findings": [[item.drift, item.verdict] for item in version.included],
        "resources": sorted(item.finding.resource_id for group in chosen.values() for item in group),
        "records": list(version.records),
    }
    uow.ledger.append(now, "baseline_promoted", body)
