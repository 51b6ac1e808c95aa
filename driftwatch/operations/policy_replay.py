"""Replaying stored drifts under another policy: what would change, told before that policy is put in force. Nothing is written.

Every drift is judged twice, under the policy that was in force when it was detected and under the other one, with the same evidence: the
change records, exceptions and source states as stored today, at the instant of the drift's last decision. So nothing but the policy can
make a difference, and a deadline or an exception that has run out since then does not count as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from driftwatch.domain.activity import ActorEvent
from driftwatch.domain.authorization.decide import CandidateIndex, decide
from driftwatch.domain.authorization.exceptions import ExceptionIndex
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.change import ChangeRecord, SourceStatus
from driftwatch.domain.decision import Decision
from driftwatch.domain.finding import Finding
from driftwatch.domain.resource import Json
from driftwatch.domain.selection import FindingSelection
from driftwatch.operations import attribution, findings
from driftwatch.operations.installation import Installation
from driftwatch.operations.policies import PolicyVersions
from driftwatch.ports import UnitOfWork

_AT_ONCE: Final = 200
"""Findings that are read in one transaction; judging happens outside of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One stored drift under both policies. `stored` is the verdict that the finding has now."""

    finding: Finding
    old: Decision
    new: Decision

    @property
    def changed(self) -> bool:
        """Whether the verdict, or the verdict or the record of any path, would be another."""
        return _outcome(self.old) != _outcome(self.new)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that are violated, unknown or warned of under one policy and not under the other, or as something else."""
        return tuple(sorted({rule for _, rule in _words(self.old) ^ _words(self.new)}, key=lambda rule: (len(rule), rule)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """Everything that drifts are judged with, as it is stored now."""

    records: Sequence[ChangeRecord]
    sources: Sequence[SourceStatus]
    exceptions: ExceptionIndex


def replay(installation: Installation, policy: Policy, since: datetime) -> Iterator[Replayed]:
    """Every stored drift that was detected at or after `since`, oldest first, closed findings included, one after the other."""
    with installation.store.read() as uow:
        evidence = _stored(uow)
        detected = sorted((item.drift.interval.detected, item.id) for item in uow.findings.all() if item.drift.interval.detected >= since)
    versions = PolicyVersions(installation.policy)
    indexes = {policy.version: CandidateIndex(evidence.records, policy)}
    for start in range(0, len(detected), _AT_ONCE):
        yield from _judged(installation, [id_ for _, id_ in detected[start : start + _AT_ONCE]], policy, evidence, versions, indexes)


def page(
    installation: Installation, policy: Policy, wanted: FindingSelection, after: tuple[datetime, str] | None, limit: int
) -> tuple[list[Replayed], tuple[datetime, str] | None]:
    """One page of the stored drifts of these findings, the most recent first, and after which the next one begins (None: the last)."""
    found, following = findings.page(installation, wanted, after, limit)
    with installation.store.read() as uow:
        evidence = _stored(uow)
    versions, indexes = PolicyVersions(installation.policy), {policy.version: CandidateIndex(evidence.records, policy)}
    return list(_judged(installation, [item.id for item in found], policy, evidence, versions, indexes)), following


def _stored(uow: UnitOfWork) -> _Stored:
    return _Stored(
        records=list(uow.changes.records()), sources=list(uow.changes.sources()), exceptions=ExceptionIndex(uow.exceptions.all())
    )


def _judged(
    installation: Installation,
    finding_ids: Sequence[str],
    policy: Policy,
    evidence: _Stored,
    versions: PolicyVersions,
    indexes: dict[str, CandidateIndex],
) -> Iterator[Replayed]:
    loaded: list[tuple[Finding, Policy, datetime]] = []
    events: dict[tuple[str, str], list[ActorEvent]] = {}
    with installation.store.read() as uow:
        for finding_id in finding_ids:
            finding = uow.findings.get(finding_id)
            decisions = uow.findings.decisions(finding_id)
            if finding is not None and decisions:
                at = datetime.fromisoformat(decisions[-1]["decided_at"])
                former = versions.get(uow, finding.policy_version, installation.policy)
                loaded.append((finding, former, at))
                for version in (former, policy):
                    found = attribution.events(uow, finding.drift, version, Identities(version.context))
                    events[finding.id, version.version] = found
    for finding, former, at in loaded:
        for version in (former, policy):
            if version.version not in indexes:
                indexes[version.version] = CandidateIndex(evidence.records, version)
        old, new = (
            decide(
                finding.drift,
                events=events[finding.id, version.version],
                records=indexes[version.version],
                sources=evidence.sources,
                exceptions=evidence.exceptions,
                policy=version,
                now=at,
            )
            for version in (former, policy)
        )
        yield Replayed(finding=finding, old=old, new=new)


def document(replayed: Replayed) -> Json:
    """What `policy replay --json` prints of one drift."""
    finding = replayed.finding
    return {
        "finding": finding.id,
        "resource": finding.resource_id,
        "type": finding.cell.type,
        "detected": utc_text(finding.drift.interval.detected),
        "state": finding.state.value,
        "stored": finding.verdict_current.value,
        "changed": replayed.changed,
        "rules": list(replayed.rules),
        "old": _document(replayed.old),
        "new": _document(replayed.new),
    }


def _document(decision: Decision) -> Mapping[str, Json]:
    return {
        "verdict": decision.verdict.value,
        "record": decision.record,
        "violations": sorted({result.rule for result in decision.violations}),
        "unknowns": sorted({result.rule for result in decision.unknowns}),
        "warnings": sorted({result.rule for result in decision.warnings}),
        "policy_version": decision.policy_version,
    }


def _outcome(decision: Decision) -> tuple[object, ...]:
    return decision.verdict, tuple((path.path, path.verdict, path.record) for path in decision.paths)


def _words(decision: Decision) -> set[tuple[str, str]]:
    groups = {"violation": decision.violations, "unknown": decision.unknowns, "warning": decision.warnings}
    return {(name, result.rule) for name, results in groups.items() for result in results}
