"""Carries the collectors' counters into the metrics."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from driftwatch.telemetry.metrics import TRAFFIC, Metrics
from driftwatch.wiring import Wired


class Traffic:
    """A reload makes another collector, whose counters begin at zero; the metrics only grow."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._seen: dict[tuple[int, str], Mapping[str, int]] = {}
        self._lock = threading.Lock()

    def count(self, wired: Wired, *, last: bool = False) -> None:
        """Adds what the collector of `wired` counted since it was last asked; `last` forgets it."""
        with self._lock:
            for what in TRAFFIC:
                key = (id(wired), what)
                now, seen = wired.traffic(what), self._seen.pop(key, {})
                self._metrics.asked(what, {service: number - seen.get(service, 0) for service, number in now.items()})
                if not last:
                    self._seen[key] = now
