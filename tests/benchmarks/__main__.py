"""Runs the benchmarks: ``python -m tests.benchmarks [NAME...] [--quick] [--strict]``. Ratios of one run, never asserted in a test."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from tests.benchmarks import BENCHMARKS
from tests.benchmarks.world import Bench, Table


def module(name: str) -> Any:
    """The benchmark of that name."""
    return importlib.import_module(f"tests.benchmarks.{name}")


def main(arguments: Sequence[str] | None = None, find: Callable[[str], Any] = module) -> int:
    """Runs what the arguments ask for (None: those of the process); 1 when a goal was missed in a strict run, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measures driftwatch, as ratios taken in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, single rounds")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - set(BENCHMARKS)):
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    missed = False
    with (
        tempfile.TemporaryDirectory(prefix="driftwatch-benchmarks-") as folder,
        closing(Bench(folder=Path(folder), quick=chosen.quick)) as bench,
    ):
        for name in chosen.names or BENCHMARKS:
            started = time.perf_counter()
            table: Table = find(name).run(bench)
            show(table, time.perf_counter() - started)
            missed = missed or table.missed
    return 1 if missed and chosen.strict else 0


def show(table: Table, seconds: float) -> None:
    console = Console(width=max(Console().width, 150), highlight=False)
    grid = Grid(title=table.title, title_justify="left", title_style="bold", caption_justify="left")
    for heading, justify in (("what", "left"), ("measured", "right"), ("ratio", "right"), ("to", "left"), ("goal", "right"), ("", "left")):
        grid.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for line in table.lines:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        outcome = {True: "met", False: "[red]missed[/red]", None: ""}[line.met]
        grid.add_row(line.what, line.measured, ratio, line.against, line.goal, outcome)
    grid.caption = "\n".join([*table.notes, f"took {seconds:.0f} s"])
    console.print(grid)
    console.print()


if __name__ == "__main__":
    sys.exit(main())
