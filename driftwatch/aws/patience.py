"""Patience with resources that have not settled: for how long one may be left unjudged because its service is still changing it."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from datetime import datetime, timedelta

PATIENCE = timedelta(minutes=30)
"""Nearly every change of a service is done by then. A change that waits for a maintenance window may wait for a week: whoever asks for
one must not keep everything else about the resource from being seen."""


class Patience:
    """Since when resources have not settled. In memory: after a restart one may wait once more. May be used by many threads."""

    def __init__(self, limit: timedelta = PATIENCE) -> None:
        self._limit = limit
        self._since: dict[Hashable, datetime] = {}
        self._lock = threading.Lock()

    def waits(self, resource: Hashable, now: datetime) -> bool:
        """Whether a resource that has not settled is still waited for; beyond the limit it is judged as it is."""
        with self._lock:
            return now - self._since.setdefault(resource, now) < self._limit

    def settled(self, resource: Hashable) -> None:
        """The resource has settled: it may take its time again when it changes next."""
        with self._lock:
            self._since.pop(resource, None)
