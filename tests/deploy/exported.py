"""What driftwatch exports at most: a registry that was fed with everything, as series with their labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from driftwatch.domain.activity import Refusal
from driftwatch.domain.message import Result
from driftwatch.domain.report import ActivityMeasure, ActivityRead, Measures, NotifierTold, SourceSynced
from driftwatch.domain.snapshot import GapReason
from driftwatch.telemetry.metrics import Metrics
from tests.builders import measures
from tests.unit.telemetry.test_metrics import series


def fed(taken: Measures) -> Metrics:
    """A registry with these measures, and with every label that only a report brings."""
    metrics = Metrics()
    metrics.state(taken)
    for error in (None, "down"):
        metrics.on(SourceSynced(source="tickets", error=error))
        metrics.on(ActivityRead(source="trail", refused={reason.value: 1 for reason in Refusal}, error=error))
    metrics.on(NotifierTold(notifier="siem", results={result.value: 1 for result in Result}))
    metrics.violations.labels("R1")
    metrics.ledger.export_ok.labels("file").set(1)
    metrics.ledger.exported_at.labels("file")
    for what in metrics.traffic:
        metrics.asked(what, {"ec2": 1})
    return metrics


def everything() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Every metric that can be exported: name -> label -> its values."""
    logged = ActivityMeasure(synced={"trail": None}, complete_until={"trail": None})
    found: dict[str, dict[str, set[str]]] = {}
    for accounts in (3, 200):
        full = replace(measures(accounts=accounts), activity=logged, gaps=dict.fromkeys(GapReason, 1))
        for name, labels in series(fed(full)):
            known = found.setdefault(name, {})
            for label, value in labels:
                known.setdefault(label, set()).add(value)
    return {name: {label: frozenset(values) for label, values in labels.items()} for name, labels in found.items()}
