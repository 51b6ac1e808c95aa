"""A diff names every place where two documents differ, and no other."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.domain.address import Elements
from driftwatch.domain.canonical import encode
from driftwatch.domain.diff import address, diff
from driftwatch.domain.drift import Difference, Op
from driftwatch.domain.normalize import MAX_DEPTH, Normalisation, Normaliser, fingerprint
from driftwatch.domain.pointer import join, resolve, split

KEY = b"a key for tests, thirty-two bytes"
RULES = Normalisation(
    tags="TagList",
    sets={"Rules": ("Proto", "Port"), "Rules[].Ranges": ("Cidr",), "Doc.Set": ()},
    ordered=("Layers",),
    lift={"Attributes": ("Key", "Value")},
    json={"Policy": "iam-policy", "Doc": "json"},
    secret={"Env": "map-values", "Users[].Password": "value", "Keys[]": "value", "Logins[].Token": "value"},
)
RULES = Normalisation.from_json({**RULES.to_json(), "sets": {**RULES.to_json()["sets"], "Logins": ["Token"]}})
NORMALISER = Normaliser(RULES, KEY)


def document(reply: dict[str, Any]) -> dict[str, Any]:
    canonical = NORMALISER.normalise(reply)
    return {"config": canonical.config, "tags": canonical.tags}


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    return [(item.path, item.op.value, item.before, item.after) for item in diff(document(before), document(after), RULES)]


def print_of(reply: dict[str, Any]) -> str:
    canonical = NORMALISER.normalise(reply)
    return fingerprint(canonical.config, canonical.tags)


# --- what a place is called --------------------------------------------------------------------------------------------------------


def test_equal_documents_have_no_differences() -> None:
    reply = {"A": [{"B": 1}], "TagList": [{"Key": "k", "Value": "v"}]}
    assert differences(reply, copy.deepcopy(reply)) == []
    assert diff(None, None, RULES) == ()


def test_a_resource_that_comes_or_goes_is_one_difference_of_the_whole() -> None:
    there = document({"A": ["x"], "TagList": []})
    whole = {"A": {"x": "x"}, "Tags": {}}
    assert diff(None, there, RULES) == (Difference(path="", op=Op.ADD, after=whole),)
    assert diff(there, None, RULES) == (Difference(path="", op=Op.REMOVE, before=whole),)


def test_an_element_is_one_difference_however_much_is_in_it() -> None:
    """A new rule is one thing that a ticket has to cover, not one thing for each of its members."""
    one = {"Proto": "tcp", "Port": 443, "Ranges": [{"Cidr": "10.0.0.0/18"}]}
    other = {"Proto": "tcp", "Port": 22, "Ranges": [{"Cidr": "0.0.0.0/0"}]}
    added = {"Proto": "tcp", "Port": 22, "Ranges": {"0.0.0.0/0": {"Cidr": "0.0.0.0/0"}}}
    assert differences({"Rules": [one]}, {"Rules": [other, one]}) == [("/Rules/tcp|22", "add", None, added)]
    assert differences({"Rules": []}, {"Rules": [other]}) == [("/Rules/tcp|22", "add", None, added)]
    assert differences({"Rules": [one]}, {"Rules": []})[0][:2] == ("/Rules/tcp|443", "remove")


def test_a_change_inside_keyed_elements_is_named_by_their_keys() -> None:
    before = {"Rules": [{"Proto": "tcp", "Port": 443, "Ranges": [{"Cidr": "10.0.0.0/18", "Text": "a"}]}]}
    after = {"Rules": [{"Proto": "tcp", "Port": 443, "Ranges": [{"Cidr": "10.0.0.0/18", "Text": "b"}]}]}
    assert differences(before, after) == [("/Rules/tcp|443/Ranges/10.0.0.0~118/Text", "replace", "a", "b")]


def test_a_missing_key_is_empty_and_characters_of_patterns_are_escaped() -> None:
    found = differences({"Rules": []}, {"Rules": [{"Proto": "-1"}, {"Proto": "a|b*", "Port": 1}]})
    assert [item[0] for item in found] == ["/Rules/-1|", "/Rules/a%7Cb%2A|1"]
    assert differences({"A": {}}, {"A": {"a*/%": 1}, "B?": 1}) == [("/A/a%2A~1%25", "add", None, 1), ("/B%3F", "add", None, 1)]


def test_elements_that_share_a_key_are_told_apart_by_their_hash() -> None:
    one, other = {"Proto": "tcp", "Port": 1, "X": 1}, {"Proto": "tcp", "Port": 1, "X": 2}
    paths = [item[0] for item in differences({"Rules": [one]}, {"Rules": [one, other]})]
    assert len(paths) == 3
    assert paths[0] == "/Rules/tcp|1"
    assert all(path.startswith("/Rules/tcp|1#") and len(path) == len("/Rules/tcp|1#") + 8 for path in paths[1:])


def test_how_often_an_element_stands_in_a_list_counts() -> None:
    paths = [item[:2] for item in differences({"Ids": ["a"]}, {"Ids": ["a", "a"]})]
    assert len(paths) == 1
    assert paths[0][1] == "add"
    assert paths[0][0].startswith("/Ids/a#")


def test_sets_of_scalars_are_named_by_their_values() -> None:
    assert differences({"Ids": ["sg-2", "sg-1"]}, {"Ids": ["sg-1", "sg-3"]}) == [
        ("/Ids/sg-2", "remove", "sg-2", None),
        ("/Ids/sg-3", "add", None, "sg-3"),
    ]


def test_objects_without_a_key_are_named_by_their_hash() -> None:
    ((path, op, _, after),) = differences({"Things": []}, {"Things": [{"A": 1}]})
    assert (len(path), path[:9], op, after) == (len("/Things/#") + 8, "/Things/#", "add", {"A": 1})


def test_an_ordered_list_is_one_value() -> None:
    assert differences({"Layers": ["b", "a"]}, {"Layers": ["a", "b", "c"]}) == [("/Layers", "replace", ["b", "a"], ["a", "b", "c"])]
    assert differences({"Layers": [{"A": {"B": 1}}]}, {"Layers": [{"A": {"B": 2}}]})[0][0] == "/Layers"


def test_embedded_json_goes_on_inside() -> None:
    before, after = {"Doc": '{"L": [2, 1], "Set": ["b"], "M": {"N": 1}}'}, {"Doc": {"L": [1, 2], "Set": ["b", "a"], "M": {"N": 2}}}
    assert differences(before, after) == [
        ("/Doc/L", "replace", [2, 1], [1, 2]),
        ("/Doc/M/N", "replace", 1, 2),
        ("/Doc/Set/a", "add", None, "a"),
    ]


def test_statements_are_named_by_sid_else_by_hash() -> None:
    def policy(*actions: str, sid: str | None) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*", **({"Sid": sid} if sid else {})}
        return {"Policy": json.dumps({"Statement": [statement]})}

    assert differences(policy("s3:GetObject", sid="Read"), policy("s3:GetObject", "s3:PutObject", sid="Read")) == [
        ("/Policy/Statement/Read/Action/s3:PutObject", "add", None, "s3:PutObject")
    ]
    found = differences(policy("s3:GetObject", sid=None), policy("s3:PutObject", sid=None))
    assert [item[1] for item in found] in (["add", "remove"], ["remove", "add"])
    assert all(item[0].startswith("/Policy/Statement/#") for item in found)


def test_tags_stand_under_tags_whatever_the_service_calls_them() -> None:
    before = {"TagList": [{"Key": "owner", "Value": "a"}], "Tags": ["x"]}
    after = {"TagList": [{"Key": "owner", "Value": "b"}, {"Key": "a/b", "Value": ""}], "Tags": ["y"]}
    assert [item[:2] for item in differences(before, after)] == [
        ("/Config|Tags/x", "remove"),
        ("/Config|Tags/y", "add"),
        ("/Tags/a~1b", "add"),
        ("/Tags/owner", "replace"),
    ]


def test_secrets_show_as_hashes_and_name_elements_by_twelve_digits() -> None:
    before, after = {"Env": {"URL": "one"}, "Keys": ["one"]}, {"Env": {"URL": "two"}, "Keys": [], "Logins": [{"Token": "one"}]}
    found = {path: (old, new) for path, _, old, new in differences(before, after)}
    old, new = found["/Env/URL"]
    assert old.startswith("hmac-sha256:")
    assert old != new
    digits = old.removeprefix("hmac-sha256:")[:12]
    assert found[f"/Keys/{digits}"] == (old, None)
    assert found["/Logins"][1] == {digits: {"Token": old}}
    assert "one" not in json.dumps(found)


@pytest.mark.parametrize(
    ("before", "after"),
    [(1, "1"), (1, True), (0, False), ("", []), ({}, []), ({"a": "a"}, ["a"]), ("0", 0), ([], ""), ({"A": 1}, 1), (["1"], [1]), ("", {})],
)
def test_another_type_is_another_value(before: Any, after: Any) -> None:
    """Also where Python takes the two for equal (1 and true), and where their addressed forms look alike (an empty list and map)."""
    found = differences({"A": before}, {"A": after})
    assert found
    assert all(path.startswith("/A") for path, *_ in found)
    assert all(old != new or type(old) is not type(new) for _, _, old, new in found)


def test_members_with_little_in_common_are_still_compared_one_by_one() -> None:
    before = {"A": {"a": 1, "x": 1}}
    after = {"A": {"b": 1, "c": 1, "d": 1, "e": 1, "x": 2}}
    assert [item[0] for item in differences(before, after)] == ["/A/a", "/A/b", "/A/c", "/A/d", "/A/e", "/A/x"]


def test_long_texts_are_compared_in_no_time() -> None:
    """A template of many lines is one value: nobody needs its lines aligned."""
    lines = [f"line {number % 7}" for number in range(20_000)]
    assert len(differences({"Body": "\n".join(lines)}, {"Body": "\n".join(reversed(lines))})) == 1


@pytest.mark.parametrize("wrap", [lambda value: {"a": value}, lambda value: [value]], ids=["maps", "lists"])
@pytest.mark.parametrize("ordered", [(), ("A",)])
def test_the_deepest_document_is_compared_within_the_usual_stack(wrap: Any, ordered: tuple[str, ...]) -> None:
    """Also where the caller has used a third of it."""

    def nested(leaf: Any) -> Any:
        for _ in range(MAX_DEPTH - 1):
            leaf = wrap(leaf)
        return {"A": leaf}

    def within(frames: int) -> tuple[Difference, ...]:
        rules = Normalisation(ordered=ordered)
        if frames:
            return within(frames - 1)
        forms = [Normaliser(rules, KEY).normalise(nested(leaf)) for leaf in (1, 2)]
        return diff(*({"config": form.config, "tags": form.tags} for form in forms), rules)

    assert sys.getrecursionlimit() <= 1000
    assert within(300)


# --- nothing is missed, nothing made up --------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["A", "B", "__x", "a.b", "it's", '["q"]', "root['A']", "*", "a/b", "~", "", "Tags", "\x00", "\ud800"])
SCALARS = (
    st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "0", "1", "true", "a", "b#c", "a/b", "*", "a|b", "\x00", "\ud800", "l\nm"])
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=10)
ELEMENTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "Proto": st.sampled_from(["tcp", "a|b", "", "-1"]),
            "Port": st.integers(0, 1),
            "X": SCALARS,
            "Ranges": st.lists(
                st.fixed_dictionaries({"Cidr": st.sampled_from(["0.0.0.0/0", "::/0"])}, optional={"D": SCALARS}), max_size=2
            ),
        },
    ),
    max_size=4,
)
STATEMENTS = st.lists(
    st.fixed_dictionaries(
        {"Effect": st.sampled_from(["Allow", "Deny"])},
        optional={"Sid": st.sampled_from(["One", "Two"]), "Action": st.sampled_from(["a:b", ["a:b", "a:c"]])},
    ),
    max_size=3,
)
REPLIES = st.fixed_dictionaries(
    {},
    optional={
        "Rules": ELEMENTS,
        "Layers": st.lists(SCALARS, max_size=3),
        "Env": st.dictionaries(NAMES, SCALARS, max_size=3),
        "Attributes": st.lists(st.fixed_dictionaries({"Key": NAMES, "Value": SCALARS}), max_size=3),
        "Policy": st.fixed_dictionaries({"Statement": STATEMENTS}),
        "Doc": st.fixed_dictionaries({}, optional={"Set": st.lists(SCALARS, max_size=3), "List": st.lists(VALUES, max_size=3)}),
        "Any": VALUES,
        "__any": VALUES,
        "Tags": VALUES,
        "TagList": st.dictionaries(NAMES, st.sampled_from(["", "v"]), max_size=3),
    },
)


def leaves(form: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
    """Every place of an addressed form with what stands there: maps as such, everything else by its bytes."""
    if isinstance(form, dict):
        yield join(path), b"elements" if isinstance(form, Elements) else b"map"
        for name, value in form.items():
            yield from leaves(value, (*path, name))
    else:
        yield join(path), encode(form)


def applied(form: dict[str, Any], changes: tuple[Difference, ...]) -> dict[str, Any]:
    """`form` with the differences carried out; each must find what it says was there."""
    form = copy.deepcopy(form)
    for change in changes:
        *parents, name = split(change.path)
        parent = resolve(form, join(parents))
        assert isinstance(parent, dict)
        assert (name in parent) == (change.op is not Op.ADD)
        if change.op is Op.REMOVE:
            assert encode(parent.pop(name)) == encode(change.before)
        else:
            parent[name] = change.after
    return form


def as_form(value: Any) -> Any:
    """An addressed form as plain data, in which a list that turned into a map is told from it."""
    return json.loads(encode(value))


@settings(deadline=None)
@given(REPLIES, REPLIES)
def test_the_differences_are_complete_and_minimal(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Checked against an independent walk over all leaves: the diff is empty exactly for equal fingerprints, every leaf that differs
    lies at or below one difference, every difference holds a leaf that differs, and none lies below another."""
    before, after = document(one), document(other)
    changes = diff(before, after, RULES)
    assert (not changes) == (fingerprint(**before) == fingerprint(**after))

    forms = [address(side["config"], side["tags"], RULES) for side in (before, after)]
    walks = [dict(leaves(form)) for form in forms]
    differing = {path for path in walks[0] | walks[1] if walks[0].get(path) != walks[1].get(path)}
    paths = [split(change.path) for change in changes]
    for path in differing:
        assert sum(split(path)[: len(place)] == place for place in paths) == 1, path
    for place in paths:
        assert any(split(path)[: len(place)] == place for path in differing), place
    assert [change.path for change in changes] == sorted(change.path for change in changes)


@settings(deadline=None)
@given(REPLIES, REPLIES)
def test_carrying_out_the_differences_gives_the_other_document(one: dict[str, Any], other: dict[str, Any]) -> None:
    before, after = document(one), document(other)
    forms = [address(side["config"], side["tags"], RULES) for side in (before, after)]
    changes = diff(before, after, RULES)
    if any({type(resolve(form, change.path)) for form in forms} == {dict, Elements} for change in changes):
        return  # a list in the place of a map shows as a list, not in its addressed form
    assert as_form(applied(forms[0], changes)) == as_form(forms[1])


@settings(deadline=None)
@given(REPLIES, st.data())
def test_one_changed_leaf_is_one_difference_at_that_place(reply: dict[str, Any], data: st.DataObject) -> None:
    """Changing one member of the reply changes the fingerprint, and gives exactly that pointer."""
    changed = {**reply, "Plain": {"In": {"it's": 1}}}
    leaf = data.draw(SCALARS)
    after = {**changed, "Plain": {"In": {"it's": leaf}}}
    found = differences(changed, after)
    if encode(leaf) == encode(1):
        assert found == []
    else:
        assert print_of(changed) != print_of(after)
        assert [item[:2] for item in found] == [("/Plain/In/it's", "replace")]
