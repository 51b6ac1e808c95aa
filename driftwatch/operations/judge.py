"""Judging a cell: where its resources differ from the baseline, and what becomes of each finding."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.authorization.decide import relevant
from driftwatch.domain.baseline import BaselineCell, Mismatch, baseline_of
from driftwatch.domain.drift import Drift, DriftKind
from driftwatch.domain.finding import Finding
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.report import CellJudged, FindingChanged, Report
from driftwatch.domain.request import Lease
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import CellStatus
from driftwatch.domain.snapshot import CellRead, CellState, GapReason
from driftwatch.operations import attribution, decisions, outbox
from driftwatch.operations.cells import NOT_JUDGED
from driftwatch.operations.decisions import Decider, Evidence
from driftwatch.operations.drifts import drift_of, fingerprints, rebased
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork


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

    def __init__(self, installation: Installation, evidence: Evidence, scan_id: str | None, report: Report) -> None:
        self._installation = installation
        self._evidence = evidence
        self.decider = Decider(evidence, scan_id)
        self._scan_id = scan_id
        self._report = report
        self._events: list[FindingChanged] = []
        self._left: dict[tuple[str, Cell, str], tuple[datetime, ...]] | None = None
        self.reshapable: list[Cell] = []
        """Cells that equal their baseline and are to be carried over to a new shape."""
        self.promotable: list[Pending] = []
        """Cells that were completely read and differ from the part of the baseline that they were compared with."""

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
        if state is CellState.DRIFTED:
            self.promotable.append(pending)
        self._tell()
        self._report(judged_report(self._scan_id or "", replace(status, state=state, reason=reason), pending.read))

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
            count -= self._mismatch(uow, mismatch, cell, baseline, rules, live.pop(mismatch.id, None), seen, now)
        uow.findings.touch(seen, now)
        if closing:
            self._close(uow, live.values(), now)
            return Judged(live=count, never_seen=never_seen)
        return Judged(live=count + len(live), never_seen=never_seen)

    def resources(self, cell: Cell, ids: Collection[str], rules: Normalisation, lease: Lease | None) -> None:
        """The one transaction of some resources of a cell that were read by themselves: their findings, and the state of the cell.

        What equals the baseline closes its finding, since it was read; the other resources of the cell stay as they are.
        """
        name = baseline_of(cell, self._installation.baselines)
        with self._installation.store.write(lease) as uow:
            status = uow.cells.get(cell)
            if name is None or status is None or uow.baselines.part(name, cell) is None:
                return
            now = self._installation.clock()
            live = {finding.resource: finding for finding in uow.findings.live_of(name, cell, ids)}
            seen: list[str] = []
            for mismatch in list(uow.observations.mismatches(cell, name, ids)):
                self._mismatch(uow, mismatch, cell, name, rules, live.pop(mismatch.id, None), seen, now)
            uow.findings.touch(seen, now)
            self._close(uow, live.values(), now)
            off = any(finding.drift.kind is not DriftKind.TRANSIENT for finding in uow.findings.live(name, cell))
            uow.cells.set_state(cell, state_after(status.state, off=off), status.reason)
        self._tell()

    def _mismatch(
        self,
        uow: UnitOfWork,
        mismatch: Mismatch,
        cell: Cell,
        baseline: str,
        rules: Normalisation,
        former: Finding | None,
        seen: list[str],
        now: datetime,
    ) -> int:
        """Judges one resource off its baseline; 1 where the policy ignores all of it, so that there is no drift."""
        if former and (former.before_fingerprint, former.after_fingerprint) == fingerprints(mismatch):
            seen.append(former.id)
            self._decide_again(uow, former, now)
            return 0
        return self._changed(uow, mismatch, cell, baseline, rules, former, now)

    def _changed(
        self, uow: UnitOfWork, mismatch: Mismatch, cell: Cell, baseline: str, rules: Normalisation, former: Finding | None, now: datetime
    ) -> int:
        """Opens a finding for a new drift, or answers 1 where the policy ignores all of it: then there is no drift."""
        drift = drift_of(uow, cell, mismatch, rules, id_=self._installation.new_id("drift"), now=now)
        if relevant(drift, self._evidence.policy)[0] is None:
            self._revert(uow, [former] if former else [], now)
            return 1
        if former and former.drift_version == drift.version:
            same = rebased(former, drift, mismatch, now)
            outbox.save(uow, self._installation.routing, same, now)
            self._decide_again(uow, same, now)
            return 0
        self._open(uow, drift, mismatch, cell, baseline, former, now)
        return 0

    def _open(
        self, uow: UnitOfWork, drift: Drift, mismatch: Mismatch, cell: Cell, baseline: str, former: Finding | None, now: datetime
    ) -> None:
        before, after = fingerprints(mismatch)
        if former:
            drift = replace(lifecycle.carry_intervals(former.drift, drift), blinds=former.drift.blinds)
        decision = self.decider.decide(uow, drift, self._evidence.policy, now)
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
            history=self._history(uow, (baseline, cell, mismatch.id), now),
            excepted_by=self.decider.excepted_by(uow, decision),
        )
        if former:
            outbox.save(uow, self._installation.routing, lifecycle.supersede(former, now), now)
            decisions.record(uow, "finding_superseded", former, now, scan_id=self._scan_id, successor=finding.id)
        outbox.save(uow, self._installation.routing, finding, now)
        uow.findings.add_decision(finding.id, decision)
        decisions.record(uow, "finding_opened", finding, now, scan_id=self._scan_id, decision=decision)
        changed_at = attribution.claim(uow, finding, self._evidence.policy, self._evidence.people(self._evidence.policy), now)
        event = FindingChanged(scan_id=self._scan_id, before=former, finding=finding, decision=decision, changed_at=changed_at)
        self._events.append(event)

    def _history(self, uow: UnitOfWork, key: tuple[str, Cell, str], now: datetime) -> tuple[datetime, ...]:
        """The transitions of the resource's finding that closed a short while ago: one that comes and goes is flapping."""
        if self._left is None:
            since = now - lifecycle.FLAPPING_WITHIN
            closed = uow.findings.closed_since(since)
            self._left = {(item.baseline, item.cell, item.resource): item.handling.transitions for item in closed}
        return self._left.get(key, ())

    def _decide_again(self, uow: UnitOfWork, finding: Finding, now: datetime) -> None:
        changed = self.decider.again(uow, finding, now)
        if changed:
            self._events.append(changed)

    def _close(self, uow: UnitOfWork, findings: Iterable[Finding], now: datetime) -> None:
        """The findings of resources that equal their baseline are reverted, but for what only the log saw: that waits for a person."""
        for finding in findings:
            if lifecycle.outlasts_clean(finding):
                self._decide_again(uow, finding, now)
            else:
                self._revert(uow, [finding], now)

    def _revert(self, uow: UnitOfWork, findings: Iterable[Finding], now: datetime) -> None:
        for finding in findings:
            after = lifecycle.snapshot_clean(finding, now)
            outbox.save(uow, self._installation.routing, after, now)
            decisions.record(uow, "finding_reverted", after, now, scan_id=self._scan_id)
            self._events.append(FindingChanged(scan_id=self._scan_id, before=finding, finding=after, decision=None))

    def _tell(self) -> None:
        """Reports what happened, once the transaction is committed."""
        events, self._events = self._events, []
        for event in events:
            self._report(event)


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


def state_after(state: CellState, *, off: bool) -> CellState:
    """The state of a cell after some of its resources were judged: only a clean or drifted one is known well enough to change."""
    if state is CellState.CLEAN and off:
        return CellState.DRIFTED
    if state is CellState.DRIFTED and not off:
        return CellState.CLEAN
    return state
