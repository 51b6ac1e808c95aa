"""The calls for an account of some size, against what a scan without the catalogue's means would make: names then details, one by one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import jmespath

from driftwatch.aws.catalog import load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import Entry, Paging
from driftwatch.aws.expressions import roots
from driftwatch.aws.forecast import PAGE, forecast
from driftwatch.aws.planning import Place, plan
from driftwatch.aws.sessions import Account
from driftwatch.domain.scan import Reading
from driftwatch.domain.snapshot import Batch, CellRead
from tests.benchmarks.world import Bench, Line, Table
from tests.catalog.generated import END, SDK, WORD, GeneratedAws
from tests.fakes import TEST_KEY, TEST_KEY_ID, FakeCaller

ACCOUNT, REGION = "111122223333", "eu-west-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """What a scan without our means makes: `each` calls for one resource, besides its listing, and why."""

    number: int
    each: int
    why: str


ESTATE: Mapping[str, Plain] = MappingProxyType(
    {
        "AWS::S3::Bucket": Plain(number=100, each=16, why="GetBucketLocation, and 15 settings one by one"),
        "AWS::Lambda::Function": Plain(number=200, each=5, why="GetFunction for what the listing holds already, and 4 settings"),
        "AWS::KMS::Key": Plain(number=100, each=5, why="DescribeKey, GetKeyPolicy, rotation, grants, tags"),
        "AWS::IAM::User": Plain(
            number=50, each=7, why="GetUser, groups, attached policies, names of inline policies, one of these, MFA devices, tags"
        ),
        "AWS::IAM::Role": Plain(number=50, each=4, why="GetRole, attached policies, names of inline policies, one of these"),
        "AWS::SQS::Queue": Plain(number=50, each=2, why="attributes, tags"),
        "AWS::SNS::Topic": Plain(number=50, each=2, why="attributes, tags"),
        "AWS::DynamoDB::Table": Plain(number=50, each=5, why="DescribeTable, backups, TTL, policy, tags"),
        "AWS::Route53::HostedZone": Plain(number=20, each=4, why="GetHostedZone, DNSSEC, query logging, tags one by one"),
        "AWS::ECS::TaskDefinition": Plain(number=50, each=1, why="DescribeTaskDefinition"),
        "AWS::ElasticLoadBalancingV2::TargetGroup": Plain(number=50, each=2, why="attributes, tags one by one"),
    }
)


class Crowd(FakeCaller):
    """An AWS with so many resources of a type: the filled reply, its items multiplied, in pages of the usual size. Pages are counted."""

    def __init__(self, entry: Entry, number: int) -> None:
        generated = GeneratedAws(entry, SDK)
        super().__init__(answers=generated.answers())
        self._name = f"{entry.service}:{entry.list.op}"
        self._entry = entry
        self._pages = list(_pages(entry, self.answers[self._name]({}, ""), number))
        self.made: Counter[str] = Counter()

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        name = f"{service}:{operation}"
        if name == self._name:
            for page in self._pages:
                self.made[name] += 1
                yield deepcopy(page)
            return
        self.made[name] += 1
        reply = next(super().pages(service, operation, params, region, paging))
        yield _about(params, reply, self._entry)


def _pages(entry: Entry, reply: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    (root, *_) = sorted(roots(entry.list.items))
    sizes = [value for params in entry.list.params for value in params.values() if type(value) is int]
    size = min(sizes, default=PAGE)
    listed = jmespath.search(root, reply)
    for start in range(0, number, size):
        page = {**reply, root: [_renamed(listed[0], n) for n in range(start, min(start + size, number))]}
        yield page


def _renamed(value: Any, number: int) -> Any:
    """The value with other words in the place of the generated ones."""
    if isinstance(value, dict):
        return {name: _renamed(item, number) for name, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, number) for item in value]
    return re.sub(re.escape(END), f"+{number}{END}", value) if isinstance(value, str) and WORD in value else value


def _about(params: Mapping[str, Any], reply: dict[str, Any], entry: Entry) -> dict[str, Any]:
    """A detail's reply about the resource that was asked for: its words carry the same number."""
    found = re.search(r"\+(\d+)\+end", repr(params))
    return _renamed(reply, int(found[1])) if found else reply


def scanned(type_: str, number: int, *, keep_details: bool = False) -> tuple[int, int]:
    """(calls, resources) of a scan of the type."""
    entry = replace(load()[type_], keep=None, item_region=None, unreadable=(), settling={})
    crowd = Crowd(entry, number)
    account = Account(id=ACCOUNT, regions=(REGION,))
    (unit,) = plan({type_: entry}, [type_], [Place(account=account, regions=(REGION,))], lambda _: True).units
    resources = 0
    with closing(AwsCollector({type_: entry}, [account], TEST_KEY, TEST_KEY_ID)) as collector:
        for _ in range(2 if keep_details else 1):
            crowd.made.clear()
            resources = 0
            for event in collector.read_with(crowd, unit, Reading(may_keep=keep_details)):
                if isinstance(event, Batch):
                    resources += len(event.resources)
                if isinstance(event, CellRead) and event.gaps:
                    raise RuntimeError(f"{type_} is not read in full: {event.gaps[:2]}")
    return sum(crowd.made.values()), resources


def _foreseen(type_: str, number: int) -> int:
    """What `scan --plan` tells for it."""
    catalog, account = {type_: load()[type_]}, Account(id=ACCOUNT)
    told = forecast(catalog, [type_], {account: (REGION,)}, lambda _cell: number, lambda _: True)
    return sum(line.calls for line in told if line.service == catalog[type_].service)


def run(bench: Bench) -> Table:
    lines, ours, plain = [], 0, 0
    scale = 10 if bench.quick else 1
    for type_, one in ESTATE.items():
        number = one.number // scale
        calls, _ = scanned(type_, number)
        quiet, _ = scanned(type_, number, keep_details=True)
        shared = type_ == "AWS::IAM::Role"  # users and roles come in the same pages
        calls, quiet = (0, 0) if shared else (calls, quiet)
        without = -(-number // PAGE) + number * one.each
        ours, plain = ours + calls, plain + without
        foreseen = _foreseen(type_, number)
        lines.append(
            Line(
                what=f"{number} x {type_}",
                measured=f"{calls} calls" + (f", {quiet} in a scheduled scan" if quiet != calls else ""),
                ratio=calls / without,
                against=f"{without}: {one.why}",
                goal=f"{foreseen} foreseen" if not shared else "",
                met=abs(foreseen - calls) <= calls // 50 if not shared else None,
            )
        )
    total = Line(what="all of them", measured=f"{ours} calls", ratio=ours / plain, against=f"{plain} without", goal="< 1", met=ours < plain)
    return Table(title="estate: the calls for an account of some size", lines=[*lines, total])
