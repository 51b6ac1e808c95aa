"""The wall time of a scan against an AWS that takes 40 ms for every call, against a bare loop over the same calls with 32 threads."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.benchmarks.installations import collector, scanned
from tests.benchmarks.recording import BareLoop
from tests.benchmarks.world import Bench, Line, Table, at_most, middle

GOAL = 1.2
LATENCY_MS = 40
THREADS = 32
ROUNDS = 3


def bare(calls: str, threads: int) -> dict[str, Any]:
    started, cpu = time.perf_counter(), time.process_time()
    BareLoop(Path(calls)).spread(threads)
    return {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu}


def whole_scan(store: str, without: list[str]) -> dict[str, Any]:
    """A scan with the shipped limits, from the plan to the last row in an empty SQLite file."""
    started, cpu = time.perf_counter(), time.process_time()
    with closing(collector(without=without)) as reader:
        done = scanned(reader, Path(store))
        most = reader.counters.most_in_flight
    spent = {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    return {**spent, "resources": done.scan.resources, "most": most}


def run(bench: Bench) -> Table:
    recorded = bench.recorded()
    fake = bench.fake(bench.account_size)
    fake.latency(LATENCY_MS)
    pairs, cpus = [], []
    found: dict[str, Any] = {}
    try:
        for number in range(1 if bench.quick else ROUNDS):
            floor = bench.fresh("wall", "bare", fake=fake, calls=recorded["calls"], threads=THREADS)
            store = str(bench.folder / f"wall-{number}.db")
            found = bench.fresh("wall", "whole_scan", fake=fake, store=store, without=recorded["without"])
            pairs.append((found["wall"], floor["wall"]))
            cpus.append((found["cpu"], floor["cpu"]))
    finally:
        fake.latency(0)
    ours, theirs, ratio = middle(pairs)
    our_cpu, their_cpu, cpu_ratio = middle(cpus)
    requests = recorded["requests"]
    return Table(
        title=f"wall: a scan of {found['resources']} resources by {requests} requests of {LATENCY_MS} ms each",
        lines=[
            Line(what=f"bare loop, {THREADS} threads", measured=f"{theirs:.2f} s"),
            Line(what="the whole scan", measured=f"{ours:.2f} s", ratio=ratio, against="the bare loop", **at_most(GOAL, ratio)),
            Line(what="CPU of the bare loop", measured=f"{their_cpu:.2f} s"),
            Line(what="CPU of the whole scan", measured=f"{our_cpu:.2f} s", ratio=cpu_ratio, against="the bare loop"),
            Line(what="latency alone, 32 in flight", measured=f"{requests * LATENCY_MS / 1000 / THREADS:.2f} s"),
            Line(what="most calls in flight", measured=str(found["most"])),
        ],
        notes=["the bare loop knows every call from the start; the scan has to list before it can ask for details"],
    )
