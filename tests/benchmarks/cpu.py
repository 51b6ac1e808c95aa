"""The CPU of collecting, on one thread, against a bare loop of the same boto3 calls that throws the replies away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.intake import Form
from driftwatch.domain.normalize import Canonical, Normalisation
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import Reading
from driftwatch.domain.snapshot import Batch
from tests.benchmarks.installations import ONE_THREAD, collector, scanned
from tests.benchmarks.recording import BareLoop
from tests.benchmarks.world import Bench, Line, Table, at_most

GOAL = 1.25
ROUNDS = 3


class _Nothing:
    """In the place of the normaliser: every document is empty. What is left of reading is what makes the raw items."""

    def normalise(self, _document: Mapping[str, Any]) -> Canonical:
        return Canonical(config={}, tags={})


class RawCollector(AwsCollector):
    """The collector up to the raw items: called, paged, completed with their details, named; not normalised."""

    def _form(self, cell: Cell, pinned: Normalisation | None) -> Form:
        return replace(super()._form(cell, pinned), normaliser=_Nothing())  # type: ignore[arg-type]


def bare(calls: str) -> dict[str, Any]:
    started = time.process_time()
    BareLoop(Path(calls)).one_after_the_other()
    return {"cpu": time.process_time() - started}


def collected(*, raw: bool, without: list[str]) -> dict[str, Any]:
    """Collects everything, one call at a time, and keeps nothing."""
    started = time.process_time()
    resources = 0
    with closing(collector(RawCollector if raw else AwsCollector, without=without, limits=ONE_THREAD)) as reader:
        for unit in reader.plan(lambda _cell: True).units:
            for event in reader.read(unit, Reading(), lambda: False):
                resources += len(event.resources) if isinstance(event, Batch) else 0
    return {"cpu": time.process_time() - started, "resources": resources}


def stored(store: str, without: list[str]) -> dict[str, Any]:
    """A whole scan into an empty SQLite file, one unit and one call at a time."""
    started = time.process_time()
    with closing(collector(without=without, limits=ONE_THREAD)) as reader:
        scanned(reader, Path(store), workers=1)
    return {"cpu": time.process_time() - started}


def run(bench: Bench) -> Table:
    recorded = bench.recorded()
    fake, without = bench.fake(bench.account_size), recorded["without"]
    fake.latency(0)
    seconds: dict[str, list[float]] = {"bare": [], "raw": [], "normalised": [], "stored": []}
    requests: dict[str, int] = {}

    def note(stage: str, function: str, **arguments: Any) -> None:
        fake.reset()
        seconds[stage].append(bench.fresh("cpu", function, fake=fake, **arguments)["cpu"])
        requests[stage] = sum(fake.counts().values())

    for number in range(1 if bench.quick else ROUNDS):
        note("bare", "bare", calls=recorded["calls"])
        note("raw", "collected", raw=True, without=without)
        note("normalised", "collected", raw=False, without=without)
        note("stored", "stored", store=str(bench.folder / f"cpu-{number}.db"), without=without)
    return _table(recorded, seconds, requests)


def _table(recorded: Mapping[str, Any], seconds: Mapping[str, list[float]], requests: Mapping[str, int]) -> Table:
    def line(what: str, stage: str, minus: str | None = None, **goal: Any) -> Line:
        own = [a - b for a, b in zip(seconds[stage], seconds[minus], strict=True)] if minus else seconds[stage]
        ratio = median(a / b for a, b in zip(own, seconds["bare"], strict=True))
        more = at_most(goal["limit"], ratio) if goal else {}
        return Line(what=what, measured=f"{median(own):.2f} s", ratio=ratio, against="the bare loop", **more)

    same = requests["bare"] == requests["raw"]
    return Table(
        title=f"cpu: {recorded['resources']} resources of {recorded['types']} types by {requests['raw']} requests, on one thread",
        lines=[
            Line(what="bare loop of the same calls", measured=f"{median(seconds['bare']):.2f} s"),
            line("collecting, up to the raw items", "raw", limit=GOAL),
            line("normalising and fingerprinting them, besides", "normalised", "raw"),
            line("planning, storing and judging them, besides", "stored", "normalised"),
            line("the whole scan", "stored"),
            Line(what="requests of the bare loop", measured=str(requests["bare"]), goal=f"= {requests['raw']}", met=same),
        ],
        notes=["the CPU of whole processes after their imports, clients included; medians of interleaved rounds"],
    )
