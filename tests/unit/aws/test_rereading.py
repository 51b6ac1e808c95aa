"""What rereading some resources yields, whatever the service answers: every id once, and absent only where the service says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.aws.catalog import Batch, DetailCall, Entry, Join, Kind, ListCall, One, Parent
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.intake import item_id
from driftwatch.aws.one import names_in
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import Reread
from driftwatch.domain.snapshot import GapReason
from tests.fakes import TEST_KEY, TEST_KEY_ID, FakeCaller
from tests.unit.aws.test_reading import ACCOUNT, CLUSTER, cell, entry, failure, things

MANY = One(params={"Names": "$ids"}, absent=("NoSuchThing",))
SINGLE = One(params={"Name": "$id"}, absent=("NoSuchThing",))
MISSING = failure(GapReason.ERROR, "NoSuchThing")
DESCRIBE = DetailCall(into="@", op="DescribeThing", params={"Name": "$item"}, take="Thing")


def reread(
    of: Entry, ids: list[str], answers: dict[str, Any], *more: Entry, where: Cell | None = None, pinned: Normalisation | None = None
) -> tuple[Reread | None, FakeCaller]:
    catalog = {one.type: one for one in (of, *more)}
    collector = AwsCollector(catalog, [Account(id=ACCOUNT)], TEST_KEY, TEST_KEY_ID, limits=Limits(calls_per_place=4))
    caller = FakeCaller(answers=answers)
    found = collector.reread_with(caller, where or cell(of.type), ids, pinned)
    if found is not None:
        told = [*(one.id for one in found.resources), *found.absent, *(gap.resource_id for gap in found.gaps)]
        assert sorted(map(str, told)) == sorted(set(ids)), "every id once"
    return found, caller


def known(of: Entry, ids: list[str], answers: dict[str, Any], *more: Entry, **rest: Any) -> tuple[Reread, FakeCaller]:
    found, caller = reread(of, ids, answers, *more, **rest)
    assert found is not None
    return found, caller


def ids_of(found: Reread) -> list[str]:
    return [one.id for one in found.resources]


def gaps_of(found: Reread) -> list[tuple[GapReason, str | None]]:
    return [(gap.reason, gap.resource_id) for gap in found.gaps]


def strict(exist: set[str], key: str = "Names") -> Any:
    """A service that refuses a call as a whole when one of its ids does not exist."""

    def answer(params: Mapping[str, Any], _region: str) -> Any:
        return things(*params[key]) if set(params[key]) <= exist else MISSING

    return answer


# --- several in one call -----------------------------------------------------------------------------------------------------------------


def test_many_ids_are_asked_for_in_chunks() -> None:
    ids = [f"t{number}" for number in range(120)]
    found, caller = known(entry(one=MANY), ids, {"demo:ListThings": strict(set(ids))})
    assert [len(params["Names"]) for _, params, _ in caller.log] == [50, 50, 20]
    assert ids_of(found) == ids


def test_one_that_is_missing_among_fifty_does_not_lose_the_others() -> None:
    ids = [f"t{number}" for number in range(50)]
    found, _ = known(entry(one=MANY), ids, {"demo:ListThings": strict({*ids} - {"t7"})})
    assert found.absent == ("t7",)
    assert set(ids_of(found)) == {*ids} - {"t7"}
    assert found.gaps == ()


def test_a_service_that_leaves_the_missing_out_is_asked_once() -> None:
    found, caller = known(entry(one=MANY), ["a", "b"], {"demo:ListThings": things("b")})
    assert (ids_of(found), found.absent, len(caller.log)) == (["b"], ("a",), 1)


def test_an_id_that_stands_twice_is_asked_for_once() -> None:
    found, caller = known(entry(one=MANY), ["a", "a"], {"demo:ListThings": things("a")})
    assert (ids_of(found), caller.log[0][1]["Names"]) == (["a"], ["a"])


def test_nothing_is_asked_where_nothing_is_wanted() -> None:
    found, caller = known(entry(one=MANY), [], {})
    assert (found.resources, found.absent, found.gaps, caller.log) == ((), (), (), [])


@pytest.mark.parametrize("reason", [GapReason.DENIED, GapReason.THROTTLED, GapReason.TIMEOUT, GapReason.ABORTED, GapReason.CREDENTIALS])
def test_a_call_that_fails_for_all_is_not_made_again_for_each(reason: GapReason) -> None:
    found, caller = known(entry(one=MANY), ["a", "b"], {"demo:ListThings": failure(reason, "NoSuchAccess")})
    assert gaps_of(found) == [(reason, "a"), (reason, "b")]
    assert len(caller.log) == 1


def test_pages_that_break_off_leave_the_rest_unknown() -> None:
    """Also where the code says that there is none: a first page has come."""
    found, _ = known(entry(one=MANY), ["a", "b"], {"demo:ListThings": [things("a"), failure(GapReason.TRUNCATED, "x")]})
    assert (ids_of(found), gaps_of(found)) == (["a"], [(GapReason.TRUNCATED, "b")])
    found, _ = known(entry(one=SINGLE), ["b"], {"demo:ListThings": [things("a"), MISSING]})
    assert (found.absent, gaps_of(found)) == ((), [(GapReason.ERROR, "b")])


def test_a_reply_without_its_result_says_nothing_about_the_resource() -> None:
    found, _ = known(entry(one=SINGLE), ["a"], {"demo:ListThings": {"Other": []}})
    assert (found.absent, gaps_of(found)) == ((), [(GapReason.NOT_AWS, "a")])


def test_a_service_that_is_switched_off_says_nothing_about_the_resource() -> None:
    call = ListCall(op="ListThings", items="Things", off=("NotOn",))
    found, _ = known(entry(one=SINGLE, list=call), ["a"], {"demo:ListThings": failure(GapReason.ERROR, "NotOn")})
    assert (found.absent, gaps_of(found)) == ((), [(GapReason.ERROR, "a")])


# --- the whole listing -------------------------------------------------------------------------------------------------------------------


def test_no_further_question_is_asked_once_all_are_found() -> None:
    call = ListCall(op="ListThings", items="Things", params=({"Kind": "x"}, {"Kind": "y"}))
    found, caller = known(entry(one=One(whole=True), list=call), ["b", "a"], {"demo:ListThings": things("a", "b", "c")})
    assert sorted(ids_of(found)) == ["a", "b"]
    assert len(caller.log) == 1


def test_only_the_wanted_ones_get_their_details() -> None:
    of = entry(one=One(whole=True), detail=(DetailCall(into="More", op="GetMore", params={"Name": "$item.Name"}),))
    _, caller = known(of, ["b"], {"demo:ListThings": things("a", "b", "c"), "demo:GetMore": {"Size": 1}})
    assert [params for name, params, _ in caller.log if name == "demo:GetMore"] == [{"Name": "b"}]


def test_all_sets_of_parameters_are_tried_and_one_that_fails_leaves_the_missing_unknown() -> None:
    call = ListCall(op="ListThings", items="Things", params=({"Kind": "x"}, {"Kind": "y"}), absent=("NoSuchKind",))

    def answers(of_x: Any) -> dict[str, Any]:
        return {"demo:ListThings": lambda params, _region: of_x if params["Kind"] == "x" else things("a")}

    of = entry(one=One(whole=True), list=call)
    found, _ = known(of, ["a", "b"], answers(failure(GapReason.ERROR, "NoSuchKind")))
    assert (ids_of(found), found.absent) == (["a"], ("b",))
    found, _ = known(of, ["a", "b"], answers(failure()))
    assert (ids_of(found), found.absent, gaps_of(found)) == (["a"], (), [(GapReason.DENIED, "b")])


def test_a_setting_is_read_by_its_listing() -> None:
    of = entry("Demo::Demo::Policy", kind=Kind.SINGLETON, id=(), list=ListCall(op="GetPolicy", items="Policy", absent=("NoSuchPolicy",)))
    found, _ = known(of, ["Policy"], {"demo:GetPolicy": {"Policy": {"Length": 8}}})
    assert [(one.id, one.config) for one in found.resources] == [("Policy", {"Length": 8})]
    found, _ = known(of, ["Policy"], {"demo:GetPolicy": failure(GapReason.ERROR, "NoSuchPolicy")})
    assert found.absent == ("Policy",)


# --- without a call of its own -----------------------------------------------------------------------------------------------------------


def test_an_item_that_only_its_details_know_is_made_from_the_id() -> None:
    of = entry(one=One(item="$id"), detail=(DESCRIBE,))
    there = {"a": {"Thing": {"Name": "a", "Size": 1}}}
    missing = failure(GapReason.ERROR, "ResourceNotFoundException")
    answers = {"demo:DescribeThing": lambda params, _: there.get(params["Name"], missing)}
    found, caller = known(of, ["a", "b"], answers)
    assert [(one.id, one.config) for one in found.resources] == [("a", {"Name": "a", "Size": 1})]
    assert (found.absent, caller.count("demo:ListThings")) == (("b",), 0)


def test_only_the_first_detail_says_that_a_made_item_is_nobodys() -> None:
    first = DetailCall(into="First", op="GetFirst", params={"Name": "$item.Name"})
    second = DetailCall(into="Second", op="GetSecond", params={"Name": "$item.Name"})
    of = entry(one=One(item={"Name": "$id"}, absent=("ResourceNotFoundException",)), detail=(first, second))
    gone = failure(GapReason.ERROR, "ResourceNotFoundException")
    for answers, absent in (
        ({"demo:GetFirst": _renamed(gone, "demo:GetFirst"), "demo:GetSecond": {}}, ("a",)),
        ({"demo:GetFirst": {}, "demo:GetSecond": _renamed(gone, "demo:GetSecond")}, ()),
    ):
        found, _ = known(of, ["a"], answers)
        assert found.absent == absent
        assert len(found.gaps) == 1 - len(absent)


def _renamed(failed: Any, operation: str) -> Any:
    return type(failed)(failed.reason, operation=operation, code=failed.code, detail=failed.detail)


def test_an_alias_is_not_the_id_of_what_it_stands_for() -> None:
    of = entry(one=One(item="$id"), detail=(DESCRIBE,))
    found, _ = known(of, ["alias/a"], {"demo:DescribeThing": {"Thing": {"Name": "a"}}})
    assert (found.resources, found.absent) == ((), ("alias/a",))


def test_resources_under_two_parents_never_stand_in_one_batch() -> None:
    detail = DetailCall(
        into="@",
        op="DescribeServices",
        params={"Cluster": "$cluster"},
        take="Services",
        batch=Batch(param="Services", size=10, match="Arn", missing="Failures"),
    )
    of = entry(
        "AWS::Demo::Service",
        kind=Kind.CHILD,
        id=("Arn",),
        parent=Parent(type=CLUSTER.type, bind={"cluster": "Name"}),
        list=ListCall(op="ListServices", items="Services", params=({"Cluster": "$cluster"},)),
        one=One(item="$id", pattern="(?P<cluster>[^/]+)/.+"),
        detail=(detail,),
    )

    def services(params: Mapping[str, Any], _region: str) -> Any:
        here = [name for name in params["Services"] if name.startswith(params["Cluster"])]
        return {"Services": [{"Arn": name} for name in here], "Failures": []}

    found, caller = known(of, ["x/1", "y/1", "x/2"], {"demo:DescribeServices": services}, CLUSTER)
    assert sorted(ids_of(found)) == ["x/1", "x/2", "y/1"]
    assert caller.count("demo:DescribeServices") == 2
    none, caller = reread(of, ["x/1", "without-cluster"], {}, CLUSTER)
    assert none is None, "an id that does not tell the cluster: the cell has to be read"
    assert caller.log == []


# --- what comes of an item ---------------------------------------------------------------------------------------------------------------


def test_what_is_filtered_out_of_a_scan_is_absent() -> None:
    of = entry(one=SINGLE, keep="State != 'deleted'")
    found, _ = known(of, ["a"], {"demo:ListThings": {"Things": [{"Name": "a", "State": "deleted"}]}})
    assert found.absent == ("a",)


def test_what_has_not_settled_is_a_gap() -> None:
    of = entry(one=MANY, settling={"State": ("updating",)})
    items = [{"Name": "a", "State": "updating"}, {"Name": "b", "State": "available"}]
    found, _ = known(of, ["a", "b"], {"demo:ListThings": {"Things": items}})
    assert (gaps_of(found), ids_of(found)) == ([(GapReason.SETTLING, "a")], ["b"])


def test_a_refused_detail_costs_its_resource_only() -> None:
    of = entry(one=MANY, detail=(DetailCall(into="More", op="GetMore", params={"Name": "$item.Name"}),))
    answers = {"demo:ListThings": things("a", "b"), "demo:GetMore": lambda params, _: failure() if params["Name"] == "a" else {}}
    found, _ = known(of, ["a", "b"], answers)
    assert (gaps_of(found), ids_of(found)) == ([(GapReason.DENIED, "a")], ["b"])


def test_a_failed_join_leaves_all_of_them_unknown() -> None:
    join = DetailCall(into="More", op="ListMore", join=Join(list="More", match="Name", on="Name"))
    found, _ = known(entry(one=MANY, detail=(join,)), ["a", "b"], {"demo:ListThings": things("a", "b"), "demo:ListMore": failure()})
    assert gaps_of(found) == [(GapReason.DENIED, "a"), (GapReason.DENIED, "b")]


def test_a_fault_of_our_own_is_a_gap_and_never_raised() -> None:
    def broken(_params: object, _region: str) -> Any:
        raise TypeError

    found, _ = known(entry(one=SINGLE), ["a"], {"demo:ListThings": broken})
    assert gaps_of(found) == [(GapReason.ERROR, "a")]
    assert "TypeError" in found.gaps[0].detail


def test_under_pinned_rules_the_current_form_comes_too() -> None:
    of = entry(one=SINGLE, drop=("Noise",))
    answers = {"demo:ListThings": {"Things": [{"Name": "a", "Noise": 1}]}}
    found, _ = known(of, ["a"], answers, pinned=Normalisation())
    assert [one.config for one in found.resources] == [{"Name": "a", "Noise": 1}]
    assert [one.config for one in found.reshaped] == [{"Name": "a"}]
    assert found.shape != known(of, ["a"], answers)[0].shape


def test_details_are_read_anew_whatever_a_scan_has_kept() -> None:
    of = entry(one=SINGLE, detail=(DetailCall(into="More", op="GetMore", params={"Name": "$item.Name"}, every=6),))
    collector = AwsCollector({of.type: of}, [Account(id=ACCOUNT)], TEST_KEY, TEST_KEY_ID)
    for size in (1, 2):
        found = collector.reread_with(FakeCaller(answers={"demo:ListThings": things("a"), "demo:GetMore": {"Size": size}}), cell(), ["a"])
        assert found is not None
        assert found.resources[0].config["More"] == {"Size": size}


def test_a_resource_of_another_region_is_absent_and_its_details_are_not_read() -> None:
    of = entry(one=MANY, scope="global", item_region="Region", detail=(DetailCall(into="More", op="GetMore"),))
    items = {"Things": [{"Name": "a", "Region": "eu-west-1"}, {"Name": "b", "Region": "us-east-1"}]}
    found, caller = known(of, ["a", "b"], {"demo:ListThings": items, "demo:GetMore": {}})
    assert (ids_of(found), found.absent) == (["a"], ("b",))
    assert [region for name, _, region in caller.log if name == "demo:GetMore"] == ["eu-west-1"]


@pytest.mark.parametrize("of", [entry(), entry("AWS::Demo::Other", one=SINGLE)])
def test_without_a_call_for_one_there_is_no_reread(of: Entry) -> None:
    found, caller = reread(of, ["a"], {}, where=cell())
    assert found is None
    assert caller.log == []


# --- ids ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", ["one-part", "a|b|c"])
def test_an_id_of_another_form_is_nothing_to_ask_with(id_: str) -> None:
    of = entry(id=("$api", "Name"), one=One(params={"Api": "$api", "Name": "$item.Name"}))
    found, caller = reread(of, ["api|a", id_], {"demo:ListThings": things("a")})
    assert found is None, "its cell has to be read"
    assert caller.log == []


@given(api=st.text(min_size=1), name=st.text(min_size=1))
def test_the_parts_of_an_id_are_what_it_was_made_of(api: str, name: str) -> None:
    of = entry(id=("$api", "Stage.Name"))
    id_ = item_id(of, {"Stage": {"Name": name}}, {"api": api})
    assert id_ is not None
    told = names_in(of, One(params={"Api": "$api"}), id_)
    assert told == {"id": id_, "api": api, "item": {"Stage": {"Name": name}}}
