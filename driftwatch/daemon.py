"""The daemon: ticks request scans, one worker serves requests, a heartbeat says that it lives, signals reload and stop it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from driftwatch.config.sections import Schedule
from driftwatch.domain.report import Event, Report
from driftwatch.domain.request import Request
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import GapReason
from driftwatch.errors import DriftwatchError, LeaseLostError
from driftwatch.operations import requests, status
from driftwatch.operations.installation import Installation
from driftwatch.operations.serving import serve
from driftwatch.telemetry.listener import Health
from driftwatch.telemetry.logs import report_to_log
from driftwatch.telemetry.metrics import Metrics
from driftwatch.wiring import Wired, holder

STOP_WITHIN_S = 15.0
"""A stop waits this long for the running scan; a container's grace period is 30 s."""
STUCK_AFTER_S = 60.0
"""A scan that still runs this long after its own deadline is stuck."""
LATE_AFTER_S = 5.0
MISFIRE_GRACE_S = 300
"""A tick that could not fire for longer than this is missed, and counted; the next one comes by itself."""


def trigger_of(schedule: Schedule) -> BaseTrigger:
    """When scans are requested: at the times of the cron line (UTC), else at the interval, each with up to `jitter_s` of delay."""
    if schedule.cron:
        trigger = CronTrigger.from_crontab(schedule.cron, timezone=UTC)
        trigger.jitter = schedule.jitter_s or None
        return trigger
    return IntervalTrigger(seconds=schedule.interval_s, jitter=schedule.jitter_s or None, timezone=UTC)


class Daemon:
    """One daemon on one store. `load` reads the configuration anew, over the open store, and raises DriftwatchError when it is refused."""

    def __init__(self, wired: Wired, load: Callable[[], Wired], metrics: Metrics, report: Report = report_to_log) -> None:
        self._load = load
        self._loaded = wired
        self._metrics = metrics
        self._report_to = report
        self._holder = holder()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._log = structlog.get_logger()
        self._worker: threading.Thread | None = None
        self._busy_since: datetime | None = None
        self._beat_at: datetime | None = None
        self._trouble: str | None = "starting"

    @property
    def installation(self) -> Installation:
        return self._loaded.installation

    def health(self) -> Health:
        return Health(alive=self._alive, ready=lambda: "stopping" if self._stopping.is_set() else self._trouble)

    def start(self) -> None:
        """Takes the daemon's lease and starts; raises DriftwatchError while another daemon works on this store."""
        if requests.heartbeat(self.installation, self._holder) is None:
            raise DriftwatchError("another daemon works on this store; stop it first, or wait 15 s if it was killed")
        self._beat_at = self.installation.clock()
        self._scheduler.add_listener(self._missed, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._scheduler.add_listener(self._ticked, EVENT_JOB_EXECUTED)
        self._add_tick()
        self._scheduler.start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        self._start_worker()
        self._trouble = None
        self.request_scan(trigger="start")

    def request_scan(self, cells: Sequence[str] = (), trigger: str = "schedule") -> Request:
        """Puts a request into the store, where it survives a restart, and wakes the worker."""
        request = requests.ask(self.installation, "scan", cells, person=trigger)
        self._wake.set()
        return request

    def reload(self) -> None:
        """Reads everything anew; only when all of it is good does it replace what is in force. A scan that runs ends as it began."""
        try:
            loaded = self._load()
        except DriftwatchError as error:
            self._metrics.reloads.labels("failed").inc()
            self._log.error("reload_failed", error=str(error))
            return
        self._loaded = loaded
        self._scheduler.remove_all_jobs()
        self._add_tick()
        self._metrics.reloads.labels("ok").inc()
        self._log.info("reloaded", policy=loaded.installation.policy.version)
        for name in loaded.baseline_folders:
            requests.ask(self.installation, "refresh", (name,), person="reload")
        self._wake.set()

    def stop(self) -> bool:
        """Stops ticks and the running scan, which is then marked aborted; True when everything ended in time."""
        self._stopping.set()
        self._wake.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        worker = self._worker
        if worker is not None:
            worker.join(STOP_WITHIN_S)
        ended = worker is None or not worker.is_alive()
        self._release()
        return ended

    def run(self) -> int:
        """Runs until SIGTERM or SIGINT; SIGHUP reloads. A second SIGTERM ends the process at once."""
        hang_up = threading.Event()
        signal.signal(signal.SIGTERM, self._on_stop_signal)
        signal.signal(signal.SIGINT, self._on_stop_signal)
        signal.signal(signal.SIGHUP, lambda *_: hang_up.set())
        self.start()
        while not self._stopping.wait(0.2):
            if hang_up.is_set():
                hang_up.clear()
                self.reload()
        ended = self.stop()
        self._log.info("stopped", in_time=ended)
        if not ended:
            os._exit(0)  # a thread hangs in a call; its writes are fenced off, and waiting longer would end in SIGKILL
        return 1 if self._trouble else 0

    # --- threads -----------------------------------------------------------------------------------------------------------------

    def _start_worker(self) -> None:
        self._worker = threading.Thread(target=self._work, name="worker", daemon=True)
        self._worker.start()

    def _work(self) -> None:
        """Serves requests one after the other: a scan never overlaps another."""
        me = threading.current_thread()
        while not self._stopping.is_set() and self._worker is me:
            try:
                request = requests.next_pending(self.installation)
                if request is not None:
                    self._serve(request)
                    continue
            except DriftwatchError as error:
                self._log.error("store_failed", error=str(error))
            self._wake.wait(0.5)
            self._wake.clear()

    def _serve(self, request: Request) -> None:
        installation = self.installation
        self._busy_since = installation.clock()
        self._metrics.in_progress.set(1)
        try:
            serve(
                installation,
                request,
                holder=self._holder,
                stopped=self._stopping.is_set,
                report=self._report,
                folders=self._loaded.baseline_folders,
            )
            self._confirm_absences()
            self._metrics.state(status.measure(installation))
        finally:
            self._metrics.in_progress.set(0)
            self._busy_since = None

    def _beat(self) -> None:
        """Renews the heartbeat every 5 s, keeps the metrics current, and frees a stuck scan."""
        while not self._stopping.wait(requests.HEARTBEAT_S):
            try:
                if requests.heartbeat(self.installation, self._holder) is None:
                    self._trouble = "another daemon took over"
                    self._log.error("lease_lost")
                    self._stopping.set()
                    return
                self._beat_at = self.installation.clock()
                self._metrics.heartbeat.set(self._beat_at.timestamp())
                self._metrics.state(status.measure(self.installation))
                self._trouble = None
            except DriftwatchError as error:
                self._trouble = "the store fails"
                self._log.error("heartbeat_failed", error=str(error))
            self._free_stuck()

    def _free_stuck(self) -> None:
        since, installation = self._busy_since, self.installation
        if since is None or installation.clock() - since < timedelta(seconds=installation.scan_deadline_s + STUCK_AFTER_S):
            return
        self._metrics.stuck.inc()
        self._log.error("scan_stuck", since=since.isoformat())
        self._busy_since = None
        self._start_worker()

    # --- ticks -------------------------------------------------------------------------------------------------------------------

    def _add_tick(self) -> None:
        self._scheduler.add_job(
            self._tick,
            trigger_of(self._loaded.config.schedule),
            id="scan",
            coalesce=True,
            max_instances=1,
            misfire_grace_time=MISFIRE_GRACE_S,
            replace_existing=True,
        )

    def _tick(self) -> None:
        self._metrics.ticks.labels("overlapping" if self._busy_since else "requested").inc()
        self.request_scan()

    def _missed(self, event: JobExecutionEvent) -> None:
        self._metrics.ticks.labels("missed").inc()
        self._log.warning("tick_missed", job=event.job_id)

    def _ticked(self, event: JobExecutionEvent) -> None:
        if event.job_id == "scan" and datetime.now(UTC) - event.scheduled_run_time > timedelta(seconds=LATE_AFTER_S):
            self._metrics.ticks.labels("late").inc()

    def _confirm_absences(self) -> None:
        """Cells with a resource missing for the first time are read again soon: the second listing decides."""
        cells: list[Cell] = [item.cell for item in status.statuses(self.installation) if item.reason == GapReason.UNCONFIRMED_ABSENCE.value]
        if cells and not self._stopping.is_set():
            at = datetime.now(UTC) + timedelta(seconds=self._loaded.config.scan.confirm_absence_s)
            names = [str(cell) for cell in cells]
            self._scheduler.add_job(self.request_scan, "date", run_date=at, args=(names, "confirm"), id="confirm", replace_existing=True)

    # --- small parts -------------------------------------------------------------------------------------------------------------

    def _report(self, event: Event) -> None:
        self._metrics.on(event)
        self._report_to(event)

    def _alive(self) -> str | None:
        if not self._scheduler.running and not self._stopping.is_set():
            return "the scheduler does not run"
        if self._beat_at is None or (self.installation.clock() - self._beat_at).total_seconds() > requests.STALE_S * 2:
            return "no heartbeat"
        return None

    def _on_stop_signal(self, *_: Any) -> None:
        if self._stopping.is_set():
            os._exit(0)
        self._stopping.set()

    def _release(self) -> None:
        try:
            with self.installation.store.write() as uow:
                lease = uow.leases.get(requests.DAEMON)
                if lease is not None and lease.holder == self._holder:
                    uow.leases.release(lease)
        except LeaseLostError:
            return  # whoever took it over owns it now
