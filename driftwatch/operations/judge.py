"""Judging a cell: where its resources differ from the baseline, what each difference is called, and what becomes of its finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.authorization.decide import CandidateIndex, decide, relevant
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.baseline import BaselineCell, Mismatch
from driftwatch.domain.change import SourceStatus
from driftwatch.domain.decision import Decision
from driftwatch.domain.diff import diff
from driftwatch.domain.drift import Drift, DriftKind, Interval
from driftwatch.domain.finding import Finding
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.report import CellJudged, FindingChanged, Report
from driftwatch.domain.request import Lease
from driftwatch.domain.resource import Cell, Json, resource_id
from driftwatch.domain.scan import CellStatus
from driftwatch.domain.snapshot import CellRead, CellState, GapReason
from driftwatch.operations.cells import NOT_JUDGED
from driftwatch.operations.installation import Installation
from driftwatch.operations.policies import PolicyVersions
from driftwatch.ports import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What every decision of one scan rests on, read once, after everything else was read."""

    index: CandidateIndex
    sources: Sequence[SourceStatus]
    policy: Policy
    versions: PolicyVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A cell that was read and is to be judged: the status that its reading gave it, and the rules its pointers are made with.

    `part` is the baseline's part that the scan pinned, `coming` the shape that the cell is to be carried over to; `first` tells its
    first complete reading ever.
    """

    baseline: str
    part: BaselineCell
    status: CellStatus
    rules: Normalisation
    coming: str | None
    first: bool
    read: CellRead


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How many live findings a cell has, and how many resources of its baseline were not seen even once yet."""

    live: int
    never_seen: int = 0


class Judge:
    """Judges the cells of one scan, one after the other."""

    def __init__(self, installation: Installation, evidence: Evidence, scan_id: str, report: Report) -> None:
        self._installation = installation
        self._evidence = evidence
        self._scan_id = scan_id
        self._report = report
        self._events: list[FindingChanged] = []
        self.reshapable: list[Cell] = []
        """Cells that equal their baseline and are to be carried over to a new shape."""

    def judge(self, pending: Pending, lease: Lease) -> None:
        """The one transaction of a cell: its findings, their decisions and ledger entries, and the state that follows.

        A scan compares with the baseline that it pinned. Where another version became active meanwhile and changed this cell, the cell
        waits, unknown, for the next scan.
        """
        status, cell = pending.status, pending.status.cell
        with self._installation.store.write(lease) as uow:
            if uow.baselines.part(pending.baseline, cell) == pending.part:
                state, reason = self._compared(uow, pending)
            else:
                state, reason = CellState.UNKNOWN, status.reason or NOT_JUDGED
            uow.cells.set_state(cell, state, reason)
        if state is CellState.CLEAN and pending.coming:
            self.reshapable.append(cell)
        self._tell()
        self._report(judged_report(self._scan_id, replace(status, state=state, reason=reason), pending.read))

    def _compared(self, uow: UnitOfWork, pending: Pending) -> tuple[CellState, str | None]:
        """The state of the cell, and the reason of one that is unknown, after all its differences are judged."""
        status = pending.status
        complete, now = status.state is CellState.CLEAN, self._installation.clock()
        judged = self.cell(uow, status.cell, pending.baseline, pending.rules, closing=complete, first=pending.first, now=now)
        if complete and judged.never_seen:
            return CellState.UNKNOWN, GapReason.UNCONFIRMED_ABSENCE.value
        if complete and judged.live:
            return CellState.DRIFTED, status.reason
        return status.state, status.reason

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
        if former and former.drift_version == drift.version:
            rebased = _rebased(former, drift, mismatch, now)
            uow.findings.save(rebased)
            self._decide_again(uow, rebased, now)
            return 0
        self._open(uow, drift, mismatch, cell, baseline, former, now)
        return 0

    def _tell(self) -> None:
        """Reports what happened, once the transaction is committed."""
        events, self._events = self._events, []
        for event in events:
            self._report(event)

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
        if _same_judgement(decision.to_json(), uow.findings.decisions(finding.id)[-1]):
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


def _same_judgement(one: Json, other: Json) -> bool:
    """Whether two decisions say the same, whenever they were made and however recently the sources were read."""
    return all(one[name] == other[name] for name in one if name not in ("decided_at", "inputs_hash"))


def _rebased(finding: Finding, drift: Drift, mismatch: Mismatch, now: datetime) -> Finding:
    """The finding where both its baseline and its value changed in what they have in common: the same drift between other documents."""
    before, after = fingerprints(mismatch)
    same = replace(finding.drift, tags_before=drift.tags_before, tags_after=drift.tags_after, label=drift.label)
    return replace(finding, drift=same, before_fingerprint=before, after_fingerprint=after, last_seen=now)


def fingerprints(mismatch: Mismatch) -> tuple[str | None, str | None]:
    """The baseline's and the present fingerprint of a resource; None where it is absent on that side."""
    return (
        mismatch.baseline.fingerprint if mismatch.baseline else None,
        mismatch.current.fingerprint if mismatch.current else None,
    )


def evidence(installation: Installation) -> Evidence:
    """The records and the state of their sources as stored now, under the policy in force."""
    with installation.store.read() as uow:
        return Evidence(
            index=CandidateIndex(list(uow.changes.records()), installation.policy),
            sources=list(uow.changes.sources()),
            policy=installation.policy,
            versions=PolicyVersions(installation.policy),
        )


def judged_report(scan_id: str, status: CellStatus, read: CellRead) -> CellJudged:
    return CellJudged(
        scan_id=scan_id,
        cell=status.cell,
        state=status.state,
        reason=status.reason,
        resources=status.count,
        calls=read.calls,
        seconds=(read.ended_at - read.started_at).total_seconds(),
        gaps=read.gaps,
    )
