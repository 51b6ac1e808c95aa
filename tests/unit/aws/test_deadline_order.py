"""The watchdog sleeps until the earliest deadline, and is woken only by a call whose deadline comes before."""

from __future__ import annotations

import time
from contextlib import closing

from driftwatch.aws.deadline import Watchdog, WatchedCall

MANY_BYTES = 10**6


def seconds_until_expired(call: WatchedCall, at_most: float) -> float:
    started = time.monotonic()
    while not call.expired and time.monotonic() - started < at_most:
        time.sleep(0.005)
    return time.monotonic() - started


def test_a_call_with_an_earlier_deadline_than_those_before_it_ends_in_time() -> None:
    with closing(Watchdog()) as watchdog, watchdog.watch(30, MANY_BYTES) as patient, watchdog.watch(0.1, MANY_BYTES) as short:
        assert 0.05 < seconds_until_expired(short, 5) < 1
        assert not patient.expired


def test_a_call_with_a_later_deadline_ends_in_time_although_the_watchdog_is_not_woken_for_it() -> None:
    with closing(Watchdog()) as watchdog:
        with watchdog.watch(0.1, MANY_BYTES) as over:
            pass
        with watchdog.watch(0.3, MANY_BYTES) as call:
            assert 0.2 < seconds_until_expired(call, 5) < 1
        assert not over.expired


def test_a_call_after_a_long_pause_has_its_deadline() -> None:
    with closing(Watchdog()) as watchdog:
        with watchdog.watch(0.02, MANY_BYTES):
            pass
        time.sleep(0.1)
        with watchdog.watch(0.1, MANY_BYTES) as call:
            assert 0.05 < seconds_until_expired(call, 5) < 1
