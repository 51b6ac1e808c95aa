"""Judging a cell: where its resources differ from the baseline, what each difference is called, and what becomes of its finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.authorization.decide import CandidateIndex, decide, relevant
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.baseline import Mismatch
from driftwatch.domain.change import SourceStatus
from driftwatch.domain.decision import Decision
from driftwatch.domain.diff import diff
from driftwatch.domain.drift import Drift, DriftKind, Interval
from driftwatch.domain.finding import Finding
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.report import FindingChanged, Report
from driftwatch.domain.resource import Cell, Json, resource_id
from driftwatch.operations.installation import Installation
from driftwatch.operations.policies import PolicyVersions
from driftwatch.ports import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What every decision of one scan rests on, read once at its start."""

    index: CandidateIndex
    sources: Sequence[SourceStatus]
    policy: Policy
    versions: PolicyVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How many live findings a cell has, and how many resources of its baseline were not seen even once yet."""

    live: int
    never_seen: int = 0


class Judge:
    """Judges the cells of one scan. Each method works in the caller's transaction: finding, decision and ledger entry are one unit."""

    def __init__(self, installation: Installation, evidence: Evidence, scan_id: str, report: Report) -> None:
        self._installation = installation
        self._evidence = evidence
        self._scan_id = scan_id
        self._report = report
        self._events: list[FindingChanged] = []

    def cell(
        self, uow: UnitOfWork, cell: Cell, baseline: str, rules: Normalisation, *, closing: bool, first: bool, now: datetime
    ) -> Judged:
        """Judges every difference of the cell.

        With `closing` (a complete reading) a finding whose resource equals its baseline again is reverted; without, nothing closes.
        In the `first` reading of a cell ever, a resource that only the baseline knows is not yet gone: the next reading decides.
        """
        never_seen = 0
        live = {finding.resource: finding for finding in uow.findings.live(baseline, cell)}
        seen: list[str] = []
        count = 0
        for mismatch in uow.observations.mismatches(cell, baseline):
            if mismatch.current is None and mismatch.gone is None and first:
                never_seen += 1
                continue
            count += 1
            former = live.pop(mismatch.id, None)
            if former and (former.before_fingerprint, former.after_fingerprint) == fingerprints(mismatch):
                seen.append(former.id)
                self._decide_again(uow, former, now)
            else:
                count -= self._changed(uow, mismatch, cell, baseline, rules, former, now)
        uow.findings.touch(seen, now)
        if closing:
            self._revert(uow, live.values(), now)
            return Judged(live=count, never_seen=never_seen)
        return Judged(live=count + len(live), never_seen=never_seen)

    def _changed(
        self, uow: UnitOfWork, mismatch: Mismatch, cell: Cell, baseline: str, rules: Normalisation, former: Finding | None, now: datetime
    ) -> int:
        """Opens a finding for a new drift, or answers 1 where the policy ignores all of it: then there is no drift."""
        drift = self._drift(uow, cell, mismatch, rules, now)
        if relevant(drift, self._evidence.policy)[0] is None:
            self._revert(uow, [former] if former else [], now)
            return 1
        self._open(uow, drift, mismatch, cell, baseline, former, now)
        return 0

    def tell(self) -> None:
        """Reports what happened since the last call; called after the transaction has been committed."""
        events, self._events = self._events, []
        for event in events:
            self._report(event)

    def forget(self) -> None:
        """Drops what would have been told: the transaction was rolled back."""
        self._events = []

    def _drift(self, uow: UnitOfWork, cell: Cell, mismatch: Mismatch, rules: Normalisation, now: datetime) -> Drift:
        known = mismatch.current or mismatch.baseline
        if known is None:
            raise ValueError("a mismatch has a current or a baseline side")
        before = uow.documents.get(mismatch.baseline.fingerprint) if mismatch.baseline else None
        after = uow.documents.get(mismatch.current.fingerprint) if mismatch.current else None
        since = (mismatch.current.since if mismatch.current else mismatch.gone) or (None, now)
        kind = DriftKind.UPDATED if before and after else DriftKind.CREATED if after else DriftKind.DELETED
        return Drift(
            id=self._installation.new_id("drift"),
            account=cell.account,
            region=cell.region,
            resource_type=cell.type,
            resource_id=resource_id(cell, mismatch.id, known.arn),
            resource=mismatch.id,
            label=known.label,
            kind=kind,
            tags_before=before["tags"] if before else {},
            tags_after=after["tags"] if after else {},
            changes=diff(before, after, rules),
            interval=Interval(last_good=since[0], detected=since[1]),
        )

    def _open(
        self, uow: UnitOfWork, drift: Drift, mismatch: Mismatch, cell: Cell, baseline: str, former: Finding | None, now: datetime
    ) -> None:
        before, after = fingerprints(mismatch)
        if former:
            drift = lifecycle.carry_intervals(former.drift, drift)
        decision = self._decide(drift, self._evidence.policy, now)
        finding = lifecycle.detect(
            id=self._installation.new_id("finding"),
            baseline=baseline,
            cell=cell,
            drift=drift,
            before_fingerprint=before,
            after_fingerprint=after,
            decision=decision,
            now=now,
            previous=former,
        )
        if former:
            uow.findings.save(lifecycle.supersede(former, now))
            self._log(uow, "finding_superseded", former, now, successor=finding.id)
        uow.findings.save(finding)
        uow.findings.add_decision(finding.id, decision)
        self._log(uow, "finding_opened", finding, now, decision=decision)
        self._events.append(FindingChanged(scan_id=self._scan_id, before=former, finding=finding, decision=decision))

    def _decide_again(self, uow: UnitOfWork, finding: Finding, now: datetime) -> None:
        policy = self._evidence.versions.get(uow, finding.policy_version, self._evidence.policy)
        decision = self._decide(finding.drift, policy, now)
        if decision.verdict is finding.verdict_current and decision.settled == finding.settled:
            return
        after = lifecycle.redecided(finding, decision, now)
        uow.findings.save(after)
        uow.findings.add_decision(finding.id, decision)
        self._log(uow, "finding_decided", after, now, decision=decision)
        self._events.append(FindingChanged(scan_id=self._scan_id, before=finding, finding=after, decision=decision))

    def _revert(self, uow: UnitOfWork, findings: Iterable[Finding], now: datetime) -> None:
        for finding in findings:
            after = lifecycle.snapshot_clean(finding, now)
            uow.findings.save(after)
            self._log(uow, "finding_reverted", after, now)
            self._events.append(FindingChanged(scan_id=self._scan_id, before=finding, finding=after, decision=None))

    def _decide(self, drift: Drift, policy: Policy, now: datetime) -> Decision:
        return decide(drift, events=(), records=self._evidence.index, sources=self._evidence.sources, policy=policy, now=now)

    def _log(
        self, uow: UnitOfWork, what: str, finding: Finding, now: datetime, *, decision: Decision | None = None, successor: str | None = None
    ) -> None:
        body: dict[str, Json] = {
            "finding": finding.id,
            "scan": self._scan_id,
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
        if successor:
            body["successor"] = successor
        uow.ledger.append(now, what, body)


def fingerprints(mismatch: Mismatch) -> tuple[str | None, str | None]:
    """The baseline's and the present fingerprint of a resource; None where it is absent on that side."""
    return (
        mismatch.baseline.fingerprint if mismatch.baseline else None,
        mismatch.current.fingerprint if mismatch.current else None,
    )
