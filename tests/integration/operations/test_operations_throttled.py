"""A service that throttles in every account and region costs its own cells time, and nobody else's (promise P13, F2)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing

import pytest

from driftwatch.aws.catalog import Entry, ListCall
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.report import CellJudged, Event
from driftwatch.domain.scan import ReadUnit
from driftwatch.engines.threads import ThreadEngine
from driftwatch.operations.scan import ScanOrder, scan
from tests.integration.aws.aws_server import ACCOUNT, Asked, AwsServer, Reply, identity, refusal, reply_json
from tests.integration.operations.aws_world import AwsWorld

OTHER = "444455556666"
REGIONS = ("eu-west-1", "us-east-1")
TYPES = 25
LATENCY_S = 0.05
LISTINGS = {
    "logs": ("DescribeLogGroups", "logGroups", "logGroupName", "logGroupNamePrefix"),
    "events": ("ListRules", "Rules", "Name", "NamePrefix"),
    "dynamodb": ("ListTables", "TableNames", "@", "ExclusiveStartTableName"),
}
ENTRIES = [
    Entry(
        type=f"Driftwatch::{service}::T{number}",
        service=service,
        id=(id_,),
        list=ListCall(op=operation, items=items, params=({prefix: f"part-{number}"},)),
    )
    for service, (operation, items, id_, prefix) in LISTINGS.items()
    for number in range(TYPES)
]
ASSUMED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>AKIDOTHER</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>2199-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>
<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"""


@pytest.fixture
def two_accounts(aws: AwsServer) -> AwsServer:
    aws.latency_s = LATENCY_S
    aws.answers |= {
        "sts:AssumeRole": Reply(body=ASSUMED),
        "sts:GetCallerIdentity": lambda asked: identity(OTHER if asked.key == "AKIDOTHER" else ACCOUNT),
    }
    for service, (operation, items, id_, prefix) in LISTINGS.items():
        aws.answers[f"{service}:{operation}"] = _lister(items, id_, prefix)
    return aws


def _lister(items: str, id_: str, prefix: str) -> Callable[[Asked], Reply]:
    def answer(asked: Asked) -> Reply:
        names = [f"{asked.body[prefix]}-{number}" for number in range(3)]
        return reply_json({items: names if id_ == "@" else [{id_: name} for name in names]})

    return answer


Ended = dict[str, list[tuple[float, str]]]


def scanned() -> tuple[Ended, float]:
    """A scan of 300 cells: for each service when its cells ended, in seconds since the start, with their states; and the whole's time."""
    accounts = (
        Account(id=ACCOUNT, regions=REGIONS),
        Account(id=OTHER, role_arn=f"arn:aws:iam::{OTHER}:role/reader", regions=REGIONS),
    )
    limits = Limits(backoff_base_s=0.2, backoff_cap_s=2.0, retry_budget=60)
    ended: Ended = {service: [] for service in LISTINGS}
    guard = threading.Lock()
    begun = 0.0

    def report(event: Event) -> None:
        if isinstance(event, CellJudged):
            with guard:
                ended[event.cell.type.split("::")[1]].append((time.monotonic() - begun, event.reason or event.state.value))

    with closing(AwsWorld(ENTRIES, *accounts, limits=limits, workers=32)) as world:
        begun = time.monotonic()
        scan(world.installation, ScanOrder(trigger="test"), holder="test", report=report)
        return ended, time.monotonic() - begun


@pytest.mark.slow
def test_a_throttled_service_delays_no_other(two_accounts: AwsServer) -> None:
    scanned()  # clients and service descriptions are made once
    free, _ = scanned()
    assert all(state == "unbaselined" for cells in free.values() for _, state in cells)
    assert sum(map(len, free.values())) == 300
    guard, count = threading.Lock(), Counter[str]()
    answer = two_accounts.answers["dynamodb:ListTables"]

    def throttled(asked: Asked) -> Reply:
        with guard:
            count["asked"] += 1
            let_through = count["asked"] % 10 == 0
        return answer(asked) if let_through and callable(answer) else refusal("ThrottlingException")

    two_accounts.answers["dynamodb:ListTables"] = throttled
    busy, whole = scanned()
    others = max(moment for service in ("logs", "events") for moment, _ in busy[service])
    assert {state for service in ("logs", "events") for _, state in busy[service]} == {"unbaselined"}
    assert {state for _, state in busy["dynamodb"]} <= {"unbaselined", "throttled"}
    assert [len(busy[service]) for service in LISTINGS] == [100, 100, 100]
    assert others < whole / 2, "they ended long before the throttled service: measured in one run, since the machine may be busy"


def test_a_service_that_hangs_everywhere_leaves_the_others_their_threads() -> None:
    """Four places have room for eight units each, which is as many as there are threads."""
    release, ended = threading.Event(), Counter[str]()

    def work(unit: ReadUnit) -> None:
        if unit.service == "stuck":
            release.wait(10)
        time.sleep(0.001)
        ended[unit.service] += 1

    units = [
        ReadUnit(id=f"{service}-{account}-{number}", account=account, region="r", service=service, cells=())
        for service in ("stuck", "good", "fine")
        for account in "1234"
        for number in range(25)
    ]
    thread = threading.Thread(target=lambda: ThreadEngine().run(units, work, lambda: False))
    thread.start()
    until = time.monotonic() + 5
    while ended["good"] + ended["fine"] < 200 and time.monotonic() < until:
        time.sleep(0.01)
    counted = dict(ended)
    release.set()
    thread.join()
    assert counted == {"good": 100, "fine": 100}
    assert ended["stuck"] == 100
