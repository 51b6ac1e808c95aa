"""What a scrape costs in the largest installation: a thousand accounts of twenty regions and 358 types, 7,160,000 cells."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy import insert, select

from driftwatch.domain.report import Measures, ScopeMeasure
from driftwatch.operations import status
from driftwatch.stores.schema import cell_status, cells
from driftwatch.telemetry.metrics import Metrics
from tests.benchmarks.world import Bench, Line, Table, at_most, middle
from tests.builders import measures
from tests.world import GROUPS, World, settled_world

ACCOUNTS, REGIONS, TYPES = 1000, 20, 358
STORED_ACCOUNTS: Final = 100
QUICK_ACCOUNTS: Final = 10
ROUNDS: Final = 15
SERIES: Final = 5000
"""Promise P12: at most so many, whatever is watched."""
RENDER: Final = 1.5
"""How much more than a bare registry of as many series our rendering may take."""
MEASURE_S: Final = 10.0
"""A heartbeat that measures for longer than this may miss the next two, and with them the lease (stale after 15 s)."""
STATES: Final = {"clean": 280, "not_enabled": 60, "drifted": 10, "unknown": 4, "stale": 3, "unbaselined": 1}
assert sum(STATES.values()) == TYPES


def run(bench: Bench) -> Table:
    metrics = Metrics()
    metrics.state(measured(ACCOUNTS))
    text = generate_latest(metrics.registry)
    number = series(text)
    bare = _bare(number)
    rounds = 5 if bench.quick else ROUNDS
    ours, theirs, ratio = middle(
        [(seconds(lambda: generate_latest(metrics.registry)), seconds(lambda: generate_latest(bare))) for _ in range(rounds)]
    )
    taken = measured(ACCOUNTS)
    state = median(seconds(lambda: metrics.state(taken)) for _ in range(rounds))
    grown = _grown()
    stored = QUICK_ACCOUNTS if bench.quick else STORED_ACCOUNTS
    found = bench.fresh("exposition", "counted", store=str(bench.folder / "exposition.db"), accounts=stored)
    accounts = f"{ACCOUNTS:,} accounts x {REGIONS} regions x {TYPES} types"
    lines = [
        Line(what=f"series of {accounts}", measured=f"{number:,}", **at_most(SERIES, number)),
        Line(what="series that 100 times the resources add", measured=f"{grown:,}", **at_most(0, grown)),
        Line(what="a bare registry of as many series", measured=f"{1000 * theirs:.1f} ms"),
        Line(what="/metrics", measured=f"{1000 * ours:.1f} ms", ratio=ratio, against="the bare registry", **at_most(RENDER, ratio)),
        Line(what="taking the measured state, once for all scrapes", measured=f"{1000 * state:.0f} ms"),
        Line(
            what=f"measuring {found['cells']:,} cells in an SQLite file",
            measured=f"{found['seconds']:.1f} s",
            **at_most(MEASURE_S, found["seconds"]),
        ),
        Line(what="... peak memory of that process", measured=f"{found['peak']:.0f} MiB"),
    ]
    return Table(
        title=f"exposition: /metrics of {accounts}, {ACCOUNTS * REGIONS * TYPES:,} cells",
        lines=lines,
        notes=[
            f"{len(text):,} bytes; the state of {ACCOUNTS * REGIONS * TYPES:,} cells is made up as the value that metrics are set from",
            f"the store of {found['cells']:,} cells holds copies of one row; its counting is the whole of `status.measure`",
        ],
    )


def measured(accounts: int) -> Measures:
    """The state of so many accounts, each region with every type; no two accounts are quite alike."""
    base = measures()
    scopes: dict[tuple[str, str], ScopeMeasure] = {}
    counted: Counter[tuple[str, str]] = Counter()
    for number in range(accounts):
        account = f"{number:012d}"
        for region in range(REGIONS):
            more = (number + region) % 7
            states = STATES | {"clean": STATES["clean"] - more, "drifted": STATES["drifted"] + more}
            scopes[account, f"region-{region}"] = ScopeMeasure(states=states, past_freshness=more, oldest_completion=base.at)
            counted.update({(account, state): cells_ for state, cells_ in states.items()})
    assert sum(counted.values()) == accounts * REGIONS * TYPES
    return replace(base, cells=counted, scopes=scopes)


def series(text: bytes) -> int:
    return sum(1 for line in text.splitlines() if not line.startswith(b"#"))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _bare(number: int) -> CollectorRegistry:
    """Gauges of two labels, ten series each."""
    registry = CollectorRegistry()
    for start in range(0, number, 10):
        gauge = Gauge(f"bare_metric_number_{start}", "As many series as ours", ["account", "region"], registry=registry)
        for index in range(start, min(start + 10, number)):
            gauge.labels(f"{index:012d}", "eu-west-1").set(index)
    return registry


def _grown() -> int:
    """How many series more 200 resources have than 2, from the scan to the text."""
    few, many = (_series_of(resources) for resources in (2, 200))
    return abs(many - few)


def _series_of(resources: int) -> int:
    world = settled_world()
    for index in range(resources):
        world.put(GROUPS, f"more-{index}", Size=index)
    world.scan()
    metrics = Metrics()
    for event in world.events:
        metrics.on(event)
    metrics.state(status.measure(world.installation))
    return series(generate_latest(metrics.registry))


def counted(store: str, accounts: int) -> dict[str, Any]:
    """In a process of its own: how long the state of so many stored accounts takes to measure, and the memory of that."""
    import resource

    world = settled_world(url=f"sqlite:///{Path(store)}")
    with closing(world.store):
        _fill(world, accounts)
        took = seconds(lambda: status.measure(world.installation))
        number = sum(status.measure(world.installation).cells.values())
    return {"cells": number, "seconds": took, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _fill(world: World, accounts: int) -> None:
    """Copies of one cell under other names, an account in one go."""
    states = [state for state, number in STATES.items() for _ in range(number)]
    with world.store.write() as work:
        connection = work.cells._session.connection  # type: ignore[attr-defined]
        name = dict(connection.execute(select(cells)).first()._mapping)
        known = dict(connection.execute(select(cell_status)).first()._mapping)
        for account in range(accounts):
            start = 1000 + account * REGIONS * TYPES
            places = [(start + place, place // TYPES, place % TYPES) for place in range(REGIONS * TYPES)]
            named = {"account": f"{account:012d}"}
            connection.execute(
                insert(cells),
                [name | named | {"cell": cell, "region": f"r-{region}", "type": f"T{type_}"} for cell, region, type_ in places],
            )
            rows = [known | {"cell": cell, "state": states[type_], "reason": _reason(states[type_])} for cell, _, type_ in places]
            connection.execute(insert(cell_status), rows)


def _reason(state: str) -> str | None:
    return "denied" if state == "unknown" else None
