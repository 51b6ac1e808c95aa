"""The daemon's life: start, heartbeat, reload, stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import structlog

from driftwatch.daemon import lease
from driftwatch.daemon.clockwork import Clockwork
from driftwatch.daemon.gauges import Gauges
from driftwatch.daemon.ledger_keeper import LedgerKeeper
from driftwatch.daemon.pace import DEFAULT, Pace
from driftwatch.daemon.postman import Postmen
from driftwatch.daemon.reloading import checked
from driftwatch.daemon.ticks import SCHEDULED, Ticks
from driftwatch.daemon.traffic import Traffic
from driftwatch.daemon.wall_clock import WallClock
from driftwatch.daemon.watcher import Asks, Watcher
from driftwatch.daemon.worker import Worker
from driftwatch.domain.report import Event, Measures, Report
from driftwatch.domain.request import Request
from driftwatch.domain.selection import CellSelection
from driftwatch.domain.snapshot import GapReason
from driftwatch.errors import DriftwatchError
from driftwatch.operations import requests, status
from driftwatch.operations.installation import Installation
from driftwatch.telemetry import logs
from driftwatch.telemetry.listener import Health
from driftwatch.telemetry.logs import report_to_log
from driftwatch.telemetry.metrics import Metrics
from driftwatch.wiring import Wired, holder

UNDECIDED: Final = (GapReason.UNCONFIRMED_ABSENCE.value, GapReason.SETTLING.value)
"""The reasons for which a cell is read again soon."""
KEEPER_JOIN_S: Final = 1.0
"""The ledger's keeper gets this long to end its turn; what it leaves undone, the next start does."""
DEAF_AFTER_S: Final = 120.0
"""No round of the heartbeat for so long (a store may keep a write waiting for a minute and a half): a thread hangs for good."""


class Daemon:
    """One daemon on one store. `load` reads the configuration anew, over the open store, and raises DriftwatchError when it is refused."""

    def __init__(
        self,
        wired: Wired,
        load: Callable[[], Wired],
        metrics: Metrics,
        report: Report = report_to_log,
        *,
        pace: Pace = DEFAULT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._loaded = wired
        self._token = wired.token()
        self._retired: list[Wired] = []
        self._metrics = metrics
        self._report_to = report
        self._holder = holder()
        self._pace, self._monotonic = pace, monotonic
        self._stopping = threading.Event()
        self._asked_to_stop = self._asked_to_reload = False
        self._log = structlog.get_logger()
        self._traffic = Traffic(metrics)
        self._gauges = Gauges(metrics, self._measured, self._stopping, every_s=pace.heartbeat_s, monotonic=monotonic)
        self._worker = Worker(
            holder=self._holder,
            loaded=self.loaded,
            metrics=metrics,
            report=self._report,
            stopping=self._stopping,
            after=self._after_request,
            monotonic=monotonic,
        )
        self._ticks = Ticks(self.request_scan, lambda: self._worker.job is not None, metrics)
        self._keeper = LedgerKeeper(self.loaded, metrics, self._stopping, every_s=pace.heartbeat_s, monotonic=monotonic)
        self._clockwork = Clockwork(lambda: self.installation, metrics, self._report, self._stopping)
        self._postmen = Postmen(lambda: self.installation, metrics, self._report, self._stopping)
        self._watcher = Watcher(self._holder, lambda: self.installation, metrics, self._report, self._stopping, self._asks(), monotonic)
        self._started = False
        self._fatal: str | None = None
        self._trouble: str | None = "starting"
        self._round_at = self._beat_at = monotonic()
        self._wall = WallClock(wired.installation.clock(), monotonic)

    @property
    def installation(self) -> Installation:
        """What is in force."""
        return self._loaded.installation

    def loaded(self) -> Wired:
        """What is in force, with its configuration."""
        return self._loaded

    def token(self) -> str | None:
        """The bearer token of the operations listener, as last loaded."""
        return self._token

    def health(self) -> Health:
        return Health(alive=self._alive, ready=self._ready)

    def _asks(self) -> Asks:
        return Asks(self.request_scan, lambda cells: self._ticks.confirm(cells, self._loaded.config.scan.confirm_absence_s))

    # --- life --------------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Takes the daemon's lease and starts; raises DriftwatchError while another daemon works on this store."""
        patience_s = requests.STALE_S + self._pace.heartbeat_s
        if not lease.take(self.installation, self._holder, patience_s=patience_s, waits=self._waits):
            return
        self._ticks.start(self._loaded.config.schedule)
        self._worker.start()
        self._keeper.start()
        self._clockwork.start()
        self._watcher.start()
        self._postmen.start()
        self._round_at = self._beat_at = self._monotonic()
        self._started, self._trouble = True, None
        self._metrics.heartbeat.set(self.installation.clock().timestamp())
        threading.Thread(target=self._keep_beating, name="heartbeat", daemon=True).start()
        self._gauges.start()
        self.request_scan(why="start")
        self._log.info("started", holder=self._holder, policy=self.installation.policy.version)

    def request_scan(self, cells: Sequence[str] = (), why: str = SCHEDULED) -> Request:
        """Puts a request into the store, where it survives a restart, and wakes the worker."""
        arguments = {"due_only": True} if why == SCHEDULED else None
        request = requests.ask(self.installation, "scan", cells, why, arguments)
        self._worker.wake()
        return request

    def reload(self) -> bool:
        """Reads everything anew; only when all of it is good does it replace what is in force. A scan that runs ends as it began.

        False when it was refused: everything stays as it was, the log says why, and a metric counts it.
        """
        try:
            loaded = self._load()
            token = checked(loaded)
        except DriftwatchError as error:
            self._log.error("reload_failed", error=str(error))
            return self._reloaded(ok=False)
        except Exception as error:  # noqa: BLE001 - a reload must never end the daemon; it is logged and counted
            self._metrics.errors.labels("reload").inc()
            logs.unexpected("reload_failed", error)
            return self._reloaded(ok=False)
        self._retired.append(self._loaded)
        self._loaded, self._token = loaded, token
        self._ticks.follow(loaded.config.schedule)
        self._watcher.start()
        self._postmen.start()
        self._log.info("reloaded", policy=loaded.installation.policy.version)
        for name in loaded.baseline_folders:
            requests.ask(self.installation, "refresh", (name,), person="reload")
        self.request_scan(why="reload")
        return self._reloaded(ok=True)

    def stop(self) -> bool:
        """Stops ticks and the running scan, which is then marked aborted; True when every thread of it ended in time."""
        self._stopping.set()
        self._ticks.stop()
        self._worker.wake()
        ended = self._worker.join(self._pace.stop_gently_s)
        for part in (self._keeper, self._clockwork, self._watcher, self._postmen, self._gauges):
            part.join(KEEPER_JOIN_S)
        if not ended:
            for wired in (self._loaded, *self._retired):
                wired.end_calls()
            ended = self._worker.join(self._pace.stop_cut_s)
        rest = (self.installation, self._holder, (lambda: None) if ended else self._worker.abandon)
        leaving = threading.Thread(target=lease.leave, args=rest, name="leaving", daemon=True)
        leaving.start()
        leaving.join(self._pace.leave_s)
        self._log.info("stopped", in_time=ended)
        return ended and not leaving.is_alive()

    def run(self, beside: AbstractContextManager[object]) -> int:
        """Runs until SIGTERM or SIGINT, for the main thread, and answers with the exit code; SIGHUP reloads. `beside` is entered once the
        lease is taken, and left before anything stops."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hang_up)
        self.start()
        with beside if self._started else nullcontext():
            while not (self._asked_to_stop or self._stopping.is_set()):
                time.sleep(0.1)
                if self._asked_to_reload:
                    self._asked_to_reload = False
                    self.reload()
        self.stop()
        return 1 if self._fatal else 0

    # --- heartbeat ---------------------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """One heartbeat: renews the lease, looks at the clock, pays owed ticks, frees a stuck scan: all of them short, however large
        the store is."""
        self._round_at = self._monotonic()
        try:
            if requests.heartbeat(self.installation, self._holder) is None:
                self._fatal = self._trouble = "another daemon took over"
                self._log.error("lease_lost")
                self._stopping.set()
                return
            self._beat_at, self._trouble = self._monotonic(), None
            self._metrics.heartbeat.set(self.installation.clock().timestamp())
            self._keeper.probe(self.installation)
            if self._wall.jumped(self.installation.clock()):
                self._metrics.clock_jumps.inc()
                self._ticks.follow(self._loaded.config.schedule)
                self.request_scan(why="clock")
            self._ticks.pay()
            self._worker.free_stuck()
            self._traffic.count(self._loaded)
            self._end_retired()
        except DriftwatchError as error:
            self._trouble = "the store fails"
            self._log.error("heartbeat_failed", error=str(error))

    def _keep_beating(self) -> None:
        while not self._stopping.wait(self._pace.heartbeat_s):
            try:
                self.beat()
            except Exception as error:  # noqa: BLE001 - the heartbeat is what notices that others fail: it goes on
                self._trouble = "the heartbeat fails"
                self._metrics.errors.labels("heartbeat").inc()
                logs.unexpected("heartbeat_failed", error)

    def _end_retired(self) -> None:
        """Collectors that a reload replaced, once no scan uses them."""
        job = self._worker.job
        for wired in [item for item in self._retired if job is None or job.installation is not item.installation]:
            self._retired.remove(wired)
            self._traffic.count(wired, last=True)
            wired.end_calls()
            self._postmen.start()  # what still worked by the former routes has ended

    # --- small parts -------------------------------------------------------------------------------------------------------------

    def _waits(self, seconds: float) -> bool:
        self._round_at = self._monotonic()
        return not (self._asked_to_stop or self._stopping.wait(seconds))

    def _after_request(self) -> None:
        """Cells with a resource that is missing for the first time, or has not settled, are read again soon: the second reading decides."""
        installation = self.installation
        self._traffic.count(self._loaded)
        self._gauges.measure()
        wanted = CellSelection(fresh_since=installation.fresh_since, reasons=UNDECIDED)
        undecided = [str(item.cell) for item in status.streamed(installation, wanted)]
        if undecided and not self._stopping.is_set():
            self._ticks.confirm(undecided, self._loaded.config.scan.confirm_absence_s)

    def _measured(self) -> Measures:
        return status.measure(self.installation)

    def _reloaded(self, *, ok: bool) -> bool:
        self._metrics.reloads.labels("ok" if ok else "failed").inc()
        self._metrics.reload_ok.set(1 if ok else 0)
        return ok

    def _report(self, event: Event) -> None:
        self._metrics.on(event)
        self._gauges.on(event)
        self._report_to(event)

    def _alive(self) -> str | None:
        if self._started and not self._stopping.is_set():
            running = {"scheduler": self._ticks.running, "clockwork": self._clockwork.running, "measuring": self._gauges.running}
            gone = [name for name, runs in running.items() if not runs]
            troubles = (part.trouble for part in (self._worker, self._watcher, self._postmen))
            if trouble := next((f"the {name} is gone" for name in gone), None) or next(filter(None, troubles), None):
                return trouble
        return "no heartbeat" if self._monotonic() - self._round_at > DEAF_AFTER_S else None

    def _ready(self) -> str | None:
        if self._stopping.is_set():
            return self._fatal or "stopping"
        late = self._monotonic() - self._beat_at > 2 * self._pace.heartbeat_s
        return self._trouble or ("no heartbeat" if late else self._keeper.trouble)

    def _on_stop(self, *_: Any) -> None:
        """Only notes it: a handler that took a lock could wait for itself. A second signal ends the process at once."""
        if self._asked_to_stop:
            os._exit(0)
        self._asked_to_stop = True

    def _on_hang_up(self, *_: Any) -> None:
        self._asked_to_reload = True
