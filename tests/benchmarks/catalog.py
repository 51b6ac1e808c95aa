"""The catalogue itself: what loading it costs at a start, beside importing boto3, and what checking every entry costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from statistics import median
from typing import Any

from tests.benchmarks.world import ROOT, Bench, Line, Table, at_most

LOAD_S, CHECK_S = 0.3, 5.0
ROUNDS = 5


_LOADING = """
import json, time
started = time.perf_counter()
import boto3
imported = time.perf_counter()
from driftwatch.aws import catalog
ours = time.perf_counter()
entries = len(catalog.load())
print(json.dumps({"boto3": imported - started, "modules": ours - imported, "load": time.perf_counter() - ours, "entries": entries}))
"""


def _loaded() -> dict[str, Any]:
    """Seconds in an interpreter of its own, in which nothing is imported yet."""
    done = subprocess.run([sys.executable, "-c", _LOADING], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def checked() -> dict[str, Any]:
    from driftwatch.__main__ import spare_the_collector
    from driftwatch.aws.catalog import load
    from driftwatch.aws.typecheck import check

    spare_the_collector()
    catalog = load()
    started = time.perf_counter()
    problems = len(check(catalog))
    return {"check": time.perf_counter() - started, "problems": problems, "calls": sum(len(entry.operations) for entry in catalog.values())}


def run(bench: Bench) -> Table:
    rounds = 1 if bench.quick else ROUNDS
    loads = [_loaded() for _ in range(rounds)]
    checks = [bench.fresh("catalog", "checked") for _ in range(1 if bench.quick else 3)]
    boto3, load, check = (median(one[name] for one in found) for found, name in ((loads, "boto3"), (loads, "load"), (checks, "check")))
    return Table(
        title=f"catalog: {loads[0]['entries']} entries, {checks[0]['calls']} calls",
        lines=[
            Line(what="importing boto3", measured=f"{boto3:.2f} s"),
            Line(
                what="loading the catalogue",
                measured=f"{load:.2f} s",
                ratio=load / boto3,
                against="importing boto3",
                **at_most(LOAD_S, load),
            ),
            Line(
                what="checking every entry",
                measured=f"{check:.2f} s",
                ratio=check / boto3,
                against="importing boto3",
                **at_most(CHECK_S, check),
            ),
        ],
        notes=[f"{checks[0]['problems']} problems found"],
    )
