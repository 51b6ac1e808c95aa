"""A whole scan over the wire, small: what the tests of the collector share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

from driftwatch.aws.catalog import DetailCall, Entry, ListCall
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Counters, Limits
from driftwatch.domain.resource import Cell, Resource, Scope
from driftwatch.domain.scan import Plan, Reading
from driftwatch.domain.snapshot import Batch, CellRead, Gap, GapReason
from driftwatch.engines.threads import ThreadEngine
from tests.fakes import TEST_KEY, TEST_KEY_ID
from tests.integration.aws.aws_server import ACCOUNT

QUICK = Limits(backoff_base_s=0.001, backoff_cap_s=0.01, call_deadline_s=10.0, connect_timeout_s=5.0, read_timeout_s=5.0)

LOGS = Entry(
    type="AWS::Logs::LogGroup",
    service="logs",
    id=("logGroupName",),
    list=ListCall(op="DescribeLogGroups", items="logGroups"),
)
TABLES = Entry(
    type="AWS::DynamoDB::Table",
    service="dynamodb",
    id=("TableName",),
    list=ListCall(op="ListTables", items="TableNames"),
    detail=(DetailCall(into="@", op="DescribeTable", params={"TableName": "$item"}, take="Table"),),
)
USERS = Entry(type="AWS::IAM::User", service="iam", scope="global", id=("UserName",), list=ListCall(op="ListUsers", items="Users"))
VPCS = Entry(type="AWS::EC2::VPC", service="ec2", id=("VpcId",), list=ListCall(op="DescribeVpcs", items="Vpcs"))


class Scanned:
    """What one scan saw."""

    def __init__(self) -> None:
        self.plan = Plan(units=())
        self.resources: dict[Cell, list[Resource]] = {}
        self.ends: dict[Cell, CellRead] = {}
        self.counters = Counters()
        self.seconds: dict[str, float] = {}

    def gaps(self, cell: Cell) -> list[tuple[GapReason, str | None]]:
        return [(gap.reason, gap.resource_id) for gap in self.gaps_of(cell)]

    def gaps_of(self, cell: Cell) -> list[Gap]:
        planned = [gap for gap in self.plan.gaps if gap.cell == cell]
        return planned + list(self.ends[cell].gaps if cell in self.ends else ())

    def ids(self, cell: Cell) -> list[str]:
        return [resource.id for resource in self.resources.get(cell, [])]


def cell_of(entry: Entry, region: str = "eu-west-1", account: str = ACCOUNT) -> Cell:
    return Cell(scope=Scope(account=account, region="global" if entry.scope != "regional" else region), type=entry.type)


def scan(
    entries: Iterable[Entry],
    *accounts: Account,
    limits: Limits = QUICK,
    stopped: Callable[[], bool] = lambda: False,
    on_event: Callable[[Batch | CellRead], None] = lambda _event: None,
    engine: ThreadEngine | None = None,
) -> Scanned:
    collector = AwsCollector(
        {entry.type: entry for entry in entries},
        accounts or (Account(id=ACCOUNT, regions=("eu-west-1",)),),
        TEST_KEY,
        TEST_KEY_ID,
        limits=limits,
    )
    seen = Scanned()
    lock = threading.Lock()

    def work(unit: Any) -> None:
        for event in collector.read(unit, Reading(), stopped):
            on_event(event)
            with lock:
                if isinstance(event, CellRead):
                    assert event.cell not in seen.ends
                    seen.ends[event.cell] = event
                else:
                    seen.resources.setdefault(event.cell, []).extend(event.resources)

    with closing(collector):
        seen.plan = collector.plan(lambda cell: True)
        (engine or ThreadEngine()).run(seen.plan.units, work, stopped)
        seen.counters = collector.counters
    planned = {cell for unit in seen.plan.units for cell in unit.cells}
    assert planned <= seen.ends.keys(), "every planned cell has its end"
    return seen
