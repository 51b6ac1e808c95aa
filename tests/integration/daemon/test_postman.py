"""The daemon tells what is owed by itself: each notifier at its own pace, and none at the cost of another or of the daemon."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from structlog.typing import EventDict

from driftwatch.daemon.postman import Postmen
from driftwatch.domain import message as told
from driftwatch.domain.notification import Route, Routing
from driftwatch.domain.report import NotifierTold
from driftwatch.errors import StoreError
from driftwatch.operations import status
from driftwatch.telemetry.logs import report_to_log
from tests.fakes import FakeNotifier
from tests.integration.daemon.stage import QUICK, Stage, started, wait_until
from tests.world import GROUPS


class Hanging(FakeNotifier):
    """One whose receiver never answers, until the test ends."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.entered, self.release = threading.Event(), threading.Event()

    def send(self, messages: Sequence[told.Message]) -> Sequence[told.Outcome]:
        self.entered.set()
        self.release.wait(20)
        return super().send(messages)


def notifying(stage: Stage, *notifiers: FakeNotifier) -> None:
    names = tuple(item.name for item in notifiers)
    stage.world.change(notifiers=list(notifiers), routing=Routing(notifiers=names, routes=(Route(to=names),) if names else ()))


def postmen(stage: Stage, stopping: threading.Event) -> Postmen:
    def report(event: object) -> None:
        stage.metrics.on(event)  # type: ignore[arg-type]
        stage.told.append(event)  # type: ignore[arg-type]
        report_to_log(event)  # type: ignore[arg-type]

    return Postmen(lambda: stage.world.installation, stage.metrics, report, stopping, every_s=0.02)


def drift(stage: Stage) -> None:
    stage.world.put(GROUPS, "one", Size=2)
    stage.world.scan()


def test_what_a_scan_without_a_daemon_found_is_told_by_the_next_daemon(stage: Stage) -> None:
    notifier = FakeNotifier()
    notifying(stage, notifier)
    drift(stage)
    assert notifier.sent == []
    with started(stage) as daemon:
        wait_until(lambda: notifier.sent)
        assert daemon.health().alive() is None
        wait_until(lambda: stage.metric("driftwatch_deliveries_total", notifier="ops", result="delivered") == 1)


def test_a_notifier_that_a_reload_brings_is_told_what_is_open(stage: Stage) -> None:
    drift(stage)
    with started(stage) as daemon:
        late = FakeNotifier(name="late")
        notifying(stage, late)
        stage.load = lambda: stage.wired("second")
        assert daemon.reload()
        wait_until(lambda: late.sent)
        notifying(stage)
        stage.load = lambda: stage.wired("third")
        assert daemon.reload()
        wait_until(lambda: not _measured(stage))
        assert daemon.health().alive() is None


def _measured(stage: Stage) -> object:
    with stage.world.store.read() as uow:
        return uow.deliveries.measures()


def test_one_that_hangs_holds_up_neither_the_others_nor_a_stop(stage: Stage) -> None:
    hanging, good = Hanging("hanging"), FakeNotifier(name="good")
    notifying(stage, hanging, good)
    with started(stage, QUICK) as daemon:
        drift(stage)
        wait_until(lambda: good.sent and hanging.entered.is_set())
        began = time.monotonic()
        daemon.stop()
        assert time.monotonic() - began < 10
    hanging.release.set()


def test_a_store_that_fails_is_told_of_and_asked_again(stage: Stage, logged: list[EventDict]) -> None:
    notifier = FakeNotifier()
    notifying(stage, notifier)
    drift(stage)
    store = stage.world.store

    class Broken:
        def read(self) -> object:
            raise StoreError("the disk is full")

        write = read

    stage.world.change(store=Broken())
    stopping = threading.Event()
    office = postmen(stage, stopping)
    office.start()
    wait_until(lambda: [event for event in logged if event["event"] == "notify_failed"])
    assert office.trouble is None
    stage.world.change(store=store)
    wait_until(lambda: notifier.sent)
    stopping.set()
    assert office.join(2)
    assert office.trouble is not None


def test_what_is_refused_is_counted_logged_and_shown(stage: Stage, logged: list[EventDict]) -> None:
    notifying(stage, FakeNotifier(name="gone"))
    drift(stage)
    notifier = FakeNotifier(answer=lambda _: told.Outcome(result=told.Result.REFUSED, why="400: bad label"))
    notifying(stage, notifier)
    stopping = threading.Event()
    office = postmen(stage, stopping)
    office.start()
    wait_until(lambda: [event for event in logged if event["event"] == "notifier_removed"])  # a start tries what was refused
    wait_until(lambda: [event for event in stage.told if isinstance(event, NotifierTold)])
    stopping.set()
    assert office.join(2)
    (line,) = [event for event in logged if event["event"] == "notified"]
    assert (line["level"], line["problems"], line["refused"]) == ("warning", ["400: bad label"], 1)
    view = status.overview(stage.world.installation)
    assert view.deliveries["ops"].quarantined == 1
    assert [item.error for item in view.quarantined] == ["400: bad label"]
    stage.metrics.state(status.measure(stage.world.installation))
    assert stage.metric("driftwatch_deliveries_quarantined", notifier="ops") == 1
    assert stage.metric("driftwatch_deliveries_owed", notifier="ops") == 0
    assert stage.metric("driftwatch_delivery_oldest_owed_timestamp_seconds", notifier="ops") is None


def test_a_dead_thread_is_told_of() -> None:
    office = Postmen(lambda: None, None, None, threading.Event())  # type: ignore[arg-type, return-value]
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    office._threads["ops"] = thread
    assert office.trouble == "the postman of ops is gone"
