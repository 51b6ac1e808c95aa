"""What reading a unit yields, whatever the service answers: every resource once, and a Gap for whatever was not seen."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.catalog import DetailCall, Entry, Kind, ListCall, Parent
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import GLOBAL, Cell, Resource, Scope
from driftwatch.domain.scan import Reading, ReadUnit
from driftwatch.domain.snapshot import Batch, CellRead, GapReason, Outcome
from tests.fakes import TEST_KEY, TEST_KEY_ID, FakeCaller

ACCOUNT = "111122223333"
REGION = "eu-west-1"


def entry(type_: str = "AWS::Demo::Thing", **fields: Any) -> Entry:
    fields.setdefault("list", ListCall(op="ListThings", items="Things"))
    return Entry(type=type_, service=fields.pop("service", "demo"), id=fields.pop("id", ("Name",)), **fields)


def cell(type_: str = "AWS::Demo::Thing", region: str = REGION) -> Cell:
    return Cell(scope=Scope(account=ACCOUNT, region=region), type=type_)


class Read:
    """What came of one reading."""

    def __init__(self, events: Iterable[Batch | CellRead]) -> None:
        self.resources: dict[Cell, dict[str, Resource]] = {}
        self.reshaped: list[Resource] = []
        self.ends: dict[Cell, CellRead] = {}
        self.batches = 0
        for event in events:
            if isinstance(event, CellRead):
                assert event.cell not in self.ends, "one CellRead for each cell"
                self.ends[event.cell] = event
            else:
                self.batches += 1
                assert event.cell not in self.ends, "no batch after the end of its cell"
                self.reshaped += event.reshaped
                for resource in event.resources:
                    assert self.resources.setdefault(event.cell, {}).setdefault(resource.id, resource) is resource

    def ids(self, of: Cell) -> list[str]:
        return list(self.resources.get(of, {}))

    def gaps(self, of: Cell) -> list[tuple[GapReason, str | None]]:
        return [(gap.reason, gap.resource_id) for gap in self.ends[of].gaps]


def read(
    entries: Iterable[Entry],
    answers: dict[str, Any],
    *,
    cells: tuple[Cell, ...] | None = None,
    region: str = REGION,
    regions: tuple[str, ...] | None = None,
    limits: Limits | None = None,
    pinned: dict[Cell, Normalisation] | None = None,
) -> tuple[Read, FakeCaller]:
    catalog = {one.type: one for one in entries}
    cells = cells or tuple(cell(name, region) for name in catalog)
    collector = AwsCollector(
        catalog,
        [Account(id=ACCOUNT, regions=regions)],
        TEST_KEY,
        TEST_KEY_ID,
        limits=limits or Limits(calls_per_place=4),
        clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )
    caller = FakeCaller(answers=answers)
    unit = ReadUnit(id="unit", account=ACCOUNT, region=region, service="demo", cells=cells)
    return Read(collector.read_with(caller, unit, Reading(pinned=pinned or {}))), caller


def failure(reason: GapReason = GapReason.DENIED, code: str = "AccessDenied", **more: Any) -> CallFailed:
    return CallFailed(reason, operation="demo:X", code=code, **more)


def things(*names: str) -> dict[str, Any]:
    return {"Things": [{"Name": name} for name in names]}


# --- the listing -----------------------------------------------------------------------------------------------------------------------


def test_a_failed_listing_is_a_gap_and_not_an_empty_cell() -> None:
    got, _ = read([entry()], {"demo:ListThings": failure()})
    assert got.gaps(cell()) == [(GapReason.DENIED, None)]
    assert got.ends[cell()].outcome is Outcome.INCOMPLETE


def test_pages_before_a_failure_are_kept_and_the_cell_is_incomplete() -> None:
    got, _ = read([entry()], {"demo:ListThings": [things("a"), things("b"), failure(GapReason.UNAVAILABLE)]})
    assert got.ids(cell()) == ["a", "b"]
    assert got.gaps(cell()) == [(GapReason.UNAVAILABLE, None)]


@pytest.mark.parametrize("reply", [{}, {"Other": []}, {"message": "hello"}])
def test_a_reply_without_its_result_member_is_no_empty_listing(reply: dict[str, Any]) -> None:
    got, _ = read([entry()], {"demo:ListThings": reply})
    assert got.gaps(cell()) == [(GapReason.NOT_AWS, None)]


@pytest.mark.parametrize("value", ["abc", {"a": 1}, 3])
def test_something_else_where_the_list_belongs_is_a_gap(value: Any) -> None:
    got, _ = read([entry()], {"demo:ListThings": {"Things": value}})
    assert got.gaps(cell()) == [(GapReason.NOT_AWS, None)]


def test_an_empty_listing_is_complete() -> None:
    got, _ = read([entry()], {"demo:ListThings": {"Things": []}})
    assert got.ends[cell()].outcome is Outcome.COMPLETE
    assert got.ends[cell()].listed == 0


def test_the_one_service_that_leaves_out_an_empty_result_is_believed() -> None:
    queues = entry(service="sqs", list=ListCall(op="ListQueues", items="(QueueUrls || `[]`)[].{Name: @}"))
    got, _ = read([queues], {"sqs:ListQueues": {}})
    assert got.ends[cell()].outcome is Outcome.COMPLETE


def test_a_service_that_is_off_is_not_enabled_and_no_gap() -> None:
    off = entry(list=ListCall(op="ListThings", items="Things", off=("AccessDenied:not enabled",)))
    got, _ = read([off], {"demo:ListThings": failure(message="Demo is not enabled for the account")})
    assert got.ends[cell()].outcome is Outcome.NOT_ENABLED
    assert got.gaps(cell()) == []
    denied, _ = read([off], {"demo:ListThings": failure(message="User is not authorized")})
    assert denied.ends[cell()].outcome is Outcome.INCOMPLETE


def test_one_of_two_parameter_sets_that_fails_leaves_the_cell_incomplete() -> None:
    two = entry(list=ListCall(op="ListThings", items="Things", params=({"Scope": "A"}, {"Scope": "B"})))
    got, _ = read([two], {"demo:ListThings": lambda params, _: failure() if params["Scope"] == "A" else things("b")})
    assert got.ids(cell()) == ["b"]
    assert got.ends[cell()].outcome is Outcome.INCOMPLETE


def test_types_that_ask_the_same_question_share_its_reply() -> None:
    listing = {"op": "GetAll", "params": ({"Filter": ["x"]},)}
    users = entry("AWS::Demo::User", list=ListCall(items="Users", **listing))
    groups = entry("AWS::Demo::Group", list=ListCall(items="Groups", **listing))
    pages = [{"Users": [{"Name": "u"}]}, {"Groups": [{"Name": "g"}]}]
    got, caller = read([users, groups], {"demo:GetAll": pages})
    assert caller.count("demo:GetAll") == 1
    assert (got.ids(cell("AWS::Demo::User")), got.ids(cell("AWS::Demo::Group"))) == (["u"], ["g"])
    assert all(end.complete for end in got.ends.values())


def test_empty_pages_without_end_are_a_page_loop() -> None:
    got, _ = read([entry()], {"demo:ListThings": [{"Things": []}] * 20}, limits=Limits(max_empty_pages=10))
    assert got.gaps(cell()) == [(GapReason.PAGE_LOOP, None)]


def test_a_fault_in_the_entry_is_a_gap_and_no_crash() -> None:
    got, _ = read([entry(list=ListCall(op="ListThings", items="Things", params=({"X": "$nothing"},)))], {"demo:ListThings": things("a")})
    assert got.ends[cell()].outcome is Outcome.INCOMPLETE


# --- items -----------------------------------------------------------------------------------------------------------------------------


def test_overlapping_pages_are_no_fault_but_two_things_with_one_id_are() -> None:
    got, _ = read([entry()], {"demo:ListThings": [things("a", "b"), things("b", "c")]})
    assert got.ids(cell()) == ["a", "b", "c"]
    assert got.ends[cell()].complete
    assert got.ends[cell()].listed == 3
    differing = [things("a"), {"Things": [{"Name": "a", "Size": 2}]}]
    got, _ = read([entry()], {"demo:ListThings": differing})
    assert got.gaps(cell()) == [(GapReason.INVALID_ITEM, "a")]


@pytest.mark.parametrize("item", [{}, {"Name": None}, {"Name": ""}, None])
def test_an_item_without_id_is_a_gap_and_the_others_are_read(item: Any) -> None:
    got, _ = read([entry()], {"demo:ListThings": {"Things": [item, {"Name": "b"}]}})
    assert got.ids(cell()) == ["b"]
    assert got.gaps(cell()) == [(GapReason.INVALID_ITEM, None)]


def test_an_oversize_resource_is_a_gap_of_its_own() -> None:
    items = {"Things": [{"Name": "big", "Text": "x" * 2000}, {"Name": "small"}]}
    got, _ = read([entry()], {"demo:ListThings": items}, limits=Limits(max_item_bytes=1000))
    assert got.ids(cell()) == ["small"]
    assert got.gaps(cell()) == [(GapReason.OVERSIZE, "big")]


def test_an_item_that_cannot_be_normalised_costs_only_itself_and_its_value_stays_out_of_the_gap() -> None:
    got, _ = read([entry()], {"demo:ListThings": {"Things": [{"Name": "odd", "Value": float("nan")}, {"Name": "b"}]}})
    assert got.ids(cell()) == ["b"]
    assert got.gaps(cell()) == [(GapReason.INVALID_ITEM, "odd")]


def test_a_composite_id_keeps_its_parts_apart() -> None:
    items = {"Things": [{"A": "x|y", "B": "z"}, {"A": "x", "B": "y|z"}]}
    got, _ = read([entry(id=("A", "B"))], {"demo:ListThings": items})
    assert got.ids(cell()) == ["x%7Cy|z", "x|y%7Cz"]


def test_names_come_from_the_merged_document() -> None:
    named = entry(arn="arn:{partition}:demo:{region}:{account}:thing/{Name}", label="Info.Title", tags="Info.Tags")
    items = {"Things": [{"Name": "a", "Info": {"Title": "T", "Tags": [{"Key": "k", "Value": "v"}]}}]}
    got, _ = read([named], {"demo:ListThings": items})
    resource = got.resources[cell()]["a"]
    assert resource.arn == f"arn:aws:demo:{REGION}:{ACCOUNT}:thing/a"
    assert (resource.label, resource.tags) == ("T", {"k": "v"})


def test_a_singleton_has_its_type_for_a_name() -> None:
    setting = entry(kind=Kind.SINGLETON, id=(), list=ListCall(op="GetSetting", items="Setting"))
    got, _ = read([setting], {"demo:GetSetting": {"Setting": {"On": True}}})
    assert got.resources[cell()]["Thing"].config == {"On": True}
    missing, _ = read([setting], {"demo:GetSetting": {"Setting": "on"}})
    assert missing.gaps(cell()) == [(GapReason.NOT_AWS, None)]


def test_resources_come_in_bounded_batches() -> None:
    got, _ = read([entry()], {"demo:ListThings": [things(*(f"{page}-{n}" for n in range(30))) for page in range(10)]})
    assert len(got.ids(cell())) == 300
    assert got.batches == 2


def test_a_pinned_cell_is_read_under_its_own_rules_and_beside_them_under_the_catalogues() -> None:
    items = {"Things": [{"Name": "a", "Clock": 1}]}
    got, _ = read([entry(drop=("Clock",))], {"demo:ListThings": items}, pinned={cell(): Normalisation()})
    assert got.resources[cell()]["a"].config == {"Name": "a", "Clock": 1}
    assert [resource.config for resource in got.reshaped] == [{"Name": "a"}]
    same, _ = read([entry(drop=("Clock",))], {"demo:ListThings": items}, pinned={cell(): Normalisation(drop=("Clock",))})
    assert same.reshaped == []
    assert same.ends[cell()].shape != got.ends[cell()].shape


# --- regions ---------------------------------------------------------------------------------------------------------------------------


BUCKETS = entry(scope="global", item_region="Region", detail=(DetailCall(into="Policy", op="GetPolicy", params={"Name": "$item.Name"}),))


def bucket_answers(*regions: str) -> dict[str, Any]:
    return {
        "demo:ListThings": {"Things": [{"Name": f"b-{region}", "Region": region} for region in regions]},
        "demo:GetPolicy": {"Policy": "p"},
    }


def test_an_item_with_its_own_region_is_read_there_and_lies_in_that_regions_cell() -> None:
    cells = (cell(region="eu-west-1"), cell(region="us-east-1"))
    got, caller = read([BUCKETS], bucket_answers("eu-west-1", "ap-south-2"), cells=cells, region=GLOBAL)
    assert got.ids(cell(region="eu-west-1")) == ["b-eu-west-1"]
    assert got.ends[cell(region="us-east-1")].complete
    assert got.ids(cell(region="ap-south-2")) == ["b-ap-south-2"], "a region that comes up on the way has a cell, too"
    assert got.ends[cell(region="ap-south-2")].complete
    assert {(name, region) for name, _, region in caller.log} == {
        ("demo:ListThings", "us-east-1"),
        ("demo:GetPolicy", "eu-west-1"),
        ("demo:GetPolicy", "ap-south-2"),
    }


def test_regions_that_are_not_configured_are_left_out() -> None:
    got, caller = read([BUCKETS], bucket_answers("eu-west-1", "ap-south-2"), cells=(cell(),), region=GLOBAL, regions=("eu-west-1",))
    assert set(got.ends) == {cell()}
    assert caller.count("demo:GetPolicy") == 1


def test_a_failed_global_listing_leaves_the_type_unknown_in_all_its_regions() -> None:
    cells = (cell(region="eu-west-1"), cell(region="us-east-1"))
    got, _ = read([BUCKETS], {"demo:ListThings": failure()}, cells=cells, region=GLOBAL)
    assert {c: got.gaps(c) for c in cells} == {c: [(GapReason.DENIED, None)] for c in cells}


# --- children --------------------------------------------------------------------------------------------------------------------------


CLUSTER = entry("AWS::Demo::Cluster", list=ListCall(op="ListClusters", items="Clusters"))
SERVICE = entry(
    "AWS::Demo::Service",
    kind=Kind.CHILD,
    parent=Parent(type="AWS::Demo::Cluster", bind={"cluster": "Name"}),
    list=ListCall(op="ListServices", items="Services", params=({"Cluster": "$cluster"},)),
)


def services(params: dict[str, Any], _region: str) -> Any:
    return {"Services": [{"Name": f"{params['Cluster']}-s{n}"} for n in range(2)]}


def test_children_are_listed_under_each_parent_and_the_parent_once() -> None:
    answers = {"demo:ListClusters": {"Clusters": [{"Name": "c1"}, {"Name": "c2"}]}, "demo:ListServices": services}
    got, caller = read([CLUSTER, SERVICE], answers)
    assert got.ids(cell("AWS::Demo::Service")) == ["c1-s0", "c1-s1", "c2-s0", "c2-s1"]
    assert got.ids(cell("AWS::Demo::Cluster")) == ["c1", "c2"]
    assert (caller.count("demo:ListClusters"), caller.count("demo:ListServices")) == (1, 2)


def test_a_parent_that_nobody_asked_for_is_listed_but_not_read_in_full() -> None:
    costly = entry("AWS::Demo::Cluster", list=CLUSTER.list, detail=(DetailCall(into="X", op="GetX", params={"N": "$item.Name"}),))
    answers = {"demo:ListClusters": {"Clusters": [{"Name": "c1"}]}, "demo:ListServices": services}
    got, caller = read([costly, SERVICE], answers, cells=(cell("AWS::Demo::Service"),))
    assert set(got.ends) == {cell("AWS::Demo::Service")}
    assert caller.count("demo:GetX") == 0


def test_a_failed_parent_listing_makes_the_children_unknown() -> None:
    got, _ = read([CLUSTER, SERVICE], {"demo:ListClusters": failure(), "demo:ListServices": services})
    assert got.gaps(cell("AWS::Demo::Service")) == [(GapReason.DENIED, None)]


def test_one_failed_child_listing_makes_the_children_incomplete_but_not_the_parents() -> None:
    answers = {
        "demo:ListClusters": {"Clusters": [{"Name": "c1"}, {"Name": "c2"}]},
        "demo:ListServices": lambda params, region: failure() if params["Cluster"] == "c1" else services(params, region),
    }
    got, _ = read([CLUSTER, SERVICE], answers)
    assert got.ids(cell("AWS::Demo::Service")) == ["c2-s0", "c2-s1"]
    assert got.gaps(cell("AWS::Demo::Service")) == [(GapReason.DENIED, None)]
    assert got.ends[cell("AWS::Demo::Cluster")].complete


def test_a_parent_whose_identity_cannot_be_read_makes_the_children_incomplete() -> None:
    bare = entry(
        "AWS::Demo::Cluster",
        list=CLUSTER.list,
        detail=(DetailCall(into="@", op="DescribeCluster", params={"Name": "$item"}, take="Cluster"),),
    )
    answers = {"demo:ListClusters": {"Clusters": ["c1"]}, "demo:DescribeCluster": failure(), "demo:ListServices": services}
    got, caller = read([bare, SERVICE], answers)
    assert got.gaps(cell("AWS::Demo::Cluster")) == [(GapReason.DENIED, "c1")]
    assert got.gaps(cell("AWS::Demo::Service")) == [(GapReason.DENIED, None)]
    assert caller.count("demo:ListServices") == 0


# --- memory ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_memory_stays_flat_over_many_resources() -> None:
    """From the 10,000th to the 50,000th resource the process holds no more objects, but for the marks by which doubles are known.

    Objects that the collector of garbage counts are documents, resources and batches; the marks are plain integers.
    """
    pages, size = 100, 500
    held: list[int] = []

    def listing(_params: dict[str, Any], _region: str) -> Any:
        return PagesMade(pages, size)

    collector = AwsCollector({"AWS::Demo::Thing": entry()}, [Account(id=ACCOUNT)], TEST_KEY, TEST_KEY_ID)
    unit = ReadUnit(id="unit", account=ACCOUNT, region=REGION, service="demo", cells=(cell(),))
    count = 0
    for event in collector.read_with(FakeCaller(answers={"demo:ListThings": listing}), unit, Reading()):
        if isinstance(event, Batch):
            count += len(event.resources)
            if count % 10_000 == 0:
                gc.collect()
                held.append(len(gc.get_objects()))
    assert count == pages * size
    assert held[-1] - held[0] < 1_000


class PagesMade(list[Any]):
    """Pages that are made when they are asked for."""

    def __init__(self, pages: int, size: int) -> None:
        super().__init__()
        self._pages, self._size = pages, size

    def __iter__(self) -> Iterator[Any]:
        for page in range(self._pages):
            yield {"Things": [{"Name": f"{page}-{n}", "Tags": {"a": "b"}, "Text": "x" * 200} for n in range(self._size)]}


# --- gaps ------------------------------------------------------------------------------------------------------------------------------


def test_very_many_failed_resources_do_not_fill_the_memory_with_gaps() -> None:
    one = entry(detail=(DetailCall(into="X", op="GetX", params={"N": "$item.Name"}),))
    got, _ = read([one], {"demo:ListThings": things(*map(str, range(1200))), "demo:GetX": failure()})
    gaps = got.ends[cell()].gaps
    assert len(gaps) == 1001
    assert gaps[-1].resource_id is None
    assert "200 more" in gaps[-1].detail
