"""What is done in the simulated accounts is in their log files: each call once, by who did it, in the account that it was done in."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from driftwatch.demo import people
from driftwatch.demo.cloud import ACCOUNTS, REGIONS
from driftwatch.demo.play import Actors, simulated_aws
from driftwatch.demo.trail import bucket_of

FIRST, SECOND = ACCOUNTS
REGION = REGIONS[0]
NAME = re.compile(
    r"AWSLogs/(?P<account>\d{12})/CloudTrail/(?P<region>[a-z0-9-]+)/(?P<y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d)/"
    r"(?P=account)_CloudTrail_(?P=region)_(?P=y)(?P=m)(?P=d)T\d{4}Z_[A-Za-z0-9]{16}\.json\.gz"
)


@dataclass
class Sent:
    """What went over the wire, as a second hook saw it: the id of each request, the operation, and the key that signed."""

    calls: dict[str, tuple[str, str]] = field(default_factory=dict)
    key: str = ""

    def watch(self, client: Any) -> Any:
        client.meta.events.register_last("request-created", self._asked)
        client.meta.events.register("after-call", self._answered)
        return client

    def _asked(self, request: Any, **_rest: Any) -> None:
        header = request.headers.get("Authorization", "")
        self.key = re.split("[=/]", header if isinstance(header, str) else header.decode())[1]

    def _answered(self, model: Any, parsed: Any, **_rest: Any) -> None:
        headers = parsed["ResponseMetadata"]["HTTPHeaders"]
        id_ = headers.get("x-amzn-requestid") or parsed["ResponseMetadata"]["RequestId"]
        assert id_ not in self.calls
        self.calls[id_] = (model.name, self.key)


@dataclass
class Played:
    sent: Sent
    files: dict[str, dict[str, list[dict[str, Any]]]]
    """By account, then by key."""
    seeded: int

    def records(self, account: str = FIRST) -> list[dict[str, Any]]:
        return [record for records in self.files[account].values() for record in records]

    def named(self, name: str, **members: Any) -> list[dict[str, Any]]:
        found = [record for record in self.records() if record["eventName"] == name]
        return [record for record in found if all(record.get(member) == value for member, value in members.items())]

    def one(self, name: str, **members: Any) -> dict[str, Any]:
        (found,) = self.named(name, **members)
        return found


def _files(actors: Actors, account: str) -> dict[str, list[dict[str, Any]]]:
    s3, bucket = boto3.Session().client("s3", region_name=REGION), bucket_of(account)
    keys = [item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket) for item in page.get("Contents", [])]
    return {key: json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))["Records"] for key in keys}


def _play(actors: Actors, sent: Sent) -> None:
    """Everybody does something."""
    who = actors.people
    ec2 = sent.watch(who.client("ana", "ec2", REGION))
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["payments"]}])["SecurityGroups"]
    rule = {"IpProtocol": "tcp", "FromPort": 9443, "ToPort": 9443, "IpRanges": [{"CidrIp": "10.20.0.0/16"}]}
    with actors.trail.one_file():
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
    sent.watch(who.client("pipeline", "lambda", REGION)).update_function_configuration(FunctionName="orders", Timeout=60)
    sent.watch(who.client("ben", "cloudwatch", REGION)).describe_alarms(AlarmNames=["errors"])
    emergency = who.assume("carl", people.EMERGENCY, "incident-7")
    dynamodb = sent.watch(who.client(emergency, "dynamodb", REGION))
    with suppress(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.delete_table(TableName="cart")
    dynamodb.delete_table(TableName="carts")
    sent.watch(who.client("carl", "s3", REGION)).put_object(Bucket="acme-123-assets", Key="one", Body=b"data")
    sent.watch(who.client("carl", "iam", "us-east-1")).tag_user(UserName="ci", Tags=[{"Key": "owner", "Value": "carl"}])
    visited = f"arn:aws:iam::{SECOND}:role/{people.MEMBER_ADMINISTRATION}"
    actors.administrator[FIRST]("sts", REGION).assume_role(RoleArn=visited, RoleSessionName="visit")
    sent.watch(who.client("old-deploy", "cloudtrail", REGION)).stop_logging(Name="main")
    who.client("old-deploy", "ec2", REGION).create_volume(AvailabilityZone=f"{REGION}a", Size=1)
    actors.administrator[SECOND]("sqs", REGION).create_queue(QueueName="later")


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with simulated_aws() as (_, actors):
        seeded = sum(len(records) for records in _files(actors, FIRST).values())
        sent = Sent()
        _play(actors, sent)
        actors.trail.flush()
        yield Played(sent=sent, files={account: _files(actors, account) for account in ACCOUNTS}, seeded=seeded)


def test_log_files_are_named_and_placed_as_cloudtrail_does(played: Played) -> None:
    for account in ACCOUNTS:
        assert played.files[account]
        for key, records in played.files[account].items():
            found = NAME.fullmatch(key)
            assert found, key
            assert records
            assert {record["recipientAccountId"] for record in records} == {account, found["account"]}
            assert {record["awsRegion"] for record in records} == {found["region"]}


def test_each_call_is_in_exactly_one_record_by_who_made_it(played: Played) -> None:
    """All but the data event: no trail logs that unless it is asked to."""
    logged = Counter(record["requestID"] for record in played.records())
    seen = {record["requestID"]: record for record in played.records()}
    assert [id_ for id_, times in logged.items() if times > 1] == []
    for id_, (operation, key) in played.sent.calls.items():
        if operation == "PutObject":
            assert id_ not in seen
            continue
        assert seen[id_]["eventName"].startswith(operation)
        assert seen[id_]["userIdentity"]["accessKeyId"] == key
    assert len({record["eventID"] for record in played.records()}) == len(played.records())


def test_everybody_is_who_they_are(played: Played) -> None:
    def arn(name: str, **members: Any) -> str:
        return str(played.one(name, **members)["userIdentity"]["arn"]).removeprefix(f"arn:aws:sts::{FIRST}:assumed-role/")

    assert arn("RevokeSecurityGroupIngress") == f"{people.ENGINEER}/ana@acme.example"
    assert arn("DescribeAlarms") == f"{people.MANAGER}/ben@acme.example"
    assert arn("UpdateFunctionConfiguration20150331v2") == "terraform-deploy/GitHubActions"
    assert arn("TagUser") == f"arn:aws:iam::{FIRST}:user/carl"
    assert arn("StopLogging") == f"arn:aws:iam::{FIRST}:user/old-deploy"
    assert played.one("RevokeSecurityGroupIngress")["sessionCredentialFromConsole"] == "true"
    assert "Terraform" in played.one("UpdateFunctionConfiguration20150331v2")["userAgent"]
    addresses = {played.one(name)["sourceIPAddress"] for name in ("RevokeSecurityGroupIngress", "DescribeAlarms", "TagUser", "StopLogging")}
    assert len(addresses) == 4


def test_a_chain_of_roles_leads_from_key_to_key_back_to_a_user(played: Played) -> None:
    """The key that assuming the role gave is the one that signs afterwards."""
    began = played.one("AssumeRole", sourceIPAddress="198.51.100.77")
    assert began["userIdentity"]["type"] == "IAMUser"
    deleted = played.named("DeleteTable")
    assert len(deleted) == 2
    for record in deleted:
        assert record["userIdentity"]["accessKeyId"] == began["responseElements"]["credentials"]["accessKeyId"]
        assert record["userIdentity"]["principalId"] == began["responseElements"]["assumedRoleUser"]["assumedRoleId"]
        assert record["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == began["requestParameters"]["roleArn"]


def test_a_run_of_the_pipeline_shows_its_repository_its_ticket_and_who_is_behind_it(played: Played) -> None:
    began = played.one("AssumeRoleWithWebIdentity")
    assert began["userIdentity"]["userName"] == "repo:acme/infrastructure:ref:refs/heads/main"
    assert began["requestParameters"]["principalTags"]["Ticket"] == "TCK-102"
    assert "webIdentityToken" not in began["requestParameters"]
    identity = played.one("UpdateFunctionConfiguration20150331v2")["userIdentity"]
    assert identity["accessKeyId"] == began["responseElements"]["credentials"]["accessKeyId"]
    assert identity["sessionContext"]["sourceIdentity"] == began["responseElements"]["sourceIdentity"] == "dora"
    assert identity["sessionContext"]["webIdFederationData"]["federatedProvider"] == began["responseElements"]["provider"]


def test_a_user_of_identity_center_begins_with_an_assertion(played: Played) -> None:
    signed_in = {record["userIdentity"]["userName"]: record for record in played.named("AssumeRoleWithSAML")}
    assert set(signed_in) == {"ana@acme.example", "ben@acme.example"}
    key = signed_in["ana@acme.example"]["responseElements"]["credentials"]["accessKeyId"]
    assert played.one("RevokeSecurityGroupIngress")["userIdentity"]["accessKeyId"] == key


def test_a_failed_call_has_its_error(played: Played) -> None:
    failed = played.one("DeleteTable", errorCode="ResourceNotFoundException")
    assert (failed["requestParameters"], failed["responseElements"]) == ({"tableName": "cart"}, None)
    assert [record["eventName"] for record in played.records() if "errorCode" in record] == ["DeleteTable"]


def test_reads_are_marked(played: Played) -> None:
    reads = {record["eventName"] for record in played.records() if record["readOnly"]}
    assert reads >= {"DescribeSecurityGroups", "DescribeAlarms", "AssumeRole"}
    assert all(name.startswith(("Get", "List", "Describe", "AssumeRole")) for name in reads)


def test_a_trail_that_is_switched_off_logs_that_and_nothing_more(played: Played) -> None:
    assert not played.named("CreateVolume", sourceIPAddress="192.0.2.211")
    assert max(played.records(), key=lambda record: record["eventTime"])["eventName"] == "StopLogging"
    assert [record["eventName"] for record in played.records(SECOND) if record["requestParameters"] == {"queueName": "later"}] == [
        "CreateQueue"
    ]


def _arns(records: Sequence[dict[str, Any]]) -> set[str]:
    return {str(record["userIdentity"].get("arn")) for record in records}


def test_the_accounts_are_seeded_by_their_administrator_and_kept_apart(played: Played) -> None:
    assert played.seeded > 100
    everybody = _arns(played.records())
    assert f"arn:aws:iam::{FIRST}:user/administrator" in everybody
    there = [record for record in played.records(SECOND) if record["eventName"] != "AssumeRole"]
    assert _arns(there) == {f"arn:aws:sts::{SECOND}:assumed-role/OrganizationAccountAccessRole/administrator"}
    assert not {record["eventID"] for record in played.records()} & {record["eventID"] for record in played.records(SECOND)}
    assert SECOND not in json.dumps([record for record in played.records() if record["eventName"] != "AssumeRole"])


def test_a_role_of_another_account_is_logged_in_both(played: Played) -> None:
    """The account of the role sees only from where it was assumed."""
    (own,), (other,) = (
        [
            record
            for record in played.records(account)
            if record["eventName"] == "AssumeRole" and record["requestParameters"]["roleSessionName"] == "visit"
        ]
        for account in ACCOUNTS
    )
    assert own["sharedEventID"] == other["sharedEventID"]
    assert own["eventID"] != other["eventID"]
    assert own["userIdentity"]["type"] == "IAMUser"
    assert other["userIdentity"] == {"type": "AWSAccount", "principalId": own["userIdentity"]["principalId"], "accountId": FIRST}


def test_no_secret_is_logged(played: Played) -> None:
    assert "a-secret-of-the-demo" not in json.dumps(played.files)
