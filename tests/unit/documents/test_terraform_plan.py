"""Reading Terraform plans: whatever is no complete plan is refused with its place, and secrets stay inside."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.documents.terraform_map import load
from driftwatch.documents.terraform_plan import Hidden, flagged, read_plan
from driftwatch.documents.terraform_targets import plan_scope
from driftwatch.documents.tree import Limits
from driftwatch.domain.drift import DriftKind
from driftwatch.errors import InputError

JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


def resource(actions: Any = ("update",), **fields: Any) -> dict[str, Any]:
    change = {"actions": list(actions), "before": {"arn": "a"}, "after": {"arn": "a"}, "after_unknown": {}}
    return {"address": "aws_vpc.a", "mode": "managed", "type": "aws_vpc", "name": "a", "provider_name": "x/aws", "change": change} | fields


def read(document: Any, name: str = "plan.json", **limits: int) -> Any:
    return read_plan(json.dumps(document, indent=1).encode(), name, Limits(**limits) if limits else Limits())


def plan(*changes: Any, **fields: Any) -> dict[str, Any]:
    return {"format_version": "1.2", "resource_changes": list(changes)} | fields


@pytest.mark.parametrize(
    ("actions", "kinds"),
    [
        (["create"], (DriftKind.CREATED,)),
        (["update"], (DriftKind.UPDATED,)),
        (["delete"], (DriftKind.DELETED,)),
        (["delete", "create"], (DriftKind.DELETED, DriftKind.CREATED)),
        (["create", "delete"], (DriftKind.DELETED, DriftKind.CREATED)),
        (["create", "forget"], (DriftKind.CREATED,)),
        (["no-op"], None),
        (["read"], None),
        (["forget"], None),
    ],
)
def test_actions_become_operations(actions: list[str], kinds: Any) -> None:
    assert [change.operations for change in read(plan(resource(actions)))] == ([kinds] if kinds else [])


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"PK\x03\x04binary", "a binary plan"),
        (b"", "one document"),
        (b"{", "the end of the file"),
        (b"[]", "a list"),
        (b'"text"', "terraform show -json"),
        (b"{}", 'no "format_version"'),
        (b'{"format_version": "2.0", "resource_changes": []}', 'format_version "2.0"'),
        (b'{"format_version": "1.0", "values": {}}', "the JSON of a state"),
        (b'{"format_version": "1.0", "resource_changes": {}}', "a list of resource changes"),
        (b'{"format_version": "1.0", "resource_changes": [], "errored": true}', "ended with an error"),
        (b'{"format_version": "1.0", "resource_changes": [1]}', 'no "change"'),
        (b'{"format_version": "1.0", "format_version": "1.0"}', "a second time"),
        (b'{"@level":"info"}\n{"@level":"info"}', "the end of the file"),
        (b"\xff\xfe{\x00", "not UTF-8"),
    ],
)
def test_what_is_no_plan_is_refused_with_its_place_and_the_remedy(data: bytes, wanted: str) -> None:
    with pytest.raises(InputError) as error:
        read_plan(data, "plan.json")
    assert wanted in str(error.value)
    assert str(error.value).startswith("plan.json:")


@pytest.mark.parametrize("field", ["address", "type", "mode", "change"])
@pytest.mark.parametrize("value", [None, 1, [], "gone"])
def test_a_resource_change_without_what_it_needs_is_told_with_line_and_column(field: str, value: Any) -> None:
    odd = resource()
    if value == "gone":
        del odd[field]
    else:
        odd[field] = value
    with pytest.raises(InputError, match=rf'plan\.json:\d+:\d+: no "{field}"'):
        read(plan(resource(), odd))


@pytest.mark.parametrize("actions", [["explode"], [], "update", None, [["update"]], ["update", "create"]])
def test_an_action_that_is_not_known_refuses_the_plan(actions: Any) -> None:
    """Nobody knows what it would do, so nothing is drafted from the rest either."""
    odd = resource()
    odd["change"]["actions"] = actions
    with pytest.raises(InputError, match="the actions"):
        read(plan(odd))


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InputError) as error:
        read(plan(resource(address=1), resource(["explode"])))
    assert len(str(error.value).splitlines()) == 2


def test_a_plan_without_resources_and_one_of_an_older_terraform_are_read() -> None:
    assert read({"format_version": "1.0", "planned_values": {}}) == ()
    assert len(read(plan(resource(), format_version="0.2"))) == 1
    assert len(read(plan(resource(), later={"keys": "are passed over"}))) == 1


def test_sizes_are_bounded_before_anything_is_built() -> None:
    for limits in ({"size": 100}, {"nodes": 10}, {"depth": 3}):
        with pytest.raises(InputError):
            read(plan(resource()), **limits)
    with pytest.raises(InputError, match="levels"):
        read_plan(b'{"format_version": "1.0", "resource_changes": ' + b"[" * 100_000, "plan.json")


def test_a_file_of_another_name_is_told_how_to_be_written() -> None:
    with pytest.raises(InputError, match="terraform show -json"):
        read(plan(), name="plan.tfplan")


def test_sensitive_values_can_be_compared_and_nothing_else() -> None:
    change = resource()
    change["change"] |= {"before": {"a": "one", "b": [1, 2]}, "after": {"a": "two", "b": [1, 3]}}
    change["change"] |= {"before_sensitive": {"a": True, "b": [False, True]}, "after_sensitive": {"a": True, "b": [False, True]}}
    (found,) = read(plan(change))
    assert found.before["a"] != found.after["a"]
    assert found.before["b"] == [1, Hidden(2)]
    assert "one" not in repr(found)
    assert "two" not in repr(found)
    change["change"]["after_sensitive"] = True
    (whole,) = read(plan(change))
    assert all(isinstance(value, Hidden) for value in whole.after.values())


def test_marks_are_found_at_around_and_below_a_path() -> None:
    marks = {"a": {"b": True}, "c": [False, {"d": True}], "e": False}
    assert [flagged(marks, path) for path in (("a",), ("a", "b"), ("a", "b", "x"), ("c", 1), ("c", 1, "d"))] == [True] * 5
    assert [flagged(marks, path) for path in (("a", "x"), ("c", 0), ("c", 7), ("e",), ("zz",))] == [False] * 5


@given(st.sampled_from(sorted(load())), JSON, JSON, JSON, JSON, st.sampled_from(["create", "update", "delete", "delete+create"]))
def test_no_plan_whatever_it_holds_ends_in_anything_but_targets_or_a_refusal(
    type_: str, before: Any, after: Any, unknown: Any, hidden: Any, actions: str
) -> None:
    """Targets that name no resource would cover everything: there are none."""
    attributes = sorted(
        {name.partition(".")[0] for name in load()[type_].attributes} | {"arn", "id", "name", "ingress", "security_group_id"}
    )
    sides = [dict.fromkeys(attributes, side) for side in (before, after)]
    change = {"actions": actions.split("+"), "before": sides[0], "after": sides[1], "after_unknown": unknown, "after_sensitive": hidden}
    document = plan(resource(type=type_, change=change))
    found = plan_scope(read(document), load())
    for item in found.targets:
        assert item.target.ids or item.target.tags
        assert item.target.resource_types
        assert item.target.operations
        assert item.target.attribute_paths is None or "" not in item.target.attribute_paths
