"""The backlog of calls whose resources are to be reread: each once, none before its time, and bounded."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from driftwatch.daemon.backlog import MOST, Backlog
from driftwatch.domain.activity import Activity
from tests.activity import call

AT = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def never() -> bool:
    return False


def ids(taken: list[object]) -> list[str]:
    return [item.activity.id for item in taken]  # type: ignore[attr-defined]


def one(id_: str) -> Activity:
    return call(AT, "AWS::EC2::SecurityGroup", "sg-1", event=id_)


def stopping() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def test_a_call_waits_for_others_on_the_same_resource_and_no_longer() -> None:
    clock = Clock()
    backlog = Backlog(clock)
    backlog.put(one("a"), never)
    assert backlog.take(10, 0.5, stopping()) == []
    clock.now = 0.4
    backlog.put(one("b"), never)
    clock.now = 0.5
    assert ids(backlog.take(10, 0.5, stopping())) == ["a"]
    clock.now = 0.9
    assert ids(backlog.take(10, 0.5, stopping())) == ["b"]


def test_the_oldest_come_first_and_the_same_call_once() -> None:
    clock = Clock()
    backlog = Backlog(clock)
    for second, id_ in enumerate("abca"):
        clock.now = float(second)
        backlog.put(one(id_), never)
    clock.now = 10.0
    assert ids(backlog.take(2, 0.5, stopping())) == ["a", "b"]
    assert ids(backlog.take(2, 0.5, stopping())) == ["c"]


def test_what_was_too_early_is_looked_at_once_more_when_it_is_not() -> None:
    clock = Clock()
    backlog = Backlog(clock)
    backlog.put(one("a"), never)
    clock.now = 1.0
    taken = backlog.take(10, 0.5, stopping())
    backlog.later(taken, 30.0)
    clock.now = 30.0
    assert backlog.take(10, 0.5, stopping()) == []
    clock.now = 31.0
    (again,) = backlog.take(10, 0.5, stopping())
    assert again.again


def test_what_was_put_back_keeps_its_place() -> None:
    clock = Clock()
    backlog = Backlog(clock)
    backlog.put(one("a"), never)
    clock.now = 1.0
    backlog.put(one("b"), never)
    clock.now = 2.0
    taken = backlog.take(1, 0.5, stopping())
    backlog.back(taken)
    assert ids(backlog.take(10, 0.5, stopping())) == ["a", "b"]


def test_a_full_backlog_makes_its_source_wait_until_it_is_stopped() -> None:
    backlog = Backlog(Clock())
    for number in range(MOST):
        backlog.put(one(f"e{number}"), never)
    asked = []

    def gone() -> bool:
        asked.append(1)
        return len(asked) > 2

    backlog.put(one("one more"), gone)
    assert len(asked) == 3
