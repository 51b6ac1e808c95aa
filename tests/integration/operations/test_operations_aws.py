"""Whatever AWS does: the cell that met it says so, its findings stay, nothing is deleted, and every other cell is judged as always.

The real collector reads a scripted AWS over the wire; the operations run on top (faults F3 to F8, F10, F12, F13, F15, F17, F18).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import ScanStatus
from driftwatch.domain.snapshot import CellState, GapReason
from tests.integration.aws.aws_server import ACCOUNT, Asked, AwsServer, Reply, identity, refusal, reply_json
from tests.integration.aws.scans import LOGS, TABLES, USERS, VPCS, cell_of
from tests.integration.operations.aws_world import AwsWorld, aws_world

LOG_CELL, TABLE_CELL, USER_CELL, VPC_CELL = map(cell_of, (LOGS, TABLES, USERS, VPCS))
ALL = (LOG_CELL, TABLE_CELL, USER_CELL, VPC_CELL)


class Cloud:
    """What the scripted AWS holds; change it between scans. A key of `aws.answers` set by a test comes before it."""

    def __init__(self, aws: AwsServer) -> None:
        self.aws = aws
        self.groups: list[dict[str, Any]] = [{"logGroupName": f"g{number}", "retentionInDays": 7} for number in range(1, 5)]
        self.tables = {"t1": 1, "t2": 1}
        self.users = ["u1", "u2"]
        self.vpcs = ["vpc-1", "vpc-2"]
        self.healthy: dict[str, Any] = {
            "logs:DescribeLogGroups": lambda _asked: reply_json({"logGroups": self.groups}),
            "dynamodb:ListTables": lambda _asked: reply_json({"TableNames": sorted(self.tables)}),
            "dynamodb:DescribeTable": self._table,
            "iam:ListUsers": lambda _asked: Reply(body=_users(self.users)),
            "ec2:DescribeVpcs": lambda _asked: Reply(body=_vpcs(self.vpcs)),
        }
        self.heal()

    def heal(self) -> None:
        self.aws.answers.clear()
        self.aws.answers |= self.healthy

    def _table(self, asked: Asked) -> Reply:
        name = asked.body["TableName"]
        return reply_json({"Table": {"TableName": name, "ItemCount": self.tables[name]}})


def _users(names: list[str]) -> bytes:
    members = "".join(f"<member><UserName>{name}</UserName></member>" for name in names)
    return (
        '<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><IsTruncated>false</IsTruncated>'
        f"<Users>{members}</Users></ListUsersResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListUsersResponse>"
    ).encode()


def _vpcs(ids: list[str]) -> bytes:
    items = "".join(f"<item><vpcId>{id_}</vpcId><cidrBlock>10.0.0.0/16</cidrBlock></item>" for id_ in ids)
    return f"<DescribeVpcsResponse><requestId>r</requestId><vpcSet>{items}</vpcSet></DescribeVpcsResponse>".encode()


@pytest.fixture
def cloud(aws: AwsServer) -> Cloud:
    return Cloud(aws)


@pytest.fixture
def world(cloud: Cloud) -> Iterator[AwsWorld]:
    """All four cells are baselined; then one log group and one table drift, which is found."""
    with aws_world((LOGS, TABLES, USERS, VPCS)) as made:
        assert made.scan().exit_code == 3
        made.baseline()
        assert made.scan().exit_code == 0
        assert made.states(*ALL) == ["clean"] * 4
        cloud.groups[0]["retentionInDays"] = 1
        cloud.tables["t1"] = 2
        assert made.scan().exit_code == 2
        assert live(made) == [("g1", "/retentionInDays"), ("t1", "/ItemCount")]
        yield made


def live(world: AwsWorld) -> list[tuple[str, str]]:
    return sorted((finding.resource, change.path) for finding in world.live() for change in finding.drift.changes)


def assert_only(world: AwsWorld, broken: Cell, reason: GapReason, *, scans: int = 3) -> None:
    """However often it is scanned: the broken cell is unknown, all findings stay and none comes, every other cell is judged."""
    for _ in range(scans):
        done = world.scan()
        assert done.exit_code == 2
        assert done.scan.status is ScanStatus.PARTIAL
        expected = dict(zip(ALL, ("drifted", "drifted", "clean", "clean"), strict=True)) | {broken: reason.value}
        assert dict(zip(ALL, world.states(*ALL), strict=True)) == expected
        assert live(world) == [("g1", "/retentionInDays"), ("t1", "/ItemCount")]


def assert_back(world: AwsWorld, cloud: Cloud) -> None:
    """Once it is over everything is as it was, and the drift can be mended."""
    cloud.heal()
    assert world.scan().exit_code == 2
    assert world.states(*ALL) == ["drifted", "drifted", "clean", "clean"]
    cloud.groups[0]["retentionInDays"] = 7
    cloud.tables["t1"] = 1
    assert world.scan().exit_code == 0
    assert world.ledger().count("finding_opened") == world.ledger().count("finding_reverted") == 2


# --- refusals ----------------------------------------------------------------------------------------------------------------------------


def test_a_denied_type_is_unknown_by_the_name_of_its_action_and_its_findings_stay(cloud: Cloud, world: AwsWorld) -> None:
    message = f"User: arn:aws:iam::{ACCOUNT}:user/x is not authorized to perform: logs:DescribeLogGroups on resource: arn:secret"
    cloud.aws.answers["logs:DescribeLogGroups"] = refusal("AccessDeniedException", message=message)
    cloud.groups[0]["retentionInDays"] = 7
    assert_only(world, LOG_CELL, GapReason.DENIED)
    (gap,) = world.gaps(LOG_CELL)
    assert gap.operation == "logs:DescribeLogGroups"
    assert "logs:DescribeLogGroups" in gap.detail
    cloud.groups[0]["retentionInDays"] = 1
    assert_back(world, cloud)


def test_a_denied_detail_leaves_its_resource_as_it_was_and_the_cell_unknown(cloud: Cloud, world: AwsWorld) -> None:
    answer = cloud.healthy["dynamodb:DescribeTable"]
    cloud.aws.answers["dynamodb:DescribeTable"] = lambda asked: (
        refusal("AccessDeniedException") if asked.body["TableName"] == "t1" else answer(asked)
    )
    assert_only(world, TABLE_CELL, GapReason.DENIED)
    assert [(gap.resource_id, gap.operation) for gap in world.gaps(TABLE_CELL)] == [("t1", "dynamodb:DescribeTable")]
    assert_back(world, cloud)


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId"])
def test_bad_credentials_make_every_cell_of_the_account_unknown_and_close_nothing(cloud: Cloud, world: AwsWorld, code: str) -> None:
    error = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error><RequestId>r</RequestId></ErrorResponse>"
    for operation in (*cloud.healthy, "sts:GetCallerIdentity", "ec2:DescribeRegions"):
        xml = operation.startswith(("sts", "iam", "ec2"))
        cloud.aws.answers[operation] = Reply(status=403, body=error.encode()) if xml else refusal(code)
    for _ in range(2):
        assert world.scan().exit_code == 2
        assert world.states(*ALL) == ["credentials"] * 4
        assert len(live(world)) == 2
    assert_back(world, cloud)


def test_credentials_of_another_account_are_never_read_with(cloud: Cloud, world: AwsWorld) -> None:
    cloud.aws.answers["sts:GetCallerIdentity"] = identity("999988887777")
    cloud.groups.clear()
    cloud.users.clear()
    assert world.scan().exit_code == 2
    assert world.states(*ALL) == ["credentials"] * 4
    assert len(live(world)) == 2


def test_a_role_that_cannot_be_assumed_costs_its_account_only(cloud: Cloud) -> None:
    other = Account(id="999988887777", role_arn="arn:aws:iam::999988887777:role/reader", regions=("eu-west-1",))
    cloud.aws.answers["sts:AssumeRole"] = Reply(
        status=403,
        body=b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code></Error><RequestId>r</RequestId></ErrorResponse>",
    )
    with aws_world((LOGS,), Account(id=ACCOUNT, regions=("eu-west-1",)), other) as world:
        world.scan()
        assert world.states(LOG_CELL, cell_of(LOGS, account=other.id)) == ["unbaselined", "credentials"]


# --- replies that are none ---------------------------------------------------------------------------------------------------------------


NONSENSE = {
    "empty object": (b"{}", GapReason.NOT_AWS),
    "nothing": (b"", GapReason.NOT_AWS),
    "null": (b"null", GapReason.NOT_AWS),
    "a proxy's page": (b"<html><body>Sign in to the network</body></html>", GapReason.NOT_AWS),
    "cut": (b'{"logGroups": [{"logGroupName": "g1"}, {"logGr', GapReason.TRUNCATED),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_json_reply_that_is_none_deletes_nothing(cloud: Cloud, world: AwsWorld, name: str) -> None:
    body, reason = NONSENSE[name]
    cloud.aws.answers["logs:DescribeLogGroups"] = Reply(body=body)
    assert_only(world, LOG_CELL, reason)
    assert world.ids(LOG_CELL) == ["g1", "g2", "g3", "g4"]
    assert_back(world, cloud)


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", GapReason.NOT_AWS), (b"<html><body>busy</body></html>", GapReason.NOT_AWS), (_vpcs(["vpc-1"])[:90], GapReason.TRUNCATED)],
)
def test_an_xml_reply_that_is_none_deletes_nothing(cloud: Cloud, world: AwsWorld, body: bytes, reason: GapReason) -> None:
    cloud.aws.answers["ec2:DescribeVpcs"] = Reply(body=body)
    assert_only(world, VPC_CELL, reason)
    assert_back(world, cloud)


def test_a_reply_that_ends_before_its_announced_length_deletes_nothing(cloud: Cloud, world: AwsWorld) -> None:
    """What came is valid JSON with fewer resources."""
    body = json.dumps({"logGroups": cloud.groups[:1]}).encode()
    cloud.aws.answers["logs:DescribeLogGroups"] = Reply(body=body, announced=len(body) + 50)
    assert_only(world, LOG_CELL, GapReason.TRUNCATED)
    assert_back(world, cloud)


# --- listings ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [{"": "A", "A": "A"}, {"": "A", "A": "B", "B": "A"}], ids=["A,A", "A,B,A,B"])
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "filled"])
def test_a_listing_that_goes_round_deletes_nothing(cloud: Cloud, world: AwsWorld, tokens: dict[str, str], empty: bool) -> None:
    def answer(asked: Asked) -> Reply:
        return reply_json({"logGroups": [] if empty else cloud.groups[:1], "nextToken": tokens[asked.body.get("nextToken", "")]})

    cloud.aws.answers["logs:DescribeLogGroups"] = answer
    assert_only(world, LOG_CELL, GapReason.PAGE_LOOP)
    assert_back(world, cloud)


@pytest.mark.parametrize(("cell", "name"), [(LOG_CELL, "groups"), (USER_CELL, "users"), (VPC_CELL, "vpcs")], ids=["logs", "iam", "ec2"])
def test_a_populated_type_that_suddenly_lists_nothing_is_held(cloud: Cloud, world: AwsWorld, cell: Cell, name: str) -> None:
    former = list(getattr(cloud, name))
    getattr(cloud, name).clear()
    assert_only(world, cell, GapReason.SUSPECTED_MASS_DELETE)
    getattr(cloud, name).extend(former)
    assert_back(world, cloud)


def test_pages_that_overlap_and_change_their_order_are_no_drift(cloud: Cloud, world: AwsWorld) -> None:
    """Every page repeats a part of the one before, in another order at each scan; then an item is missing once."""

    turn = 0

    def answer(asked: Asked) -> Reply:
        nonlocal turn
        turn += 1
        groups = cloud.groups[(turn - 1) // 2 % len(cloud.groups) :] + cloud.groups[: (turn - 1) // 2 % len(cloud.groups)]
        if asked.body.get("nextToken"):
            return reply_json({"logGroups": groups[1:]})
        return reply_json({"logGroups": groups[:3], "nextToken": "2"})

    cloud.aws.answers["logs:DescribeLogGroups"] = answer
    for _ in range(5):
        assert world.scan().exit_code == 2
        assert world.states(*ALL) == ["drifted", "drifted", "clean", "clean"]
        assert len(live(world)) == 2
    lost = cloud.groups.pop()
    world.scan()
    assert world.states(LOG_CELL) == ["unconfirmed_absence"]
    cloud.groups.append(lost)
    assert_back(world, cloud)


def test_two_different_items_of_one_id_are_never_one_resource(cloud: Cloud, world: AwsWorld) -> None:
    cloud.groups.append({"logGroupName": "g2", "retentionInDays": 99})
    assert_only(world, LOG_CELL, GapReason.INVALID_ITEM)
    cloud.groups.pop()
    assert_back(world, cloud)


# --- slow and large ----------------------------------------------------------------------------------------------------------------------


def hang(connection: Any) -> None:
    connection.settimeout(5)
    connection.recv(1)


def test_a_service_that_hangs_costs_its_own_cells_and_the_scan_ends(cloud: Cloud) -> None:
    limits = Limits(call_deadline_s=0.5, read_timeout_s=5, backoff_base_s=0.001)
    with aws_world((LOGS, TABLES, USERS, VPCS), limits=limits) as world:
        world.scan()
        world.baseline()
        cloud.aws.answers["logs:DescribeLogGroups"] = Reply(raw=hang)
        begun = time.monotonic()
        assert world.scan().exit_code == 3
        assert time.monotonic() - begun < 5
        assert world.states(*ALL) == ["timeout", "clean", "clean", "clean"]
        cloud.heal()
        assert world.scan().exit_code == 0


def test_a_scan_whose_time_is_over_ends_and_leaves_the_rest_unknown(cloud: Cloud) -> None:
    """A throttled service would keep it for minutes; the next scan begins and ends as usual."""
    limits = Limits(backoff_base_s=2.0, backoff_cap_s=2.0)
    with aws_world((LOGS, TABLES, USERS, VPCS), limits=limits, time=lambda: datetime.now(UTC)) as world:
        world.scan()
        world.baseline()
        cloud.aws.answers["logs:DescribeLogGroups"] = refusal("ThrottlingException")
        world.change(scan_deadline_s=1.0)
        begun = time.monotonic()
        assert world.scan().exit_code == 3
        assert time.monotonic() - begun < 6
        assert world.states(*ALL) == ["aborted", "clean", "clean", "clean"]
        cloud.heal()
        world.change(scan_deadline_s=60.0)
        assert world.scan().exit_code == 0


def test_a_resource_that_is_too_large_is_a_gap_of_its_own(cloud: Cloud) -> None:
    limits = Limits(max_item_bytes=20_000, backoff_base_s=0.001)
    with aws_world((LOGS, USERS), limits=limits) as world:
        world.scan()
        world.baseline()
        cloud.groups[1]["kmsKeyId"] = "k" * 30_000
        cloud.groups[2]["retentionInDays"] = 1
        assert world.scan().exit_code == 2
        assert world.states(LOG_CELL, USER_CELL) == ["oversize", "clean"]
        assert [gap.resource_id for gap in world.gaps(LOG_CELL)] == ["g2"]
        assert live(world) == [("g3", "/retentionInDays")], "the others are still compared, and it is not deleted"
        cloud.groups[1]["kmsKeyId"] = "k"
        world.scan()
        assert live(world) == [("g2", "/kmsKeyId"), ("g3", "/retentionInDays")]


def test_a_reply_that_is_too_large_deletes_nothing(cloud: Cloud) -> None:
    limits = Limits(max_reply_bytes=50_000, backoff_base_s=0.001)
    with aws_world((LOGS, USERS), limits=limits) as world:
        world.scan()
        world.baseline()
        cloud.groups[1]["kmsKeyId"] = "k" * 100_000
        for _ in range(2):
            assert world.scan().exit_code == 3
            assert world.states(LOG_CELL, USER_CELL) == ["oversize", "clean"]
        assert not world.live()


# --- odd values --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["nul \\u0000 inside", "half of a pair \\ud83d", "a pair \\ud83d\\ude00", "\\u001b[31mred \\u202e"])
def test_odd_text_comes_through_whole_and_is_the_same_after_a_restart(aws: AwsServer, tmp_path: Any, text: str) -> None:
    """As the service wrote it: JSON escapes in the reply, a store on disk, another process's installation on it."""
    url = f"sqlite:///{tmp_path}/driftwatch.db"
    body = '{"logGroups": [{"logGroupName": "g1", "kmsKeyId": "%s"}]}'
    aws.answers["logs:DescribeLogGroups"] = Reply(body=(body % text).encode())
    with aws_world((LOGS,), url=url) as world:
        world.scan()
        world.baseline()
        ended = world.now
    with aws_world((LOGS,), url=url) as world:
        world.now = ended
        world.change(new_id=lambda prefix: f"{prefix}-{time.monotonic_ns()}")
        assert world.scan().exit_code == 0
        with world.store.read() as uow:
            (stored,) = uow.observations.present(LOG_CELL)
            assert uow.documents.get(stored.fingerprint)["config"]["kmsKeyId"] == json.loads(f'"{text}"')
        aws.answers["logs:DescribeLogGroups"] = Reply(body=(body % "plain").encode())
        assert world.scan().exit_code == 2
        assert [change.before for finding in world.live() for change in finding.drift.changes] == [json.loads(f'"{text}"')]


def test_a_member_that_no_entry_names_and_a_value_that_no_list_knows_are_compared_like_any_other(cloud: Cloud, world: AwsWorld) -> None:
    cloud.groups[1]["logGroupClass"] = "A_CLASS_OF_NEXT_YEAR"
    assert world.scan().exit_code == 2
    assert ("g2", "/logGroupClass") in live(world)
    assert world.state(LOG_CELL).state is CellState.DRIFTED


@pytest.mark.xfail(strict=True, reason="botocore drops members that its service description does not know: seen only after an SDK update")
def test_a_member_that_the_sdk_does_not_know_is_seen(cloud: Cloud, world: AwsWorld) -> None:
    cloud.groups[1]["memberOfNextYear"] = "x"
    world.scan()
    assert ("g2", "/memberOfNextYear") in live(world)
