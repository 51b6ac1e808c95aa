"""Installations to measure: the real adapters over the fake AWS and an SQLite file."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path
from typing import Any

from driftwatch.__main__ import spare_the_collector
from driftwatch.aws.catalog import load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.embedded_yaml import read_yaml
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.baseline_files.files import FileBaselines
from driftwatch.documents.people import People
from driftwatch.documents.policies import policy_document
from driftwatch.domain.baseline import BaselinePattern
from driftwatch.domain.report import ScanDone
from driftwatch.engines.threads import ThreadEngine
from driftwatch.operations.installation import Installation
from driftwatch.operations.scan import ScanOrder, scan
from driftwatch.ports import Collector, Store
from driftwatch.stores.store import open_store
from driftwatch.wiring import new_id, now
from tests.benchmarks.account import ACCOUNT, HELD, REGIONS
from tests.benchmarks.recording import DISCOVERY, Call, RecordingCollector, write
from tests.builders import policy
from tests.fakes import TEST_KEY, TEST_KEY_ID

NAME = "production"
ONE_THREAD = Limits(calls_in_flight=1, calls_per_place=1)


def collector(kind: Callable[..., AwsCollector] = AwsCollector, *, without: Collection[str] = (), limits: Limits | None = None) -> Any:
    """A collector of the fake account, for the types of the catalogue but those `without`, in a process set up as the command's is."""
    spare_the_collector()
    catalog = load()
    types = [name for name in catalog if name in HELD and name not in without]
    account = Account(id=ACCOUNT, regions=REGIONS)
    return kind(catalog, [account], TEST_KEY, TEST_KEY_ID, types=types, yaml=read_yaml, limits=limits)


def installation(reader: Collector, store: Store, *, workers: int = 32) -> Installation:
    """An installation without change records, under the preset `startup`."""
    made = policy("startup")
    return Installation(
        store=store,
        collector=reader,
        engine=ThreadEngine(workers),
        sources=[],
        baseline_files=FileBaselines(),
        signer=None,
        policy=made,
        policy_document=policy_document(made),
        people=People(),
        baselines=[BaselinePattern(name=NAME)],
        accounts=[ACCOUNT],
        freshness_s=86400.0,
        scan_deadline_s=3600.0,
        key_id=TEST_KEY_ID,
        clock=now,
        new_id=new_id,
    )


def scanned(reader: Collector, path: Path, *, workers: int = 32) -> ScanDone:
    """One scan into the SQLite file at `path`."""
    with closing(open_store(f"sqlite:///{path}")) as store:
        return scan(installation(reader, store, workers=workers), ScanOrder(trigger="benchmark"), holder="benchmark")


def record(calls: str, store: str) -> dict[str, Any]:
    """See `Bench.recorded`. The first pass finds the types that moto cannot answer, the second notes the calls for the others."""
    path = Path(store)
    with closing(collector()) as reader:
        scanned(reader, path)
    with closing(open_store(f"sqlite:///{path}")) as opened, opened.read() as uow:
        without = sorted({status.cell.type for status in uow.cells.all() if uow.cells.gaps(status.cell)})
    path.unlink()
    noted: list[Call] = list(DISCOVERY)
    with closing(collector(RecordingCollector, without=without)) as reader:
        reader.noted = noted
        done = scanned(reader, path)
        sent = reader.counters.total("calls")
    write(noted, Path(calls))
    found = done.scan
    if found.gaps:
        raise RuntimeError(f"the fake account is not read in full: {found.gaps} gaps")
    return {"calls": calls, "resources": found.resources, "requests": sent, "without": without, "types": len(HELD) - len(without)}
