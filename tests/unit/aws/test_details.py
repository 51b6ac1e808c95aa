"""Details: what further calls add to an item, and what their failures cost."""

from __future__ import annotations

from typing import Any

import pytest

from driftwatch.aws.catalog import Batch, DetailCall, Join, ListCall
from driftwatch.domain.snapshot import GapReason, Outcome
from tests.unit.aws.test_reading import cell, entry, failure, read, things

BY_NAME = {"Name": "$item.Name"}


def test_details_are_merged_into_the_document() -> None:
    one = entry(
        list=ListCall(op="ListThings", items="Names"),
        detail=(
            DetailCall(into="@", op="Describe", params={"Name": "$item"}, take="Thing"),
            DetailCall(into="+", op="GetMore", params=BY_NAME, take="More"),
            DetailCall(into="Policy", op="GetPolicy", params={**BY_NAME, "Account": "$account"}, take="Policy"),
        ),
    )
    answers = {
        "demo:ListThings": {"Names": ["a"]},
        "demo:Describe": lambda params, _: {"Thing": {"Name": params["Name"], "Size": 1}},
        "demo:GetMore": {"More": {"Size": 2, "Colour": "red"}},
        "demo:GetPolicy": {"Policy": "text"},
    }
    got, caller = read([one], answers)
    assert got.resources[cell()]["a"].config == {"Name": "a", "Size": 2, "Colour": "red", "Policy": "text"}
    assert caller.log[-1][1] == {"Name": "a", "Account": "111122223333"}


def test_a_failed_detail_is_a_gap_of_that_resource_and_the_others_are_read() -> None:
    one = entry(detail=(DetailCall(into="Policy", op="GetPolicy", params=BY_NAME, take="Policy"),))
    answers = {
        "demo:ListThings": things("a", "b"),
        "demo:GetPolicy": lambda params, _: failure() if params["Name"] == "a" else {"Policy": "p"},
    }
    got, _ = read([one], answers)
    assert got.ids(cell()) == ["b"]
    assert got.gaps(cell()) == [(GapReason.DENIED, "a")]
    assert got.ends[cell()].outcome is Outcome.INCOMPLETE
    assert got.ends[cell()].listed == 2


@pytest.mark.parametrize("field", ["absent", "off"])
def test_a_listed_code_means_that_there_is_none(field: str) -> None:
    detail = DetailCall(into="Policy", op="GetPolicy", params=BY_NAME, **{field: ("NoSuchPolicy",)})  # type: ignore[arg-type]
    got, _ = read([entry(detail=(detail,))], {"demo:ListThings": things("a"), "demo:GetPolicy": failure(GapReason.ERROR, "NoSuchPolicy")})
    assert got.resources[cell()]["a"].config == {"Name": "a"}
    assert got.ends[cell()].complete


def test_a_resource_that_was_deleted_after_the_listing_is_absent_and_no_gap() -> None:
    one = entry(detail=(DetailCall(into="Policy", op="GetPolicy", params=BY_NAME),))
    got, _ = read([one], {"demo:ListThings": things("a"), "demo:GetPolicy": failure(GapReason.ERROR, "NoSuchBucket")})
    assert (got.ids(cell()), got.gaps(cell()), got.ends[cell()].listed) == ([], [], 0)


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "NoSuchEntity", "NoSuchTagSet"])
def test_a_code_that_may_mean_a_part_of_the_resource_never_deletes_it(code: str) -> None:
    one = entry(detail=(DetailCall(into="Policy", op="GetPolicy", params=BY_NAME),))
    got, _ = read([one], {"demo:ListThings": things("a"), "demo:GetPolicy": failure(GapReason.ERROR, code)})
    assert got.gaps(cell()) == [(GapReason.ERROR, "a")]


def test_a_parameter_that_the_item_lacks_is_never_left_out_of_the_call() -> None:
    one = entry(detail=(DetailCall(into="X", op="GetX", params={"Id": "$item.Missing"}),))
    got, caller = read([one], {"demo:ListThings": things("a"), "demo:GetX": {}})
    assert got.gaps(cell()) == [(GapReason.INVALID_ITEM, "a")]
    assert caller.count("demo:GetX") == 0


def test_a_word_that_begins_with_a_dollar_is_no_expression_when_it_is_the_services_own() -> None:
    one = entry(detail=(DetailCall(into="X", op="GetX", params={**BY_NAME, "Version": "$Default"}, take="X"),))
    _, caller = read([one], {"demo:ListThings": things("a"), "demo:GetX": {"X": 1}})
    assert caller.log[-1][1] == {"Name": "a", "Version": "$Default"}


def test_all_pages_of_a_detail_are_read() -> None:
    one = entry(detail=(DetailCall(into="Parts", op="ListParts", params=BY_NAME, take="Parts"),))
    got, _ = read([one], {"demo:ListThings": things("a"), "demo:ListParts": [{"Parts": [1]}, {"Parts": []}, {"Parts": [2]}]})
    assert got.resources[cell()]["a"].config["Parts"] == [1, 2]


def test_a_detail_page_that_fails_costs_the_resource() -> None:
    one = entry(detail=(DetailCall(into="Parts", op="ListParts", params=BY_NAME, take="Parts"),))
    got, _ = read([one], {"demo:ListThings": things("a"), "demo:ListParts": [{"Parts": [1]}, failure(GapReason.TRUNCATED)]})
    assert got.ids(cell()) == []
    assert got.gaps(cell()) == [(GapReason.TRUNCATED, "a")]


def test_keep_filters_before_the_details_where_it_can() -> None:
    one = entry(keep="Name != 'a'", detail=(DetailCall(into="X", op="GetX", params=BY_NAME, take="X"),))
    got, caller = read([one], {"demo:ListThings": things("a", "b"), "demo:GetX": {"X": 1}})
    assert (got.ids(cell()), caller.count("demo:GetX")) == (["b"], 1)
    assert got.ends[cell()].complete


def test_keep_may_ask_for_what_a_detail_brings() -> None:
    for into, take, keep in (("X", "X", "X.On"), ("+", "X", "On")):
        one = entry(keep=keep, detail=(DetailCall(into=into, op="GetX", params=BY_NAME, take=take),))
        got, _ = read([one], {"demo:ListThings": things("a", "b"), "demo:GetX": lambda params, _: {"X": {"On": params["Name"] == "b"}}})
        assert got.ids(cell()) == ["b"]


def test_keep_after_a_replaced_item_saves_the_other_details() -> None:
    one = entry(
        keep="Owner == 'me'",
        detail=(
            DetailCall(into="@", op="Describe", params={"Name": "$item.Name"}, take="Thing"),
            DetailCall(into="X", op="GetX", params=BY_NAME, take="X"),
        ),
    )
    answers: dict[str, Any] = {
        "demo:ListThings": things("a", "b"),
        "demo:Describe": lambda params, _: {"Thing": {"Name": params["Name"], "Owner": "me" if params["Name"] == "a" else "aws"}},
        "demo:GetX": {"X": 1},
    }
    got, caller = read([one], answers)
    assert (got.ids(cell()), caller.count("demo:GetX")) == (["a"], 1)


# --- batches ---------------------------------------------------------------------------------------------------------------------------


BATCHED = entry(
    list=ListCall(op="ListThings", items="Names"),
    detail=(
        DetailCall(
            into="@",
            op="DescribeThings",
            params={"Names": "$item", "Include": ["TAGS"]},
            take="Things",
            batch=Batch(param="Names", size=3, match="Name", missing="Failures"),
        ),
    ),
)


def described(params: dict[str, Any], _region: str) -> dict[str, Any]:
    return {"Things": [{"Name": name, "Size": 1} for name in reversed(params["Names"])], "Failures": []}


def test_a_batch_asks_for_many_and_gives_each_its_own() -> None:
    got, caller = read([BATCHED], {"demo:ListThings": {"Names": list("abcde")}, "demo:DescribeThings": described})
    assert got.ids(cell()) == list("abcde")
    assert [params["Names"] for name, params, _ in sorted(caller.log, key=str) if name == "demo:DescribeThings"] == [
        list("abc"),
        list("de"),
    ]


def test_what_a_batch_leaves_out_without_a_word_is_a_gap_and_not_a_deletion() -> None:
    answers = {"demo:ListThings": {"Names": list("ab")}, "demo:DescribeThings": {"Things": [{"Name": "a"}], "Failures": []}}
    got, _ = read([BATCHED], answers)
    assert got.gaps(cell()) == [(GapReason.ERROR, "b")]


@pytest.mark.parametrize(
    ("problem", "gone"), [({"arn": "b", "reason": "MISSING"}, True), ({"arn": "b", "reason": "ACCESS_DENIED"}, False), ("b", True)]
)
def test_what_a_batch_names_as_missing_is_gone_unless_it_says_otherwise(problem: Any, gone: bool) -> None:
    answers = {"demo:ListThings": {"Names": list("ab")}, "demo:DescribeThings": {"Things": [{"Name": "a"}], "Failures": [problem]}}
    got, _ = read([BATCHED], answers)
    assert got.ids(cell()) == ["a"]
    assert got.gaps(cell()) == ([] if gone else [(GapReason.ERROR, "b")])


def test_a_batch_without_its_result_member_is_a_gap_for_each() -> None:
    got, _ = read([BATCHED], {"demo:ListThings": {"Names": list("ab")}, "demo:DescribeThings": {}})
    assert got.gaps(cell()) == [(GapReason.NOT_AWS, "a"), (GapReason.NOT_AWS, "b")]


def test_one_bad_item_does_not_cost_the_whole_batch() -> None:
    def answer(params: dict[str, Any], region: str) -> Any:
        return failure(GapReason.ERROR, "ValidationError") if "b" in params["Names"] else described(params, region)

    got, _ = read([BATCHED], {"demo:ListThings": {"Names": list("abc")}, "demo:DescribeThings": answer})
    assert got.ids(cell()) == ["a", "c"]
    assert got.gaps(cell()) == [(GapReason.ERROR, "b")]


def test_a_batch_may_add_to_items_and_leave_some_as_they_are() -> None:
    tags = DetailCall(
        into="+", op="DescribeTags", params={"Names": "$item.Name"}, take="Tags", batch=Batch(param="Names", size=20, match="Of")
    )
    got, caller = read([entry(detail=(tags,))], {"demo:ListThings": things("a", "b"), "demo:DescribeTags": {"Tags": [{"Of": "b", "T": 1}]}})
    assert {name: resource.config for name, resource in got.resources[cell()].items()} == {
        "a": {"Name": "a"},
        "b": {"Name": "b", "Of": "b", "T": 1},
    }
    assert caller.count("demo:DescribeTags") == 1


# --- joins -----------------------------------------------------------------------------------------------------------------------------


JOINED = entry(detail=(DetailCall(into="+", op="ListRoles", take="{Max: Max}", join=Join(list="Roles", match="Name", on="Name")),))


def test_a_join_reads_once_for_the_cell() -> None:
    pages = [{"Roles": [{"Name": "a", "Max": 1}]}, {"Roles": [{"Name": "b", "Max": 2, "Other": 3}]}]
    got, caller = read([JOINED], {"demo:ListThings": [things("a"), things("b")], "demo:ListRoles": pages})
    assert {name: resource.config for name, resource in got.resources[cell()].items()} == {
        "a": {"Name": "a", "Max": 1},
        "b": {"Name": "b", "Max": 2},
    }
    assert caller.count("demo:ListRoles") == 1


def test_a_failed_join_makes_the_whole_cell_incomplete() -> None:
    got, _ = read([JOINED], {"demo:ListThings": things("a", "b"), "demo:ListRoles": failure()})
    assert got.gaps(cell()) == [(GapReason.DENIED, None)]
    assert got.ids(cell()) == []


def test_a_call_that_means_nothing_for_a_resource_is_not_made() -> None:
    one = entry(detail=(DetailCall(into="Policy", op="GetPolicy", params={"Arn": "$item.Arn"}, take="Policy", when="Arn"),))
    listed = {"Things": [{"Name": "a"}, {"Name": "b", "Arn": "arn:b"}]}
    got, caller = read([one], {"demo:ListThings": listed, "demo:GetPolicy": {"Policy": "p"}})
    assert got.resources[cell()]["a"].config == {"Name": "a"}
    assert got.resources[cell()]["b"].config["Policy"] == "p"
    assert caller.count("demo:GetPolicy") == 1


def test_an_arn_is_made_of_the_item_and_of_where_it_is() -> None:
    params = {"ResourceArn": "arn:{partition}:demo:{region}:{account}:thing/{Name}"}
    one = entry(detail=(DetailCall(into="Tags", op="ListTags", params=params, take="Tags"),))
    got, caller = read([one], {"demo:ListThings": things("a"), "demo:ListTags": {"Tags": {"owner": "ana"}}})
    assert caller.log[-1][1] == {"ResourceArn": "arn:aws:demo:eu-west-1:111122223333:thing/a"}
    assert got.ends[cell()].complete


def test_an_arn_of_which_a_part_is_missing_is_a_gap_and_no_call() -> None:
    one = entry(detail=(DetailCall(into="Tags", op="ListTags", params={"ResourceArn": "arn:{partition}:demo:{Missing}"}, take="Tags"),))
    got, caller = read([one], {"demo:ListThings": things("a")})
    assert got.gaps(cell()) == [(GapReason.INVALID_ITEM, "a")]
    assert caller.count("demo:ListTags") == 0


def test_a_map_that_comes_in_pages_is_put_together() -> None:
    one = entry(detail=(DetailCall(into="Tags", op="ListTags", params=BY_NAME, take="Tags"),))
    answers = {"demo:ListThings": things("a"), "demo:ListTags": [{"Tags": {"a": "1"}}, {"Tags": {"b": "2"}}]}
    got, _ = read([one], answers)
    assert got.resources[cell()]["a"].config["Tags"] == {"a": "1", "b": "2"}


def test_what_belongs_to_another_account_can_be_left_out() -> None:
    one = entry(keep="Owner == '$account'")
    listed = {"Things": [{"Name": "ours", "Owner": "111122223333"}, {"Name": "shared", "Owner": "999999999999"}]}
    got, _ = read([one], {"demo:ListThings": listed})
    assert got.ids(cell()) == ["ours"]


@pytest.mark.parametrize(("state", "reason"), [("CREATING", GapReason.SETTLING), ("ACTIVE", None), (None, None)])
def test_a_resource_that_the_service_still_changes_is_a_gap(state: str | None, reason: GapReason | None) -> None:
    one = entry(settling={"State": ("CREATING", "UPDATING")})
    listed = {"Things": [{"Name": "a", **({"State": state} if state else {})}, {"Name": "b", "State": "ACTIVE"}]}
    got, _ = read([one], {"demo:ListThings": listed})
    assert got.gaps(cell()) == ([(reason, "a")] if reason else [])
    assert "b" in got.ids(cell()), "the others are read"
    assert got.ends[cell()].complete == (reason is None)


@pytest.mark.parametrize(("pending", "settled"), [({}, True), ([], True), (None, True), ({"Class": "large"}, False)])
def test_whatever_is_pending_says_that_it_has_not_settled(pending: object, settled: bool) -> None:
    one = entry(settling={"Pending": ()})
    got, _ = read([one], {"demo:ListThings": {"Things": [{"Name": "a", "Pending": pending}]}})
    assert got.ends[cell()].complete is settled


def test_facts_are_beside_the_configuration_and_move_no_fingerprint() -> None:
    one = entry(facts=("Running", "Parts[].Used"))
    prints = []
    for number in (1, 2):
        item = {"Name": "a", "Running": number, "Parts": [{"Id": "x", "Used": number}, {"Id": "y", "Used": 5}]}
        got, _ = read([one], {"demo:ListThings": {"Things": [item]}})
        found = got.resources[cell()]["a"]
        assert found.facts == {"Running": number, "Parts[].Used": [number, 5]}
        assert "Running" not in found.config
        prints.append(found.fingerprint)
    assert prints[0] == prints[1]


def test_facts_beyond_all_measure_are_left_out() -> None:
    one = entry(facts=("Text",))
    got, _ = read([one], {"demo:ListThings": {"Things": [{"Name": "a", "Text": "x" * 20_000}]}})
    assert got.resources[cell()]["a"].facts == {}
