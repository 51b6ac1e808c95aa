"""How gently AWS is asked: how many calls at once, how many retries, and what was asked, counted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

Place = tuple[str, str, str]
"""(account, region, service): what AWS meters together, and what gets its own share of calls and retries."""

_LOOK_UP_S = 0.2
"""How often a thread that waits for a slot looks whether the scan was stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one collector. A *place* is an account x region x service."""

    calls_in_flight: int = 32
    calls_per_place: int = 16
    call_deadline_s: float = 60.0
    """From asking for a connection to the last byte of the reply, retries excluded."""
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 20.0
    retry_budget: int = 100
    """Retries that a place may use at once; one more is earned every second."""
    max_pages: int = 25_000
    max_empty_pages: int = 500
    """Pages without an item in a row. A service may filter whole pages away, but not for ever."""
    max_reply_bytes: int = 64 * 1024 * 1024
    max_item_bytes: int = 4 * 1024 * 1024
    batch_size: int = 200
    clients: int = 256
    """SDK clients kept; one costs 0.2 to 1.4 MB."""


class StoppedError(Exception):
    """The scan was stopped while a thread waited for a slot."""


class Slots:
    """Calls in flight: a bound for all, and one for each place.

    A thread takes its place's slot first: so a slow service keeps waiting threads from the common slots, and holds its own share at most.
    """

    def __init__(self, total: int, per_place: int) -> None:
        self._all = threading.Semaphore(total)
        self._per_place = per_place
        self._places: dict[Place, threading.Semaphore] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, place: Place, stopped: Callable[[], bool]) -> Iterator[None]:
        with self._lock:
            own = self._places.setdefault(place, threading.Semaphore(self._per_place))
        for semaphore in (own, self._all):
            while not semaphore.acquire(timeout=_LOOK_UP_S):
                if stopped():
                    if semaphore is self._all:
                        own.release()
                    raise StoppedError
        try:
            yield
        finally:
            self._all.release()
            own.release()


class RetryBudget:
    """Retries left for each place: spent by retries, refilled by time, so that a broken service is not hammered."""

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._left: dict[Place, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def spend(self, place: Place) -> bool:
        """Takes one retry; False when there is none."""
        now = self._clock()
        with self._lock:
            left, at = self._left.get(place, (float(self._size), now))
            left = min(float(self._size), left + now - at)
            allowed = left >= 1
            self._left[place] = (left - 1 if allowed else left, now)
        return allowed


class Counters:
    """Calls, retries and throttled replies since the start, by service (no ids: these become metrics)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {"calls": Counter(), "retries": Counter(), "throttles": Counter(), "failures": Counter()}
        self._in_flight = 0
        self._most_in_flight = 0

    def count(self, what: str, service: str) -> None:
        """One more of `what`: calls, retries, throttles or failures."""
        with self._lock:
            self._counts[what][service] += 1

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        with self._lock:
            self._in_flight += 1
            self._most_in_flight = max(self._most_in_flight, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    @property
    def most_in_flight(self) -> int:
        return self._most_in_flight

    def by_service(self, what: str) -> Mapping[str, int]:
        with self._lock:
            return dict(self._counts[what])

    def total(self, what: str) -> int:
        with self._lock:
            return self._counts[what].total()
