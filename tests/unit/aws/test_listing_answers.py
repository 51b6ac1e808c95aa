"""What the answers to a listing mean besides its items: there is none, a part could not be read, a resource is too large, whose it is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from driftwatch.aws.catalog import Batch, DetailCall, Kind, ListCall, Parent
from driftwatch.aws.planning import listings
from driftwatch.aws.traffic import Limits
from driftwatch.domain.snapshot import GapReason, Outcome
from tests.unit.aws.test_reading import CLUSTER, cell, entry, failure, read, things

NONE = failure(GapReason.ERROR, "NoSuchThing")
SERVICE = "AWS::Demo::Service"
ABSENT = ListCall(op="ListThings", items="Things", absent=("NoSuchThing",))


def gap_details(got: Any) -> list[str]:
    return [gap.detail for gap in got.ends[cell()].gaps]


# --- absent ----------------------------------------------------------------------------------------------------------------------------


def test_an_error_that_means_none_is_a_complete_and_empty_listing() -> None:
    """Complete, not switched off: what is created later is new in a cell that was seen empty."""
    setting = entry(kind=Kind.SINGLETON, id=(), list=ListCall(op="GetSetting", items="Setting", absent=("NoSuchThing",)))
    for one, operation in ((entry(list=ABSENT), "demo:ListThings"), (setting, "demo:GetSetting")):
        got, _ = read([one], {operation: NONE})
        assert (got.ends[cell()].outcome, got.ends[cell()].listed, got.gaps(cell())) == (Outcome.COMPLETE, 0, [])


@pytest.mark.parametrize("failed", [failure(), failure(GapReason.ERROR, "OtherThing"), failure(GapReason.THROTTLED, "Throttling")])
def test_another_error_never_means_none(failed: Any) -> None:
    got, _ = read([entry(list=ABSENT)], {"demo:ListThings": failed})
    assert got.ends[cell()].outcome is Outcome.INCOMPLETE


@pytest.mark.parametrize("field", ["absent", "off"])
def test_a_listing_that_breaks_off_is_not_complete_whatever_the_error_says(field: str) -> None:
    listing = ListCall(op="ListThings", items="Things", **{field: ("NoSuchThing",)})  # type: ignore[arg-type]
    got, _ = read([entry(list=listing)], {"demo:ListThings": [things("a"), NONE]})
    assert got.ids(cell()) == ["a"]
    assert got.gaps(cell()) == [(GapReason.ERROR, None)]


def test_none_for_one_set_of_parameters_leaves_the_others() -> None:
    listing = ListCall(op="ListThings", items="Things", params=({"Kind": "x"}, {"Kind": "y"}), absent=("NoSuchThing",))
    answers = {"demo:ListThings": lambda params, _: NONE if params["Kind"] == "x" else things("a")}
    got, _ = read([entry(list=listing)], answers)
    assert (got.ids(cell()), got.ends[cell()].complete) == (["a"], True)


def child(**listing: Any) -> Any:
    call = ListCall(**{"op": "ListServices", "items": "Services", "params": ({"Cluster": "$cluster"},), **listing})
    return entry(SERVICE, kind=Kind.CHILD, parent=Parent(type=CLUSTER.type, bind={"cluster": "Name"}), list=call)


CLUSTERS = {"Clusters": [{"Name": "c1"}, {"Name": "c2"}]}


def test_a_parent_that_was_deleted_between_the_calls_has_no_children_and_is_no_gap() -> None:
    answers = {
        "demo:ListClusters": CLUSTERS,
        "demo:ListServices": lambda params, _: NONE if params["Cluster"] == "c1" else {"Services": [{"Name": "s"}]},
    }
    got, _ = read([CLUSTER, child(absent=("NoSuchThing",))], answers)
    assert (got.ids(cell(SERVICE)), got.ends[cell(SERVICE)].complete) == (["s"], True)
    strict, _ = read([CLUSTER, child()], answers)
    assert strict.gaps(cell(SERVICE)) == [(GapReason.ERROR, None)]


def test_a_childs_listing_that_breaks_off_is_not_complete() -> None:
    answers = {"demo:ListClusters": {"Clusters": [{"Name": "c1"}]}, "demo:ListServices": [{"Services": [{"Name": "s"}]}, NONE]}
    got, _ = read([CLUSTER, child(absent=("NoSuchThing",))], answers)
    assert got.gaps(cell(SERVICE)) == [(GapReason.ERROR, None)]


def test_none_for_one_set_of_a_childs_parameters_leaves_the_others() -> None:
    service = child(params=({"Cluster": "$cluster", "Kind": "x"}, {"Cluster": "$cluster", "Kind": "y"}), absent=("NoSuchThing",))
    answers = {
        "demo:ListClusters": {"Clusters": [{"Name": "c1"}]},
        "demo:ListServices": lambda params, _: NONE if params["Kind"] == "x" else {"Services": [{"Name": "s"}]},
    }
    got, _ = read([CLUSTER, service], answers)
    assert (got.ids(cell(SERVICE)), got.ends[cell(SERVICE)].complete) == (["s"], True)


def test_types_that_understand_an_error_differently_do_not_share_a_listing() -> None:
    """Else one entry's word for "there is none" would empty the cell of the other."""
    catalog = {one.type: one for one in (entry(list=ABSENT), entry("AWS::Demo::Strict"), entry("AWS::Demo::Other"))}
    assert [list(tree.types()) for tree in listings(catalog, list(catalog))] == [[cell().type], ["AWS::Demo::Strict", "AWS::Demo::Other"]]


# --- a parent that is known, but not read in full --------------------------------------------------------------------------------------


def test_a_parent_that_lacks_a_detail_is_still_one_to_list_under() -> None:
    """A denied detail costs that resource, not everything below it."""
    parent = entry(CLUSTER.type, list=CLUSTER.list, detail=(DetailCall(into="Tags", op="GetTags", params={"Name": "$item.Name"}),))
    answers = {"demo:ListClusters": CLUSTERS, "demo:GetTags": failure(), "demo:ListServices": {"Services": [{"Name": "s"}]}}
    got, _ = read([parent, child()], answers)
    assert got.gaps(cell(parent.type)) == [(GapReason.DENIED, "c1"), (GapReason.DENIED, "c2")]
    assert got.ends[cell(SERVICE)].complete


def test_a_parent_of_which_nobody_knows_whether_it_counts_makes_the_children_unknown() -> None:
    detail = DetailCall(into="Info", op="GetInfo", params={"Name": "$item.Name"})
    parent = entry(CLUSTER.type, list=CLUSTER.list, keep="Info.Owner == 'me'", detail=(detail,))
    answers = {"demo:ListClusters": CLUSTERS, "demo:GetInfo": failure(), "demo:ListServices": {"Services": [{"Name": "s"}]}}
    got, caller = read([parent, child()], answers)
    assert got.gaps(cell(SERVICE)) == [(GapReason.DENIED, None)]
    assert caller.count("demo:ListServices") == 0


# --- strip and bound ids ---------------------------------------------------------------------------------------------------------------


def test_a_prefix_is_off_before_anything_else_sees_the_item() -> None:
    listing = ListCall(op="ListThings", items="Things", strip={"Name": "/thing/", "Missing": "/"})
    tags = DetailCall(into="+", op="GetTags", params={"Names": "$item.Name"}, take="Tags", batch=Batch(param="Names", size=10, match="Of"))
    one = entry(list=listing, arn="arn:{partition}:demo:::thing/{Name}", detail=(tags,))
    answers = {
        "demo:ListThings": things("/thing/a", "b/thing/"),
        "demo:GetTags": lambda params, _: {"Tags": [{"Of": n} for n in params["Names"]]},
    }
    got, caller = read([one], answers)
    assert got.ids(cell()) == ["a", "b/thing/"]
    assert got.resources[cell()]["a"].arn == "arn:aws:demo:::thing/a"
    assert caller.log[-1][1] == {"Names": ["a", "b/thing/"]}


def test_the_parents_name_keeps_children_of_one_name_apart() -> None:
    zones = entry(SERVICE, id=("$cluster", "Name"), kind=Kind.CHILD, parent=child().parent, list=child().list)
    answers = {"demo:ListClusters": CLUSTERS, "demo:ListServices": lambda params, _: {"Services": [{"Name": "s", "In": params["Cluster"]}]}}
    got, _ = read([CLUSTER, zones], answers)
    assert {id_: found.config["In"] for id_, found in got.resources[cell(SERVICE)].items()} == {"c1|s": "c1", "c2|s": "c2"}
    assert got.ends[cell(SERVICE)].complete


@pytest.mark.parametrize("item", [{}, {"Name": None}, {"Name": ""}])
def test_the_parents_name_alone_is_no_id(item: dict[str, Any]) -> None:
    zones = entry(SERVICE, id=("$cluster", "Name"), kind=Kind.CHILD, parent=child().parent, list=child().list)
    got, _ = read([CLUSTER, zones], {"demo:ListClusters": {"Clusters": [{"Name": "c1"}]}, "demo:ListServices": {"Services": [item]}})
    assert got.gaps(cell(SERVICE)) == [(GapReason.INVALID_ITEM, None)]


def test_a_bare_name_that_cannot_be_described_has_its_whole_id_in_the_gap() -> None:
    detail = DetailCall(into="@", op="Describe", params={"Name": "$item"}, take="Service")
    zones = entry(SERVICE, id=("$cluster", "Name"), kind=Kind.CHILD, parent=child().parent, list=child().list, detail=(detail,))
    answers = {"demo:ListClusters": CLUSTERS, "demo:ListServices": {"Services": ["s"]}, "demo:Describe": failure()}
    got, _ = read([CLUSTER, zones], answers)
    assert got.gaps(cell(SERVICE)) == [(GapReason.DENIED, "c1|s"), (GapReason.DENIED, "c2|s")]


# --- unreadable ------------------------------------------------------------------------------------------------------------------------


def reply(**members: Any) -> dict[str, Any]:
    return {"demo:ListThings": {"Things": [{"Name": "a", **members}, {"Name": "b"}]}}


@pytest.mark.parametrize(
    ("error", "reason", "shown"),
    [
        ({"ErrorCode": "AccessDeniedException", "Message": "s3cret"}, GapReason.DENIED, "Env.Error (AccessDeniedException)"),
        ({"ErrorCode": "KMSDisabledException", "Message": "s3cret"}, GapReason.ERROR, "Env.Error (KMSDisabledException)"),
        ({"ErrorCode": "not a code: s3cret", "Message": "s3cret"}, GapReason.ERROR, "Env.Error"),
        ({"ErrorCode": {"s3cret": 1}}, GapReason.ERROR, "Env.Error"),
        ({"Message": "s3cret"}, GapReason.ERROR, "Env.Error"),
        ({}, GapReason.ERROR, "Env.Error"),
    ],
)
def test_a_part_that_the_service_could_not_read_is_a_gap_and_no_change(error: Any, reason: GapReason, shown: str) -> None:
    got, _ = read([entry(unreadable=("Env.Error",))], reply(Env={"Error": error}))
    assert (got.ids(cell()), got.gaps(cell())) == (["b"], [(reason, "a")])
    assert gap_details(got)[0].endswith(f": {shown}")
    assert "s3cret" not in gap_details(got)[0]


@pytest.mark.parametrize("env", [None, {}, {"Error": None}, {"Error": []}, {"Variables": {"Error": "x"}}, "text", []])
def test_what_could_be_read_is_no_gap(env: Any) -> None:
    got, _ = read([entry(unreadable=("Env.Error",))], reply(Env=env))
    assert got.ids(cell()) == ["a", "b"]


def test_an_unreadable_part_may_lie_in_a_list_or_a_map_and_come_with_a_detail() -> None:
    one = entry(
        unreadable=("Parts[].Sizes.*.Error",),
        detail=(DetailCall(into="Parts", op="GetParts", params={"Name": "$item.Name"}, take="Parts"),),
    )
    parts = {"Parts": [{"Sizes": {"x": {"Is": 1}}}, {"Sizes": {"y": {"Error": "E1"}}}]}
    answers = {"demo:ListThings": things("a", "b"), "demo:GetParts": lambda params, _: parts if params["Name"] == "a" else {"Parts": []}}
    got, _ = read([one], answers)
    assert (got.ids(cell()), got.gaps(cell())) == (["b"], [(GapReason.ERROR, "a")])


# --- oversize --------------------------------------------------------------------------------------------------------------------------


def oversize(**members: Any) -> str:
    one = entry(tags="Tags", drop=("Clock",), secret={"Password": "value"})
    got, _ = read([one], {"demo:ListThings": {"Things": [{"Name": "big", **members}]}}, limits=Limits(max_item_bytes=1000))
    assert got.gaps(cell()) == [(GapReason.OVERSIZE, "big")]
    (mark,) = re.findall(r"[0-9a-f]{64}", gap_details(got)[0])
    return str(mark)


def test_a_change_of_an_oversize_resource_can_be_seen_by_its_hash() -> None:
    text = "x" * 2000
    same = oversize(Text=text, Many=[1, 2], Clock=1)
    assert same == oversize(Clock=2, Many=[2, 1], Text=text), "noise and order are no change"
    changed = [oversize(Text=text + "y"), oversize(Text=text, Password="a"), oversize(Text=text, Password="b"), oversize(Tags={"k": text})]
    assert len({same, *changed}) == 5


def test_very_large_tags_are_oversize_too() -> None:
    assert oversize(Tags={"k": "v" * 2000})
