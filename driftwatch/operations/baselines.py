"""Baselines: captured from a complete snapshot or imported from files, proposed, and approved by somebody else (R13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.baseline import (
    Actor,
    BaselineCell,
    BaselineState,
    BaselineVersion,
    IncludedDrift,
    Omission,
    baseline_of,
    content_hash,
)
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import AWAITING, Decision
from driftwatch.domain.drift import DriftKind
from driftwatch.domain.finding import LIVE, Finding
from driftwatch.domain.freshness import FRESH_STATES
from driftwatch.domain.scan import CellStatus
from driftwatch.domain.snapshot import CellState
from driftwatch.errors import NotFoundError, RefusedError
from driftwatch.operations import attribution
from driftwatch.operations.cell_files import cell_part, entries_of
from driftwatch.operations.installation import Installation
from driftwatch.operations.shapes import shape_fields
from driftwatch.operations.status import statuses
from driftwatch.ports import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A pattern of cells (ACCOUNT/REGION/TYPE, globs) that a capture leaves out, and why."""

    pattern: str
    reason: str


def capture(installation: Installation, name: str, actor: Actor, left_out: Sequence[LeftOut] = (), note: str = "") -> BaselineVersion:
    """A new version from the latest complete readings of every cell that the baseline covers.

    Raises RefusedError when a cell is not completely and freshly read, unless it is left out by name; such cells are omissions, which
    stay unbaselined. Only cells that differ from the active version are written.
    """
    covered = _covered(installation, name)
    kept, omissions = _split(covered, left_out, actor)
    _refuse_incomplete(kept)
    with installation.store.write() as uow:
        active = uow.baselines.active(name)
        former = uow.baselines.cells(active.id) if active else {}
        changed = {status.cell: part for status in kept if (part := _changed_part(uow, status, former.get(status.cell)))}
        for status in kept:
            _remember_shape(installation, uow, status)
        names = {status.cell for status in kept}
        merged = {cell: part for cell, part in former.items() if cell in names} | changed
        version = BaselineVersion(
            id=installation.new_id("baseline"),
            name=name,
            state=BaselineState.CAPTURED,
            author=actor.person,
            created_at=installation.clock(),
            content_hash=content_hash(name, merged, omissions, active.content_hash if active else None),
            parent=active.id if active else None,
            parent_hash=active.content_hash if active else None,
            bootstrap=active is None,
            cells=tuple(changed[cell] for cell in sorted(changed)),
            removed=tuple(sorted(former.keys() - names)),
            omissions=omissions,
            included=included_drifts(uow, installation, name),
            note=note,
        )
        uow.baselines.add(version)
        for cell, part in changed.items():
            uow.baselines.put_cell(version.id, part, entries_of(uow.observations.present(cell)))
        record_act(uow, installation, "baseline_captured", version, actor)
    return version


def propose(installation: Installation, version_id: str, actor: Actor) -> BaselineVersion:
    """Puts a captured version up for approval by somebody else than its author."""
    with installation.store.write() as uow:
        version = version_of(uow, version_id)
        require(version, BaselineState.CAPTURED)
        uow.baselines.set_state(version.id, BaselineState.PROPOSED)
        record_act(uow, installation, "baseline_proposed", version, actor)
    return replace(version, state=BaselineState.PROPOSED)


def record_act(
    uow: UnitOfWork, installation: Installation, what: str, version: BaselineVersion, actor: Actor | None, reason: str | None = None
) -> None:
    """One ledger entry for an act on a version: who, by which method, on which content."""
    body = {
        "baseline": version.name,
        "version": version.id,
        "content_hash": version.content_hash,
        "parent": version.parent,
        "author": version.author,
        "bootstrap": version.bootstrap,
        "person": actor.person if actor else None,
        "method": actor.method.value if actor else None,
        "assurance": actor.assurance.value if actor else None,
    }
    if reason is not None:
        body["reason"] = reason
    uow.ledger.append(installation.clock(), what, body)


def _covered(installation: Installation, name: str) -> list[CellStatus]:
    if name not in {pattern.name for pattern in installation.baselines}:
        raise NotFoundError(f"no baseline is called {name!r}; the config names {', '.join(item.name for item in installation.baselines)}")
    cells = [
        status
        for status in statuses(installation)
        if status.state is not CellState.NOT_ENABLED and baseline_of(status.cell, installation.baselines) == name
    ]
    if not cells:
        raise RefusedError(f"nothing was read yet of what {name} covers: run `driftwatch scan` first")
    return sorted(cells, key=lambda status: status.cell)


def _split(covered: Sequence[CellStatus], left_out: Sequence[LeftOut], actor: Actor) -> tuple[list[CellStatus], tuple[Omission, ...]]:
    kept, omissions = [], []
    for status in covered:
        reason = next((item.reason for item in left_out if fnmatchcase(str(status.cell), item.pattern)), None)
        if reason is None:
            kept.append(status)
        else:
            omissions.append(Omission(cell=status.cell, reason=reason, by=actor.person))
    return kept, tuple(omissions)


def _refuse_incomplete(kept: Sequence[CellStatus]) -> None:
    incomplete = [status for status in kept if status.state not in FRESH_STATES]
    if incomplete:
        named = "\n".join(f"  {status.cell}: {status.state.value} ({status.reason or 'no reason recorded'})" for status in incomplete[:20])
        more = f"\n  and {len(incomplete) - 20} more" if len(incomplete) > 20 else ""
        raise RefusedError(
            f"{len(incomplete)} cells are not completely read, and a partial snapshot is no baseline:\n{named}{more}\n"
            "mend that and scan again, or leave them out by name with `--leave-out ACCOUNT/REGION/TYPE --reason ...`"
        )


def _changed_part(uow: UnitOfWork, status: CellStatus, former: BaselineCell | None) -> BaselineCell | None:
    if status.shape is None:
        raise RefusedError(f"{status.cell} has no stored shape: scan again")
    if former and former.digest == status.digest and former.shape == status.shape:
        return None
    part = cell_part(uow, status.cell, status.shape)
    return None if former and former.file_hash == part.file_hash and former.shape == part.shape else part


def _remember_shape(installation: Installation, uow: UnitOfWork, status: CellStatus) -> None:
    """The rules behind the shape are data of the baseline: an upgraded driftwatch still reads the cell as this version did."""
    shape, rules = installation.collector.normalisation(status.cell.type)
    if status.shape == shape:
        uow.documents.put_shape(shape, shape_fields(rules, installation.key_id))
    elif status.shape is None or uow.documents.shape(status.shape) is None:
        raise RefusedError(f"{status.cell} was last read by another catalogue than this one, whose rules are not known: scan again")


def included_drifts(uow: UnitOfWork, installation: Installation, name: str) -> tuple[IncludedDrift, ...]:
    """Every live finding of the baseline as a drift that a new version may absorb; one that comes up later needs another capture."""
    found = sorted(live_findings(uow, name), key=lambda finding: finding.id)
    return tuple(included_drift(uow, installation, finding) for finding in found)


def included_drift(uow: UnitOfWork, installation: Installation, finding: Finding) -> IncludedDrift:
    """A finding as a drift that a version absorbs, with the disposition that a ratification or an exception is.

    Its actors are the people who made it, as the log says; those who were to make it under the records that cover it count, too.
    """
    made = uow.findings.decisions(finding.id)
    ids = {path.record for path in decode(Decision, made[-1]).paths if path.record and path.verdict in AWAITING} if made else set()
    records = [record for id_ in sorted(ids) if (record := uow.changes.get(id_))]
    policy, people = installation.policy, Identities(installation.policy.context)
    made_by = attribution.humans(attribution.writers(uow, finding.drift, policy, people, installation.clock()))
    return IncludedDrift(
        drift=finding.id,
        verdict=finding.verdict_current.value,
        actors=tuple(sorted(people.people([*made_by, *(who for record in records for who in record.implementers)]))),
        disposition=finding.handling.disposition,
    )


def live_findings(uow: UnitOfWork, name: str) -> list[Finding]:
    """The live findings about what a baseline may take up; a transient left nothing that it could."""
    found = uow.findings.all(tuple(LIVE))
    return [finding for finding in found if finding.baseline == name and finding.drift.kind is not DriftKind.TRANSIENT]


def version_of(uow: UnitOfWork, version_id: str) -> BaselineVersion:
    version = uow.baselines.get(version_id)
    if version is None:
        raise NotFoundError(f"no baseline version {version_id}; `driftwatch baseline history NAME` lists them")
    return version


def require(version: BaselineVersion, *states: BaselineState) -> None:
    if version.state not in states:
        allowed = " or ".join(state.value for state in states)
        raise RefusedError(f"{version.id} is {version.state.value}; this can be done while it is {allowed}")
