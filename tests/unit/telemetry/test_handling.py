"""Metrics of deadlines, acknowledgements, emergency changes and exceptions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.authorization.clocks import Alert, Clock
from driftwatch.domain.decision import Verdict
from driftwatch.domain.report import ClockStruck, FindingChanged, HandledMeasure
from driftwatch.telemetry.metrics import Metrics
from tests.builders import at, measures
from tests.unit.authorization.test_finding_lifecycle import decided, found
from tests.unit.telemetry.test_metrics import series, shown, value

PENDING = Verdict.EMERGENCY_PENDING_REVIEW


def test_every_number_comes_through() -> None:
    names = shown(measures())
    assert value(names, "driftwatch_exceptions", status="active") == 2
    assert value(names, "driftwatch_exceptions", status="expired") == 0
    assert value(names, "driftwatch_exception_next_expiry_seconds") == 10 * 86_400
    assert value(names, "driftwatch_emergency_review_remaining_seconds") == 6 * 3600
    stages = {stage: value(names, "driftwatch_emergency_reviews", stage=stage) for stage in ("running", "last_quarter", "overdue")}
    assert stages == {"running": 2, "last_quarter": 1, "overdue": 0}
    assert value(names, "driftwatch_acknowledgements_late") == 1
    assert value(names, "driftwatch_acknowledge_seconds_count") == 2
    assert value(names, "driftwatch_acknowledge_seconds_bucket", le="600.0") == 1
    assert value(names, "driftwatch_disposition_seconds_sum") == 7200


def test_an_overdue_review_is_negative_and_what_is_not_due_is_absent() -> None:
    late = shown(replace(measures(), handled=HandledMeasure(review_due=at("03-10 11:00"))))
    assert value(late, "driftwatch_emergency_review_remaining_seconds") == -3600
    quiet = shown(replace(measures(), handled=HandledMeasure()))
    absent = {"driftwatch_emergency_review_remaining_seconds", "driftwatch_exception_next_expiry_seconds"}
    assert absent.isdisjoint(name for name, _ in quiet)


def test_alerts_are_counted_by_clock_and_every_clock_starts_at_zero() -> None:
    metrics = Metrics()
    for clock in Clock:
        assert value(series(metrics), "driftwatch_clock_alerts_total", clock=clock.value) == 0
    metrics.on(ClockStruck(alert=Alert(clock=Clock.REVIEW_75, due_at=at("03-10 12:00")), finding=found()))
    assert value(series(metrics), "driftwatch_clock_alerts_total", clock="review_75") == 1


@pytest.mark.parametrize(
    ("before", "after", "result"),
    [
        (None, PENDING, "declared"),
        (Verdict.UNAUTHORIZED, PENDING, "declared"),
        (PENDING, PENDING, None),
        (PENDING, Verdict.AUTHORIZED, "reviewed"),
        (PENDING, Verdict.UNAUTHORIZED, "missed"),
        (PENDING, Verdict.EXCEPTED, None),
        (Verdict.UNAUTHORIZED, Verdict.AUTHORIZED, None),
    ],
)
def test_an_emergency_change_is_counted_when_it_is_declared_and_when_its_review_ends(
    before: Verdict | None, after: Verdict, result: str | None
) -> None:
    metrics = Metrics()
    metrics.on(FindingChanged(scan_id=None, before=found(before) if before else None, finding=found(after), decision=decided(after)))
    found_ = series(metrics)
    counted = {name: value(found_, "driftwatch_emergency_changes_total", result=name) for name in ("declared", "reviewed", "missed")}
    assert counted == {name: float(name == result) for name in counted}
