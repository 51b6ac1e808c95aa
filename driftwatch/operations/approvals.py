"""Approving baselines: by somebody else than the author, bound to the content that was looked at, under R13."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.authorization.baseline_rules import promotable
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.baseline import Actor, BaselineApproval, BaselineState, BaselineVersion, Disposition, IncludedDrift
from driftwatch.domain.change import ApprovalDecision
from driftwatch.domain.decision import RuleResult
from driftwatch.domain.finding import Finding
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import CellState
from driftwatch.errors import RefusedError
from driftwatch.operations import outbox
from driftwatch.operations.baselines import live_findings, record_act, require, version_of
from driftwatch.operations.cells import NOT_JUDGED
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork

ACCEPTED: Final = "risk_accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """What an approval came to: the version as it is now, and how R13 was judged."""

    version: BaselineVersion
    active: bool
    results: tuple[RuleResult, ...]
    baselined: int = 0


def approve(
    installation: Installation, version_id: str, actor: Actor, *, seen_hash: str, accept_risk: Mapping[str, str] | None = None
) -> Approved:
    """Approves the content whose hash the approver saw; activates the version in the same transaction when R13 is then satisfied.

    `accept_risk` maps findings to the reason why their uncovered drift may enter the baseline. Raises RefusedError when the content is
    another one, when the approver is its author, or when another version became active since it was proposed (`stale_parent`).
    """
    try:
        with installation.store.write() as uow:
            version = version_of(uow, version_id)
            require(version, BaselineState.PROPOSED)
            _refuse_other_content(version, seen_hash)
            _refuse_author(installation, version, actor)
            version = with_dispositions(as_disposed_of(uow, version), actor, accept_risk or {})
            uow.baselines.set_included(version.id, version.included)
            return settle(installation, uow, version, (approval_of(installation, version, actor, ApprovalDecision.APPROVED),))
    except RefusedError as refusal:
        with installation.store.write() as uow:
            body = {"version": version_id, "person": actor.person, "method": actor.method.value, "why": str(refusal)}
            uow.ledger.append(installation.clock(), "baseline_approval_refused", body)
        raise


def settle(installation: Installation, uow: UnitOfWork, version: BaselineVersion, approvals: Sequence[BaselineApproval]) -> Approved:
    """Records approvals and activates the version if R13 is satisfied by all that it has, and its parent is still the active one."""
    now = installation.clock()
    for approval in approvals:
        uow.baselines.add_approval(version.id, approval)
        _record_approval(uow, version, approval)
    merged = (*version.approvals, *approvals)
    allowed, results = promotable(replace(version, approvals=merged), installation.policy, now)
    if not allowed:
        return Approved(version=replace(version, approvals=merged), active=False, results=results)
    active = uow.baselines.active(version.name)
    if (active.id if active else None) != version.parent:
        raise RefusedError(f"stale_parent: another version of {version.name} became active since {version.id} was captured; capture again")
    uow.baselines.activate(version.id)
    baselined = _close_baselined(uow, installation, version, now)
    if active:
        _leave_to_the_next_scan(uow, version.id)
    record_act(uow, installation, "baseline_activated", version, None)
    return Approved(
        version=replace(version, state=BaselineState.ACTIVE, approvals=merged), active=True, results=results, baselined=baselined
    )


def reject(installation: Installation, version_id: str, actor: Actor, reason: str) -> BaselineVersion:
    """Rejects a proposal; by its own author that is a withdrawal."""
    with installation.store.write() as uow:
        version = version_of(uow, version_id)
        require(version, BaselineState.PROPOSED, BaselineState.CAPTURED)
        own = same_person(installation, version.author, actor.person)
        state = BaselineState.WITHDRAWN if own else BaselineState.REJECTED
        if not own:
            approval = approval_of(installation, version, actor, ApprovalDecision.REJECTED)
            uow.baselines.add_approval(version.id, approval)
        uow.baselines.set_state(version.id, state)
        record_act(uow, installation, f"baseline_{state.value}", version, actor, reason=reason)
    return replace(version, state=state)


def approval_of(installation: Installation, version: BaselineVersion, actor: Actor, decision: ApprovalDecision) -> BaselineApproval:
    return BaselineApproval(
        who=actor.person,
        decision=decision,
        at=installation.clock(),
        content_hash=version.content_hash,
        method=actor.method,
        assurance=actor.assurance,
    )


def with_dispositions(version: BaselineVersion, actor: Actor, accepted: Mapping[str, str]) -> BaselineVersion:
    """The version with the approver's dispositions for the named findings; raises RefusedError for a finding that it does not include."""
    known = {item.drift for item in version.included}
    if unknown := sorted(accepted.keys() - known):
        raise RefusedError(
            f"{version.id} does not include {', '.join(unknown)}; `driftwatch baseline show {version.id}` lists what it does"
        )
    disposed = Disposition(kind=ACCEPTED, by=actor.person)
    return replace(
        version, included=tuple(replace(item, disposition=disposed) if item.drift in accepted else item for item in version.included)
    )


def as_disposed_of(uow: UnitOfWork, version: BaselineVersion) -> BaselineVersion:
    """The version with the ratifications and exceptions as they stand now: one may have come, or run out, since the capture."""

    def disposition(item: IncludedDrift) -> Disposition | None:
        finding = uow.findings.get(item.drift)
        known = finding.handling.disposition if finding else None
        return known or (item.disposition if item.disposition and item.disposition.kind == ACCEPTED else None)

    return replace(version, included=tuple(replace(item, disposition=disposition(item)) for item in version.included))


def _close_baselined(uow: UnitOfWork, installation: Installation, version: BaselineVersion, now: datetime) -> int:
    """Findings whose present value is what the new version holds are baselined; the others stay as they are."""
    by_cell: dict[Cell, dict[str, Finding]] = {}
    for finding in live_findings(uow, version.name):
        by_cell.setdefault(finding.cell, {})[finding.resource] = finding
    included = {item.drift: item for item in version.included}
    closed = 0
    for cell, findings in by_cell.items():
        held = {entry.id: entry.fingerprint for entry in uow.baselines.entries(version.id, cell) if entry.id in findings}
        for resource, finding in findings.items():
            if held.get(resource) == finding.after_fingerprint:
                item = included.get(finding.id)
                disposition, actors = (item.disposition, frozenset(item.actors)) if item else (None, frozenset[str]())
                after = lifecycle.baseline_activated(finding, now, disposition=disposition, actors=actors)
                outbox.save(uow, installation.routing, after, now)
                uow.ledger.append(now, "finding_baselined", {"finding": finding.id, "version": version.id, "cell": str(cell)})
                closed += 1
    return closed


def _leave_to_the_next_scan(uow: UnitOfWork, version_id: str) -> None:
    """What is known of a cell is about the former version. Where this one holds anything but what was last read, nobody compared yet."""
    version = version_of(uow, version_id)
    known = {status.cell: status for status in uow.cells.all() if status.state in (CellState.CLEAN, CellState.DRIFTED)}
    for part in version.cells:
        status = known.get(part.cell)
        if status and (status.digest, status.shape) != (part.digest, part.shape):
            uow.cells.set_state(part.cell, CellState.UNKNOWN, NOT_JUDGED)
    for cell in version.removed:
        if cell in known:
            uow.cells.set_state(cell, CellState.UNBASELINED, None)


def _record_approval(uow: UnitOfWork, version: BaselineVersion, approval: BaselineApproval) -> None:
    uow.ledger.append(
        approval.at,
        "baseline_approved",
        {
            "baseline": version.name,
            "version": version.id,
            "content_hash": approval.content_hash,
            "person": approval.who,
            "method": approval.method.value if approval.method else None,
            "assurance": approval.assurance.value if approval.assurance else None,
        },
    )


def _refuse_other_content(version: BaselineVersion, seen_hash: str) -> None:
    if len(seen_hash) < 12 or not version.content_hash.startswith(seen_hash.lower()):
        raise RefusedError(
            f"{version.id} has the content hash {version.content_hash}, not {seen_hash or '(none given)'}: "
            "an approval is bound to the content that was looked at"
        )


def _refuse_author(installation: Installation, version: BaselineVersion, actor: Actor) -> None:
    if same_person(installation, version.author, actor.person):
        raise RefusedError(f"{actor.person} proposed {version.id}: nobody approves their own proposal")


def same_person(installation: Installation, one: str, other: str) -> bool:
    """Whether two names are one person's."""
    identities = Identities(installation.policy.context)
    return identities.resolve(one) == identities.resolve(other)
