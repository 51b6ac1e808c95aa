"""Metrics of what notifiers are owed and were told."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric

from driftwatch.domain.report import Event, Measures, NotifierTold


class DeliveryMetrics:
    """The counter that reports feed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "driftwatch_deliveries", "Attempts to tell a finding, by what came of them", ["notifier", "result"], registry=registry
        )

    def on(self, event: Event) -> None:
        if isinstance(event, NotifierTold):
            for result, number in event.results.items():
                self.deliveries.labels(event.notifier, result).inc(number)


def deliveries(measures: Measures) -> Iterator[Metric]:
    """The queues as they stand. The oldest is absent where nothing is owed."""
    owed = GaugeMetricFamily("driftwatch_deliveries_owed", "Findings that a notifier is still to be told", labels=["notifier"])
    refused = GaugeMetricFamily("driftwatch_deliveries_quarantined", "Findings that a notifier refused", labels=["notifier"])
    text = "Since when the notifier waits for what has been owed to it longest"
    oldest = GaugeMetricFamily("driftwatch_delivery_oldest_owed_timestamp_seconds", text, labels=["notifier"])
    for name, queue in sorted(measures.deliveries.items()):
        owed.add_metric([name], queue.owed)
        refused.add_metric([name], queue.quarantined)
        if queue.oldest_owed:
            oldest.add_metric([name], queue.oldest_owed.timestamp())
    yield owed
    yield refused
    yield oldest
