"""What a scan that finds nothing new adds to the store."""

from __future__ import annotations

from tests.benchmarks.world import Bench, Line, Table

GOAL = 0.05
RESOURCES = 100_000


def run(bench: Bench) -> Table:
    resources = RESOURCES // 4 if bench.quick else RESOURCES
    store = str(bench.folder / "size.db")
    first = bench.fresh("synthetic", "scan", store=store, resources=resources)
    quiet = bench.fresh("synthetic", "scan", store=store, resources=resources)
    added = quiet["bytes"] - first["bytes"]
    share = added / first["bytes"]

    def rate(seconds: float) -> str:
        return f"{resources / seconds:,.0f}/s"

    return Table(
        title=f"size: the SQLite file of {resources:,} small resources",
        lines=[
            Line(what="after the first scan", measured=f"{first['bytes'] / 2**20:.1f} MiB"),
            Line(
                what="added by a quiet scan",
                measured=f"{added / 1024:.0f} KiB",
                ratio=share,
                against="the store",
                goal=f"< {GOAL:g}",
                met=share < GOAL,
            ),
            Line(what="bytes per resource, with its document", measured=f"{first['bytes'] / resources:.0f}"),
            Line(what="resources per second, first scan", measured=rate(first["seconds"])),
            Line(what="resources per second, quiet scan", measured=rate(quiet["seconds"])),
        ],
    )
