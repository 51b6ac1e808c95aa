"""The wall clock, watched against the steady one: after a jump the next tick would come an hour late, or was missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

JUMP_S: Final = 60.0


class WallClock:
    """Compares the time of day with the monotonic time since it was asked last."""

    def __init__(self, now: datetime, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last = (now, monotonic())

    def jumped(self, now: datetime) -> bool:
        """Whether the time of day jumped since the last call, in which case the schedule has to begin anew; it is logged."""
        wall, steady = self._last
        now_steady = self._monotonic()
        self._last = (now, now_steady)
        jump = (now - wall).total_seconds() - (now_steady - steady)
        if abs(jump) <= JUMP_S:
            return False
        structlog.get_logger().warning("clock_jumped", seconds=round(jump))
        return True
