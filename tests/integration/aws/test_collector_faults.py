"""Whatever AWS, the network or a proxy does: each fault is a Gap with a name on the smallest unit, and everything else is read."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from typing import Any

import pytest

from driftwatch.aws.entry import Entry, ListCall, Paging
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.snapshot import GapReason, Outcome
from tests.integration.aws.aws_server import ACCOUNT, Asked, AwsServer, Reply, identity, refusal, regions, reply_json
from tests.integration.aws.scans import LOGS, TABLES, USERS, VPCS, cell_of, scan

GROUP = {"logGroupName": "g1"}
ONE_GROUP = reply_json({"logGroups": [GROUP]})
VPC = b"<DescribeVpcsResponse><requestId>r</requestId><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>"
USER = b"""<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><IsTruncated>false</IsTruncated>
<Users><member><UserName>u1</UserName></member></Users></ListUsersResult>
<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListUsersResponse>"""


def tables(asked: Asked) -> Reply:
    return reply_json({"Table": {"TableName": asked.body["TableName"]}})


@pytest.fixture
def healthy(aws: AwsServer) -> AwsServer:
    aws.answers |= {
        "logs:DescribeLogGroups": ONE_GROUP,
        "dynamodb:ListTables": reply_json({"TableNames": ["t1", "t2"]}),
        "dynamodb:DescribeTable": tables,
        "ec2:DescribeVpcs": Reply(body=VPC),
        "iam:ListUsers": Reply(body=USER),
    }
    return aws


ALL = (LOGS, TABLES, USERS, VPCS)


def assert_only(seen: Any, broken: Entry) -> None:
    """All cells but those of `broken` were read in full."""
    for entry in ALL:
        if entry is not broken:
            assert seen.ends[cell_of(entry)].complete, entry.type
            assert seen.resources[cell_of(entry)]


def test_a_healthy_account_is_read_in_full(healthy: AwsServer) -> None:
    seen = scan(ALL)
    assert_only(seen, Entry(type="AWS::None::None", service="x", list=ListCall(op="X", items="X")))
    assert seen.ids(cell_of(TABLES)) == ["t1", "t2"]
    assert seen.counters.total("calls") == 8  # identity, regions, four listings, two tables
    assert len(healthy.asked) == 8


# --- refusals ----------------------------------------------------------------------------------------------------------------------------


def test_a_denied_type_is_unknown_and_the_action_is_named(healthy: AwsServer) -> None:
    message = f"User: arn:aws:iam::{ACCOUNT}:user/x is not authorized to perform: logs:DescribeLogGroups on resource: arn:secret"
    healthy.answers["logs:DescribeLogGroups"] = refusal("AccessDeniedException", message=message)
    seen = scan(ALL)
    assert seen.gaps(cell_of(LOGS)) == [(GapReason.DENIED, None)]
    gap = seen.gaps_of(cell_of(LOGS))[0]
    assert "logs:DescribeLogGroups" in gap.detail
    assert "arn:secret" not in gap.detail
    assert gap.operation == "logs:DescribeLogGroups"
    assert healthy.count("logs") == 1, "a refusal is not asked again"
    assert_only(seen, LOGS)


def test_a_denied_detail_costs_its_resource_only(healthy: AwsServer) -> None:
    healthy.answers["dynamodb:DescribeTable"] = lambda asked: (
        refusal("AccessDeniedException") if asked.body["TableName"] == "t1" else tables(asked)
    )
    seen = scan(ALL)
    assert seen.gaps(cell_of(TABLES)) == [(GapReason.DENIED, "t1")]
    assert seen.ids(cell_of(TABLES)) == ["t2"]
    assert_only(seen, TABLES)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, b'{"__type":"ExpiredTokenException"}', GapReason.CREDENTIALS),
        (403, b'{"__type":"UnrecognizedClientException"}', GapReason.CREDENTIALS),
        (429, b"", GapReason.THROTTLED),
        (400, b'{"__type":"ThrottlingException"}', GapReason.THROTTLED),
        (503, b"<html><body>busy</body></html>", GapReason.UNAVAILABLE),
        (500, b"", GapReason.UNAVAILABLE),
        (404, b"Not yet implemented", GapReason.NOT_AWS),
        (400, b'{"__type":"InvalidParameterException"}', GapReason.ERROR),
        (403, b"<html>Forbidden by the proxy</html>", GapReason.DENIED),
    ],
)
def test_every_refusal_has_its_reason(healthy: AwsServer, status: int, body: bytes, reason: GapReason) -> None:
    healthy.answers["logs:DescribeLogGroups"] = Reply(status=status, body=body)
    assert scan([LOGS]).gaps(cell_of(LOGS)) == [(reason, None)]


@pytest.mark.parametrize(("status", "reason"), [(429, GapReason.THROTTLED), (503, GapReason.UNAVAILABLE)])
def test_an_xml_service_without_any_body_is_judged_by_its_status(healthy: AwsServer, status: int, reason: GapReason) -> None:
    healthy.answers["ec2:DescribeVpcs"] = Reply(status=status)
    assert scan([VPCS]).gaps(cell_of(VPCS)) == [(reason, None)]


def test_an_account_that_never_subscribed_is_not_enabled(healthy: AwsServer) -> None:
    healthy.answers["logs:DescribeLogGroups"] = refusal("OptInRequired")
    assert scan([LOGS]).ends[cell_of(LOGS)].outcome is Outcome.NOT_ENABLED


# --- throttling and outages --------------------------------------------------------------------------------------------------------------


def test_a_service_that_throttles_nine_of_ten_calls_delays_no_other(healthy: AwsServer) -> None:
    """The others end while the throttled one is still at it, and its retries stay within the budget."""
    count = iter(range(100_000))
    names = [f"t{n}" for n in range(40)]
    healthy.answers["dynamodb:ListTables"] = reply_json({"TableNames": names})
    healthy.answers["dynamodb:DescribeTable"] = lambda asked: (
        tables(asked) if next(count) % 10 == 9 else refusal("ThrottlingException", 400)
    )
    ended: dict[str, float] = {}
    limits = Limits(backoff_base_s=0.02, backoff_cap_s=0.1, retry_budget=100)
    seen = scan(ALL, limits=limits, on_event=lambda event: ended.setdefault(event.cell.type, time.monotonic()))
    end = cell_of(TABLES).type
    assert all(moment < ended[end] for type_, moment in ended.items() if type_ != end)
    assert_only(seen, TABLES)
    assert seen.ids(cell_of(TABLES))
    assert set(seen.gaps(cell_of(TABLES))) <= {(GapReason.THROTTLED, name) for name in names}
    assert len(seen.ids(cell_of(TABLES))) + len(seen.gaps(cell_of(TABLES))) == 40, "every table is read or a gap"
    assert seen.counters.by_service("retries")["dynamodb"] <= 110
    assert seen.counters.by_service("throttles")["dynamodb"] > 100


def test_a_burst_of_503_is_survived(healthy: AwsServer) -> None:
    bad = iter([True] * 5)
    healthy.answers["logs:DescribeLogGroups"] = lambda _asked: Reply(status=503) if next(bad, False) else ONE_GROUP
    seen = scan([LOGS])
    assert seen.ends[cell_of(LOGS)].complete
    assert seen.counters.by_service("retries") == {"logs": 5}


def test_waiting_for_a_retry_holds_no_slot(healthy: AwsServer) -> None:
    """One slot in all, and a service that is always throttled: the other one finishes long before the first gives up."""
    healthy.answers["logs:DescribeLogGroups"] = refusal("ThrottlingException")
    ended: dict[str, float] = {}
    limits = Limits(calls_in_flight=1, calls_per_place=1, backoff_base_s=0.2, backoff_cap_s=0.2)
    scan([LOGS, USERS], limits=limits, on_event=lambda event: ended.setdefault(event.cell.type, time.monotonic()))
    assert ended[USERS.type] < ended[LOGS.type] - 0.2


# --- replies that are none ---------------------------------------------------------------------------------------------------------------


JSON_NONSENSE = {
    "empty object": (b"{}", {GapReason.NOT_AWS}),
    "empty body": (b"", {GapReason.NOT_AWS}),
    "html": (b"<html><body>Sign in to the network</body></html>", {GapReason.NOT_AWS}),
    "null": (b"null", {GapReason.NOT_AWS}),
    "list": (b"[]", {GapReason.NOT_AWS}),
    "string for a list": (b'{"logGroups": "abc", "TableNames": "abc"}', {GapReason.NOT_AWS}),
    "map for a list": (b'{"logGroups": {}, "TableNames": {}}', {GapReason.NOT_AWS}),
    "string for an item": (b'{"logGroups": ["abc"], "TableNames": [{}]}', {GapReason.NOT_AWS, GapReason.INVALID_ITEM, GapReason.ERROR}),
    "cut": (b'{"logGroups": [{"logGroupName": "g1"}, {"logGr', {GapReason.TRUNCATED}),
}


@pytest.mark.parametrize("name", JSON_NONSENSE)
@pytest.mark.parametrize("entry", [LOGS, TABLES], ids=lambda entry: entry.service)
def test_a_json_reply_that_is_none_is_never_an_empty_listing(healthy: AwsServer, entry: Entry, name: str) -> None:
    body, reasons = JSON_NONSENSE[name]
    healthy.answers[f"{entry.service}:{entry.list.op}"] = Reply(body=body)
    seen = scan([entry, USERS])
    assert {reason for reason, _ in seen.gaps(cell_of(entry))} <= reasons
    assert seen.gaps(cell_of(entry))
    assert seen.ends[cell_of(USERS)].complete


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", GapReason.NOT_AWS),
        (b"{}", GapReason.NOT_AWS),
        (b"<html><body>Sign in</body></html>", GapReason.NOT_AWS),
        (b"<Other/>", GapReason.NOT_AWS),
        (VPC[:60], GapReason.TRUNCATED),
        (VPC.replace(b"<requestId>r</requestId>", b""), GapReason.NOT_AWS),
        (b"<DescribeVpcsResponse><requestId>r</requestId></DescribeVpcsResponse>", GapReason.NOT_AWS),
    ],
)
@pytest.mark.parametrize("entry", [VPCS, USERS], ids=lambda entry: entry.service)
def test_an_xml_reply_that_is_none_is_never_an_empty_listing(healthy: AwsServer, entry: Entry, body: bytes, reason: GapReason) -> None:
    if entry is USERS:
        body = body if not body.startswith(b"<DescribeVpcs") else {GapReason.TRUNCATED: USER[:120]}.get(reason, b"<ListUsersResponse/>")
    healthy.answers[f"{entry.service}:{entry.list.op}"] = Reply(body=body, request_id=False)
    assert scan([entry]).gaps(cell_of(entry)) == [(reason, None)]


def test_a_reply_without_a_request_id_is_not_from_aws(healthy: AwsServer) -> None:
    healthy.answers["logs:DescribeLogGroups"] = reply_json({"logGroups": []}, request_id=False)
    assert scan([LOGS]).gaps(cell_of(LOGS)) == [(GapReason.NOT_AWS, None)]


@pytest.mark.parametrize("entry", [LOGS, VPCS], ids=lambda entry: entry.service)
def test_a_reply_that_is_shorter_than_announced_is_cut_even_if_it_can_be_read(healthy: AwsServer, entry: Entry) -> None:
    body = b'{"logGroups": []}' if entry is LOGS else VPC
    healthy.answers[f"{entry.service}:{entry.list.op}"] = Reply(body=body, announced=len(body) + 100)
    assert scan([entry]).gaps(cell_of(entry)) == [(GapReason.TRUNCATED, None)]


def test_a_cut_reply_is_asked_for_again(healthy: AwsServer) -> None:
    cut = iter([True])
    healthy.answers["logs:DescribeLogGroups"] = lambda _asked: Reply(body=b'{"logGr') if next(cut, False) else ONE_GROUP
    assert scan([LOGS]).ends[cell_of(LOGS)].complete


def test_a_reply_beyond_the_size_cap_is_ended(healthy: AwsServer) -> None:
    healthy.answers["logs:DescribeLogGroups"] = reply_json({"logGroups": [{"logGroupName": "x" * 300_000}]})
    limits = Limits(max_reply_bytes=100_000, backoff_base_s=0.001)
    assert scan([LOGS], limits=limits).gaps(cell_of(LOGS)) == [(GapReason.OVERSIZE, None)]


@pytest.mark.parametrize("body", [b"<DescribeVpcsResponse><canary", b"canary{}", b'"canary"'])
def test_no_reply_text_gets_into_a_gap(healthy: AwsServer, body: bytes) -> None:
    healthy.answers |= {"ec2:DescribeVpcs": Reply(body=body), "logs:DescribeLogGroups": Reply(body=body)}
    seen = scan([LOGS, VPCS])
    gaps = seen.gaps_of(cell_of(VPCS)) + seen.gaps_of(cell_of(LOGS))
    assert gaps
    assert "canary" not in str(gaps)


# --- pages -------------------------------------------------------------------------------------------------------------------------------


def pages(tokens: dict[str | None, str | None], empty: bool = False) -> Any:
    def answer(asked: Asked) -> Reply:
        token = asked.body.get("nextToken")
        groups = [] if empty else [{"logGroupName": f"g-{token}"}]
        return reply_json({"logGroups": groups, "nextToken": tokens.get(token)})

    return answer


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("tokens", [{None: "A", "A": "A"}, {None: "A", "A": "B", "B": "A"}], ids=["A,A", "A,B,A,B"])
def test_page_tokens_that_go_round_are_ended(healthy: AwsServer, tokens: dict[str | None, str | None], empty: bool) -> None:
    healthy.answers["logs:DescribeLogGroups"] = pages(tokens, empty)
    seen = scan([LOGS])
    assert seen.gaps(cell_of(LOGS)) == [(GapReason.PAGE_LOOP, None)]
    assert healthy.count("logs") <= 4


def test_an_empty_page_with_a_token_is_not_the_end(healthy: AwsServer) -> None:
    healthy.answers["logs:DescribeLogGroups"] = lambda asked: (
        ONE_GROUP if asked.body.get("nextToken") else reply_json({"logGroups": [], "nextToken": "A"})
    )
    seen = scan([LOGS])
    assert (seen.ids(cell_of(LOGS)), seen.gaps(cell_of(LOGS))) == (["g1"], [])


def test_pages_without_end_are_ended(healthy: AwsServer) -> None:
    count = iter(range(10_000))
    healthy.answers["logs:DescribeLogGroups"] = lambda _asked: reply_json(
        {"logGroups": [{"logGroupName": f"g{(n := next(count))}"}], "nextToken": f"t{n}"}
    )
    seen = scan([LOGS], limits=Limits(max_pages=20))
    assert seen.gaps(cell_of(LOGS)) == [(GapReason.PAGE_LOOP, None)]
    assert len(seen.ids(cell_of(LOGS))) == 20


def test_more_without_a_token_is_a_cut_listing(healthy: AwsServer) -> None:
    healthy.answers["iam:ListUsers"] = Reply(body=USER.replace(b"false", b"true"))
    assert scan([USERS]).gaps(cell_of(USERS)) == [(GapReason.TRUNCATED, None)]


def test_a_single_call_that_leaves_pages_unread_is_a_cut_listing(healthy: AwsServer) -> None:
    single = Entry(
        type=LOGS.type,
        service="logs",
        id=LOGS.id,
        list=ListCall(op="DescribeLogGroups", items="logGroups", paging=Paging.SINGLE),
    )
    healthy.answers["logs:DescribeLogGroups"] = reply_json({"logGroups": [GROUP], "nextToken": "A"})
    assert scan([single]).gaps(cell_of(LOGS)) == [(GapReason.TRUNCATED, None)]


def reset(connection: socket.socket) -> None:
    """Sends a part of a reply, then a TCP reset."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nx-amzn-requestid: r\r\n\r\n" + b'{"logGroups": [')
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("times", [1, 100])
def test_a_reset_in_the_middle_of_page_three_is_retried_and_else_a_gap(healthy: AwsServer, times: int) -> None:
    resets = iter([True] * times)
    order = {None: "2", "2": "3", "3": "4", "4": "5", "5": None}
    normal = pages(order)  # type: ignore[arg-type]
    healthy.answers["logs:DescribeLogGroups"] = lambda asked: (
        Reply(raw=reset) if asked.body.get("nextToken") == "3" and next(resets, False) else normal(asked)
    )
    seen = scan([LOGS])
    if times == 1:
        assert len(seen.ids(cell_of(LOGS))) == 5
        assert seen.ends[cell_of(LOGS)].complete
    else:
        assert seen.ids(cell_of(LOGS)) == ["g-None", "g-2"]
        assert seen.gaps(cell_of(LOGS))[0][0] in (GapReason.UNAVAILABLE, GapReason.TRUNCATED)


# --- slow --------------------------------------------------------------------------------------------------------------------------------


def silent(connection: socket.socket) -> None:
    connection.settimeout(10)
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    text = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nx-amzn-requestid: r\r\n\r\n" + b'{"logGroups": []}'
    for byte in text:
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


@pytest.mark.parametrize("behaviour", [silent, drip], ids=["silent", "drip"])
def test_a_call_ends_at_its_deadline_and_the_others_are_read_meanwhile(healthy: AwsServer, behaviour: Any) -> None:
    healthy.answers["logs:DescribeLogGroups"] = Reply(raw=behaviour)
    limits = Limits(call_deadline_s=0.7, read_timeout_s=5, backoff_base_s=0.001)
    begun = time.monotonic()
    seen = scan(ALL, limits=limits)
    assert time.monotonic() - begun < 5
    assert seen.gaps(cell_of(LOGS)) == [(GapReason.TIMEOUT, None)]
    assert healthy.count("logs") == 2, "once more, not nine times"
    assert_only(seen, LOGS)


def test_a_stopped_scan_ends_soon_and_says_what_it_did_not_read(healthy: AwsServer) -> None:
    stop = threading.Event()
    healthy.answers["logs:DescribeLogGroups"] = refusal("ThrottlingException")
    limits = Limits(backoff_base_s=5, backoff_cap_s=5)
    threading.Timer(0.3, stop.set).start()
    begun = time.monotonic()
    seen = scan([LOGS], limits=limits, stopped=stop.is_set)
    assert time.monotonic() - begun < 3
    assert seen.gaps(cell_of(LOGS)) == [(GapReason.ABORTED, None)]


# --- accounts and regions ----------------------------------------------------------------------------------------------------------------


def test_the_wrong_account_is_never_read(healthy: AwsServer) -> None:
    healthy.answers["sts:GetCallerIdentity"] = identity("999988887777")
    seen = scan(ALL)
    assert seen.plan.units == ()
    for entry in ALL:
        assert seen.gaps(cell_of(entry)) == [(GapReason.CREDENTIALS, None)]
        assert "999988887777" in seen.gaps_of(cell_of(entry))[0].detail
    assert {asked.service for asked in healthy.asked} == {"sts"}


def test_without_credentials_the_account_is_unknown(healthy: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    seen = scan(ALL)
    assert {gap.reason for gap in seen.plan.gaps} == {GapReason.CREDENTIALS}
    assert len(seen.plan.gaps) == 4


def test_a_profile_that_does_not_exist_is_a_gap_of_its_account_only(healthy: AwsServer) -> None:
    other = Account(id="999988887777", profile="missing", regions=("eu-west-1",))
    seen = scan([LOGS], Account(id=ACCOUNT, regions=("eu-west-1",)), other)
    assert seen.ends[cell_of(LOGS)].complete
    assert seen.gaps(cell_of(LOGS, account=other.id)) == [(GapReason.CREDENTIALS, None)]


ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{until}</Expiration>
</Credentials></AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"""
ROLE = Account(id=ACCOUNT, role_arn=f"arn:aws:iam::{ACCOUNT}:role/reader", external_id="shared", regions=("eu-west-1",))


def assumed(seconds: float, keys: list[str]) -> Any:
    def answer(asked: Asked) -> Reply:
        assert asked.body["ExternalId"] == "shared"
        keys.append(f"AKIDROLE{len(keys)}")
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        return Reply(body=ASSUMED.format(key=keys[-1], until=until).encode())

    return answer


def test_a_role_is_assumed_once_in_its_own_region_and_used_for_everything(healthy: AwsServer) -> None:
    keys: list[str] = []
    healthy.answers["sts:AssumeRole"] = assumed(3600, keys)
    seen = scan(ALL, ROLE)
    assert all(end.complete for end in seen.ends.values())
    assert len(keys) == 1
    assert {asked.key for asked in healthy.asked if asked.operation != "AssumeRole"} == {"AKIDROLE0"}
    assert {asked.region for asked in healthy.asked if asked.operation == "AssumeRole"} == {"eu-west-1"}


def test_credentials_that_are_about_to_expire_are_renewed_unseen(healthy: AwsServer) -> None:
    keys: list[str] = []
    healthy.answers["sts:AssumeRole"] = assumed(60, keys)  # botocore renews what has less than 10 minutes left
    seen = scan(ALL, ROLE)
    assert all(end.complete for end in seen.ends.values())
    assert len(keys) > 1


def test_credentials_that_cannot_be_renewed_leave_the_rest_unknown(healthy: AwsServer) -> None:
    keys: list[str] = []
    good = assumed(60, keys)
    healthy.answers["sts:AssumeRole"] = lambda asked: good(asked) if len(keys) < 2 else refusal_xml("AccessDenied")
    healthy.answers["logs:DescribeLogGroups"] = refusal("ExpiredTokenException")
    seen = scan([LOGS], ROLE)
    gaps = seen.gaps(cell_of(LOGS))
    assert gaps == [(GapReason.CREDENTIALS, None)]


def refusal_xml(code: str, status: int = 403) -> Reply:
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>m</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )
    return Reply(status=status, body=body.encode())


def test_a_role_that_cannot_be_assumed_costs_its_account_only(healthy: AwsServer) -> None:
    healthy.answers["sts:AssumeRole"] = refusal_xml("AccessDenied")
    other = Account(id="999988887777", role_arn="arn:aws:iam::999988887777:role/reader", regions=("eu-west-1",))
    seen = scan([LOGS], Account(id=ACCOUNT, regions=("eu-west-1",)), other)
    assert seen.ends[cell_of(LOGS)].complete
    gap = seen.gaps_of(cell_of(LOGS, account=other.id))[0]
    assert gap.reason is GapReason.CREDENTIALS
    assert "role/reader" in gap.detail


def test_a_region_that_is_switched_off_is_not_enabled_and_never_asked(healthy: AwsServer) -> None:
    seen = scan([LOGS], Account(id=ACCOUNT, regions=("eu-west-1", "me-south-1", "xx-nowhere-1")))
    assert seen.plan.not_enabled == (cell_of(LOGS, "me-south-1"),)
    assert seen.gaps(cell_of(LOGS, "xx-nowhere-1")) == [(GapReason.ERROR, None)]
    assert {asked.region for asked in healthy.asked if asked.service == "logs"} == {"eu-west-1"}


def test_the_codes_of_a_switched_off_region_are_bad_credentials_in_an_enabled_one(healthy: AwsServer) -> None:
    healthy.answers["logs:DescribeLogGroups"] = refusal("UnrecognizedClientException")
    assert scan([LOGS]).gaps(cell_of(LOGS)) == [(GapReason.CREDENTIALS, None)]


def test_all_enabled_regions_are_read_where_none_are_configured(healthy: AwsServer) -> None:
    seen = scan([LOGS, USERS], Account(id=ACCOUNT))
    assert set(seen.ends) == {cell_of(LOGS), cell_of(LOGS, "us-east-1"), cell_of(USERS)}


def test_regions_that_cannot_be_found_out_leave_the_account_unknown(healthy: AwsServer) -> None:
    healthy.answers["ec2:DescribeRegions"] = refusal_xml("UnauthorizedOperation")
    seen = scan([LOGS], Account(id=ACCOUNT))
    assert seen.plan.units == ()
    assert seen.gaps(cell_of(LOGS)) == [(GapReason.DENIED, None)]
    configured = scan([LOGS], Account(id=ACCOUNT, regions=("eu-west-1",)))
    assert configured.ends[cell_of(LOGS)].complete


def test_an_account_without_any_region_is_not_believed(healthy: AwsServer) -> None:
    healthy.answers["ec2:DescribeRegions"] = regions()
    seen = scan([LOGS], Account(id=ACCOUNT))
    assert seen.gaps(cell_of(LOGS)) == [(GapReason.NOT_AWS, None)]


def test_a_service_and_an_operation_that_the_sdk_lacks_are_gaps(healthy: AwsServer) -> None:
    gone = Entry(type="AWS::Gone::Thing", service="qldb", id=("X",), list=ListCall(op="ListLedgers", items="Ledgers"))
    odd = Entry(type="AWS::Odd::Thing", service="logs", id=("X",), list=ListCall(op="ListOddThings", items="X"))
    seen = scan([gone, odd, LOGS])
    assert seen.gaps(cell_of(gone)) == [(GapReason.UNSUPPORTED, None)]
    assert seen.gaps(cell_of(odd)) == [(GapReason.UNSUPPORTED, None)]
    assert seen.ends[cell_of(LOGS)].complete


def test_a_host_that_refuses_connections_is_unavailable(healthy: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", f"http://127.0.0.1:{taken.getsockname()[1]}")
        seen = scan(ALL)
    assert seen.gaps(cell_of(LOGS)) == [(GapReason.UNAVAILABLE, None)]
    assert_only(seen, LOGS)


def test_a_name_that_does_not_resolve_is_an_outage(healthy: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://no-such-host.invalid")
    assert scan([LOGS]).gaps(cell_of(LOGS)) == [(GapReason.UNAVAILABLE, None)]


def test_a_service_that_the_region_does_not_have_is_not_enabled(healthy: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the SDK's data MediaStore does not exist in ca-west-1, and its name there does not resolve."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_MEDIASTORE", "http://no-such-host.invalid")
    listing = ListCall(op="ListContainers", items="Containers")
    stores = Entry(type="AWS::MediaStore::Container", service="mediastore", id=("Name",), list=listing)
    healthy.answers["ec2:DescribeRegions"] = regions(eu_west_1="opt-in-not-required", ca_west_1="opted-in")
    seen = scan([stores], Account(id=ACCOUNT, regions=("ca-west-1", "eu-west-1")))
    assert seen.ends[cell_of(stores, "ca-west-1")].outcome is Outcome.NOT_ENABLED
    assert seen.gaps(cell_of(stores, "eu-west-1")) == [(GapReason.UNAVAILABLE, None)]


# --- many calls --------------------------------------------------------------------------------------------------------------------------


def test_thirty_two_calls_are_in_flight_and_never_more(healthy: AwsServer) -> None:
    healthy.latency_s = 0.04
    healthy.gathers, healthy.gathers_at = 32, "DescribeTable"
    names = [f"t{n}" for n in range(120)]
    healthy.answers["dynamodb:ListTables"] = reply_json({"TableNames": names})
    healthy.answers["ec2:DescribeRegions"] = regions(eu_west_1="x", us_east_1="x", eu_west_3="x")
    seen = scan([TABLES], Account(id=ACCOUNT), limits=Limits())
    assert all(len(found) == 120 for found in seen.resources.values())
    assert seen.counters.most_in_flight == 32
    assert healthy.most_in_flight == 32


def test_one_place_never_takes_more_than_its_share(healthy: AwsServer) -> None:
    healthy.latency_s = 0.02
    healthy.answers["dynamodb:ListTables"] = reply_json({"TableNames": [f"t{n}" for n in range(60)]})
    seen = scan([TABLES], limits=Limits(calls_per_place=5))
    assert len(seen.ids(cell_of(TABLES))) == 60
    assert seen.counters.most_in_flight == 5
    assert healthy.most_in_flight <= 5


def test_the_request_says_who_asks(healthy: AwsServer) -> None:
    scan([LOGS])
    assert json.dumps([asked.key for asked in healthy.asked]).count("AKIDTEST") == len(healthy.asked)
