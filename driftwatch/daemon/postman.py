"""The postmen: one thread for each notifier, so that one that hangs holds up no other; and one that keeps to the routes in force."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from driftwatch.domain.message import Result
from driftwatch.domain.report import Report
from driftwatch.errors import DriftwatchError
from driftwatch.operations import notify, outbox
from driftwatch.operations.installation import Installation
from driftwatch.telemetry import logs
from driftwatch.telemetry.metrics import Metrics

EVERY_S: Final = 1.0
AFTER_FAILURE: Final = 5
"""So many pauses long is the one after a store failed."""
ROUTES: Final = " routes"
"""The thread that keeps to the routes; no notifier can have that name."""


class Postmen:
    """`installation` gives what is in force. A thread of a notifier that is configured no longer has nothing to do."""

    def __init__(
        self,
        installation: Callable[[], Installation],
        metrics: Metrics,
        report: Report,
        stopping: threading.Event,
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._installation = installation
        self._metrics = metrics
        self._report = report
        self._stopping = stopping
        self._every_s = every_s
        self._threads: dict[str, threading.Thread] = {}
        self._guard = threading.Lock()
        self._routes_changed = threading.Event()
        self._log = structlog.get_logger()

    @property
    def trouble(self) -> str | None:
        """Which thread is gone; None where each one works."""
        with self._guard:
            dead = sorted(name.strip() for name, thread in self._threads.items() if not thread.is_alive())
        return f"the postman of {', '.join(dead)} is gone" if dead else None

    def start(self) -> None:
        """Begins to tell the notifiers in force; called again after a reload, and once nothing works by what was in force before."""
        self._routes_changed.set()
        self._begin(ROUTES, self._keep_to_routes)
        for notifier in self._installation().notifiers:
            self._begin(notifier.name, partial(self._tell, notifier.name))

    def join(self, seconds: float) -> bool:
        """Waits for the threads to end; True when they did. What one of them is telling just now is told again at the next start."""
        until = time.monotonic() + seconds
        with self._guard:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _begin(self, name: str, work: Callable[[], bool]) -> None:
        with self._guard:
            if name not in self._threads:
                self._threads[name] = threading.Thread(target=self._run, args=(name, work), name=f"postman-{name.strip()}", daemon=True)
                self._threads[name].start()

    def _run(self, name: str, work: Callable[[], bool]) -> None:
        """`work` says whether there is more to do at once."""
        while not self._stopping.is_set():
            pause = self._every_s
            try:
                pause = 0.0 if work() else self._every_s
            except DriftwatchError as error:
                pause = AFTER_FAILURE * self._every_s
                self._log.error("notify_failed", notifier=name.strip(), error=str(error))
            except Exception as error:  # noqa: BLE001 - later messages are told whatever one round met; it is logged and counted
                pause = AFTER_FAILURE * self._every_s
                self._metrics.errors.labels("notify").inc()
                logs.unexpected("notify_failed", error)
            self._stopping.wait(pause)

    def _tell(self, name: str) -> bool:
        installation = self._installation()
        notifier = next((item for item in installation.notifiers if item.name == name), None)
        if notifier is None:
            return False
        results = notify.deliver(installation, notifier, random.random, self._report)
        return sum(results.values()) >= notify.BATCH and set(results) == {Result.DELIVERED}

    def _keep_to_routes(self) -> bool:
        if not self._routes_changed.is_set():
            return False
        self._routes_changed.clear()
        try:
            ended = outbox.reconcile(self._installation())
        except BaseException:
            self._routes_changed.set()
            raise
        for name, number in ended.items():
            self._log.warning("notifier_removed", notifier=name, deliveries=number)
        return False
