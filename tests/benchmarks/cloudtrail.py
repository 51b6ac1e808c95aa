"""Reading the log of calls: parsing and matching against bare gzip and JSON, and the memory of a million events and 100,000 resources."""

from __future__ import annotations

import gc
import gzip
import json
import random
import resource
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from driftwatch.__main__ import spare_the_collector
from driftwatch.aws.cloudtrail.parsing import records
from driftwatch.aws.cloudtrail.parsing.parse import activity
from driftwatch.domain.activity import Activity, ActivityBatch
from driftwatch.domain.normalize import fingerprint
from driftwatch.domain.resource import Cell, Resource, Scope
from driftwatch.operations.whereabouts import find
from driftwatch.stores.store import open_store
from tests.benchmarks.world import Bench, Line, Table, at_most, middle

RECORDED: Final = Path(__file__).parent.parent / "unit" / "aws" / "cloudtrail" / "recorded_events.jsonl"
GOAL: Final = 6.0
MEMORY_MIB: Final = 400.0
FILES, PER_FILE, ROUNDS = 40, 500, 3
EVENTS, RESOURCES = 1_000_000, 100_000
BATCH = 5_000
ACCOUNT: Final = "111111111111"
TYPE: Final = "AWS::EC2::SecurityGroup"
NOON: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)


def log_files(folder: Path, files: int) -> list[Path]:
    """Log files of real events, each with an id and a time of its own; three of four are readings, as in a real trail."""
    dice = random.Random(7)
    real = [json.loads(line)["event"] for line in RECORDED.read_text().splitlines()]
    reads = [event | {"eventName": "Describe" + event["eventName"], "readOnly": True, "responseElements": None} for event in real]
    made = []
    for number in range(files):
        chosen = [dict(dice.choice(real if dice.random() < 0.25 else reads)) for _ in range(PER_FILE)]
        for place, event in enumerate(chosen):
            event["eventID"] = f"{number:08x}-{place:04x}-4000-8000-000000000000"
            event["eventTime"] = (NOON + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        path = folder / f"{number}.json.gz"
        path.write_bytes(gzip.compress(orjson.dumps({"Records": chosen})))
        made.append(path)
    return made


def _bare(paths: list[Path]) -> int:
    return sum(len(orjson.loads(gzip.decompress(path.read_bytes()))["Records"]) for path in paths)


def _parsed(paths: list[Path]) -> int:
    """All records to activities, as the sources do it."""
    count = 0
    for path in paths:
        for record in records.read(path.read_bytes(), path.name):
            count += isinstance(activity(record), Activity)  # type: ignore[arg-type]
    return count


def parse(folder: str, *, files: int) -> dict[str, Any]:
    spare_the_collector()
    paths = log_files(Path(folder), files)
    _parsed(paths[:1])
    pairs = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        count = _parsed(paths)
        ours = time.perf_counter() - started
        started = time.perf_counter()
        _bare(paths)
        pairs.append((ours, time.perf_counter() - started))
    ours, theirs, ratio = middle(pairs)
    return {"events": count, "ours": ours, "theirs": theirs, "ratio": ratio}


def _resources(count: int) -> Iterator[Resource]:
    cell = Cell(scope=Scope(account=ACCOUNT, region="eu-west-1"), type=TYPE)
    for number in range(count):
        config = {"GroupId": f"sg-{number:08x}"}
        yield Resource(cell=cell, id=config["GroupId"], config=config, fingerprint=fingerprint(config, {}))


def _events(count: int, resources: int) -> Iterator[dict[str, Any]]:
    dice = random.Random(11)
    for number in range(count):
        yield {
            "eventVersion": "1.08",
            "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/u{number % 50}", "userName": f"u{number % 50}"},
            "eventTime": (NOON + timedelta(seconds=number // 10)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": "ec2.amazonaws.com",
            "eventName": "AuthorizeSecurityGroupIngress",
            "awsRegion": "eu-west-1",
            "sourceIPAddress": "192.0.2.1",
            "userAgent": "aws-cli/2.15.0",
            "requestParameters": {"groupId": f"sg-{dice.randrange(resources):08x}"},
            "responseElements": {"_return": True},
            "eventID": f"{number:032x}",
            "eventType": "AwsApiCall",
            "recipientAccountId": ACCOUNT,
        }


def memory(store: str, *, events: int, resources: int) -> dict[str, Any]:
    """Stores the resources, then takes in and matches the events, in batches as a source tells them."""
    spare_the_collector()
    with closing(open_store(f"sqlite:///{store}")) as opened:
        batch: list[Resource] = []
        for item in _resources(resources):
            batch.append(item)
            if len(batch) == BATCH:
                with opened.write() as uow:
                    uow.observations.put(item.cell, batch, known_at=None, now=NOON)
                batch = []
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        matched, seconds, calls = 0, 0.0, []
        source = _events(events, resources)
        for _ in range(0, events, BATCH):
            calls = [made for record in (next(source) for _ in range(BATCH)) if isinstance(made := activity(record), Activity)]
            started = time.perf_counter()
            with opened.write() as uow:
                new = uow.activity.add("log", calls, NOON)
                uow.activity.advance("log", ActivityBatch(position=len(new)), NOON)
            with opened.read() as uow:
                matched += sum(bool(found.resources) for item in new[:50] for found in find(uow, item))
            seconds += time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"before": before, "peak": peak, "per_second": events / seconds, "matched": matched, "bytes": Path(store).stat().st_size}


def run(bench: Bench) -> Table:
    folder = bench.folder / "trail"
    folder.mkdir()
    parsed = bench.fresh("cloudtrail", "parse", folder=str(folder), files=5 if bench.quick else FILES)
    events, resources = (50_000, 10_000) if bench.quick else (EVENTS, RESOURCES)
    taken = bench.fresh("cloudtrail", "memory", store=str(bench.folder / "trail.db"), events=events, resources=resources)
    each = parsed["ours"] / parsed["events"] * 1e6
    return Table(
        title="cloudtrail: the log of calls",
        lines=[
            Line(
                what=f"parse and match {parsed['events']:,} events, one core",
                measured=f"{each:.1f} us an event, {parsed['events'] / parsed['ours']:,.0f} a second",
                ratio=parsed["ratio"],
                against="gzip + orjson.loads of the same files",
                **at_most(GOAL, parsed["ratio"]),
            ),
            Line(
                what=f"{events:,} events against {resources:,} resources: peak memory",
                measured=f"{taken['peak']:.0f} MiB",
                **at_most(MEMORY_MIB, taken["peak"]),
            ),
            Line(what="storing them", measured=f"{taken['per_second']:,.0f} events a second, {taken['bytes'] / events:.0f} bytes each"),
        ],
    )
