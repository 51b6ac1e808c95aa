"""Metrics: fed by operation reports and by `Measures`; a scrape reads what is ready and never asks the database.

Labels come from closed sets only (verdicts, rules, states, reasons, services, configured accounts, baselines and sources), never from
ids. Per-account values collapse above `ACCOUNTS_SHOWN` accounts to minimum, maximum and sum, and the worst `WORST_SHOWN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from driftwatch import __version__
from driftwatch.domain.report import Event, FindingChanged, Measures, ScanDone, SourceSynced
from driftwatch.domain.snapshot import CellState

ACCOUNTS_SHOWN = 100
WORST_SHOWN = 20
AGE_BUCKETS = (60, 600, 3600, 4 * 3600, 24 * 3600, 72 * 3600, 7 * 86400, 30 * 86400)
GOOD = (CellState.CLEAN.value, CellState.DRIFTED.value, CellState.NOT_ENABLED.value)


class Metrics:
    """All metrics of one process in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.decisions = Counter("driftwatch_decisions", "Decisions made", ["verdict"], registry=registry)
        self.violations = Counter("driftwatch_rule_violations", "Rules violated, once a decision", ["rule"], registry=registry)
        self.latency = Histogram(
            "driftwatch_detection_latency_seconds",
            "From a change to its finding; `upper`: only known to be at most this",
            ["bound"],
            buckets=AGE_BUCKETS,
            registry=registry,
        )
        self.scans = Counter("driftwatch_scan_runs", "Scans that ended", ["status"], registry=registry)
        self.scan_seconds = Gauge("driftwatch_scan_duration_seconds", "How long the last scan took", registry=registry)
        self.scan_calls = Gauge("driftwatch_scan_calls", "API calls of the last scan", registry=registry)
        self.ticks = Counter(
            "driftwatch_scan_ticks",
            "Scheduled ticks: requested, late, missed or overlapping",
            ["result"],
            registry=registry,
        )
        self.stuck = Counter("driftwatch_scan_stuck", "Scans that were declared stuck and freed", registry=registry)
        self.in_progress = Gauge("driftwatch_scan_in_progress", "1 while a scan runs", registry=registry)
        self.syncs = Counter("driftwatch_record_sync", "Readings of change sources", ["source", "result"], registry=registry)
        self.reloads = Counter("driftwatch_config_reload", "Reloads of the configuration", ["result"], registry=registry)
        self.heartbeat = Gauge("driftwatch_heartbeat_timestamp_seconds", "When the daemon last renewed its heartbeat", registry=registry)
        self.aws_calls = Counter("driftwatch_aws_calls", "API calls by service", ["service"], registry=registry)
        self.aws_retries = Counter("driftwatch_aws_retries", "Repeated API calls by service", ["service"], registry=registry)
        self.aws_throttles = Counter("driftwatch_aws_throttles", "Throttled API calls by service", ["service"], registry=registry)
        Gauge("driftwatch_build_info", "Always 1", ["version"], registry=registry).labels(__version__).set(1)
        self._state = StateMetrics()
        registry.register(self._state)

    def on(self, event: Event) -> None:
        """Counts an operation's report."""
        match event:
            case FindingChanged(decision=decision) if decision is not None:
                self.decisions.labels(decision.verdict.value).inc()
                for rule in {result.rule for result in decision.violations}:
                    self.violations.labels(rule).inc()
                interval = event.finding.drift.interval
                if event.before is None and interval.last_good:
                    self.latency.labels("upper").observe((interval.detected - interval.last_good).total_seconds())
            case SourceSynced():
                self.syncs.labels(event.source, "failed" if event.error else "ok").inc()
            case ScanDone():
                self.scans.labels(event.scan.status.value).inc()
                self.scan_seconds.set(event.seconds)
                self.scan_calls.set(event.scan.calls)
            case _:
                pass

    def state(self, measures: Measures) -> None:
        """Takes the state that the next scrapes show."""
        self._state.measures = measures


class StateMetrics:
    """The state of the installation as last measured; a collector, so that series of what is gone vanish with it."""

    def __init__(self) -> None:
        self.measures: Measures | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before the first measuring; the registry then does not collect at registration."""
        return ()

    def collect(self) -> Iterator[Metric]:
        measures = self.measures
        if measures is None:
            return
        yield from _cells(measures)
        yield from _findings(measures)
        yield from _times(measures)


def _cells(measures: Measures) -> Iterator[Metric]:
    states = GaugeMetricFamily("driftwatch_cells", "Cells (account x region x type) by state", labels=["state"])
    for state in CellState:
        states.add_metric([state.value], sum(count for (_, name), count in measures.cells.items() if name == state.value))
    yield states
    gaps = GaugeMetricFamily("driftwatch_cells_unknown", "Cells that could not be read, by reason", labels=["reason"])
    for reason, count in sorted(measures.gaps.items()):
        gaps.add_metric([reason], count)
    yield gaps
    yield from per_account("driftwatch_coverage_ratio", "Share of cells that are read and compared", coverage(measures.cells))


def coverage(cells: Mapping[tuple[str, str], int]) -> dict[str, float]:
    """By account: the share of its cells that are complete, fresh and baselined, or not enabled."""
    totals: dict[str, list[int]] = {}
    for (account, state), count in cells.items():
        pair = totals.setdefault(account, [0, 0])
        pair[0] += count if state in GOOD else 0
        pair[1] += count
    return {account: good / whole for account, (good, whole) in totals.items() if whole}


def per_account(name: str, text: str, values: Mapping[str, float]) -> Iterator[Metric]:
    """One series an account up to the limit; above it the extremes, the sum, and the lowest values."""
    gauge = GaugeMetricFamily(name, text, labels=["account"])
    shown = sorted(values.items(), key=lambda item: (item[1], item[0]))
    if len(values) > ACCOUNTS_SHOWN:
        for what, value in (("min", min(values.values())), ("max", max(values.values())), ("sum", sum(values.values()))):
            yield GaugeMetricFamily(f"{name}_{what}", f"{text}: {what} over all accounts", value=value)
        shown = shown[:WORST_SHOWN]
    for account, value in shown:
        gauge.add_metric([account], value)
    yield gauge


def _findings(measures: Measures) -> Iterator[Metric]:
    findings = GaugeMetricFamily("driftwatch_findings_open", "Live findings", labels=["state", "verdict", "settled"])
    for (state, verdict, settled), count in sorted(measures.findings.items()):
        findings.add_metric([state, verdict, str(settled).lower()], count)
    yield findings
    ages = [(measures.at - moment).total_seconds() for moment in measures.first_seen]
    buckets = [(str(float(limit)), float(sum(age <= limit for age in ages))) for limit in AGE_BUCKETS]
    age = HistogramMetricFamily("driftwatch_finding_age_seconds", "Age of live findings")
    age.add_metric([], buckets=[*buckets, ("+Inf", float(len(ages)))], sum_value=sum(ages))
    yield age
    pending = sum(count for (state, _, _), count in measures.findings.items() if state == "awaiting_baseline")
    yield GaugeMetricFamily("driftwatch_baseline_pending_drifts", "Authorised drifts that wait for a baseline", value=pending)


def _times(measures: Measures) -> Iterator[Metric]:
    yield from _stamp("driftwatch_scan_last_end_timestamp_seconds", "When the last scan ended", measures.last_scan_ended_at)
    yield from _stamp(
        "driftwatch_scan_last_success_timestamp_seconds", "When the last complete scan ended", measures.last_complete_scan_ended_at
    )
    yield from _stamp(
        "driftwatch_cells_oldest_completion_timestamp_seconds", "The oldest complete reading of any cell", measures.oldest_completion
    )
    baselines = GaugeMetricFamily("driftwatch_baseline_created_timestamp_seconds", "When the active version was made", labels=["baseline"])
    for name, created in measures.baselines.items():
        baselines.add_metric([name], created.timestamp())
    yield baselines
    synced = GaugeMetricFamily(
        "driftwatch_record_sync_last_success_timestamp_seconds", "When a change source was last read", labels=["source"]
    )
    aside = GaugeMetricFamily("driftwatch_records_set_aside", "Change records that are refused", labels=["source"])
    for name, source in measures.sources.items():
        synced.add_metric([name], source.last_success_at.timestamp() if source.last_success_at else 0)
        aside.add_metric([name], source.set_aside)
    yield synced
    yield aside
    yield GaugeMetricFamily("driftwatch_store_bytes", "Size of the store", value=measures.store_bytes)


def _stamp(name: str, text: str, moment: datetime | None) -> Iterator[Metric]:
    """0 where it never happened: `time() - metric` is then larger than any threshold."""
    yield GaugeMetricFamily(name, text, value=moment.timestamp() if moment else 0)
