"""How much one caller may ask: so many things within so many seconds, a moment of rest for whoever asks more."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_REMEMBERED: Final = 10_000
"""Callers; of more the least recent is forgotten, so that addresses without number cost no memory without bound."""


class Limiter:
    """A token bucket for each caller, that refills evenly. Threads may share it."""

    def __init__(self, most: int, within_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = float(most)
        self._rate = most / within_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> float:
        """Takes one; answers with the seconds until there is another one, 0 where this one was there."""
        with self._lock:
            left = self._left(who)
            if left < 1.0:
                return (1.0 - left) / self._rate
            self._put(who, left - 1.0)
            return 0.0

    def wait(self, who: str) -> float:
        """Seconds until `take` would be granted."""
        with self._lock:
            return max(0.0, (1.0 - self._left(who)) / self._rate)

    def _left(self, who: str) -> float:
        left, at = self._buckets.get(who, (self._most, self._monotonic()))
        return min(self._most, left + (self._monotonic() - at) * self._rate)

    def _put(self, who: str, left: float) -> None:
        self._buckets[who] = (left, self._monotonic())
        self._buckets.move_to_end(who)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
