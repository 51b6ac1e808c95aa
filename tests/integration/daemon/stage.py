"""A daemon in this process on a World whose store is a file, and what its tests share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from driftwatch.config import load as load_config
from driftwatch.daemon import Daemon, Pace
from driftwatch.domain.report import Event
from driftwatch.domain.request import Request, RequestState
from driftwatch.domain.scan import Reading, ReadUnit
from driftwatch.domain.snapshot import Batch, CellRead
from driftwatch.operations import requests
from driftwatch.telemetry.metrics import Metrics
from driftwatch.wiring import Wired
from tests.fakes import FakeCollector
from tests.world import ACCOUNT, BUCKETS, GROUPS, World

QUICK = Pace(heartbeat_s=0.2, stop_gently_s=0.3, stop_cut_s=0.5, leave_s=1.0)
NEVER = Pace(heartbeat_s=3600.0, stop_gently_s=0.3, stop_cut_s=0.5, leave_s=1.0)
"""The test beats the daemon's heart itself."""
CONFIG = """
accounts: [{{id: "{account}"}}]
baselines: [{{name: production}}]
schedule: {{every: 1h, jitter_s: 0}}
scan: {{confirm_absence_s: 1}}
"""


class GatedCollector(FakeCollector):
    """A cloud that can hang: while `gate` is shut, whoever reads waits in `waiting`."""

    def read(self, unit: ReadUnit, reading: Reading, stopped: Callable[[], bool]) -> Iterator[Batch | CellRead]:
        if not self.gate.is_set():
            self.waiting.set()
            assert self.gate.wait(20)
        yield from super().read(unit, reading, stopped)

    gate: threading.Event
    waiting: threading.Event


class Clock:
    """Monotonic seconds that the test moves on by hand, on top of the real ones."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Stage:
    """A world, the daemon on it, and everything that it told."""

    def __init__(self, folder: Path) -> None:
        self.world = World(url=f"sqlite:///{folder / 'driftwatch.db'}")
        collector = GatedCollector(now=lambda: self.world.now)
        collector.gate, collector.waiting = threading.Event(), threading.Event()
        collector.gate.set()
        self.collector = self.world.collector = collector
        self.world.change(collector=collector, scan_deadline_s=7200.0)
        for cell in (GROUPS, BUCKETS):
            for id_ in ("one", "two"):
                self.world.put(cell, id_, Size=1)
        self.world.scan()
        self.world.baseline()
        self.file = folder / "driftwatch.yaml"
        self.file.write_text(CONFIG.format(account=ACCOUNT))
        self.metrics = Metrics()
        self.clock = Clock()
        self.told: list[Event] = []
        self.ended: list[str] = []
        self.load: Callable[[], Wired] = self.wired

    def wired(self, name: str = "first", **fields: Any) -> Wired:
        made = Wired(
            path=self.file,
            config=load_config(self.file, {}),
            installation=self.world.installation,
            types=2,
            baseline_folders={},
            end_calls=lambda: self.ended.append(name),
        )
        return replace(made, **fields)

    def daemon(self, pace: Pace = QUICK, wired: Wired | None = None) -> Daemon:
        return Daemon(wired or self.wired(), lambda: self.load(), self.metrics, self.told.append, pace=pace, monotonic=self.clock)

    def later(self, minutes: float = 10) -> None:
        """Time passes, on every clock."""
        self.clock.ahead += minutes * 60
        self.world.now += timedelta(minutes=minutes)

    def request(self, id_: str) -> Request:
        return requests.get(self.world.installation, id_)

    def until_ended(self, request: Request) -> Request:
        wait_until(lambda: self.request(request.id).state not in (RequestState.PENDING, RequestState.RUNNING))
        return self.request(request.id)

    def until_idle(self, daemon: Daemon) -> None:
        """The scan that a start asks for has ended."""
        wait_until(lambda: not self._waiting() and daemon._worker.job is None)

    def _waiting(self) -> list[Request]:
        with self.world.store.read() as uow:
            return list(uow.requests.pending())

    def metric(self, name: str, **labels: str) -> float | None:
        return scraped(generate_latest(self.metrics.registry).decode()).get((name, tuple(sorted(labels.items()))))


@contextmanager
def started(stage: Stage, pace: Pace = QUICK, wired: Wired | None = None) -> Iterator[Daemon]:
    """A daemon that has done its first scan; stopped at the end."""
    daemon = stage.daemon(pace, wired)
    daemon.start()
    try:
        stage.until_idle(daemon)
        yield daemon
    finally:
        stage.collector.gate.set()
        daemon.stop()


def wait_until(true: Callable[[], object], seconds: float = 15.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.02)


def scraped(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of an exposition, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
