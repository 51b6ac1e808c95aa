"""scan: one pass over the scopes. Read this file first: it is the main job.

First every cell is collected and stored (`intake.py`): what was read is true whatever happens next, so a scan that is killed loses
nothing and adopts nothing. Then the change sources and the log of calls are read, so that they are at least as new as what was seen.
Then every cell that differs from its baseline is judged (`judge.py`): its state, findings, decisions and ledger entries are one
transaction. At last the changes that were logged get their fate (`fates.py`): what no reading saw is told, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from driftwatch.domain.report import Report, ScanDone, silent
from driftwatch.domain.request import Lease
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import Scan, ScanStatus
from driftwatch.domain.selection import CellSelection
from driftwatch.errors import BusyError, LeaseLostError
from driftwatch.operations import activity, changes, clocks, fates, policies
from driftwatch.operations.cells import Release
from driftwatch.operations.decisions import evidence
from driftwatch.operations.installation import Installation
from driftwatch.operations.intake import Intake
from driftwatch.operations.judge import Judge
from driftwatch.operations.promotion import promote
from driftwatch.operations.shapes import reshape
from driftwatch.operations.status import exit_code, streamed
from driftwatch.ports import UnitOfWork

LEASE = "scan"
LEASE_TTL_S = 60.0
DEAD_LOOKED_FOR = 10
"""How many of the latest scans are looked at for ones whose process died."""


def everything(_cell: Cell) -> bool:
    """Every cell is wanted."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOrder:
    """What is asked of a scan: which cells, who asked, and which held listings a person released."""

    trigger: str = "command"
    wanted: Callable[[Cell], bool] = everything
    whole: bool = True
    """Whether `wanted` is everything: only then is a stored cell that is not planned known to be out of the configuration."""
    due_only: bool = False
    """Whether cells and details may be left as an earlier scan read them, where the catalogue says that this is often enough."""
    releases: Mapping[Cell, Release] = field(default_factory=dict)


def scan(
    installation: Installation,
    order: ScanOrder,
    *,
    holder: str,
    stopped: Callable[[], bool] = lambda: False,
    report: Report = silent,
) -> ScanDone:
    """Runs one scan under the scan lease and answers with its end.

    Raises BusyError when another scan is running, LeaseLostError when this one was declared stuck and its lease was taken over.
    """
    with installation.store.write() as uow:
        # each scan holds the lease under a name of its own: two scans of one process must exclude each other, too
        lease = uow.leases.acquire(LEASE, f"{holder}/{installation.new_id('pass')}", installation.clock(), LEASE_TTL_S)
    if lease is None:
        raise BusyError("another scan is running; wait for it, or look at `driftwatch status`")
    running = _RunningScan(installation, order, lease, stopped, report)
    try:
        return running.run()
    finally:
        running.release()


class _RunningScan:
    """The state of one scan while it runs; its units are worked on by several threads."""

    def __init__(self, installation: Installation, order: ScanOrder, lease: Lease, stopped: Callable[[], bool], report: Report) -> None:
        self._installation = installation
        self._order = order
        self._lease = lease
        self._report = report
        self._caller_stopped = stopped
        self._started = installation.clock()
        self._deadline = self._started + timedelta(seconds=installation.scan_deadline_s)
        self._scan = Scan(id=installation.new_id("scan"), started_at=self._started, trigger=order.trigger)
        self._guard = threading.Lock()
        self._intake = Intake(installation, order.releases, self._scan.id, self._renewed, self._stopped, report)

    def run(self) -> ScanDone:
        installation = self._installation
        with installation.store.write(self._lease) as uow:
            _end_the_dead(uow, installation)
            uow.scans.start(self._scan)
        try:
            policies.activate(installation)
            plan = installation.collector.plan(self._order.wanted)
            units = self._intake.prepare(plan, whole=self._order.whole, due_only=self._order.due_only)
            installation.engine.run(units, self._intake.unit, self._stopped)
            if not self._caller_stopped():
                self._judge()
            status = self._status()
        except LeaseLostError:  # whoever took the lease over has written how this scan ended
            raise
        except BaseException as error:
            self._finish(ScanStatus.ABORTED if self._caller_stopped() else ScanStatus.FAILED, str(error) or type(error).__name__)
            raise
        return self._finish(status, None)

    def release(self) -> None:
        try:
            with self._installation.store.write() as uow:
                uow.leases.release(self._lease)
        except LeaseLostError:
            return  # whoever took it over owns it now

    def _judge(self) -> None:
        """Judges what differs, on records that were read after it was seen; then carries cells over to a new shape, promotes what is
        covered, and looks at the clocks."""
        installation = self._installation
        changes.sync(installation, self._report)
        activity.catch_up(installation, holder=self._lease.holder, stopped=self._stopped, report=self._report)
        judge = Judge(installation, evidence(installation), self._scan.id, self._report)
        for pending in self._intake.pending:
            judge.judge(pending, self._renewed())
        reshape(installation, self._renewed(), judge.reshapable)
        for event in fates.settle(installation, judge.decider, lease=self._renewed(), scan_id=self._scan.id):
            self._report(event)
        promote(installation, self._renewed(), judge.promotable, self._report, self._scan.id)
        clocks.tick(installation, self._report, lease=self._renewed)

    def _renewed(self) -> Lease:
        """The lease, renewed when half of its time is over: a scan that works keeps it, a stuck one loses it."""
        now = self._installation.clock()
        with self._guard:
            if (self._lease.expires_at - now).total_seconds() < LEASE_TTL_S / 2:
                with self._installation.store.write() as uow:
                    renewed = uow.leases.acquire(LEASE, self._lease.holder, now, LEASE_TTL_S)
                    if renewed is None or renewed.fence != self._lease.fence:  # raised inside: a lease that was taken back stays free
                        raise LeaseLostError("this scan was declared stuck and its lease taken from it; nothing more is written")
                self._lease = renewed
            return self._lease

    def _stopped(self) -> bool:
        return self._caller_stopped() or self._installation.clock() > self._deadline

    def _status(self) -> ScanStatus:
        if self._caller_stopped():
            return ScanStatus.ABORTED
        return ScanStatus.PARTIAL if self._intake.totals.gaps else ScanStatus.COMPLETE

    def _finish(self, status: ScanStatus, error: str | None) -> ScanDone:
        now, totals = self._installation.clock(), self._intake.totals
        ended = replace(
            self._scan,
            status=status,
            ended_at=now,
            error=error,
            cells=totals.cells + totals.skipped,
            gaps=totals.gaps,
            resources=totals.resources,
            calls=totals.calls,
        )
        body = {"scan": ended.id, "status": status.value, "trigger": ended.trigger, "error": error}
        counts = {
            "cells": totals.cells,
            "skipped": totals.skipped,
            "gaps": totals.gaps,
            "resources": totals.resources,
            "calls": totals.calls,
        }
        with self._installation.store.write() as uow:
            uow.scans.finish(ended)
            uow.ledger.append(now, "scan_ended", body | counts)
        here = CellSelection(fresh_since=self._installation.fresh_since)
        wanted = (item for item in streamed(self._installation, here) if self._order.wanted(item.cell))
        done = ScanDone(
            scan=ended,
            exit_code=1 if status is ScanStatus.FAILED else exit_code(self._installation, wanted),
            seconds=(now - self._started).total_seconds(),
        )
        self._report(done)
        return done


def _end_the_dead(uow: UnitOfWork, installation: Installation) -> None:
    """Scans that still count as running belong to a process that died: whoever holds the lease now knows that."""
    for scan_ in uow.scans.latest(DEAD_LOOKED_FOR):
        if scan_.status is ScanStatus.RUNNING:
            now = installation.clock()
            uow.scans.finish(replace(scan_, status=ScanStatus.ABORTED, ended_at=now, error="the process that ran it died"))
            uow.ledger.append(
                now, "scan_ended", {"scan": scan_.id, "status": ScanStatus.ABORTED.value, "trigger": scan_.trigger, "error": "died"}
            )
