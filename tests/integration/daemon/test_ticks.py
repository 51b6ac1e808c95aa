"""Ticks: every one is counted, and none is lost: a late, missed or failed tick still leads to a scan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import generate_latest

from driftwatch.config.sections import Schedule
from driftwatch.daemon.ticks import Ticks, longest_interval, trigger_of
from driftwatch.errors import StoreError
from driftwatch.telemetry.metrics import Metrics
from tests.integration.daemon.stage import scraped, wait_until


class Asked:
    """What ticks asked for; fails on demand."""

    def __init__(self) -> None:
        self.scans: list[tuple[tuple[str, ...], str]] = []
        self.broken = False

    def __call__(self, cells: Sequence[str], why: str) -> None:
        if self.broken:
            raise StoreError("the disk is full")
        self.scans.append((tuple(cells), why))


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def ticks(asked: Asked, metrics: Metrics) -> Iterator[Ticks]:
    made = Ticks(asked, lambda: False, metrics)
    made.start(Schedule(every="1h", jitter_s=0))
    yield made
    made.stop()


def counted(metrics: Metrics, result: str) -> float:
    return scraped(generate_latest(metrics.registry).decode())[("driftwatch_scan_ticks_total", (("result", result),))]


def due_since(ticks: Ticks, ago: timedelta) -> None:
    """The next tick should have come so long ago: the process was stopped, or the machine asleep."""
    ticks._scheduler.modify_job("scan", next_run_time=datetime.now(UTC) - ago)


def test_a_late_tick_is_counted_and_asks_for_one_scan(ticks: Ticks, asked: Asked, metrics: Metrics) -> None:
    due_since(ticks, timedelta(seconds=20))
    wait_until(lambda: counted(metrics, "late") == 1, 5)
    assert asked.scans == [((), "schedule")]
    assert counted(metrics, "requested") == 1


def test_missed_ticks_are_counted_and_made_up_for_by_one_scan(ticks: Ticks, asked: Asked, metrics: Metrics) -> None:
    due_since(ticks, timedelta(hours=5, minutes=30))
    wait_until(lambda: counted(metrics, "missed") == 1, 5)
    assert asked.scans == []
    ticks.pay()
    ticks.pay()
    assert asked.scans == [((), "schedule")]


def test_a_tick_that_met_a_failing_store_is_owed_until_it_is_paid(ticks: Ticks, asked: Asked, metrics: Metrics) -> None:
    asked.broken = True
    ticks.tick()
    ticks.pay()
    asked.broken = False
    ticks.pay()
    assert asked.scans == [((), "schedule")]
    assert counted(metrics, "failed") == 2
    assert counted(metrics, "requested") == 0


def test_a_confirmation_is_asked_for_once_with_the_cells_of_the_last_call(ticks: Ticks, asked: Asked) -> None:
    ticks.confirm(["a"], 3600)
    ticks.confirm(["a", "b"], 0)
    ticks.follow(Schedule(every="2h", jitter_s=0))
    wait_until(lambda: asked.scans, 5)
    assert asked.scans == [(("a", "b"), "confirm")]


def test_a_reload_changes_the_schedule_and_keeps_a_confirmation(ticks: Ticks) -> None:
    ticks.confirm(["a"], 3600)
    ticks.follow(Schedule(every="2h", jitter_s=0))
    jobs = {job.id: job.next_run_time - datetime.now(UTC) for job in ticks._scheduler.get_jobs()}
    assert jobs.keys() == {"scan", "confirm"}
    assert timedelta(minutes=119) < jobs["scan"] <= timedelta(hours=2)


def test_a_schedule_of_years_holds_in_utc_through_daylight_saving_and_leap_days() -> None:
    trigger = trigger_of(Schedule(cron="30 2 * * *", jitter_s=0))
    at = datetime(2027, 12, 31, 12, tzinfo=UTC)
    days = []
    for _ in range(366):
        at = trigger.get_next_fire_time(at, at + timedelta(seconds=1))
        days.append(at)
    assert {(day.hour, day.minute, day.utcoffset()) for day in days} == {(2, 30, timedelta(0))}
    assert len({day.date() for day in days}) == 366, "2028 has a leap day, and no day is skipped or doubled"


def test_jitter_delays_each_start_within_its_bound() -> None:
    trigger = trigger_of(Schedule(every="10m", jitter_s=30))
    now = datetime(2026, 3, 10, tzinfo=UTC)
    delays = {(trigger.get_next_fire_time(now, now + timedelta(seconds=1)) - now).total_seconds() - 600 for _ in range(200)}
    assert len(delays) > 100
    assert all(-1 <= delay <= 31 for delay in delays)


@pytest.mark.parametrize(
    ("schedule", "longest"),
    [
        (Schedule(every="15m", jitter_s=30), timedelta(minutes=15, seconds=30)),
        (Schedule(cron="*/20 * * * *", jitter_s=60), timedelta(minutes=21)),
        (Schedule(cron="* * * * *", jitter_s=0), timedelta(minutes=1)),
        (Schedule(cron="0 8 * * mon-fri", jitter_s=0), timedelta(days=3)),
        (Schedule(cron="*/5 8-17 * * mon-fri", jitter_s=0), timedelta(days=2, hours=14, minutes=5)),
        (Schedule(cron="0 3 1 * *", jitter_s=0), timedelta(days=31)),
        (Schedule(cron="0 3 29 2 *", jitter_s=0), timedelta(days=4 * 365 + 1)),
    ],
)
def test_the_longest_time_between_two_ticks_knows_nights_weekends_and_months(schedule: Schedule, longest: timedelta) -> None:
    assert longest_interval(schedule, datetime(2026, 3, 10, 9, 0, tzinfo=UTC)) == longest


def test_the_interval_in_force_is_shown_and_follows_a_reload(ticks: Ticks, metrics: Metrics) -> None:
    def shown() -> float:
        return scraped(generate_latest(metrics.registry).decode())[("driftwatch_scan_interval_seconds", ())]

    assert shown() == 3600
    ticks.follow(Schedule(every="5m", jitter_s=30))
    assert shown() == 330
