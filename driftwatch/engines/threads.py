"""The embedded engine: the units of a scan on the threads of this process. Implements `ports.Engine`."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from driftwatch.domain.scan import ReadUnit

Place = tuple[str, str, str]
_LOOK_UP_S = 0.5

SLOW_SERVICES = ("s3", "iam", "ec2", "lambda", "route53", "dynamodb", "kms")
"""Services with many calls per resource or long listings: they begin first, so that they do not run alone at the end."""


class ThreadEngine:
    """Runs up to `workers` units at once, and up to `per_place` of one account, region and service.

    A free thread goes to the service that has the fewest: one that hangs or throttles in every account keeps its own share waiting, and
    the others have theirs.
    """

    def __init__(self, workers: int = 32, per_place: int = 8) -> None:
        self._workers = workers
        self._per_place = per_place

    def run(self, units: Sequence[ReadUnit], work: Callable[[ReadUnit], None], stopped: Callable[[], bool]) -> None:
        """Every unit is given to `work`, also after `stopped` turned true: reading then ends at once with a Gap for each cell."""
        if not units:
            return
        queue = _Queue(units, self._per_place)
        workers = min(self._workers, len(units))
        with ThreadPoolExecutor(workers, thread_name_prefix="driftwatch-scan") as pool:
            for drained in [pool.submit(queue.drain, work, stopped) for _ in range(workers)]:
                drained.result()
        if queue.problem:
            raise queue.problem


class _Queue:
    """The units that wait, by place, and how many of each place and service are being read. The places of a service take turns."""

    def __init__(self, units: Sequence[ReadUnit], per_place: int) -> None:
        self._per_place = per_place
        self._changed = threading.Condition()
        self._waiting: dict[Place, deque[ReadUnit]] = {}
        for unit in units:
            self._waiting.setdefault(_place(unit), deque()).append(unit)
        self._turns: dict[str, deque[Place]] = {}
        for place in sorted(self._waiting, key=_rank):
            self._turns.setdefault(place[2], deque()).append(place)
        self._running: Counter[Place] = Counter()
        self._threads: Counter[str] = Counter()
        self.problem: BaseException | None = None

    def drain(self, work: Callable[[ReadUnit], None], stopped: Callable[[], bool]) -> None:
        while (unit := self._next(stopped)) is not None:
            try:
                work(unit)
            except BaseException as error:  # noqa: BLE001 - it is raised at the end, when every unit had its turn
                with self._changed:
                    self.problem = self.problem or error
            finally:
                self._done(unit)

    def _next(self, stopped: Callable[[], bool]) -> ReadUnit | None:
        """The next unit, waiting until its place has room (after `stopped` there is room for all); None when all are given out."""
        with self._changed:
            while self._waiting:
                if offering := [service for service, places in self._turns.items() if places]:
                    return self._take(self._turns[min(offering, key=self._threads.__getitem__)].popleft())
                if stopped():
                    return self._take(next(iter(self._waiting)))
                self._changed.wait(_LOOK_UP_S)
            return None

    def _take(self, place: Place) -> ReadUnit:
        unit = self._waiting[place].popleft()
        self._running[place] += 1
        self._threads[place[2]] += 1
        if not self._waiting[place]:
            del self._waiting[place]
            self._changed.notify_all()
        else:
            self._offer(place)
        return unit

    def _done(self, unit: ReadUnit) -> None:
        place = _place(unit)
        with self._changed:
            self._running[place] -= 1
            self._threads[place[2]] -= 1
            if place in self._waiting:
                self._offer(place)

    def _offer(self, place: Place) -> None:
        """Puts a place that has units and room back in turn."""
        turns = self._turns[place[2]]
        if self._running[place] < self._per_place and place not in turns:
            turns.append(place)
            self._changed.notify()


def _place(unit: ReadUnit) -> Place:
    return unit.account, unit.region, unit.service


def _rank(place: Place) -> int:
    return SLOW_SERVICES.index(place[2]) if place[2] in SLOW_SERVICES else len(SLOW_SERVICES)
