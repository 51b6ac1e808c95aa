"""Listings under several parents: their items are completed together where they may be, and apart where a batch belongs to one parent."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.catalog import Batch as BatchCall
from driftwatch.aws.catalog import DetailCall, Entry, Kind, ListCall, Parent
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import Paging
from driftwatch.aws.planning import Place, plan
from driftwatch.aws.sessions import Account
from driftwatch.domain.resource import Resource
from driftwatch.domain.scan import Reading
from driftwatch.domain.snapshot import Batch, CellRead, GapReason
from tests.fakes import TEST_KEY, TEST_KEY_ID, FakeCaller

ACCOUNT = Account(id="111122223333", regions=("eu-west-1",))
PARENTS = 6
FARM = Entry(type="AWS::Test::Farm", service="ecs", id=("Name",), list=ListCall(op="ListClusters", items="Farms"))


def barn(*details: DetailCall) -> Entry:
    return Entry(
        type="AWS::Test::Barn",
        service="ecs",
        kind=Kind.CHILD,
        parent=Parent(type=FARM.type, bind={"farm": "Name"}),
        id=("Name",),
        list=ListCall(op="ListServices", params=({"cluster": "$farm"},), items="Barns"),
        detail=details,
    )


EACH = DetailCall(into="Colour", op="DescribeServices", params={"name": "$item.Name"}, take="Colour")
TAGS = DetailCall(
    into="+",
    op="ListTags",
    params={"names": "$item.Name"},
    take="Tagged[]",
    batch=BatchCall(param="names", size=4, match="Name"),
)
BY_FARM = DetailCall(
    into="+",
    op="DescribeTasks",
    params={"cluster": "$farm", "tasks": "$item.Name"},
    take="Found[]",
    batch=BatchCall(param="tasks", size=4, match="Name"),
)


def answers() -> dict[str, Any]:
    def barns(params: Mapping[str, Any], _region: str) -> Any:
        return {"Barns": [{"Name": f"{params['cluster']}-{n}"} for n in range(2)]}

    def found(params: Mapping[str, Any], _region: str) -> Any:
        return {"Found": [{"Name": name, "Farm": params["cluster"]} for name in params["tasks"]]}

    return {
        "ecs:ListClusters": {"Farms": [{"Name": f"farm{n}"} for n in range(PARENTS)]},
        "ecs:ListServices": barns,
        "ecs:DescribeServices": lambda params, _region: {"Colour": f"red {params['name']}"},
        "ecs:ListTags": lambda params, _region: {"Tagged": [{"Name": name, "Owner": "ana"} for name in params["names"]]},
        "ecs:DescribeTasks": found,
    }


def read(entry: Entry, caller: Any) -> tuple[list[Resource], CellRead]:
    catalog = {FARM.type: FARM, entry.type: entry}
    with closing(AwsCollector(catalog, [ACCOUNT], TEST_KEY, TEST_KEY_ID)) as collector:
        (unit,) = plan(catalog, [entry.type], [Place(account=ACCOUNT, regions=("eu-west-1",))], lambda _cell: True).units
        events = list(collector.read_with(caller, unit, Reading()))
    (end,) = (event for event in events if isinstance(event, CellRead))
    return [one for event in events if isinstance(event, Batch) for one in event.resources], end


def test_items_of_all_parents_share_batches_and_keep_their_order() -> None:
    caller = FakeCaller(answers=answers())
    resources, end = read(barn(EACH, TAGS), caller)
    assert end.complete
    assert [one.id for one in resources] == [f"farm{parent}-{n}" for parent in range(PARENTS) for n in range(2)]
    assert all(one.config["Owner"] == "ana" and one.config["Colour"] == f"red {one.id}" for one in resources)
    assert caller.count("ecs:ListTags") == 3, "12 items, 4 in a batch"


def test_a_batch_that_names_its_parent_holds_items_of_that_parent_only() -> None:
    caller = FakeCaller(answers=answers())
    resources, end = read(barn(BY_FARM), caller)
    assert end.complete
    assert all(one.config["Farm"] == one.id.partition("-")[0] for one in resources)
    assert caller.count("ecs:DescribeTasks") == PARENTS


def test_one_parent_whose_listing_fails_costs_the_cell_its_completeness_and_the_others_nothing() -> None:
    failing = answers()
    inner = failing["ecs:ListServices"]

    def barns(params: Mapping[str, Any], region: str) -> Any:
        if params["cluster"] == "farm2":
            raise CallFailed(GapReason.DENIED, operation="ecs:ListServices")
        return {"Rubbish": 1} if params["cluster"] == "farm4" else inner(params, region)

    failing["ecs:ListServices"] = barns
    resources, end = read(barn(EACH, TAGS), FakeCaller(answers=failing))
    assert {one.id.partition("-")[0] for one in resources} == {"farm0", "farm1", "farm3", "farm5"}
    assert not end.complete
    assert {gap.reason for gap in end.gaps} == {GapReason.DENIED, GapReason.NOT_AWS}


class Meeting(FakeCaller):
    """A caller in which a detail answers only once several are asked at the same time."""

    met: threading.Barrier

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        if operation == "DescribeServices":
            self.met.wait(5)
        yield from super().pages(service, operation, params, region, paging)


def test_details_of_several_parents_are_asked_at_the_same_time() -> None:
    caller = Meeting(answers=answers())
    caller.met = threading.Barrier(4)
    try:
        resources, end = read(barn(EACH), caller)
    except threading.BrokenBarrierError:
        pytest.fail("the details of each parent waited for those of the parent before")
    assert end.complete
    assert len(resources) == 2 * PARENTS
