"""The backlog of logged calls whose resources are to be read anew: bounded, each call once, none before its time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from driftwatch.domain.activity import Activity

MOST: Final = 5_000
"""More calls than this wait in their source."""
LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A call, since when it waits and from when on it may be taken (monotonic seconds); `again` when it was taken before."""

    activity: Activity
    since: float
    due: float
    again: bool = False


class Backlog:
    """Threads may share it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._waiting: dict[str, Waiting] = {}

    def put(self, activity: Activity, gone: Callable[[], bool]) -> None:
        """Takes a call in; waits while there are too many, until `gone` turns true."""
        with self._changed:
            while len(self._waiting) >= MOST and not gone():
                self._changed.wait(LOOK_S)
            now = self._monotonic()
            self._waiting.setdefault(activity.id, Waiting(activity=activity, since=now, due=now))
            self._changed.notify_all()

    def take(self, most: int, debounce_s: float, stopping: threading.Event) -> list[Waiting]:
        """The calls that have waited for `debounce_s` and are due, the oldest first; waits a moment where there are none."""
        with self._changed:
            now = self._monotonic()
            ready = [item for item in self._waiting.values() if now - item.since >= debounce_s and item.due <= now]
            if not ready:
                next_in = min((max(item.due, item.since + debounce_s) - now for item in self._waiting.values()), default=LOOK_S)
                if not stopping.is_set():
                    self._changed.wait(min(max(next_in, 0.01), LOOK_S))
                return []
            taken = sorted(ready, key=lambda item: item.since)[:most]
            for item in taken:
                del self._waiting[item.activity.id]
            self._changed.notify_all()
            return taken

    def back(self, items: Sequence[Waiting]) -> None:
        """They were not worked on: they wait as before."""
        self._keep(items)

    def later(self, items: Sequence[Waiting], seconds: float) -> None:
        """They are to be looked at once more, so many seconds from now; as many of them as there is room for."""
        due = self._monotonic() + seconds
        room = max(0, MOST - len(self._waiting))
        self._keep([replace(item, due=due, again=True) for item in items[:room]])

    def _keep(self, items: Sequence[Waiting]) -> None:
        with self._changed:
            for item in items:
                self._waiting.setdefault(item.activity.id, item)
            self._changed.notify_all()
