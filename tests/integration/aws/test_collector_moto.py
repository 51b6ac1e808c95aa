"""The shipped catalogue against an emulated account: what is there is read, by exactly the calls that are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from driftwatch.aws.catalog import load
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.resource import GLOBAL
from tests.catalog.living import stories
from tests.catalog.test_shipped import PROMISED
from tests.integration.aws.aws_server import AwsServer
from tests.integration.aws.scans import Scanned, scan
from tests.moto_server import moto_server

MOTO_ACCOUNT = "123456789012"
OTHER_ACCOUNT = "111111111111"
PATIENT = Limits()
"""Nothing fails here, and the first call of a service makes the emulator load it: on a busy machine that takes longer than a second."""


@pytest.fixture
def moto(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with moto_server() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield


def client(service: str, region: str = "eu-west-1", **credentials: str) -> Any:
    return boto3.client(service, region_name=region, **credentials)


def found(seen: Scanned, type_: str) -> dict[tuple[str, str], Any]:
    return {(cell.region, one.id): one for cell, resources in seen.resources.items() if cell.type == type_ for one in resources}


@pytest.mark.usefixtures("moto")
def test_a_small_account_is_read_in_full_by_the_calls_that_it_takes() -> None:
    buckets, queues = client("s3", "us-east-1"), client("sqs")
    buckets.create_bucket(Bucket="first-bucket")
    buckets.create_bucket(Bucket="second-bucket")
    buckets.put_bucket_tagging(Bucket="first-bucket", Tagging={"TagSet": [{"Key": "owner", "Value": "ana"}]})
    for number in range(3):
        queues.create_queue(QueueName=f"queue-{number}", tags={"n": str(number)})
    users = client("iam", "us-east-1")
    for name in ("ana", "ben"):
        users.create_user(UserName=name)
        users.create_access_key(UserName=name)
    vpc = client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]

    catalog = load()
    types = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::AccessKey", "AWS::EC2::VPC")
    seen = scan([catalog[name] for name in types], Account(id=MOTO_ACCOUNT, regions=("eu-west-1", "us-east-1")), limits=PATIENT)

    assert all(end.complete for end in seen.ends.values()), [end.gaps for end in seen.ends.values() if end.gaps]
    assert {name for _, name in found(seen, "AWS::S3::Bucket")} == {"first-bucket", "second-bucket"}
    assert {one.tags.get("owner") for one in found(seen, "AWS::S3::Bucket").values()} == {"ana", None}
    assert {one.arn for one in found(seen, "AWS::SQS::Queue").values()} == {
        f"arn:aws:sqs:eu-west-1:{MOTO_ACCOUNT}:queue-{number}" for number in range(3)
    }
    assert list(found(seen, "AWS::IAM::User")) == [(GLOBAL, "ana"), (GLOBAL, "ben")]
    assert len(found(seen, "AWS::IAM::AccessKey")) == 2
    assert ("eu-west-1", vpc) in found(seen, "AWS::EC2::VPC")

    bucket_details = len(catalog["AWS::S3::Bucket"].detail)
    vpc_details = sum(len(catalog["AWS::EC2::VPC"].detail) for _ in found(seen, "AWS::EC2::VPC"))
    assert seen.counters.by_service("calls") == {
        "sts": 1,
        "s3": 1 + 2 * bucket_details,
        "sqs": 2 + 3 * 2,
        "iam": 1 + 2,  # users and groups share one listing; one listing of keys for each user
        "ec2": 1 + 2 + vpc_details,
    }
    assert sum(end.calls for end in seen.ends.values()) == seen.counters.total("calls") - 2
    assert seen.counters.total("retries") == 0


@pytest.mark.usefixtures("moto")
def test_an_assumed_role_reads_the_other_account() -> None:
    role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/reader"
    there = client("sts").assume_role(RoleArn=role, RoleSessionName="setup")["Credentials"]
    keys = {
        "aws_access_key_id": there["AccessKeyId"],
        "aws_secret_access_key": there["SecretAccessKey"],
        "aws_session_token": there["SessionToken"],
    }
    client("sqs").create_queue(QueueName="ours")
    client("sqs", **keys).create_queue(QueueName="theirs")
    accounts = (
        Account(id=MOTO_ACCOUNT, regions=("eu-west-1",)),
        Account(id=OTHER_ACCOUNT, role_arn=role, external_id="x", regions=("eu-west-1",)),
    )
    seen = scan([load()["AWS::SQS::Queue"]], *accounts, limits=PATIENT)
    assert {(cell.account, one.arn.rpartition(":")[2]) for cell, resources in seen.resources.items() for one in resources if one.arn} >= {
        (MOTO_ACCOUNT, "ours"),
        (OTHER_ACCOUNT, "theirs"),
    }
    assert (OTHER_ACCOUNT, "ours") not in {(cell.account, one.id) for cell, resources in seen.resources.items() for one in resources}


@pytest.mark.usefixtures("moto")
def test_a_role_that_leads_to_another_account_is_noticed() -> None:
    wrong = Account(id="222222222222", role_arn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/reader", regions=("eu-west-1",))
    seen = scan([load()["AWS::SQS::Queue"]], wrong, limits=PATIENT)
    assert seen.plan.units == ()
    assert OTHER_ACCOUNT in seen.plan.gaps[0].detail


@pytest.mark.usefixtures("moto")
def test_no_listing_of_the_catalogue_is_refused_for_being_empty() -> None:
    """An emulated account is nearly empty: of the types that moto has, one that leaves out an empty result would show here as `not_aws`."""
    known = {*stories(), *PROMISED}
    catalog = {name: entry for name, entry in load().items() if name in known}
    first = {(entry.service, entry.list.op): entry for entry in catalog.values() if not entry.parent and entry.service != "s3control"}
    bare = [entry for entry in first.values() if not entry.detail or entry.service in ("sqs", "sns", "s3", "kms", "lambda")]
    seen = scan(bare, Account(id=MOTO_ACCOUNT, regions=("eu-west-1",)), limits=replace(PATIENT, retry_budget=0))
    refused = [gap for end in seen.ends.values() for gap in end.gaps if gap.reason == "not_aws" and "no error code" not in gap.detail]
    assert [gap for gap in refused if "without an error code" not in gap.detail] == []
