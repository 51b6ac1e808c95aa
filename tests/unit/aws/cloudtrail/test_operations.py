"""The files that say what operations do: that they fit the catalogue and the SDK, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import botocore.session
import pytest
import rtoml

from driftwatch.aws import catalog
from driftwatch.aws.cloudtrail.parsing.operations import build, index, operation
from driftwatch.domain.activity import CallClass, Effect
from driftwatch.errors import InputError

UNCATALOGUED = {"AWS::CloudHSM::Cluster", "AWS::CloudHSM::Hsm"}
"""Types that the catalogue has under another name, or not at all, and that AWS's own records are about."""
LOGGED_ONLY = {("kms", "RotateKey"), ("kms", "DeleteKey")}
"""Events of a service that are no operation of its API."""


def files() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in sorted((resources.files("driftwatch.aws.cloudtrail") / "operations").iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            yield file.name.removesuffix(".toml"), rtoml.loads(file.read_text())


def tables(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for type_, table in document.items():
        if "::" in type_:
            yield from ((type_, name, text) for name, text in table.items() if name not in ("arn", "at", "unless"))


def test_every_type_is_in_the_catalogue() -> None:
    known = set(catalog.load()) | UNCATALOGUED
    assert [(stem, type_) for stem, document in files() for type_ in document if "::" in type_ and type_ not in known] == []
    assert {type_ for _, document in files() for type_ in document.get("prefixes", {}).values()} <= known


@pytest.mark.slow
def test_every_operation_is_one_of_the_service() -> None:
    session = botocore.session.Session()
    strange = []
    shared = {"s3control": "s3", "opensearch": "es", "es": "opensearch"}
    for stem, document in files():
        named = {(name, stem) for _, name, _ in tables(document)} | {(name, stem) for name in document.get("names", {}).values()}
        if not named:
            continue
        own = set(session.get_service_model("cloudhsmv2" if stem == "cloudhsmv2" else stem).operation_names)
        if stem in shared:
            own |= set(session.get_service_model(shared[stem]).operation_names)
        strange += [(stem, name) for name, _ in named if name not in own and (stem, name) not in LOGGED_ONLY]
    assert strange == []


def test_no_operation_is_listed_as_both_a_change_and_something_else() -> None:
    known = index()
    both = {
        key: call
        for key, call in known.calls.items()
        if call is not CallClass.CONFIG and any(rule.sure for rule in known.rules.get(key, ()))
    }
    assert both == {}


def test_every_pattern_finds_the_id_of_the_arn_that_it_makes() -> None:
    arns, made = index().arns, 0
    for type_ in sorted(index().types):
        arn = arns.arn(type_, "some-id.1", "eu-west-1", "111122223333")
        if arn is not None:
            made += 1
            assert type_ in arns.resolve(arn)[0], arn
            assert "some-id.1" in arns.names(type_, arn)
    assert made > 200


def test_operations_are_compared_without_case_and_version() -> None:
    plain = operation("lambda.amazonaws.com", "UpdateFunctionCode")
    for name in ("updateFunctionCode20150331v2", "UPDATEFUNCTIONCODE20150331"):
        assert operation("Lambda.amazonaws.com", name).rules == plain.rules
    assert plain.rules


# --- what is made of a file ---------------------------------------------------------------------------------------------------------------

FILE = """
sources = ["toy.amazonaws.com"]
[names]
PutThing = "UpdateThing"
[classes]
telemetry = ["PingThing"]
["AWS::Toy::Thing"]
arn = "arn:{partition}:toy:{region}:{account}:thing/{}"
at = "request.thingId"
CreateThing = "create: response.thingId"
UpdateThing = "update"
TagThing = "update"
NudgeThing = "update?"
"""
TOUCHES = """
["AWS::Toy::Thing"]
UpdateThing = ["/Colour"]
NudgeThing = []
"""


def test_touches_are_the_paths_of_a_rule() -> None:
    made = build([("toy.toml", FILE)], [("toy.toml", TOUCHES)], {})
    paths = {
        name: made.rules["toy.amazonaws.com", name][0].paths
        for name in ("creatething", "updatething", "putthing", "tagthing", "nudgething")
    }
    assert paths == {"creatething": None, "updatething": ("/Colour",), "putthing": ("/Colour",), "tagthing": ("/Tags",), "nudgething": ()}
    assert made.rules["toy.amazonaws.com", "creatething"][0].effect is Effect.CREATE
    assert not made.rules["toy.amazonaws.com", "nudgething"][0].sure
    assert made.calls["toy.amazonaws.com", "pingthing"] is CallClass.TELEMETRY


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"create: response.thingId"', '"make: response.thingId"'),
        ("response.thingId", "reply.thingId"),
        ('at = "request.thingId"', ""),
        ('sources = ["toy.amazonaws.com"]', ""),
        ("[names]", "[aliases]"),
        ("[names]", "[names"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_name(old: str, new: str) -> None:
    with pytest.raises(InputError, match=r"toy\.toml"):
        build([("toy.toml", FILE.replace(old, new))], [], {})


def test_no_id_stands_where_an_arn_has_its_account() -> None:
    patterns = [
        (stem, pattern)
        for stem, document in files()
        for type_, table in document.items()
        if "::" in type_ and "arn" in table
        for pattern in (table["arn"] if isinstance(table["arn"], list) else [table["arn"]])
    ]
    assert patterns
    assert [(stem, pattern) for stem, pattern in patterns if pattern.split(":")[4:5] not in (["{account}"], [""], ["aws"], ["*"])] == []
