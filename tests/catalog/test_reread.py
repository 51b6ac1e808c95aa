"""A resource that is read by itself (`one` of its entry) is exactly the one that a scan reads; one that is not there is absent.

In moto, in the demo's account with `reread.toml` and in each story of `live/`; and for every entry against replies that are made from
the SDK's models, with every error code that the entry names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import jmespath
import pytest
from moto import mock_aws

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.catalog import load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import Entry
from driftwatch.aws.expressions import roots
from driftwatch.aws.one import one_of
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.demo.seed import seed
from driftwatch.demo.setting import TYPES as DEMO_TYPES
from driftwatch.domain.normalize import shape
from driftwatch.domain.resource import Cell, Resource, Scope
from driftwatch.domain.scan import Reread
from driftwatch.domain.snapshot import GapReason
from tests.catalog import generated, living
from tests.catalog.generated import SDK, Answers, Filler, alone, answers_for
from tests.catalog.rereading import (
    MOTO_ERRS,
    ONES,
    SINGLETONS,
    assert_absent_beside_others,
    assert_the_same,
    nobodys_account,
    scanned,
    told,
)
from tests.fakes import TEST_KEY, TEST_KEY_ID, FakeCaller

ONLY_GENERATED = {
    "AWS::CodeBuild::Project": "moto lacks GetResourcePolicy",
    "AWS::MSK::Cluster": "moto lacks ListScramSecrets",
    "AWS::WAFv2::WebACL": "moto lacks ListResourcesForWebACL",
}
"""Types that the emulator cannot read in full, and why."""


# --- an account that lives ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def account() -> Iterator[None]:
    with nobodys_account(), mock_aws():
        seed({living.ACCOUNT: lambda service, region: boto3.client(service, region_name=region)})
        living.carried_out(tomllib.loads((Path(__file__).parent / "reread.toml").read_text())["create"])
        yield


IN_ACCOUNT = sorted(set(ONES) - set(ONLY_GENERATED) - set(living.stories()))


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("type_", IN_ACCOUNT)
def test_a_resource_read_by_itself_is_the_one_that_a_scan_reads(type_: str) -> None:
    with scanned(type_) as seen:
        assert_the_same(seen)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("type_", sorted(set(IN_ACCOUNT) - set(MOTO_ERRS)))
def test_one_that_is_not_there_is_absent_and_costs_the_others_nothing(type_: str) -> None:
    with scanned(type_) as seen:
        assert_absent_beside_others(seen)


# --- replies made from the models --------------------------------------------------------------------------------------------------------

PATTERNED = {"AWS::ECS::Service": "arn:aws:ecs:eu-west-1:111122223333:service/apps/web"}
"""Ids of a form that a made word does not have."""


def reread(catalog: Mapping[str, Entry], cell: Cell, ids: list[str], answers: dict[str, Any]) -> tuple[Reread, FakeCaller]:
    account = Account(id=generated.ACCOUNT, regions=(generated.REGION,))
    caller = FakeCaller(answers=answers)
    with closing(AwsCollector(catalog, [account], TEST_KEY, TEST_KEY_ID, limits=Limits(calls_per_place=2))) as collector:
        found = collector.reread_with(caller, cell, ids)
    assert found is not None
    return found, caller


def read_and_answers(type_: str) -> tuple[dict[str, Entry], Resource, Answers]:
    """A resource as a scan reads it, and the answers to the scan and to the call for one."""
    catalog = alone(type_)
    entry, answers = catalog[type_], answers_for(catalog)
    listing = f"{entry.service}:{entry.list.op}"
    if type_ in PATTERNED:
        (root,) = roots(entry.list.items)
        answers[listing] = lambda _params, _region: {root: [PATTERNED[type_]]}
    _with_one_id(entry, answers[listing]({}, ""), generated.read(catalog, type_, answers)[0][0].id)
    if entry.one and entry.one.op:
        item = jmespath.search(entry.list.items, answers[listing]({}, ""))[0]
        reply = _reply_of_one(entry, entry.one.op, entry.one.items or "", item)
        answers[f"{entry.service}:{entry.one.op}"] = lambda _params, _region: reply
    (resource,), end = generated.read(catalog, type_, answers)
    assert end.complete, end.gaps
    return catalog, resource, answers


def _with_one_id(entry: Entry, reply: dict[str, Any], id_: str) -> None:
    """Makes the listing name the resource as its details do: in made replies, every word is another one."""
    for root in roots(entry.list.items):
        for item in reply[root] if isinstance(reply[root], list) else ():
            if isinstance(item, dict) and len(entry.id) == 1 and entry.id[0] in item:
                item[entry.id[0]] = id_


def _reply_of_one(entry: Entry, operation: str, items: str, item: dict[str, Any]) -> dict[str, Any]:
    """The reply to the call for one: with all members, and in it the item as listed."""
    reply: dict[str, Any] = Filler().filled(SDK.operation(entry.service, operation).model.output_shape)
    found = sorted(roots(items))
    return {**reply, found[0]: {**reply[found[0]], **item}} if found else {**reply, **item}


def test_a_bucket_of_another_region_is_absent_from_the_cell() -> None:
    cell = Cell(scope=Scope(account=generated.ACCOUNT, region="eu-west-1"), type="AWS::S3::Bucket")
    listed = {"Buckets": [{"Name": "elsewhere", "BucketRegion": "us-east-1"}]}
    found, caller = reread(load(), cell, ["elsewhere"], {"s3:ListBuckets": listed})
    assert (found.absent, found.resources, found.gaps) == (("elsewhere",), (), ())
    assert {name for name, _, _ in caller.log} == {"s3:ListBuckets"}


@pytest.mark.parametrize("type_", [*ONES, *SINGLETONS])
def test_with_every_member_filled_it_is_the_one_that_a_scan_reads(type_: str) -> None:
    catalog, resource, answers = read_and_answers(type_)
    found, _ = reread(catalog, resource.cell, [resource.id], answers)
    assert [told(one) for one in found.resources] == [told(resource)], (found.gaps, found.absent)
    assert found.shape == shape(load()[type_].normalisation, TEST_KEY_ID)


def first_call(entry: Entry) -> str:
    """The call that says whether the resource is there."""
    one = entry.one
    assert one is not None
    return f"{entry.service}:{entry.detail[0].op if one.item is not None else one.op or entry.list.op}"


ABSENT = [(entry.type, code) for entry in load().values() if entry.one for code in entry.one.absent]


@pytest.mark.parametrize(("type_", "code"), ABSENT)
def test_every_code_that_the_entry_names_says_that_it_is_not_there(type_: str, code: str) -> None:
    catalog, resource, answers = read_and_answers(type_)
    word, _, message = code.partition(": ")
    name = first_call(catalog[type_])
    failed = CallFailed(GapReason.ERROR, operation=name, code=word, message=f"Surely {message} it is.", detail="refused")
    found, _ = reread(catalog, resource.cell, [resource.id], {**answers, name: failed})
    assert (found.absent, found.resources, found.gaps) == ((resource.id,), (), ())


@pytest.mark.parametrize("type_", [*ONES, *SINGLETONS])
def test_what_is_denied_is_a_gap_of_that_resource(type_: str) -> None:
    catalog, resource, answers = read_and_answers(type_)
    denied = {name: CallFailed(GapReason.DENIED, operation=name, code="AccessDenied", detail="not allowed") for name in answers}
    found, _ = reread(catalog, resource.cell, [resource.id], denied)
    assert [(gap.reason, gap.resource_id) for gap in found.gaps] == [(GapReason.DENIED, resource.id)]
    assert (found.absent, found.resources) == ((), ())


@pytest.mark.parametrize("type_", ONES)
def test_another_error_is_never_taken_for_not_being_there(type_: str) -> None:
    catalog, resource, answers = read_and_answers(type_)
    name = first_call(catalog[type_])
    failed = CallFailed(GapReason.ERROR, operation=name, code="InvalidParameterValue", detail="refused")
    found, _ = reread(catalog, resource.cell, [resource.id], {**answers, name: failed})
    assert [gap.resource_id for gap in found.gaps] == [resource.id]
    assert found.absent == ()


# --- which types -------------------------------------------------------------------------------------------------------------------------


def test_nearly_every_type_of_the_demo_is_read_by_itself() -> None:
    """An access key does not say whose it is: it is read with the keys of all users."""
    assert [type_ for type_ in DEMO_TYPES if one_of(load()[type_]) is None] == ["AWS::IAM::AccessKey"]


def test_how_one_is_read_is_no_part_of_the_shape() -> None:
    """An upgrade that only adds a `one` re-reads and re-approves nothing."""
    for type_ in ONES:
        assert replace(load()[type_], one=None).normalisation == load()[type_].normalisation
