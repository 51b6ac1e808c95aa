"""Metrics of the ledger's upkeep: whether it takes entries, is signed, exported and verified."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

PARTS: Final = ("entries", "checkpoint", "export", "verification")


class LedgerMetrics:
    """A time is 0 until it comes, so that ``time() - metric`` passes every threshold."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.entries = Gauge("driftwatch_ledger_entries", "Entries of the ledger", registry=registry)
        self.checkpoint_at = Gauge("driftwatch_ledger_checkpoint_timestamp_seconds", "The last signed checkpoint", registry=registry)
        self.verified_at = Gauge(
            "driftwatch_ledger_verified_timestamp_seconds", "When the whole ledger was last verified without a fault", registry=registry
        )
        self.checkpoint_interval = Gauge(
            "driftwatch_ledger_checkpoint_interval_seconds", "Configured time between two checkpoints", registry=registry
        )
        self.verify_interval = Gauge(
            "driftwatch_ledger_verify_interval_seconds", "Configured time between two verifications", registry=registry
        )
        self.fault = Gauge("driftwatch_ledger_fault", "1 when the last verification found a fault", registry=registry)
        self.exported_at = Gauge(
            "driftwatch_ledger_export_timestamp_seconds", "When a place last held every checkpoint", ["place"], registry=registry
        )
        self.export_ok = Gauge("driftwatch_ledger_export_ok", "0 while a place cannot be written", ["place"], registry=registry)
        self.failures = Counter("driftwatch_ledger_failures", "Failed attempts of the ledger's upkeep", ["part"], registry=registry)
        for part in PARTS:
            self.failures.labels(part)
