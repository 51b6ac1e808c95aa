"""The worker: serves the requests in the store one after the other, so that a scan never overlaps itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from driftwatch.domain.report import Report
from driftwatch.domain.request import Request, RequestState
from driftwatch.errors import DriftwatchError
from driftwatch.operations import policies, requests, serving
from driftwatch.operations.installation import Installation
from driftwatch.telemetry import logs
from driftwatch.telemetry.metrics import Metrics
from driftwatch.wiring import Wired

STUCK_AFTER_S: Final = 60.0
"""A scan that still runs this long after its own deadline is stuck."""
STUCK_TOO_OFTEN: Final = 3
"""So many stuck scans in a row, and only a new process can help: its threads are lost."""
POLL_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the worker does now, since when (monotonic seconds), and under which installation it began."""

    request: Request
    installation: Installation
    since: float


class Worker:
    """One thread at a time. `loaded` gives what is in force; `after` is called after every request that ended."""

    def __init__(
        self,
        *,
        holder: str,
        loaded: Callable[[], Wired],
        metrics: Metrics,
        report: Report,
        stopping: threading.Event,
        after: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._holder = holder
        self._loaded = loaded
        self._metrics = metrics
        self._report = report
        self._stopping = stopping
        self._after = after
        self._monotonic = monotonic
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._generation = 0
        self._job: Job | None = None
        self._stuck = 0
        self._log = structlog.get_logger()

    @property
    def job(self) -> Job | None:
        """What it does now."""
        return self._job

    @property
    def trouble(self) -> str | None:
        """Why only a new process would help; None when all is well."""
        if self._thread is None or not self._thread.is_alive():
            return "the worker is gone"
        return "scans get stuck" if self._stuck >= STUCK_TOO_OFTEN else None

    def start(self) -> None:
        self._generation += 1
        name = f"worker-{self._generation}"
        self._thread = threading.Thread(target=self._work, args=(f"{self._holder}/{name}",), name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is a new request."""
        self._wake.set()

    def join(self, seconds: float) -> bool:
        """Waits for the thread to end; True when it did."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def free_stuck(self) -> None:
        """Takes the lease from a scan that outlived its deadline, fails its request, and lets a new thread go on."""
        job = self._job
        if job is None or self._monotonic() - job.since < job.installation.scan_deadline_s + STUCK_AFTER_S:
            return
        self._stuck += 1
        self._metrics.stuck.inc()
        self._log.error("scan_stuck", request=job.request.id, seconds=round(self._monotonic() - job.since))
        why = "it was stuck: it ran far beyond its deadline, and was freed"
        serving.free_scan(job.installation, self._holder, why)
        requests.failed(job.installation, job.request, why)
        self._job = None
        self._metrics.in_progress.set(0)
        self.start()

    def abandon(self) -> None:
        """At a stop: the thread hangs in a call. Its scan is marked aborted, its writes are refused, and its request waits again."""
        job = self._job
        if job is not None:
            serving.free_scan(job.installation, self._holder, "the daemon was stopped while a call hung")
            requests.put_back(job.installation, job.request)

    # --- the thread --------------------------------------------------------------------------------------------------------------

    def _work(self, holder: str) -> None:
        me = threading.current_thread()
        while not self._stopping.is_set() and self._thread is me:
            if not self._next(holder):
                self._wake.wait(POLL_S)
                self._wake.clear()

    def _next(self, holder: str) -> bool:
        """Serves the next request; False when it is better to wait before asking for another one."""
        try:
            wired = self._loaded()
            if serving.scan_runs(wired.installation):
                return False
            request = requests.next_pending(wired.installation)
            return request is not None and self._serve(wired, request, holder)
        except DriftwatchError as error:
            self._log.error("store_failed", error=str(error))
            return False

    def _serve(self, wired: Wired, request: Request, holder: str) -> bool:
        job = Job(request=request, installation=wired.installation, since=self._monotonic())
        self._job = job
        self._metrics.in_progress.set(1)
        try:
            with structlog.contextvars.bound_contextvars(request=request.id):
                ended = self._served(wired, request, holder)
            mine = self._job is job
        finally:
            if self._job is job:
                self._job = None
                self._metrics.in_progress.set(0)
        if not mine:
            return False  # it was declared stuck: another thread goes on
        self._stuck = 0
        self._tell(ended)
        for item in policies.expired(wired.installation):
            self._log.warning("deviation_expired", rule=item.rule, until=item.until.isoformat(), approved_by=item.approved_by)
        self._after()
        return ended.state is not RequestState.PENDING

    def _served(self, wired: Wired, request: Request, holder: str) -> Request:
        installation = wired.installation
        try:
            return serving.serve(
                installation,
                request,
                holder=holder,
                stopped=self._stopping.is_set,
                report=self._report,
                folders=wired.baseline_folders,
            )
        except DriftwatchError:
            raise
        except Exception as error:  # noqa: BLE001 - the worker outlives whatever one request meets; it is logged, counted and told
            self._metrics.errors.labels("worker").inc()
            error_id = logs.unexpected("request_failed", error)
            text = f"driftwatch itself failed ({type(error).__name__}); the daemon's log tells more under error_id {error_id}"
            requests.failed(installation, request, text)
            return requests.get(installation, request.id)

    def _tell(self, ended: Request) -> None:
        self._metrics.requests.labels(ended.kind, ended.state.value).inc()
        tell = self._log.error if ended.state is RequestState.FAILED else self._log.info
        tell("request_ended", request=ended.id, kind=ended.kind, state=ended.state.value, scan=ended.scan_id, error=ended.error)
