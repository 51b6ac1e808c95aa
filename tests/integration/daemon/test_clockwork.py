"""The daemon looks at the clocks by itself: deadlines pass whether or not a scan comes."""

from __future__ import annotations

import threading
from datetime import timedelta

from structlog.typing import EventDict

from driftwatch.daemon.clockwork import Clockwork
from driftwatch.domain.authorization.clocks import Clock
from driftwatch.domain.report import ClockStruck
from driftwatch.errors import StoreError
from driftwatch.telemetry.logs import report_to_log
from tests.integration.daemon.stage import NEVER, Stage, started, wait_until
from tests.world import GROUPS


def overdue(stage: Stage) -> None:
    """An open finding that nobody acknowledged for three days."""
    stage.world.put(GROUPS, "one", Size=2)
    stage.world.scan()
    stage.world.now += timedelta(hours=73)


def clockwork(stage: Stage, every_s: float = 3600.0, stopping: threading.Event | None = None) -> Clockwork:
    def report(event: object) -> None:
        stage.metrics.on(event)  # type: ignore[arg-type]
        stage.told.append(event)  # type: ignore[arg-type]
        report_to_log(event)  # type: ignore[arg-type]

    return Clockwork(lambda: stage.world.installation, stage.metrics, report, stopping or threading.Event(), every_s=every_s)


def struck(stage: Stage) -> list[Clock]:
    return [event.alert.clock for event in stage.told if isinstance(event, ClockStruck)]


def test_it_looks_again_and_again_tells_once_and_ends_with_the_daemon(stage: Stage, logged: list[EventDict]) -> None:
    overdue(stage)
    stopping = threading.Event()
    watch = clockwork(stage, every_s=0.02, stopping=stopping)
    watch.start()
    wait_until(lambda: struck(stage))
    assert watch.running
    stopping.set()
    assert watch.join(2.0)
    assert struck(stage) == [Clock.ACKNOWLEDGE]
    assert stage.metric("driftwatch_clock_alerts_total", clock="acknowledge") == 1
    (line,) = [event for event in logged if event["event"] == "clock_struck"]
    assert (line["level"], line["clock"], line["resource"] is not None) == ("error", "acknowledge", True)


def test_a_store_that_fails_is_logged_and_what_is_due_is_told_when_it_works_again(stage: Stage, logged: list[EventDict]) -> None:
    overdue(stage)
    watch = clockwork(stage)
    read = stage.world.store.read

    def broken() -> object:
        raise StoreError("the disk is full")

    stage.world.store.read = broken  # type: ignore[method-assign, assignment]
    watch.look()
    stage.world.store.read = read  # type: ignore[method-assign]
    assert [event["error"] for event in logged if event["event"] == "clocks_failed"] == ["the disk is full"]
    watch.look()
    assert struck(stage) == [Clock.ACKNOWLEDGE]


def test_an_error_that_nobody_foresaw_ends_one_look_and_not_the_clockwork(stage: Stage) -> None:
    overdue(stage)
    read, failed = stage.world.store.read, threading.Event()

    def bug() -> object:
        failed.set()
        raise KeyError("hunter2-canary")

    stage.world.store.read = bug  # type: ignore[method-assign, assignment]
    stopping = threading.Event()
    watch = clockwork(stage, every_s=0.02, stopping=stopping)
    watch.start()
    assert failed.wait(5)
    stage.world.store.read = read  # type: ignore[method-assign]
    wait_until(lambda: struck(stage))
    stopping.set()
    watch.join(2.0)
    errors = stage.metric("driftwatch_unexpected_errors_total", part="clocks")
    assert errors is not None
    assert errors >= 1


def test_a_daemon_runs_one_and_is_not_healthy_without_it(stage: Stage) -> None:
    with started(stage, NEVER) as daemon:
        assert daemon._clockwork.running
        assert daemon.health().alive() is None
        mine, daemon._clockwork = daemon._clockwork, clockwork(stage)
        assert daemon.health().alive() == "the clockwork is gone"
        daemon._clockwork = mine
    assert not daemon._clockwork.running
