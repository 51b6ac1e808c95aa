"""The gauges of the state: measured now and then, and soon after a finding changed, so that an alert does not wait for either."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from driftwatch.domain.report import Event, FindingChanged, Measures
from driftwatch.telemetry.metrics import Metrics

EVERY: Final = 6
"""Heartbeats from one measuring to the next where nothing happens."""
SHARE: Final = 10
"""A measuring that a finding asks for comes no sooner than this many times what the last one took: a flood of them costs a tenth."""


class Gauges:
    """`measure` reads the state from the store. Threads may share it; of two that would measure at once, the heartbeat gives way."""

    def __init__(self, metrics: Metrics, measure: Callable[[], Measures], monotonic: Callable[[], float]) -> None:
        self._metrics = metrics
        self._measure = measure
        self._monotonic = monotonic
        self._changed = threading.Event()
        self._guard = threading.Lock()
        self._beats = 0
        self._not_before = 0.0

    def on(self, event: Event) -> None:
        """Whether what the gauges show may be different now."""
        if isinstance(event, FindingChanged):
            self._changed.set()

    def beat(self) -> None:
        """Once a heartbeat: measures where that is due."""
        self._beats += 1
        asked = self._changed.is_set() and self._monotonic() >= self._not_before
        if (asked or self._beats % EVERY == 0) and self._guard.acquire(blocking=False):
            try:
                self._take()
            finally:
                self._guard.release()

    def measure(self) -> None:
        """Measures now."""
        with self._guard:
            self._take()

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
