"""From a logged call to its finding: real changes to security groups of the simulated AWS, told as their log would, at several rates."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import boto3

from driftwatch.__main__ import spare_the_collector
from driftwatch.aws.catalog import load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.embedded_yaml import read_yaml
from driftwatch.aws.sessions import Account
from driftwatch.daemon.watcher import Asks, Watcher
from driftwatch.domain.activity import Activity, ActivityBatch, ActivityOrder
from driftwatch.domain.report import Event, FindingChanged, Rescanned
from driftwatch.operations import approvals, baselines
from driftwatch.operations.installation import Installation
from driftwatch.operations.scan import ScanOrder, scan
from driftwatch.stores.store import open_store
from driftwatch.telemetry.metrics import Metrics
from tests.activity import call
from tests.benchmarks.account import ACCOUNT
from tests.benchmarks.everything import simulated
from tests.benchmarks.installations import NAME, installation
from tests.benchmarks.world import Bench, Line, Table, at_most
from tests.fakes import TEST_KEY, TEST_KEY_ID
from tests.world import ANA, BEN

REGION: Final = "eu-west-1"
TYPE: Final = "AWS::EC2::SecurityGroup"
GROUPS: Final = 20
RATES: Final = (1, 10, 50)
SECONDS: Final = {1: 20, 10: 20, 50: 20}
GOAL_S: Final = 5.0
FIRST_PORT: Final = 1024


@dataclass
class PushedSource:
    """A source of calls that are told the moment they are pushed."""

    name: str = "pushed"
    accounts: tuple[str, ...] = (ACCOUNT,)
    reads_from: tuple[str, ...] = ()
    poll_s: float = 0.0
    pushed: queue.Queue[Activity] = field(default_factory=queue.Queue)

    def fetch(self, order: ActivityOrder, stopped: Callable[[], bool]) -> Iterator[ActivityBatch]:
        """Waits a moment for the next call, and takes what else is there by then."""
        try:
            found = [self.pushed.get(timeout=0.2)]
        except queue.Empty:
            return
        while not self.pushed.empty() and not stopped():
            found.append(self.pushed.get())
        yield ActivityBatch(activities=tuple(found), complete_until={ACCOUNT: order.now})

    def close(self) -> None:
        """Nothing is open."""

    def done(self, batch: ActivityBatch) -> None:
        """Nothing to forget."""


@dataclass
class Told:
    """When each port was first seen in a finding (monotonic), and what rereading took."""

    at: dict[int, float] = field(default_factory=dict)
    calls: int = 0
    resources: int = 0

    def report(self, event: Event) -> None:
        if isinstance(event, Rescanned):
            self.calls += event.calls
            self.resources += event.resources
        if isinstance(event, FindingChanged):
            now = time.monotonic()
            for change in event.finding.drift.changes:
                port = change.path.removeprefix("/IpPermissions/tcp|").partition("|")[0]
                if port.isdigit():
                    self.at.setdefault(int(port), now)


def measure(store: str, *, rate: int, seconds: int) -> dict[str, Any]:
    """Makes `rate` changes a second for so long, and answers with the latencies in seconds, sorted."""
    spare_the_collector()
    ec2 = boto3.client("ec2", region_name=REGION)
    groups = [ec2.create_security_group(GroupName=f"bench-{n}", Description="-")["GroupId"] for n in range(GROUPS)]
    account = Account(id=ACCOUNT, regions=(REGION,))
    source, told = PushedSource(), Told()
    with (
        closing(open_store(f"sqlite:///{Path(store)}")) as opened,
        closing(AwsCollector(load(), [account], TEST_KEY, TEST_KEY_ID, types=[TYPE], yaml=read_yaml)) as reader,
    ):
        made = replace(installation(reader, opened), activity_sources=[source])
        _baselined(made)
        stopping = threading.Event()
        asks = Asks(lambda _cells, _why: None, lambda _cells: None)
        watcher = Watcher("benchmark", lambda: made, Metrics(), told.report, stopping, asks, time.monotonic)
        watcher.start()
        received = _changes(groups, source, rate, rate * seconds)
        _settle(told, received)
        stopping.set()
        watcher.join(10)
    late = sorted(told.at[port] - at for port, at in received.items() if port in told.at)
    return {"latencies": late, "lost": len(received) - len(late), "calls": told.calls, "resources": told.resources}


def _baselined(made: Installation) -> None:
    scan(made, ScanOrder(trigger="benchmark"), holder="benchmark")
    version = baselines.capture(made, NAME, ANA)
    baselines.propose(made, version.id, ANA)
    approvals.approve(made, version.id, BEN, seen_hash=version.content_hash)


def change(groups: list[str], rate: int, number: int) -> None:
    """Opens one port after the other, at the rate, and prints the number of each change once it is made."""
    ec2 = boto3.client("ec2", region_name=REGION)
    begun = time.monotonic()
    for count in range(number):
        time.sleep(max(0.0, begun + count / rate - time.monotonic()))
        port, group = FIRST_PORT + count, groups[count % len(groups)]
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        print(count, flush=True)


def _changes(groups: list[str], source: PushedSource, rate: int, number: int) -> dict[int, float]:
    """Has a process of its own make the changes, since whoever changes an account is no part of driftwatch; answers with when each call
    was told, by port."""
    received: dict[int, float] = {}
    program = f"from tests.benchmarks.latency import change; change({groups!r}, {rate}, {number})"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as maker:
        for line in maker.stdout or ():
            count = int(line)
            received[FIRST_PORT + count] = time.monotonic()
            name, group = "AuthorizeSecurityGroupIngress", groups[count % len(groups)]
            source.pushed.put(call(datetime.now(UTC), TYPE, group, name=name, paths=["/IpPermissions"], account=ACCOUNT, region=REGION))
    assert len(received) == number
    return received


def _settle(told: Told, received: dict[int, float]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and not received.keys() <= told.at.keys():
        time.sleep(0.1)


def run(bench: Bench) -> Table:
    lines, notes = [], []
    for rate in RATES:
        seconds = 5 if bench.quick else SECONDS[rate]
        with simulated() as cloud:
            store = str(bench.folder / f"latency-{rate}.db")
            found = bench.fresh("latency", "measure", fake=cloud, store=store, rate=rate, seconds=seconds)
        cuts = quantiles(found["latencies"], n=100, method="inclusive")
        p50, p95, p99 = cuts[49], cuts[94], cuts[98]
        figures = f"{p50:.2f}, {p95:.2f}, {p99:.2f} s"
        lines.append(Line(what=f"{rate} events a second: p50, p95, p99", measured=figures, **at_most(GOAL_S, p99)))
        notes.append(
            f"{rate} a second: {len(found['latencies'])} events, {found['lost']} without a finding, {found['resources']} rereads in "
            f"{found['calls']} API calls"
        )
    return Table(title=f"latency: from an event received to its finding, {GROUPS} resources", lines=lines, notes=notes)
