"""Slots and retry budgets: a bad service costs itself, not the others."""

from __future__ import annotations

import threading
import time

import pytest

from driftwatch.aws.traffic import Counters, RetryBudget, Slots, StoppedError

GOOD, BAD = ("1", "r", "good"), ("1", "r", "bad")


def never() -> bool:
    return False


def test_a_place_that_hangs_leaves_slots_to_the_others() -> None:
    """Many threads wait for the bad place; each of the good one's still gets a slot at once."""
    slots = Slots(total=4, per_place=2)
    release, taken = threading.Event(), threading.Semaphore(0)

    def hang() -> None:
        with slots.hold(BAD, never):
            taken.release()
            release.wait(5)

    threads = [threading.Thread(target=hang) for _ in range(10)]
    for thread in threads:
        thread.start()
    taken.acquire()
    taken.acquire()
    begun = time.monotonic()
    with slots.hold(GOOD, never), slots.hold(GOOD, never):
        assert time.monotonic() - begun < 0.5
    release.set()
    for thread in threads:
        thread.join()


def test_a_slot_comes_back_after_a_failure() -> None:
    slots = Slots(total=1, per_place=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="x"), slots.hold(GOOD, never):
            raise ValueError("x")


def test_waiting_for_a_slot_ends_when_the_scan_is_stopped_and_leaks_none() -> None:
    slots = Slots(total=1, per_place=1)
    with slots.hold(BAD, never), pytest.raises(StoppedError), slots.hold(GOOD, lambda: True):
        pass
    with slots.hold(GOOD, never):
        pass


def test_the_retry_budget_is_spent_refilled_by_time_and_not_shared_between_places() -> None:
    now = [0.0]
    budget = RetryBudget(3, clock=lambda: now[0])
    assert [budget.spend(BAD) for _ in range(5)] == [True, True, True, False, False]
    assert budget.spend(GOOD)
    now[0] = 1.5
    assert [budget.spend(BAD) for _ in range(2)] == [True, False]
    now[0] = 1000
    assert [budget.spend(BAD) for _ in range(4)] == [True, True, True, False]


def test_counters_are_by_service() -> None:
    counters = Counters()
    counters.count("calls", "ec2")
    counters.count("calls", "ec2")
    counters.count("calls", "s3")
    assert counters.by_service("calls") == {"ec2": 2, "s3": 1}
    assert counters.total("calls") == 3
