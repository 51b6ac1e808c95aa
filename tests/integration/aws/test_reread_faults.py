"""Rereading over the wire: what a service really answers when a resource is not there, when it refuses, and when it is in trouble."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace

import pytest

from driftwatch.aws.catalog import load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import Entry, One
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.scan import Reread
from driftwatch.domain.snapshot import GapReason
from tests.fakes import TEST_KEY, TEST_KEY_ID
from tests.integration.aws.aws_server import ACCOUNT, Asked, AwsServer, Reply, refusal, reply_json
from tests.integration.aws.scans import LOGS, QUICK, TABLES, cell_of

VPCS = replace(load()["AWS::EC2::VPC"], detail=())
TABLE = replace(TABLES, one=One(item="$id"))


def reread(entry: Entry, *ids: str, limits: Limits = QUICK, stopped: bool = False) -> Reread:
    accounts = [Account(id=ACCOUNT, regions=("eu-west-1",))]
    with closing(AwsCollector({entry.type: entry}, accounts, TEST_KEY, TEST_KEY_ID, limits=limits)) as collector:
        found = collector.reread(cell_of(entry), ids, None, lambda: stopped)
    assert found is not None
    return found


def vpcs(*there: str) -> object:
    """EC2's answer to DescribeVpcs by ids: all of them, or an error that names the missing ones."""

    def answer(asked: Asked) -> Reply:
        wanted = [asked.body[key] for key in sorted(asked.body, key=_number) if key.startswith("VpcId.")]
        missing = [id_ for id_ in wanted if id_ not in there]
        if missing:
            error = f"<Code>InvalidVpcID.NotFound</Code><Message>The vpc ID '{missing[0]}' does not exist</Message>"
            return Reply(status=400, body=f"<Response><Errors><Error>{error}</Error></Errors><RequestID>r</RequestID></Response>".encode())
        items = "".join(f"<item><vpcId>{id_}</vpcId></item>" for id_ in wanted)
        return Reply(body=f"<DescribeVpcsResponse><requestId>r</requestId><vpcSet>{items}</vpcSet></DescribeVpcsResponse>".encode())

    return answer


def _number(key: str) -> int:
    return int(found[1]) if (found := re.search(r"(\d+)$", key)) else 0


def test_a_hundred_and_twenty_are_three_calls(aws: AwsServer) -> None:
    ids = [f"vpc-{number}" for number in range(120)]
    aws.answers["ec2:DescribeVpcs"] = vpcs(*ids)  # type: ignore[assignment]
    found = reread(VPCS, *ids)
    assert [one.id for one in found.resources] == ids
    assert (aws.count("ec2", "DescribeVpcs"), found.calls) == (3, 3)


def test_one_missing_among_fifty_is_absent_and_the_others_are_read(aws: AwsServer) -> None:
    ids = [f"vpc-{number}" for number in range(50)]
    aws.answers["ec2:DescribeVpcs"] = vpcs(*ids[:17], *ids[18:])  # type: ignore[assignment]
    found = reread(VPCS, *ids)
    assert (found.absent, found.gaps) == (("vpc-17",), ())
    assert {one.id for one in found.resources} == {*ids} - {"vpc-17"}


def test_the_pages_of_a_whole_listing_are_read_until_all_are_found(aws: AwsServer) -> None:
    pages = {"": "a", "a": "b", "b": "c"}

    def page(asked: Asked) -> Reply:
        name = pages[str(asked.body.get("nextToken", ""))]
        return reply_json({"logGroups": [{"logGroupName": name}], **({"nextToken": name} if name in pages else {})})

    aws.answers["logs:DescribeLogGroups"] = page
    groups = replace(LOGS, one=One(whole=True))
    assert [one.id for one in reread(groups, "b", "a").resources] == ["b", "a"]
    assert aws.count("logs") == 2
    assert reread(groups, "d").absent == ("d",), "only after the last page"


def test_a_throttled_call_is_made_again(aws: AwsServer) -> None:
    answers = iter([refusal("ThrottlingException"), refusal("ThrottlingException")])
    aws.answers["dynamodb:DescribeTable"] = lambda asked: next(answers, reply_json({"Table": {"TableName": asked.body["TableName"]}}))
    found = reread(TABLE, "orders")
    assert [one.id for one in found.resources] == ["orders"]
    assert found.calls == 3


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (refusal("AccessDeniedException"), GapReason.DENIED),
        (refusal("ThrottlingException"), GapReason.THROTTLED),
        (refusal("UnrecognizedClientException", 403), GapReason.CREDENTIALS),
        (Reply(status=503), GapReason.UNAVAILABLE),
        (Reply(status=404, body=b"Not yet implemented"), GapReason.NOT_AWS),
        (Reply(status=200, body=b"<html>Sign in</html>", request_id=False), GapReason.NOT_AWS),
        (Reply(status=200, body=b'{"Table": {"TableName": "ord', announced=500), GapReason.TRUNCATED),
        (refusal("ValidationException"), GapReason.ERROR),
    ],
)
def test_no_trouble_is_taken_for_absence(aws: AwsServer, reply: Reply, reason: GapReason) -> None:
    """Least of all a bare 404, which says that whoever answers does not know the call."""
    aws.answers["dynamodb:DescribeTable"] = reply
    found = reread(TABLE, "orders", limits=replace(QUICK, backoff_base_s=0.0001, backoff_cap_s=0.0001))
    assert [(gap.reason, gap.resource_id) for gap in found.gaps] == [(reason, "orders")]
    assert (found.absent, found.resources) == ((), ())


def test_what_the_service_does_not_find_is_absent(aws: AwsServer) -> None:
    aws.answers["dynamodb:DescribeTable"] = refusal("ResourceNotFoundException")
    assert reread(TABLE, "orders").absent == ("orders",)


def test_a_service_that_hangs_ends_at_its_deadline(aws: AwsServer) -> None:
    aws.latency_s = 2.0
    aws.answers["dynamodb:DescribeTable"] = reply_json({"Table": {"TableName": "orders"}})
    found = reread(TABLE, "orders", limits=replace(QUICK, call_deadline_s=0.2))
    assert [(gap.reason, gap.resource_id) for gap in found.gaps] == [(GapReason.TIMEOUT, "orders")]


def test_nothing_is_asked_once_it_is_stopped(aws: AwsServer) -> None:
    found = reread(TABLE, "a", "b", stopped=True)
    assert [(gap.reason, gap.resource_id) for gap in found.gaps] == [(GapReason.ABORTED, "a"), (GapReason.ABORTED, "b")]
    assert not aws.asked
