"""The gauges of the state: measured now and then, and soon after a finding changed, so that an alert does not wait for either.

A thread of their own, beside the heartbeat: to count the cells of an organisation may take longer than the daemon's lease lasts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

from driftwatch.domain.report import Event, FindingChanged, Measures
from driftwatch.errors import DriftwatchError
from driftwatch.telemetry import logs
from driftwatch.telemetry.metrics import Metrics

EVERY: Final = 6
"""Rounds from one measuring to the next where nothing happens."""
SHARE: Final = 10
"""A measuring that a finding asks for comes no sooner than this many times what the last one took: a flood of them costs a tenth."""


class Gauges:
    """`measure` reads the state from the store. Threads may share it; of two that would measure at once, its own gives way."""

    def __init__(
        self,
        metrics: Metrics,
        measure: Callable[[], Measures],
        stopping: threading.Event,
        *,
        every_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._metrics = metrics
        self._measure = measure
        self._stopping = stopping
        self._every_s = every_s
        self._monotonic = monotonic
        self._changed = threading.Event()
        self._guard = threading.Lock()
        self._rounds = 0
        self._not_before = 0.0
        self._thread = threading.Thread(target=self._run, name="measuring", daemon=True)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        """Measures at once, and then a round every `every_s`."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Waits for the thread to end; True when it did."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def on(self, event: Event) -> None:
        """Whether what the gauges show may be different now."""
        if isinstance(event, FindingChanged):
            self._changed.set()

    def round(self) -> None:
        """Measures where that is due."""
        self._rounds += 1
        asked = self._changed.is_set() and self._monotonic() >= self._not_before
        if asked or self._rounds % EVERY == 0:
            self._try()

    def measure(self) -> None:
        """Measures now."""
        with self._guard:
            self._take()

    def _run(self) -> None:
        self._safely(self._try)
        while not self._stopping.wait(self._every_s):
            self._safely(self.round)

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except DriftwatchError as error:
            structlog.get_logger().error("measuring_failed", error=str(error))
        except Exception as error:  # noqa: BLE001 - the next round measures again; it is logged and counted
            self._metrics.errors.labels("measuring").inc()
            logs.unexpected("measuring_failed", error)

    def _try(self) -> None:
        if self._guard.acquire(blocking=False):
            try:
                self._take()
            finally:
                self._guard.release()

    def _take(self) -> None:
        self._changed.clear()
        began = self._monotonic()
        try:
            self._metrics.state(self._measure())
        except BaseException:
            self._changed.set()
            raise
        ended = self._monotonic()
        self._not_before = ended + SHARE * (ended - began)
