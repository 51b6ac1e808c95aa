"""The memory of a scan: how many MiB every 100,000 resources of one cell cost."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.world import Bench, Line, Table

STEP = 100_000


def run(bench: Bench) -> Table:
    """Twice as many against once as many, each in a fresh process: what the interpreter and the SDK take cancels out."""
    step = STEP // 4 if bench.quick else STEP
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for times in (1, 2):
        store = str(bench.folder / f"memory-{times}.db")
        for kind in ("first", "quiet"):
            found[kind, times] = bench.fresh("synthetic", "scan", store=store, resources=times * step)
    lines = []
    for kind, what in (("first", "first scan, everything is new"), ("quiet", "quiet scan, nothing changed")):
        once, twice = found[kind, 1], found[kind, 2]
        for times, one in ((1, once), (2, twice)):
            lines.append(Line(what=f"{what}: {times * step:,}", measured=f"{one['peak']:.0f} MiB"))
        each = (twice["peak"] - once["peak"]) / step * 100_000
        lines.append(Line(what=f"{what}: per 100,000 resources", measured=f"{each:.1f} MiB"))
    before = found["first", 1]["before"]
    return Table(
        title="memory: the peak of a scan of small resources in one cell, real collector and SQLite file, made-up pages",
        lines=[Line(what="after the imports", measured=f"{before:.0f} MiB"), *lines],
    )
