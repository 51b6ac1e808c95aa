"""Metrics of what people have to do: deadlines, acknowledgements, dispositions, emergency changes and exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from driftwatch.domain.authorization.clocks import Clock
from driftwatch.domain.authorization.exception_lifecycle import ExceptionStatus
from driftwatch.domain.decision import AWAITING, UNCOVERED, Verdict
from driftwatch.domain.report import ClockStruck, Event, FindingChanged, Measures

HANDLING_BUCKETS: Final = (600, 3600, 4 * 3600, 24 * 3600, 72 * 3600, 7 * 86400, 30 * 86400)
RESULTS: Final = ("declared", "reviewed", "missed")
STAGES: Final = ("running", "last_quarter", "overdue")


class HandlingMetrics:
    """What is counted as it happens."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.alerts = Counter("driftwatch_clock_alerts", "Deadlines that were told", ["clock"], registry=registry)
        self.emergencies = Counter(
            "driftwatch_emergency_changes", "Drifts under emergency changes, by what came of them", ["result"], registry=registry
        )
        for clock in Clock:
            self.alerts.labels(clock.value)
        for result in RESULTS:
            self.emergencies.labels(result)

    def on(self, event: Event) -> None:
        """Counts an operation's report."""
        match event:
            case ClockStruck():
                self.alerts.labels(event.alert.clock.value).inc()
            case FindingChanged(decision=decision) if decision is not None:
                same = event.before is not None and event.before.id == event.finding.id
                result = _result(event.before.verdict_current if same and event.before else None, decision.verdict)
                if result:
                    self.emergencies.labels(result).inc()
            case _:
                pass


def _result(before: Verdict | None, after: Verdict) -> str | None:
    """What a decision means for an emergency change; None where it says nothing new of one."""
    pending = Verdict.EMERGENCY_PENDING_REVIEW
    if after is pending:
        return None if before is pending else "declared"
    if before is not pending:
        return None
    return "reviewed" if after in AWAITING else "missed" if after in UNCOVERED else None


def handling(measures: Measures) -> Iterator[Metric]:
    """How what people have to do stands now. A gauge of what is next is absent where nothing is due."""
    handled = measures.handled
    for name, text, seconds in (
        ("driftwatch_acknowledge_seconds", "From a finding to its acknowledgement", handled.acknowledged),
        ("driftwatch_disposition_seconds", "From a finding to its end or disposition", handled.disposed),
    ):
        buckets = [(str(float(limit)), float(sum(taken <= limit for taken in seconds))) for limit in HANDLING_BUCKETS]
        histogram = HistogramMetricFamily(name, text)
        histogram.add_metric([], buckets=[*buckets, ("+Inf", float(len(seconds)))], sum_value=sum(seconds))
        yield histogram
    text = "Open findings that nobody acknowledged in time"
    yield GaugeMetricFamily("driftwatch_acknowledgements_late", text, value=handled.acknowledge_late)
    reviews = GaugeMetricFamily("driftwatch_emergency_reviews", "Reviews of emergency changes that are owed", labels=["stage"])
    for stage in STAGES:
        reviews.add_metric([stage], handled.reviews.get(stage, 0))
    yield reviews
    exceptions = GaugeMetricFamily("driftwatch_exceptions", "Exceptions by status", labels=["status"])
    for status in ExceptionStatus:
        exceptions.add_metric([status.value], handled.exceptions.get(status.value, 0))
    yield exceptions
    for name, text, moment in (
        ("driftwatch_emergency_review_remaining_seconds", "Until the next review is due; negative: overdue", handled.review_due),
        ("driftwatch_exception_next_expiry_seconds", "Until the next exception ends", handled.exception_expiry),
    ):
        gauge = GaugeMetricFamily(name, text)
        if moment is not None:
            gauge.add_metric([], (moment - measures.at).total_seconds())
        yield gauge
