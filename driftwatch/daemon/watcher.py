"""The watcher: reads the log of calls as it comes, and has what the calls name read anew within seconds.

One thread for each source, and one that rereads. What comes in waits `DEBOUNCE_S`, so that many calls on one resource cost one read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from driftwatch.daemon.backlog import Backlog, Waiting
from driftwatch.domain.activity import Activity
from driftwatch.domain.report import Report, Rescanned
from driftwatch.domain.request import Lease
from driftwatch.errors import DriftwatchError, LeaseLostError
from driftwatch.operations import activity, fates, whereabouts
from driftwatch.operations.decisions import Decider
from driftwatch.operations.installation import Installation
from driftwatch.operations.rescan import Rescanner, Round
from driftwatch.ports import ActivitySource
from driftwatch.telemetry import logs
from driftwatch.telemetry.metrics import Metrics

DEBOUNCE_S: Final = 0.5
"""How long a call waits for others on the same resource."""
AT_ONCE: Final = 500
"""Calls of one round."""
PER_SERVICE: Final = 100
"""Resources of one service in one account and region that one round rereads; the rest wait for the next."""
AFTER_FAILURE_S: Final = 15.0

RESCANS: Final = " rescans"
"""The thread that rereads; no source can have that name."""

RequestScan = Callable[[Sequence[str], str], object]


@dataclass(frozen=True, slots=True)
class Asks:
    """What the watcher asks of others: a scan of cells, and that cells which have not settled are read again."""

    scan: RequestScan
    again: Callable[[Sequence[str]], None]


class Watcher:
    """`installation` gives what is in force."""

    def __init__(
        self,
        holder: str,
        installation: Callable[[], Installation],
        metrics: Metrics,
        report: Report,
        stopping: threading.Event,
        asks: Asks,
        monotonic: Callable[[], float],
    ) -> None:
        self._holder = f"{holder}/watcher"
        self._installation = installation
        self._metrics = metrics
        self._report = report
        self._stopping = stopping
        self._request_scan = asks.scan
        self._settling = asks.again
        self._monotonic = monotonic
        self._backlog = Backlog(monotonic)
        self._guard = threading.Lock()
        self._held: Lease | None = None
        self._followed: dict[str, ActivitySource] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._former: list[threading.Thread] = []
        self._log = structlog.get_logger()

    @property
    def trouble(self) -> str | None:
        """Why the log of calls is not followed; None when it is, or when none is configured."""
        dead = [name for name, thread in self._threads.items() if not thread.is_alive()]
        return f"{', '.join(dead)} is gone" if dead else None

    def start(self) -> None:
        """Begins to follow the sources that are in force; called again after a reload."""
        before, self._followed = self._followed, {source.name: source for source in self._installation().activity_sources}
        kept = {name for name, source in self._followed.items() if before.get(name) is source}
        self._former += [thread for name, thread in self._threads.items() if name not in kept and name != RESCANS]
        self._threads = {name: thread for name, thread in self._threads.items() if name in kept or name == RESCANS}
        if self._followed and RESCANS not in self._threads:
            self._threads[RESCANS] = self._begin(RESCANS, self._reread)
        for name in self._followed.keys() - kept:
            self._threads[name] = self._begin(f"activity-{name}", partial(self._follow, self._followed[name]))

    def join(self, seconds: float) -> bool:
        """Waits for the threads to end; True when they did."""
        until = time.monotonic() + seconds
        threads = [*self._threads.values(), *self._former]
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        ended = not any(thread.is_alive() for thread in threads)
        if ended and self._held is not None:
            self._give_up(self._held)
        return ended

    def _begin(self, name: str, run: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    # --- reading the log -----------------------------------------------------------------------------------------------------------

    def _follow(self, source: ActivitySource) -> None:
        def gone() -> bool:
            return self._stopping.is_set() or self._followed.get(source.name) is not source

        while not gone():
            self._stopping.wait(source.poll_s if self._fetch(source, gone) else max(source.poll_s, AFTER_FAILURE_S))

    def _fetch(self, source: ActivitySource, gone: Callable[[], bool]) -> bool:
        """One fetch; False where it failed, and it is better to wait."""
        try:
            return activity.collect(
                self._installation(), source, lease=self._lease, stopped=gone, report=self._report, found=lambda new: self._put(new, gone)
            )
        except DriftwatchError as error:
            self._log.error("activity_failed", source=source.name, error=str(error))
        except Exception as error:  # noqa: BLE001 - the log is followed whatever one fetch met; it is logged and counted
            self._metrics.errors.labels("activity").inc()
            logs.unexpected("activity_failed", error)
        return False

    def _put(self, new: Sequence[Activity], gone: Callable[[], bool]) -> None:
        """Waits where the backlog is full: what is read is stored already, and a start reads everything anyway."""
        for item in new:
            if item.is_config_change:
                self._backlog.put(item, gone)

    def _lease(self) -> Lease:
        """The lease of the log, renewed when half of its time is over. Raises LeaseLostError while another process has it."""
        installation = self._installation()
        now = installation.clock()
        with self._guard:
            held = self._held
            if held is None or (held.expires_at - now).total_seconds() < activity.LEASE_TTL_S / 2:
                with installation.store.write() as uow:
                    held = uow.leases.acquire(activity.LEASE, self._holder, now, activity.LEASE_TTL_S)
                self._held = held
            if held is None:
                raise LeaseLostError("another process reads the log of calls")
            return held

    def _give_up(self, lease: Lease) -> None:
        try:
            with self._installation().store.write() as uow:
                uow.leases.release(lease)
        except DriftwatchError as error:
            self._log.error("leave_failed", error=str(error))

    # --- rereading what it names -----------------------------------------------------------------------------------------------------

    def _reread(self) -> None:
        rescanner: Rescanner | None = None
        known: Installation | None = None
        while not self._stopping.is_set():
            if rescanner is not None and self._stopping.wait(rescanner.rest_s()):
                break
            calls = self._backlog.take(AT_ONCE, DEBOUNCE_S, self._stopping)
            if not calls:
                continue
            if rescanner is None or known is not self._installation():
                known = self._installation()
                rescanner = Rescanner(known, self._lease, self._stopping.wait)
            try:
                self._round(known, rescanner, calls)
            except DriftwatchError as error:
                self._log.error("rescan_failed", error=str(error))
                self._leave_to_a_scan()
            except Exception as error:  # noqa: BLE001 - later calls are reread whatever one round met; it is logged and counted
                self._metrics.errors.labels("rescan").inc()
                logs.unexpected("rescan_failed", error)
                self._leave_to_a_scan()

    def _leave_to_a_scan(self) -> None:
        """What could not be reread is read by a scan; where the store takes no request either, by the next scheduled one."""
        try:
            self._request_scan((), "event")
        except DriftwatchError as error:
            self._log.error("rescan_failed", error=str(error))

    def _round(self, installation: Installation, rescanner: Rescanner, calls: Sequence[Waiting]) -> None:
        with installation.store.read() as uow:
            work, left = whereabouts.work(uow, [item.activity for item in calls], PER_SERVICE)
        later = {item.id for item in left}
        self._backlog.back([item for item in calls if item.activity.id in later])
        done = rescanner.run(work.reread, self._stopping.is_set, self._report, judge_also=work.judge)
        if done.whole:
            self._request_scan([str(cell) for cell in done.whole], "event")
        if done.settling:
            self._settling([str(cell) for cell in done.settling])
        mine = [item for item in calls if item.activity.id not in later]
        self._settle(installation, rescanner, mine, done)
        if done.resources or done.whole:
            oldest = max((self._monotonic() - item.since for item in mine), default=0.0)
            self._report(Rescanned(resources=done.resources, calls=done.calls, whole=len(done.whole), seconds=oldest))

    def _settle(self, installation: Installation, rescanner: Rescanner, mine: Sequence[Waiting], done: Round) -> None:
        """The fates of these calls. Those whose reading may have been too early to see them are looked at again once it is not."""
        decider = Decider(rescanner.evidence)
        activities = [item.activity for item in mine]
        for event in fates.settle(installation, decider, lease=self._lease(), read_at=done.read_at, calls=activities):
            self._report(event)
        with installation.store.read() as uow:
            pending = [item for item in mine if fates.waits(uow, item.activity) and not item.again]
        self._backlog.later(pending, installation.policy.clock_tolerance_s + 1.0)
