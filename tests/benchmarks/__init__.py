"""The benchmarks: what driftwatch costs, as ratios against the least that the same work can cost, taken in one run."""

from typing import Final

BENCHMARKS: Final = (
    "catalog",
    "calls",
    "estate",
    "everything",
    "cpu",
    "wall",
    "normalise",
    "diff",
    "decide",
    "memory",
    "size",
    "ledger",
    "latency",
    "cloudtrail",
    "api",
    "exposition",
    "deliveries",
)
"""In the order in which they run. Each is a module here with ``run(bench) -> Table``."""
