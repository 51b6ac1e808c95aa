"""Metrics of the log of calls: how far it was read, what it held, what was reread for it, and what was turned off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from driftwatch.domain.activity import CallClass, Fate
from driftwatch.domain.drift import Blinds
from driftwatch.domain.report import ActivityRead, Blinded, Event, Measures, Rescanned

RESCAN_BUCKETS: Final = (0.5, 1, 2, 3, 5, 10, 30, 60, 300)
POPULATION: Final = (
    *(fate.value for fate in Fate),
    *(call.value for call in CallClass if call not in (CallClass.CONFIG, CallClass.READ)),
    "failed",
    "denied",
)


class ActivityMetrics:
    """The counters that reports feed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reads = Counter("driftwatch_activity_sync", "Readings of activity sources", ["source", "result"], registry=registry)
        self.calls = Counter("driftwatch_activity_calls", "Logged calls that were not known before", ["source"], registry=registry)
        self.changes = Counter("driftwatch_activity_changes", "Logged calls that changed configuration", ["source"], registry=registry)
        self.denied = Counter("driftwatch_activity_denied", "Logged attempts to change that were denied", ["source"], registry=registry)
        self.refused = Counter("driftwatch_activity_refused", "What was set aside, by reason", ["source", "reason"], registry=registry)
        self.blinded = Counter("driftwatch_blinded", "Calls that turned off what changes are seen by", ["what"], registry=registry)
        self.resources = Counter("driftwatch_rescan_resources", "Resources that were reread for a logged call", registry=registry)
        self.rescan_calls = Counter("driftwatch_rescan_calls", "API calls of those", registry=registry)
        self.seconds = Histogram(
            "driftwatch_rescan_seconds", "From a logged call's arrival to its judgement", buckets=RESCAN_BUCKETS, registry=registry
        )
        for what in Blinds:
            self.blinded.labels(what.value)

    def on(self, event: Event) -> None:
        match event:
            case ActivityRead():
                self._read(event)
            case Blinded():
                self.blinded.labels(event.what.value).inc()
            case Rescanned():
                self.resources.inc(event.resources)
                self.rescan_calls.inc(event.calls)
                self.seconds.observe(event.seconds)
            case _:
                pass

    def _read(self, event: ActivityRead) -> None:
        self.reads.labels(event.source, "failed" if event.error else "ok").inc()
        self.calls.labels(event.source).inc(event.new)
        self.changes.labels(event.source).inc(event.changes)
        self.denied.labels(event.source).inc(event.denied)
        for reason, number in event.refused.items():
            self.refused.labels(event.source, reason).inc(number)


def activity(measures: Measures) -> Iterator[Metric]:
    """What the last measures say of the log; a time is 0 where it never came."""
    known = measures.activity
    for name, text, times in (
        ("driftwatch_activity_last_success_timestamp_seconds", "When an activity source was last read", known.synced),
        ("driftwatch_activity_complete_until_timestamp_seconds", "Up to when every call is known", known.complete_until),
    ):
        gauge = GaugeMetricFamily(name, text, labels=["source"])
        for source, moment in sorted(times.items()):
            gauge.add_metric([source], moment.timestamp() if moment else 0)
        yield gauge
    population = GaugeMetricFamily("driftwatch_population", "Logged writes of yesterday and today by what became of them", labels=["kind"])
    for kind in POPULATION:
        population.add_metric([kind], known.population.get(kind, 0))
    yield population
    blind = GaugeMetricFamily("driftwatch_blindings", "Live findings about what was turned off", labels=["what"])
    for what in Blinds:
        blind.add_metric([what.value], known.blind.get(what, 0))
    yield blind
    yield GaugeMetricFamily("driftwatch_cells_blind", "Cells in which a change between two scans would go unseen", value=known.blind_cells)
    found = known.attributed + known.unattributed
    ratio = known.unattributed / found if found else 0.0
    yield GaugeMetricFamily("driftwatch_unattributed_ratio", "Share of live findings that no logged call explains", value=ratio)
    text = "Principals of recent changes that the policy's identities do not name"
    yield GaugeMetricFamily("driftwatch_unresolved_principals", text, value=known.unresolved)
