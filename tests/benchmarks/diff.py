"""The diff of stored resources against the baseline, against the time of reading the two columns of fingerprints that it compares."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from statistics import median
from typing import Any

from driftwatch.domain.authorization.decide import CandidateIndex
from driftwatch.domain.diff import diff
from driftwatch.domain.report import silent
from driftwatch.operations.decisions import Evidence
from driftwatch.operations.judge import Judge
from driftwatch.operations.policies import PolicyVersions
from driftwatch.ports import Store
from driftwatch.stores.store import open_store
from driftwatch.wiring import now
from tests.benchmarks.filled import CHANGED_EACH, IN_A_CELL, RULES, VERSION, cell, document
from tests.benchmarks.installations import NAME, installation
from tests.benchmarks.world import Bench, Line, Table, at_most, middle
from tests.fakes import FakeCollector

GOAL = 3.0
MEMORY_GOAL_MIB = 300
GROWTH_GOAL = 1.2
"""Ten times the resources may take this much more than ten times the time: noise, not growth."""
CHANGED_GOAL = 1.25
"""What finding the changed ones may take beyond DeepDiff: their documents are read, unpacked and checked."""
ROUNDS = 3


def columns(path: str) -> dict[str, Any]:
    """Reads both columns of fingerprints, and nothing else, with the plain SQLite driver."""
    started, read = time.perf_counter(), 0
    with closing(sqlite3.connect(path)) as store:
        for statement in ("SELECT fingerprint FROM observations WHERE until IS NULL", "SELECT fingerprint FROM baseline_entries"):
            for _row in store.execute(statement):
                read += 1
    return {"seconds": time.perf_counter() - started, "read": read}


def judged(path: str, cells: int) -> dict[str, Any]:
    """Judges every cell as a scan does whose digests differ: joined with the baseline in the store, each cell in one transaction."""
    with closing(open_store(f"sqlite:///{path}")) as store:
        judge = _judge(store)
        before = _peak_mib()
        started, cpu, live = time.perf_counter(), time.process_time(), 0
        for number in range(cells):
            with store.write() as uow:
                live += judge.cell(uow, cell(number), NAME, RULES, closing=True, first=False, now=now()).live
        spent = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    return {**spent, "live": live, "peak": _peak_mib(), "before": before}


def shortcut(path: str, cells: int) -> dict[str, Any]:
    """What a scan does instead where the stored digest of the cell is the baseline's; and what it costs to make all digests anew."""
    with closing(open_store(f"sqlite:///{path}")) as store:
        started, equal = time.perf_counter(), 0
        with store.read() as uow:
            parts = uow.baselines.cells(VERSION)
        for number in range(cells):
            with store.write() as uow:
                status, part = uow.cells.get(cell(number)), parts[cell(number)]
                assert status
                equal += status.digest == part.digest and status.shape == part.shape and not any(uow.findings.live(NAME, part.cell))
        seconds = time.perf_counter() - started
        again = time.perf_counter()
        for number in range(cells):
            with store.read() as uow:
                digest, _ = uow.observations.digest(cell(number))
                equal += digest == parts[cell(number)].digest
        return {"seconds": seconds, "digests": time.perf_counter() - again, "equal": equal, "peak": _peak_mib()}


def diffed(path: str, cells: int) -> dict[str, Any]:
    """The diff of every cell without what follows from it: mismatches, the two documents of each, DeepDiff."""
    with closing(open_store(f"sqlite:///{path}")) as store:
        started, found = time.process_time(), 0
        for number in range(cells):
            with store.read() as uow:
                for mismatch in uow.observations.mismatches(cell(number), NAME):
                    assert mismatch.baseline
                    assert mismatch.current
                    before = uow.documents.get(mismatch.baseline.fingerprint)
                    after = uow.documents.get(mismatch.current.fingerprint)
                    found += bool(diff(before, after, RULES))
        return {"cpu": time.process_time() - started, "changed": found}


def explained(changed: int) -> dict[str, Any]:
    """DeepDiff on the changed documents alone, its import included, as in the scan that needs it first."""
    pairs = [(document(n * CHANGED_EACH), document(n * CHANGED_EACH, changed=True)) for n in range(changed)]
    started = time.process_time()
    found = sum(bool(diff(before, after, RULES)) for before, after in pairs)
    return {"cpu": time.process_time() - started, "changed": found}


def _judge(store: Store) -> Judge:
    made = installation(FakeCollector(), store)
    index = CandidateIndex([], made.policy)
    evidence = Evidence(index=index, sources=[], policy=made.policy, versions=PolicyVersions(made.policy))
    return Judge(made, evidence, "scan-1", silent)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(bench: Bench) -> Table:
    lines: list[Line] = []
    quiet: dict[int, float] = {}
    sizes = [10_000, 100_000] if bench.quick else [10_000, 100_000, 1_000_000]
    for resources in sizes:
        path = str(bench.folder / f"diff-{resources}.db")
        bench.fresh("filled", "fill", path=path, resources=resources)
        lines += _quiet(bench, path, resources, quiet, bounded=resources == sizes[-1])
    lines += [_growth(quiet, size) for size in sizes[1:]]
    lines += _changed(bench, path, sizes[-1])
    return Table(
        title=f"diff: stored resources against the active baseline, {IN_A_CELL:,} in a cell, SQLite",
        lines=lines,
        notes=["every measurement in a fresh process; `columns` reads both columns of fingerprints with the plain driver"],
    )


def _quiet(bench: Bench, path: str, resources: int, quiet: dict[int, float], *, bounded: bool) -> list[Line]:
    """With `bounded` the lines have the goals, which are set for the largest store."""
    cells, pairs, short = resources // IN_A_CELL, [], []
    found: Mapping[str, Any] = {}
    for _ in range(ROUNDS):
        floor = bench.fresh("diff", "columns", path=path)
        found = bench.fresh("diff", "judged", path=path, cells=cells)
        again = bench.fresh("diff", "shortcut", path=path, cells=cells)
        if (floor["read"], found["live"], again["equal"]) != (2 * resources, 0, 2 * cells):
            raise RuntimeError("the store is not as it was filled")
        pairs.append((found["seconds"], floor["seconds"]))
        short.append((again["seconds"], floor["seconds"]))
    ours, theirs, ratio = middle(pairs)
    on, _, on_ratio = middle(short)
    quiet[resources] = ours
    name = f"{resources:,}"
    base = f"{found['before']:.0f} MiB before"

    def goal(limit: float, value: float) -> dict[str, Any]:
        return at_most(limit, value) if bounded else {}

    return [
        Line(what=f"{name}: columns", measured=f"{theirs:.3f} s"),
        Line(what=f"{name}: quiet diff, shortcut off", measured=f"{ours:.3f} s", ratio=ratio, against="columns", **goal(GOAL, ratio)),
        Line(what=f"{name}: quiet diff, shortcut on", measured=f"{on:.3f} s", ratio=on_ratio, against="columns", **goal(GOAL, on_ratio)),
        Line(what=f"{name}: all cell digests made anew", measured=f"{again['digests']:.3f} s"),
        Line(what=f"{name}: peak memory ({base})", measured=f"{found['peak']:.0f} MiB", **goal(MEMORY_GOAL_MIB, found["peak"])),
    ]


def _growth(quiet: Mapping[int, float], size: int) -> Line:
    ratio = quiet[size] / quiet[size // 10] / 10
    what = f"{size // 10:,} -> {size:,}: time of the quiet diff"
    return Line(what=what, measured=f"x {10 * ratio:.1f}", ratio=ratio, against="ten times", **at_most(GROWTH_GOAL, ratio))


def _changed(bench: Bench, path: str, resources: int) -> list[Line]:
    """Measured as CPU: the differences of two wall times would be those of the disk."""
    cells = resources // IN_A_CELL
    quiet = [bench.fresh("diff", "diffed", path=path, cells=cells)["cpu"] for _ in range(ROUNDS)]
    changed = bench.fresh("filled", "change", path=path, resources=resources)["changed"]
    pairs = []
    for _ in range(ROUNDS):
        found, alone = bench.fresh("diff", "diffed", path=path, cells=cells), bench.fresh("diff", "explained", changed=changed)
        if (found["changed"], alone["changed"]) != (changed, changed):
            raise RuntimeError(f"{changed} resources were changed, {found['changed']} were found")
        pairs.append((found["cpu"] - median(quiet), alone["cpu"]))
    beyond, least, ratio = middle(pairs)
    recorded = bench.fresh("diff", "judged", path=path, cells=cells)
    if recorded["live"] != changed:
        raise RuntimeError(f"{changed} resources were changed, {recorded['live']} findings are open")
    name = f"{resources:,}, {changed:,} changed"
    beyond_goal = at_most(CHANGED_GOAL, ratio)
    return [
        Line(what=f"{name}: DeepDiff on those alone, CPU", measured=f"{least:.2f} s"),
        Line(what=f"{name}: beyond the quiet diff, CPU", measured=f"{beyond:.2f} s", ratio=ratio, against="DeepDiff alone", **beyond_goal),
        Line(what=f"{name}: and with decisions, findings and ledger", measured=f"{recorded['cpu'] - median(quiet):.2f} s"),
        Line(what=f"{name}: the same as wall time, {cells} commits included", measured=f"{recorded['seconds']:.2f} s"),
    ]
