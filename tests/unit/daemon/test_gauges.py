"""When the gauges of the state are measured."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from driftwatch.daemon.gauges import EVERY, SHARE, Gauges
from driftwatch.domain.finding import Finding
from driftwatch.domain.report import FindingChanged, Measures, SourceSynced
from driftwatch.errors import DriftwatchError
from driftwatch.telemetry.metrics import Metrics
from tests.builders import measures

CHANGED = FindingChanged(scan_id=None, before=None, finding=cast(Finding, None), decision=None)


class Slow:
    """A measuring that takes `takes` seconds of a clock that only it moves; it may fail."""

    def __init__(self) -> None:
        self.now, self.takes, self.done, self.fails = 100.0, 0.0, 0, False

    def __call__(self) -> Measures:
        self.now += self.takes
        if self.fails:
            raise DriftwatchError("the store fails")
        self.done += 1
        return measures()

    def gauges(self) -> Gauges:
        return Gauges(Metrics(), self, threading.Event(), every_s=5.0, monotonic=lambda: self.now)


def test_where_nothing_happens_every_few_rounds_measure() -> None:
    slow = Slow()
    gauges = slow.gauges()
    for _ in range(3 * EVERY):
        gauges.round()
    assert slow.done == 3


def test_a_changed_finding_is_measured_with_the_next_round_and_once() -> None:
    slow = Slow()
    gauges = slow.gauges()
    gauges.on(SourceSynced(source="tickets"))
    gauges.round()
    assert slow.done == 0
    for _ in range(100):
        gauges.on(CHANGED)
    gauges.round()
    gauges.round()
    assert slow.done == 1


def test_a_flood_of_findings_costs_no_more_than_a_tenth_of_the_time() -> None:
    slow = Slow()
    slow.takes = 2.0
    gauges = slow.gauges()
    gauges.measure()
    gauges.on(CHANGED)
    gauges.round()
    assert slow.done == 1
    slow.now += SHARE * slow.takes
    gauges.round()
    assert slow.done == 2


def test_one_that_failed_is_made_up_for() -> None:
    slow = Slow()
    gauges = slow.gauges()
    gauges.on(CHANGED)
    slow.fails = True
    with pytest.raises(DriftwatchError):
        gauges.round()
    slow.fails = False
    gauges.round()
    assert slow.done == 1


def test_a_round_does_not_wait_for_another_measuring() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hanging() -> Measures:
        begun.set()
        assert go_on.wait(10)
        return measures()

    gauges = Gauges(Metrics(), hanging, threading.Event(), every_s=5.0, monotonic=lambda: 0.0)
    other = threading.Thread(target=gauges.measure)
    other.start()
    assert begun.wait(10)
    gauges.on(CHANGED)
    gauges.round()
    go_on.set()
    other.join(10)


def test_its_thread_measures_at_once_and_goes_on_whatever_one_measuring_met() -> None:
    metrics, stopping, three = Metrics(), threading.Event(), threading.Event()
    errors: list[Exception] = [DriftwatchError("the store fails"), KeyError("a bug")]
    done = 0

    def measured() -> Measures:
        nonlocal done
        if errors:
            raise errors.pop()
        done += 1
        if done == 3:
            three.set()
        return measures()

    gauges = Gauges(metrics, measured, stopping, every_s=0.001, monotonic=lambda: 0.0)
    gauges.start()
    assert three.wait(10)
    assert gauges.running
    stopping.set()
    assert gauges.join(10)
    assert metrics.registry.get_sample_value("driftwatch_unexpected_errors_total", {"part": "measuring"}) == 1
