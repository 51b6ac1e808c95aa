"""Decisions: made on what is stored, appended to their finding, and written into the ledger in the same transaction.

Scans, clocks and people's acts all judge through here, so that a finding has one way of moving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.authorization.decide import CandidateIndex, ExceptionIndex, decide
from driftwatch.domain.authorization.exception_lifecycle import as_granted
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.change import SourceStatus
from driftwatch.domain.decision import Decision, Verdict
from driftwatch.domain.drift import Drift
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.domain.finding import Finding
from driftwatch.domain.notification import NOBODY, Routing
from driftwatch.domain.report import FindingChanged
from driftwatch.domain.resource import Json
from driftwatch.operations import attribution, outbox
from driftwatch.operations.installation import Installation
from driftwatch.operations.policies import PolicyVersions
from driftwatch.ports import UnitOfWork

NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What every decision of one pass rests on, read once, after everything else was read.

    `exceptions` are the approved ones, whatever their dates, that stand for themselves; `granted` those that were asked for one finding,
    with its drift, by the resource.
    """

    index: CandidateIndex
    sources: Sequence[SourceStatus]
    policy: Policy
    versions: PolicyVersions
    exceptions: ExceptionIndex = field(default_factory=lambda: ExceptionIndex(()))
    log_until: Mapping[str, datetime] = field(default_factory=dict)
    """Up to when every logged call of an account is known; accounts whose calls nobody logs for us are not in it."""
    granted: Mapping[str, Sequence[tuple[ExceptionRecord, Drift]]] = field(default_factory=dict)
    routing: Routing = NOBODY
    """Who is told of what comes out of it."""

    def people(self, policy: Policy) -> Identities:
        """Who is who under a policy."""
        return self.index.people if policy is self.index.policy else Identities(policy.context)

    def excusing(self, drift: Drift, policy: Policy) -> list[ExceptionRecord]:
        """The exceptions that may excuse this drift: one that was granted for a finding only for the values that it had."""
        granted = self.granted.get(drift.resource_id, ())
        bound = (as_granted(exception, granted_for, drift) for exception, granted_for in granted)
        return [*self.exceptions.naming(drift, policy), *(exception for exception in bound if exception)]


def evidence(installation: Installation) -> Evidence:
    """The records, the state of their sources and the exceptions as stored now, under the policy in force."""
    with installation.store.read() as uow:
        return evidence_in(uow, installation)


def evidence_in(uow: UnitOfWork, installation: Installation) -> Evidence:
    """As `evidence`, seen from inside a transaction."""
    approved = [replace(item, alerted=()) for item in uow.exceptions.all((ExceptionState.ACTIVE,))]
    granted: dict[str, list[tuple[ExceptionRecord, Drift]]] = {}
    for item in approved:
        finding = uow.findings.get(item.finding) if item.finding else None
        if finding:
            granted.setdefault(finding.resource_id, []).append((item, finding.drift))
    return Evidence(
        index=CandidateIndex(list(uow.changes.records()), installation.policy),
        sources=list(uow.changes.sources()),
        policy=installation.policy,
        versions=PolicyVersions(installation.policy),
        exceptions=ExceptionIndex(item for item in approved if item.finding is None),
        granted=granted,
        log_until=_log_until(uow, installation),
        routing=installation.routing,
    )


def _log_until(uow: UnitOfWork, installation: Installation) -> Mapping[str, datetime]:
    """Of several sources of one account the one that is furthest counts; a source that was never read holds its accounts back."""
    until: dict[str, datetime] = {}
    awaited = {account for source in installation.activity_sources for account in source.accounts}
    for status in uow.activity.sources():
        for account, at in status.complete_until.items():
            until[account] = max(at, until.get(account, at))
    return {account: until.get(account, NEVER) for account in awaited}


class Decider:
    """Judges drifts on one body of evidence. `scan_id` is the scan that it works for, if there is one."""

    def __init__(self, evidence: Evidence, scan_id: str | None = None) -> None:
        self.evidence = evidence
        self._scan_id = scan_id

    def decide(self, uow: UnitOfWork, drift: Drift, policy: Policy, now: datetime) -> Decision:
        known = self.evidence
        return decide(
            drift,
            events=attribution.events(uow, drift, policy, known.people(policy)),
            records=known.index,
            sources=known.sources,
            policy=policy,
            now=now,
            exceptions=known.excusing(drift, policy),
            log_until=known.log_until.get(drift.account),
        )

    def excepted_by(self, uow: UnitOfWork, decision: Decision) -> str | None:
        """Who approved the exception that a decision rests on."""
        named = next((path.record for path in decision.paths if path.verdict is Verdict.EXCEPTED), None)
        exception = uow.exceptions.get(named) if named else None
        return exception.approved_by if exception else None

    def again(self, uow: UnitOfWork, finding: Finding, now: datetime) -> FindingChanged | None:
        """Decides anew under the policy that the finding was detected under; None when that says what the last decision said."""
        policy = self.evidence.versions.get(uow, finding.policy_version, self.evidence.policy)
        decision = self.decide(uow, finding.drift, policy, now)
        made = uow.findings.decisions(finding.id)
        if made and _same_judgement(decision.to_json(), made[-1]):
            return None
        after = lifecycle.redecided(finding, decision, now, excepted_by=self.excepted_by(uow, decision))
        outbox.save(uow, self.evidence.routing, after, now)
        uow.findings.add_decision(finding.id, decision)
        record(uow, "finding_decided", after, now, scan_id=self._scan_id, decision=decision)
        return FindingChanged(scan_id=self._scan_id, before=finding, finding=after, decision=decision)


def record(
    uow: UnitOfWork,
    what: str,
    finding: Finding,
    now: datetime,
    *,
    scan_id: str | None = None,
    decision: Decision | None = None,
    **more: Json,
) -> None:
    """One ledger entry about a finding: where it stands now, and the decision that brought it there."""
    body: dict[str, Json] = {
        "finding": finding.id,
        "scan": scan_id,
        "baseline": finding.baseline,
        "cell": str(finding.cell),
        "resource": finding.resource_id,
        "state": finding.state.value,
        "drift_version": finding.drift_version,
        "verdict_initial": finding.verdict_initial.value if finding.verdict_initial else None,
        "verdict_current": finding.verdict_current.value,
    }
    if decision:
        body["decision"] = {
            "verdict": decision.verdict.value,
            "record": decision.record,
            "violations": sorted({result.rule for result in decision.violations}),
            "settled": decision.settled,
            "policy_version": decision.policy_version,
            "inputs_hash": decision.inputs_hash,
        }
    uow.ledger.append(now, what, body | more)


def _same_judgement(one: Json, other: Json) -> bool:
    """Whether two decisions say the same, whenever they were made and however recently the sources were read."""
    return all(one[name] == other.get(name) for name in one if name not in ("decided_at", "inputs_hash"))
