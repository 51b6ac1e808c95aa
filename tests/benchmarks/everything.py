"""A scan over all types of the catalogue in two accounts and four regions of the simulated AWS: memory, SDK clients, threads.

Most of what is asked for is not there, and much of it moto does not even know: what counts is what the scan itself takes.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from driftwatch.__main__ import spare_the_collector
from driftwatch.aws.catalog import load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.embedded_yaml import read_yaml
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.demo.cloud import Cloud
from tests.benchmarks.account import ACCOUNT, HELD
from tests.benchmarks.installations import scanned
from tests.benchmarks.world import Bench, FakeAws, Line, Table
from tests.fakes import TEST_KEY, TEST_KEY_ID

OTHER = "222222222222"
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2")
SAMPLE_S = 0.1


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(store: str, *, quick: bool) -> dict[str, Any]:
    """One scan without retries (moto's "I do not know this" looks like an outage), watched ten times a second."""
    spare_the_collector()
    role = f"arn:aws:iam::{OTHER}:role/driftwatch-read"
    accounts = [Account(id=ACCOUNT, regions=REGIONS), Account(id=OTHER, regions=REGIONS, role_arn=role)]
    before, most, over = _peak(), {"threads": 0, "clients": 0}, threading.Event()
    limits = Limits(retry_budget=0)
    types = HELD if quick else None  # the emulator takes minutes for all
    with closing(AwsCollector(load(), accounts, TEST_KEY, TEST_KEY_ID, types=types, limits=limits, yaml=read_yaml)) as reader:

        def watch() -> None:
            while not over.wait(SAMPLE_S):
                most["threads"] = max(most["threads"], threading.active_count() - 1)
                most["clients"] = max(most["clients"], len(reader._sessions._clients))

        watcher = threading.Thread(target=watch)
        watcher.start()
        started = time.perf_counter()
        done = scanned(reader, Path(store))
        seconds = time.perf_counter() - started
        over.set()
        watcher.join()
    found = {"cells": done.scan.cells, "gaps": done.scan.gaps, "calls": done.scan.calls, "resources": done.scan.resources}
    return {"before": before, "peak": _peak(), "seconds": seconds, "limit": limits.clients, **most, **found}


@contextmanager
def simulated() -> Iterator[FakeAws]:
    """The demo's simulated AWS, empty: it answers what moto alone does not."""
    cloud = Cloud()
    try:
        yield FakeAws(url=cloud.url)
    finally:
        cloud.stop()


def run(bench: Bench) -> Table:
    with simulated() as cloud:
        found = bench.fresh("everything", "read", fake=cloud, store=str(bench.folder / "everything.db"), quick=bench.quick)
    return Table(
        title=f"everything: {len(HELD) if bench.quick else len(load())} types, 2 accounts x {len(REGIONS)} regions",
        lines=[
            Line(what="resident memory after the imports", measured=f"{found['before']:.0f} MiB"),
            Line(what="peak resident memory", measured=f"{found['peak']:.0f} MiB"),
            Line(
                what="most SDK clients alive at once",
                measured=str(found["clients"]),
                goal=f"<= {found['limit']}",
                met=found["clients"] <= found["limit"],
            ),
            Line(what="most threads at once", measured=str(found["threads"])),
            Line(what="wall time", measured=f"{found['seconds']:.0f} s"),
        ],
        notes=[f"{found['cells']} cells, {found['calls']} calls, {found['resources']} resources, {found['gaps']} gaps of what moto lacks"],
    )
