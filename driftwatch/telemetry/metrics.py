"""Metrics: fed by operation reports and by `Measures`; a scrape reads what is ready and never asks the database.

Labels come from closed sets only (verdicts, rules, states, reasons, services, configured accounts, baselines and sources), never from
ids. What belongs to an account or a scope collapses above a limit (`state.py`). docs/metrics.md holds the one table of all names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from driftwatch import __version__
from driftwatch.domain.decision import Verdict
from driftwatch.domain.report import CellJudged, Event, FindingChanged, Measures, ScanDone, SourceSynced
from driftwatch.domain.request import RequestState
from driftwatch.domain.scan import ScanStatus
from driftwatch.telemetry.activity import ActivityMetrics
from driftwatch.telemetry.deliveries import DeliveryMetrics
from driftwatch.telemetry.handling import HandlingMetrics
from driftwatch.telemetry.ledger import LedgerMetrics
from driftwatch.telemetry.state import AGE_BUCKETS, StateMetrics

TICKS: Final = ("requested", "overlapping", "late", "missed", "failed")
RELOADS: Final = ("ok", "failed")
TRAFFIC: Final = ("calls", "retries", "throttles")
CELL_BUCKETS: Final = (0.1, 0.5, 1, 5, 15, 60, 300, 900)


class Metrics:
    """All metrics of one process in a registry of its own. Threads may share it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._judging()
        self._scanning()
        self._running()
        self.ledger = LedgerMetrics(self.registry)
        self._handling = HandlingMetrics(self.registry)
        self._activity = ActivityMetrics(self.registry)
        self._deliveries = DeliveryMetrics(self.registry)
        self._state = StateMetrics()
        self.registry.register(self._state)

    def _judging(self) -> None:
        registry = self.registry
        self.decisions = Counter("driftwatch_decisions", "Decisions made", ["verdict"], registry=registry)
        self.violations = Counter("driftwatch_rule_violations", "Rules violated, once a decision", ["rule"], registry=registry)
        self.latency = Histogram(
            "driftwatch_detection_latency_seconds",
            "From a change to its finding; bound upper: at most this, from the last good reading; exact: from the logged call",
            ["bound"],
            buckets=AGE_BUCKETS,
            registry=registry,
        )
        self.syncs = Counter("driftwatch_record_sync", "Readings of change sources", ["source", "result"], registry=registry)
        for verdict in Verdict:
            self.decisions.labels(verdict.value)
        for bound in ("exact", "upper"):
            self.latency.labels(bound)

    def _scanning(self) -> None:
        registry = self.registry
        self.scans = Counter("driftwatch_scan_runs", "Scans that ended", ["status"], registry=registry)
        self.scan_seconds = Gauge("driftwatch_scan_duration_seconds", "How long the last scan took", registry=registry)
        self.scan_calls = Gauge("driftwatch_scan_calls", "API calls of the last scan", registry=registry)
        self.cell_seconds = Histogram("driftwatch_cell_read_seconds", "Reading one cell", buckets=CELL_BUCKETS, registry=registry)
        self.interval = Gauge(
            "driftwatch_scan_interval_seconds", "The longest time from one scheduled scan to the next, jitter included", registry=registry
        )
        self.ticks = Counter("driftwatch_scan_ticks", "Ticks of the schedule", ["result"], registry=registry)
        self.stuck = Counter("driftwatch_scan_stuck", "Scans that were declared stuck and freed", registry=registry)
        self.in_progress = Gauge("driftwatch_scan_in_progress", "1 while a scan or a refresh is worked on", registry=registry)
        self.traffic = {
            "calls": Counter("driftwatch_aws_calls", "API calls", ["service"], registry=registry),
            "retries": Counter("driftwatch_aws_retries", "Repeated API calls", ["service"], registry=registry),
            "throttles": Counter("driftwatch_aws_throttles", "Throttled API calls", ["service"], registry=registry),
        }
        for status in ScanStatus:
            if status is not ScanStatus.RUNNING:
                self.scans.labels(status.value)
        for result in TICKS:
            self.ticks.labels(result)

    def _running(self) -> None:
        registry = self.registry
        self.requests = Counter("driftwatch_requests", "Requests that ended, or wait again", ["kind", "result"], registry=registry)
        self.reloads = Counter("driftwatch_config_reload", "Reloads of configuration, policy and baselines", ["result"], registry=registry)
        self.reload_ok = Gauge("driftwatch_config_reload_ok", "1 unless the last reload was refused", registry=registry)
        self.heartbeat = Gauge("driftwatch_heartbeat_timestamp_seconds", "When the daemon last renewed its heartbeat", registry=registry)
        self.clock_jumps = Counter("driftwatch_clock_jumps", "Jumps of the wall clock by more than a minute", registry=registry)
        self.errors = Counter("driftwatch_unexpected_errors", "Errors that driftwatch did not foresee", ["part"], registry=registry)
        Gauge("driftwatch_build_info", "Always 1", ["version"], registry=registry).labels(__version__).set(1)
        for result in RELOADS:
            self.reloads.labels(result)
        for kind in ("scan", "refresh"):
            for state in (RequestState.DONE, RequestState.FAILED):
                self.requests.labels(kind, state.value)
        for part in ("worker", "reload", "heartbeat", "ledger", "clocks", "activity", "rescan", "notify", "measuring"):
            self.errors.labels(part)
        self.reload_ok.set(1)

    def on(self, event: Event) -> None:
        """Counts an operation's report."""
        self._handling.on(event)
        self._activity.on(event)
        self._deliveries.on(event)
        match event:
            case FindingChanged(decision=decision) if decision is not None:
                self.decisions.labels(decision.verdict.value).inc()
                for rule in {result.rule for result in decision.violations}:
                    self.violations.labels(rule).inc()
                interval = event.finding.drift.interval
                if event.before is None and event.changed_at:
                    self.latency.labels("exact").observe(max(0.0, (interval.detected - event.changed_at).total_seconds()))
                elif event.before is None and interval.last_good:
                    self.latency.labels("upper").observe((interval.detected - interval.last_good).total_seconds())
            case SourceSynced():
                self.syncs.labels(event.source, "failed" if event.error else "ok").inc()
            case CellJudged():
                self.cell_seconds.observe(event.seconds)
            case ScanDone():
                self.scans.labels(event.scan.status.value).inc()
                self.scan_seconds.set(event.seconds)
                self.scan_calls.set(event.scan.calls)
            case _:
                pass

    def asked(self, what: str, more: Mapping[str, int]) -> None:
        """Adds to the calls, retries or throttles of each service."""
        for service, number in more.items():
            self.traffic[what].labels(service).inc(number)

    def state(self, measures: Measures) -> None:
        """Takes the state that the next scrapes show."""
        self._state.take(measures)
