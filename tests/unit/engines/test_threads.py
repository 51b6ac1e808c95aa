"""The thread engine: every unit exactly once, and a place that hangs does not take all threads."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.domain.scan import ReadUnit
from driftwatch.engines.threads import ThreadEngine


def unit(number: int, service: str = "s", region: str = "r") -> ReadUnit:
    return ReadUnit(id=f"{service}-{number}", account="1", region=region, service=service, cells=())


def never() -> bool:
    return False


@settings(max_examples=30, deadline=None)
@given(services=st.lists(st.sampled_from("abc"), max_size=40), workers=st.integers(1, 6), per_place=st.integers(1, 3), stop=st.booleans())
def test_every_unit_is_read_exactly_once_within_both_bounds(services: list[str], workers: int, per_place: int, stop: bool) -> None:
    lock = threading.Lock()
    read: list[str] = []
    running: dict[str, int] = {}
    most: dict[str, int] = {}

    def work(one: ReadUnit) -> None:
        with lock:
            running[one.service] = running.get(one.service, 0) + 1
            most[one.service] = max(most.get(one.service, 0), running[one.service])
            assert sum(running.values()) <= workers
        with lock:
            running[one.service] -= 1
            read.append(one.id)

    units = [unit(number, service) for number, service in enumerate(services)]
    ThreadEngine(workers, per_place).run(units, work, lambda: stop)
    assert sorted(read) == sorted(one.id for one in units)
    if not stop:
        assert all(count <= per_place for count in most.values())


def test_a_place_that_hangs_does_not_keep_the_others_waiting() -> None:
    release = threading.Event()
    ended: list[str] = []

    def work(one: ReadUnit) -> None:
        if one.service == "stuck":
            release.wait(5)
        ended.append(one.service)

    units = [*(unit(number, "stuck") for number in range(20)), *(unit(number, "good") for number in range(20))]
    thread = threading.Thread(target=lambda: ThreadEngine(workers=4, per_place=2).run(units, work, never))
    thread.start()
    until = time.monotonic() + 4
    while len(ended) < 20 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(ended) == 20
    assert "stuck" not in ended
    release.set()
    thread.join()
    assert ended.count("stuck") == 20


def test_the_first_exception_is_raised_after_all_units_had_their_turn() -> None:
    read: list[str] = []

    def work(one: ReadUnit) -> None:
        read.append(one.id)
        if one.id in ("s-1", "s-3"):
            raise RuntimeError(one.id)

    with pytest.raises(RuntimeError, match="s-1"):
        ThreadEngine(workers=1).run([unit(number) for number in range(5)], work, never)
    assert len(read) == 5


def test_slow_services_begin_first() -> None:
    read: list[str] = []
    units = [unit(1, "sns"), unit(2, "kms"), unit(3, "s3"), unit(4, "iam")]
    ThreadEngine(workers=1).run(units, lambda one: read.append(one.service), never)
    assert read == ["s3", "iam", "kms", "sns"]


def test_no_units_is_no_work() -> None:
    done: list[ReadUnit] = []
    ThreadEngine().run([], done.append, never)
    assert done == []
