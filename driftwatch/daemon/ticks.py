"""Ticks: when scans are requested. A tick only puts a request into the store, so that it is short and outlives the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from driftwatch.config.sections import Schedule
from driftwatch.errors import DriftwatchError
from driftwatch.telemetry.metrics import Metrics

LATE_AFTER_S: Final = 5.0
MISFIRE_GRACE_S: Final = 300
"""A tick that could not fire for longer than this is missed: it is counted, and its scan requested now."""
SCAN: Final = "scan"
SCHEDULED: Final = "schedule"
"""Why a tick requests a scan. Only such a scan may leave cells and details as they were last read (`every` in the catalogue)."""
CONFIRM: Final = "confirm"

LOOKED_AHEAD: Final = timedelta(days=8)
"""How far the times of a cron line are looked at: a week has its weekend in it. At least `LOOKED_AT` of them: a year has its months."""
LOOKED_AT: Final = 13

Request = Callable[[Sequence[str], str], object]
"""Requests a scan of these cells (none: all), for this reason; raises DriftwatchError when the store fails."""


def trigger_of(schedule: Schedule) -> BaseTrigger:
    """When scans are requested: at the times of the cron line (UTC), else at the interval, each with up to `jitter_s` of delay."""
    if schedule.cron:
        trigger = CronTrigger.from_crontab(schedule.cron, timezone=UTC)
        trigger.jitter = schedule.jitter_s or None
        return trigger
    return IntervalTrigger(seconds=schedule.interval_s, jitter=schedule.jitter_s or None, timezone=UTC)


def longest_interval(schedule: Schedule, now: datetime) -> timedelta:
    """The longest time from one tick to the next, the jitter included: after it, a tick is missing."""
    jitter = timedelta(seconds=schedule.jitter_s)
    if schedule.interval_s is not None:
        return timedelta(seconds=schedule.interval_s) + jitter
    trigger = trigger_of(schedule.model_copy(update={"jitter_s": 0}))
    until, number, longest = now + LOOKED_AHEAD, 0, timedelta()
    before = trigger.get_next_fire_time(None, now)
    while before and (before < until or number < LOOKED_AT):
        after = trigger.get_next_fire_time(before, before)
        longest = max(longest, after - before if after else timedelta())
        before, number = after, number + 1
    return longest + jitter


class Ticks:
    """The schedule of one daemon, in memory: what was requested is in the store, and the next start requests a scan anyway."""

    def __init__(self, request: Request, busy: Callable[[], bool], metrics: Metrics) -> None:
        self._request = request
        self._busy = busy
        self._metrics = metrics
        self._log = structlog.get_logger()
        self._owed = threading.Event()
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._scheduler.add_listener(self._missed, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._scheduler.add_listener(self._executed, EVENT_JOB_EXECUTED)

    @property
    def running(self) -> bool:
        """Whether the scheduler's thread lives."""
        thread = getattr(self._scheduler, "_thread", None)
        return bool(self._scheduler.running and thread is not None and thread.is_alive())

    def start(self, schedule: Schedule) -> None:
        self.follow(schedule)
        self._scheduler.start()

    def follow(self, schedule: Schedule) -> None:
        """From now on ticks follow this schedule, counted from now."""
        self._metrics.interval.set(longest_interval(schedule, datetime.now(UTC)).total_seconds())
        self._scheduler.add_job(
            self.tick,
            trigger_of(schedule),
            id=SCAN,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=MISFIRE_GRACE_S,
            replace_existing=True,
        )

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def tick(self) -> None:
        """One tick: requests a scan of everything. When the store fails, the scan is owed (`pay`)."""
        overlapping = self._busy()
        if self._ask((), SCHEDULED):
            self._metrics.ticks.labels("overlapping" if overlapping else "requested").inc()

    def pay(self) -> None:
        """Requests the scan that is owed, if one is."""
        if self._owed.is_set() and self._ask((), SCHEDULED):
            self._owed.clear()

    def confirm(self, cells: Sequence[str], after_s: float) -> None:
        """Requests a scan of these cells so many seconds from now; a later call replaces it."""
        at = datetime.now(UTC) + timedelta(seconds=after_s)
        self._scheduler.add_job(
            self._ask, "date", run_date=at, args=(cells, CONFIRM), id=CONFIRM, misfire_grace_time=None, replace_existing=True
        )

    def _ask(self, cells: Sequence[str], why: str) -> bool:
        try:
            self._request(cells, why)
        except DriftwatchError as error:
            self._owed.set()
            self._metrics.ticks.labels("failed").inc()
            self._log.error("tick_failed", error=str(error))
            return False
        return True

    def _missed(self, event: JobExecutionEvent) -> None:
        self._metrics.ticks.labels("missed").inc()
        self._log.warning("tick_missed", job=event.job_id)
        self._owed.set()

    def _executed(self, event: JobExecutionEvent) -> None:
        delay = datetime.now(UTC) - event.scheduled_run_time
        if event.job_id == SCAN and delay > timedelta(seconds=LATE_AFTER_S):
            self._metrics.ticks.labels("late").inc()
            self._log.warning("tick_late", seconds=round(delay.total_seconds(), 1))
