"""The calls of a scan, worked out from entries and counts: pages, details, batches, joins, listings under resources."""

from __future__ import annotations

from typing import Any

import pytest

from driftwatch.aws.entry import Batch, DetailCall, Entry, Join, Kind, ListCall, Parent
from driftwatch.aws.forecast import DEFAULT_RATE, DISCOVERY, forecast
from driftwatch.aws.sessions import Account
from driftwatch.domain.resource import Cell

HERE = Account(id="111122223333", regions=("eu-west-1", "us-east-1"))


def entry(name: str = "Thing", **fields: Any) -> Entry:
    listing = fields.pop("list", ListCall(op=f"List{name}s", items="Items"))
    return Entry(type=f"AWS::Demo::{name}", service=fields.pop("service", "demo"), id=("Id",), list=listing, **fields)


def calls(*entries: Entry, types: list[str] | None = None, **counts: int) -> int:
    """The calls to the service `demo` in one region that has so many of each."""
    catalog = {one.type: one for one in entries}
    found = forecast(
        catalog,
        types or list(catalog),
        {HERE: ("eu-west-1",)},
        lambda cell: counts.get(cell.type.rpartition("::")[2], 0),
        lambda _cell: True,
    )
    return sum(line.calls for line in found if line.service == "demo")


def detail(**fields: Any) -> DetailCall:
    return DetailCall(into="More", op="DescribeThing", params={"Id": "$item.Id"}, **fields)


@pytest.mark.parametrize(("things", "expected"), [(0, 1), (1, 1), (100, 1), (101, 2), (1000, 10)])
def test_an_empty_cell_costs_a_call_and_a_full_one_a_call_per_page(things: int, expected: int) -> None:
    assert calls(entry(), Thing=things) == expected


def test_the_page_is_as_long_as_the_entry_asks_for() -> None:
    assert calls(entry(list=ListCall(op="ListThings", items="Items", params=({"MaxResults": 10},))), Thing=100) == 10


def test_each_set_of_parameters_is_a_listing() -> None:
    assert calls(entry(list=ListCall(op="ListThings", items="Items", params=({"Scope": "A"}, {"Scope": "B"})))) == 2


def test_details_are_made_for_each_resource_batches_for_many_and_a_join_for_all() -> None:
    assert calls(entry(detail=(detail(),)), Thing=30) == 31
    assert calls(entry(detail=(detail(batch=Batch(param="Ids", size=10, match="Id")),)), Thing=30) == 4
    assert calls(entry(detail=(detail(join=Join(list="All", match="Id", on="Id")),)), Thing=30) == 2


def test_what_is_listed_under_a_resource_is_asked_of_each_of_them() -> None:
    child = entry("Part", kind=Kind.CHILD, parent=Parent(type="AWS::Demo::Thing", bind={"thing": "Id"}), detail=(detail(),))
    assert calls(entry(), child, Thing=20, Part=50) == 1 + 20 + 50


def test_a_parent_that_nobody_watches_is_listed_without_its_details() -> None:
    child = entry("Part", kind=Kind.CHILD, parent=Parent(type="AWS::Demo::Thing", bind={"thing": "Id"}))
    parent = entry(detail=(detail(),))
    assert calls(parent, child, types=["AWS::Demo::Part"], Thing=20) == 1 + 20


def test_types_that_share_a_listing_pay_for_it_once() -> None:
    assert calls(entry("A", list=ListCall(op="ListAll", items="As")), entry("B", list=ListCall(op="ListAll", items="Bs"))) == 1


def test_the_limit_holds_in_each_region() -> None:
    one = entry(service="route53")
    found = forecast({one.type: one}, [one.type], {HERE: HERE.regions or ()}, lambda _cell: 1000, lambda _cell: True)
    assert [(line.region, line.calls, line.seconds) for line in found if line.service == "route53"] == [
        ("eu-west-1", 10, 2.0),
        ("us-east-1", 10, 2.0),
    ]
    assert [(line.service, line.calls, line.seconds) for line in found if line.service == "sts"] == [("sts", 1, 1 / DEFAULT_RATE)]


def test_what_is_not_wanted_costs_nothing_but_discovery() -> None:
    one = entry()

    def never(_cell: Cell) -> bool:
        return False

    found = forecast({one.type: one}, [one.type], {HERE: ("eu-west-1",)}, lambda _cell: 5, never)
    assert {line.service: line.calls for line in found} == DISCOVERY
