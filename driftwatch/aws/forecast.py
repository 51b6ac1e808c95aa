"""How many calls a scan will make, before it makes any: from the catalogue, and how many resources are known of each cell."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from driftwatch.aws.entry import DetailCall, Entry
from driftwatch.aws.planning import Listing, call_region, listings, region_by_item
from driftwatch.aws.sessions import Account
from driftwatch.domain.resource import GLOBAL, Cell, Scope
from driftwatch.domain.scan import Forecast

PAGE = 100
"""Items of a page, where the entry asks for no other number: what most services give."""
DISCOVERY = {"sts": 1, "ec2": 1}
"""Who the credentials are, and which regions there are: asked once per account."""

RATES: Mapping[str, float] = MappingProxyType(
    {
        "apigateway": 10,  # "Amazon API Gateway quotas": 10 requests a second for all management operations together
        "apigatewayv2": 10,
        "cloudwatch": 9,  # "CloudWatch service quotas": DescribeAlarms
        "ec2": 20,  # "Request throttling for the Amazon EC2 API": refill rate of non-mutating actions
        "kms": 500,  # "Request quotas": the lowest of ListKeys, ListAliases, GetKeyPolicy, GetKeyRotationStatus and ListResourceTags
        "lambda": 15,  # "Lambda quotas": control plane API requests
        "logs": 10,  # "CloudWatch Logs quotas": DescribeLogGroups
        "route53": 5,  # "Route 53 quotas": five requests a second per account
        "sns": 10,  # "Amazon SNS endpoints and quotas": the lowest of ListTopics, GetTopicAttributes and ListTagsForResource
    }
)
"""Requests a second that a service takes from one account in one region, where AWS documents it."""
DEFAULT_RATE = 10.0
"""For services that document no rate: what most sustain without throttling."""


def forecast(
    catalog: Mapping[str, Entry],
    types: Collection[str],
    accounts: Mapping[Account, Collection[str]],
    known: Callable[[Cell], int],
    wanted: Callable[[Cell], bool],
) -> list[Forecast]:
    """The calls of a whole scan, by account, region and service. `accounts` names each one's regions, `known` the resources of a cell.

    A cell that was never read counts as empty.
    """
    found: Counter[tuple[str, str, str]] = Counter()
    trees = listings(catalog, types)
    for account, regions in accounts.items():
        for service, calls in DISCOVERY.items():
            found[account.id, account.home, service] += calls
        for tree in trees:
            for region in regions if tree.first.scope == "regional" else (GLOBAL,):
                counts = _Counts(catalog, account, region, regions, known)
                if any(wanted(cell) for name in tree.types() if name in types for cell in counts.cells(name)):
                    found[account.id, call_region(tree.first, account, region), tree.first.service] += _calls(tree, 1, counts, types)
    return [
        Forecast(account=account, region=region, service=service, calls=calls, seconds=calls / RATES.get(service, DEFAULT_RATE))
        for (account, region, service), calls in sorted(found.items())
    ]


class _Counts:
    """How many resources a type has in one unit."""

    def __init__(
        self, catalog: Mapping[str, Entry], account: Account, region: str, regions: Collection[str], known: Callable[[Cell], int]
    ) -> None:
        self._catalog = catalog
        self._account = account
        self._region = region
        self._regions = regions
        self._known = known

    def cells(self, type_: str) -> list[Cell]:
        places = self._regions if region_by_item(self._catalog[type_], self._catalog) else (self._region,)
        account = self._account
        return [Cell(scope=Scope(partition=account.partition, account=account.id, region=place), type=type_) for place in places]

    def of(self, type_: str) -> int:
        return sum(self._known(cell) for cell in self.cells(type_))


def _calls(listing: Listing, parents: int, counts: _Counts, types: Collection[str]) -> int:
    """The calls of a listing under so many parents, of the details of what it lists, and of the listings under that."""
    first = listing.first
    items = max(counts.of(entry.type) for entry in listing.entries)
    pages = max(parents, math.ceil(items / _page_of(first)))
    calls = len(first.list.params) * pages
    for entry in listing.entries:
        count = counts.of(entry.type)
        replacing = [number for number, detail in enumerate(entry.detail, 1) if detail.into == "@"]
        details = entry.detail if entry.type in types else entry.detail[: max(replacing, default=0)]
        calls += sum(_detail_calls(detail, count, pages) for detail in details)
        calls += sum(_calls(child, count, counts, types) for child in listing.children.get(entry.type, ()))
    return calls


def _page_of(entry: Entry) -> int:
    given = [(name.lower(), value) for params in entry.list.params for name, value in params.items()]
    return max(1, min((value for name, value in given if name.startswith("max") and type(value) is int), default=PAGE))


def _detail_calls(detail: DetailCall, count: int, pages: int) -> int:
    if detail.batch:
        return max(math.ceil(count / detail.batch.size), min(count, pages))  # a page's last batch is not filled up by the next page's
    return math.ceil(count / PAGE) if detail.join else count
