"""`catalog replay`: recorded replies go through the collecting code of production, and through each entry that reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from driftwatch.aws.catalog import Catalog, read_files
from driftwatch.aws.embedded_yaml import MAX_DEPTH, read_yaml
from driftwatch.aws.recorded import RecordedCaller, read_reply
from driftwatch.aws.replay import ACCOUNT, PUBLIC_TEST_KEY, replay
from driftwatch.aws.sdk import Sdk
from driftwatch.cli.catalog import app
from driftwatch.domain.snapshot import GapReason
from driftwatch.errors import InputError

ENTRIES = """\
[[resource]]
type = "AWS::EC2::SecurityGroup"
service = "ec2"
list = { op = "DescribeSecurityGroups", items = "SecurityGroups" }
id = "GroupId"
arn = "arn:{partition}:ec2:{region}:{account}:security-group/{GroupId}"
tags = "Tags"
drop = ["OwnerId"]
keep = "VpcId != 'vpc-other'"
[resource.sets]
"IpPermissions" = ["IpProtocol", "FromPort", "ToPort"]
"IpPermissions[].IpRanges" = ["CidrIp"]

[[resource]]
type = "AWS::SQS::Queue"
service = "sqs"
list = { op = "ListQueues", items = "QueueUrls[].{QueueUrl: @}" }
id = "QueueUrl"
arn = "Attributes.QueueArn"
tags = "Tags"
drop = ["Attributes.ApproximateNumberOfMessages"]
json = { "Attributes.Policy" = "iam-policy" }
secret = { "Attributes.KmsMasterKeyId" = "value" }
[[resource.detail]]
into = "Attributes"
op = "GetQueueAttributes"
params = { QueueUrl = "$item.QueueUrl", AttributeNames = ["All"] }
take = "Attributes"
absent = ["QueueDoesNotExist"]
[[resource.detail]]
into = "Tags"
op = "ListQueueTags"
params = { QueueUrl = "$item.QueueUrl" }
take = "Tags"

[[resource]]
type = "AWS::ElasticLoadBalancing::LoadBalancer"
service = "elb"
list = { op = "DescribeLoadBalancers", items = "LoadBalancerDescriptions" }
id = "LoadBalancerName"

[[resource]]
type = "AWS::ElasticLoadBalancingV2::LoadBalancer"
service = "elbv2"
list = { op = "DescribeLoadBalancers", items = "LoadBalancers" }
id = "LoadBalancerArn"

[[resource]]
type = "AWS::ECS::Cluster"
service = "ecs"
list = { op = "ListClusters", items = "clusterArns" }
id = "clusterArn"
[[resource.detail]]
into = "@"
op = "DescribeClusters"
params = { include = ["TAGS"] }
take = "clusters"
batch = { param = "clusters", size = 2, match = "clusterArn", missing = "failures" }

[[resource]]
type = "AWS::ECS::Service"
service = "ecs"
parent = { type = "AWS::ECS::Cluster", bind = { cluster = "clusterArn" } }
list = { op = "ListServices", params = { cluster = "$cluster" }, items = "serviceArns" }
id = "serviceArn"

[[resource]]
type = "Driftwatch::IAM::PasswordPolicy"
service = "iam"
kind = "singleton"
scope = "global"
list = { op = "GetAccountPasswordPolicy", items = "PasswordPolicy", off = ["NoSuchEntity"] }
"""

GROUPS = [{"GroupId": f"sg-{n}", "OwnerId": "1", "VpcId": "vpc-1", "Tags": [{"Key": "owner", "Value": "a"}]} for n in range(3)]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    path = tmp_path / "entries.toml"
    path.write_text(ENTRIES)
    return read_files([path])


def record(folder: Path, name: str, data: object, status: int = 200) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"status_code": status, "data": data}))
    return path


def one(path: Path, catalog: Catalog) -> dict[str, Any]:
    (line,) = replay([path], catalog, PUBLIC_TEST_KEY)
    assert line["path"] == str(path)
    return line


def test_a_directory_is_read_page_by_page_as_in_production(tmp_path: Path, catalog: Catalog) -> None:
    """The n-th call of an operation gets file n, as long as the reply has a token."""
    folder = tmp_path / "case"
    record(folder, "ec2.DescribeSecurityGroups_1", {"SecurityGroups": GROUPS[:2], "NextToken": "t"})
    record(folder, "ec2.DescribeSecurityGroups_2", {"SecurityGroups": GROUPS[2:]})
    line = one(folder, catalog)
    assert [found["id"] for found in line["resources"]] == ["sg-0", "sg-1", "sg-2"]
    assert line["gaps"] == []
    first = line["resources"][0]
    assert set(first) == {"type", "id", "arn", "tags", "config", "fingerprint"}
    assert first["arn"] == f"arn:aws:ec2:us-east-1:{ACCOUNT}:security-group/sg-0"
    assert first["tags"] == {"owner": "a"}
    assert first["config"] == {"GroupId": "sg-0", "VpcId": "vpc-1"}


def test_a_missing_page_is_a_gap_not_the_end_of_the_list(tmp_path: Path, catalog: Catalog) -> None:
    folder = tmp_path / "case"
    record(folder, "ec2.DescribeSecurityGroups_1", {"SecurityGroups": GROUPS, "NextToken": "t"})
    (gap,) = one(folder, catalog)["gaps"]
    assert gap["resource_id"] is None
    assert gap["type"] == "AWS::EC2::SecurityGroup"
    assert gap["detail"] == "there is no recorded reply to call 2"


def test_an_endless_listing_is_a_gap(tmp_path: Path, catalog: Catalog) -> None:
    folder = tmp_path / "case"
    for number in (1, 2, 3):
        record(folder, f"ec2.DescribeSecurityGroups_{number}", {"SecurityGroups": [], "NextToken": "t"})
    assert [gap["reason"] for gap in one(folder, catalog)["gaps"]] == [GapReason.PAGE_LOOP]


def test_ten_files_come_in_the_order_of_their_numbers(tmp_path: Path, catalog: Catalog) -> None:
    folder = tmp_path / "case"
    for number in range(1, 12):
        more = {} if number == 11 else {"NextToken": f"t{number}"}
        record(folder, f"ec2.DescribeSecurityGroups_{number}", {"SecurityGroups": [{"GroupId": f"sg-{number}"}], **more})
    line = one(folder, catalog)
    assert (len(line["resources"]), line["gaps"]) == (11, [])


@pytest.mark.parametrize(
    ("status", "data", "reason"),
    [
        (403, {"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, GapReason.DENIED),
        (503, {"Error": {"Code": "Unavailable", "Message": "no"}}, GapReason.UNAVAILABLE),
        (200, {"Groups": []}, GapReason.NOT_AWS),
        (200, {"SecurityGroups": [{"VpcId": "vpc-1"}]}, GapReason.INVALID_ITEM),
    ],
)
def test_a_listing_that_cannot_be_read_is_a_gap(tmp_path: Path, catalog: Catalog, status: int, data: object, reason: GapReason) -> None:
    folder = tmp_path / "case"
    record(folder, "ec2.DescribeSecurityGroups_1", data, status)
    line = one(folder, catalog)
    assert line["resources"] == []
    assert [gap["reason"] for gap in line["gaps"]] == [reason]


def test_details_follow_the_order_of_the_listing_and_a_denied_one_is_a_gap_of_that_resource(tmp_path: Path, catalog: Catalog) -> None:
    folder = tmp_path / "case"
    record(folder, "sqs.ListQueues_1", {"QueueUrls": ["u1", "u2", "u3"]})
    record(folder, "sqs.GetQueueAttributes_1", {"Attributes": {"DelaySeconds": "1"}})
    record(folder, "sqs.GetQueueAttributes_2", {"Error": {"Code": "AccessDenied", "Message": "no"}}, 403)
    record(folder, "sqs.GetQueueAttributes_3", {"Attributes": {"DelaySeconds": "3"}})
    record(folder, "sqs.ListQueueTags_1", {"Tags": {"owner": "a"}})
    record(folder, "sqs.ListQueueTags_2", {})
    line = one(folder, catalog)
    assert [(found["id"], found["config"]["Attributes"]["DelaySeconds"], found["tags"]) for found in line["resources"]] == [
        ("u1", "1", {"owner": "a"}),
        ("u3", "3", {}),
    ]
    assert [(gap["resource_id"], gap["reason"]) for gap in line["gaps"]] == [("u2", GapReason.DENIED)]


def test_an_absent_part_is_left_out(tmp_path: Path, catalog: Catalog) -> None:
    folder = tmp_path / "case"
    record(folder, "iam.GetAccountPasswordPolicy_1", {"Error": {"Code": "NoSuchEntity", "Message": "none"}}, 404)
    assert one(folder, catalog) == {"path": str(folder), "resources": [], "gaps": []}


def test_batches_and_children(tmp_path: Path, catalog: Catalog) -> None:
    folder = tmp_path / "case"
    record(folder, "ecs.ListClusters_1", {"clusterArns": ["c1", "c2", "c3"]})
    record(folder, "ecs.DescribeClusters_1", {"clusters": [{"clusterArn": "c2"}, {"clusterArn": "c1"}], "failures": []})
    record(folder, "ecs.DescribeClusters_2", {"clusters": [], "failures": [{"arn": "c3", "reason": "MISSING"}]})
    record(folder, "ecs.ListServices_1", {"serviceArns": ["s1"]})
    record(folder, "ecs.ListServices_2", {"serviceArns": ["s2", "s3"]})
    line = one(folder, catalog)
    assert line["gaps"] == []
    assert [found["id"] for found in line["resources"]] == ["c1", "c2", "s1", "s2", "s3"]


def test_the_same_replies_give_the_same_bytes(tmp_path: Path, catalog: Catalog) -> None:
    folder = tmp_path / "case"
    record(folder, "sqs.ListQueues_1", {"QueueUrls": [f"u{n}" for n in range(30)]})
    for number in range(1, 31):
        record(folder, f"sqs.GetQueueAttributes_{number}", {"Attributes": {"DelaySeconds": str(number)}})
        record(folder, f"sqs.ListQueueTags_{number}", {"Tags": {"n": str(number)}})
    first = one(folder, catalog)
    assert [found["tags"]["n"] for found in sorted(first["resources"], key=lambda found: int(found["id"][1:]))] == [
        str(n) for n in range(1, 31)
    ]
    assert all(one(folder, catalog) == first for _ in range(3))


def test_types_that_ask_the_same_question_separately_are_answered_by_the_same_recording(tmp_path: Path) -> None:
    """A recording of one of two types must not be used up by the other."""
    path = tmp_path / "acls.toml"
    acl = """
[[resource]]
type = "AWS::WAFv2::{name}"
service = "wafv2"
scope = "{scope}"
list = {{ op = "ListWebACLs", params = {{ Scope = "{word}" }}, items = "WebACLs", paging = "token" }}
id = "Id"
"""
    path.write_text(acl.format(name="A", scope="regional", word="REGIONAL") + acl.format(name="B", scope="us-east-1", word="CLOUDFRONT"))
    folder = tmp_path / "case"
    record(folder, "wafv2.ListWebACLs_1", {"WebACLs": [{"Id": "x"}]})
    line = one(folder, read_files([path]))
    assert ([found["type"] for found in line["resources"]], line["gaps"]) == (["AWS::WAFv2::A", "AWS::WAFv2::B"], [])
    record(folder, "wafv2.ListWebACLs_2", {"WebACLs": [{"Id": "y"}]})
    assert [found["id"] for found in one(folder, read_files([path]))["resources"]] == ["x", "y"]


def test_a_single_listing_shows_what_the_entry_keeps(tmp_path: Path, catalog: Catalog) -> None:
    groups = [
        {
            "GroupId": "sg-1",
            "OwnerId": "1",
            "VpcId": "vpc-1",
            "Tags": [{"Key": "owner", "Value": "a"}],
            "IpPermissions": [{"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "10.2.0.0/16"}, {"CidrIp": "10.1.0.0/16"}]}],
        },
        {"GroupId": "sg-2", "VpcId": "vpc-other"},
    ]
    line = one(record(tmp_path, "ec2.DescribeSecurityGroups_1", {"SecurityGroups": groups}), catalog)
    (reader,) = line["readers"]
    assert (reader["type"], reader["role"], reader["into"]) == ("AWS::EC2::SecurityGroup", "list", None)
    (document,) = reader["documents"]
    assert document["id"] == "sg-1"
    assert "OwnerId" not in document["config"]
    assert document["config"]["Tags"] == {"owner": "a"}
    assert [found["CidrIp"] for found in document["config"]["IpPermissions"][0]["IpRanges"]] == ["10.1.0.0/16", "10.2.0.0/16"]


def test_a_single_detail_is_under_the_rules_of_its_member(tmp_path: Path, catalog: Catalog) -> None:
    attributes = {
        "DelaySeconds": "0",
        "ApproximateNumberOfMessages": "7",
        "KmsMasterKeyId": "alias/secret",
        "Policy": '{"Statement": {"Effect": "Allow", "Action": ["b:B", "a:A"], "Resource": "*"}}',
    }
    line = one(record(tmp_path, "sqs.GetQueueAttributes_1", {"Attributes": attributes}), catalog)
    (reader,) = line["readers"]
    assert (reader["role"], reader["into"]) == ("detail", "Attributes")
    (document,) = reader["documents"]
    assert document["id"] is None
    config = document["config"]
    assert set(config) == {"DelaySeconds", "KmsMasterKeyId", "Policy"}
    assert "alias/secret" not in json.dumps(line)
    assert config["Policy"]["Statement"][0]["Action"] == ["a:A", "b:B"]


def test_a_change_of_tags_shows_in_a_single_reply(tmp_path: Path, catalog: Catalog) -> None:
    def config(tags: dict[str, str]) -> object:
        (reader,) = one(record(tmp_path, "sqs.ListQueueTags_1", {"Tags": tags}), catalog)["readers"]
        return reader["documents"][0]["config"]

    assert config({"owner": "a"}) == {"Tags": {"owner": "a"}}
    assert config({"owner": "b"}) != config({"owner": "a"})
    assert config({}) == {}


def test_a_batch_yields_a_document_for_each_element(tmp_path: Path, catalog: Catalog) -> None:
    clusters = [{"clusterArn": "c1"}, {"clusterArn": "c2"}]
    (reader,) = one(record(tmp_path, "ecs.DescribeClusters_1", {"clusters": clusters}), catalog)["readers"]
    assert [document["config"]["clusterArn"] for document in reader["documents"]] == ["c1", "c2"]


def test_the_endpoint_prefix_names_the_service_too(tmp_path: Path, catalog: Catalog) -> None:
    """Placebo names files by it; two API generations share one, and the reply tells which it is."""
    reply = {"LoadBalancers": [{"LoadBalancerArn": "arn:x"}]}
    (reader,) = one(record(tmp_path, "elasticloadbalancing.DescribeLoadBalancers_1", reply), catalog)["readers"]
    assert reader["type"] == "AWS::ElasticLoadBalancingV2::LoadBalancer"
    (reader,) = one(record(tmp_path, "elb.DescribeLoadBalancers_1", {"LoadBalancerDescriptions": []}), catalog)["readers"]
    assert reader["type"] == "AWS::ElasticLoadBalancing::LoadBalancer"


def test_a_listing_without_its_result_key_says_so(tmp_path: Path, catalog: Catalog) -> None:
    (reader,) = one(record(tmp_path, "ec2.DescribeSecurityGroups_1", {}), catalog)["readers"]
    assert reader["documents"] == []
    assert "SecurityGroups" in reader["error"]


def test_a_refused_call_says_so_unless_the_entry_expects_it(tmp_path: Path, catalog: Catalog) -> None:
    denied = {"Error": {"Code": "AccessDenied", "Message": "x"}}
    (reader,) = one(record(tmp_path, "sqs.GetQueueAttributes_1", denied, 403), catalog)["readers"]
    assert (reader["documents"], "denied" in reader["error"]) == ([], True)
    absent = {"Error": {"Code": "NoSuchEntity", "Message": "x"}}
    (reader,) = one(record(tmp_path, "iam.GetAccountPasswordPolicy_1", absent, 404), catalog)["readers"]
    assert "error" not in reader


def test_an_operation_that_no_entry_reads_has_no_readers(tmp_path: Path, catalog: Catalog) -> None:
    assert one(record(tmp_path, "sns.ListTopics_1", {"Topics": []}), catalog)["readers"] == []
    assert one(record(tmp_path, "monitoring.DescribeAlarms_1", {}), catalog)["readers"] == []


def bad_paths(tmp_path: Path) -> list[Path]:
    (tmp_path / "empty").mkdir()
    record(tmp_path / "no-listing", "sqs.GetQueueAttributes_1", {"Attributes": {}})  # an empty answer would say that there is nothing
    texts = {
        "ec2.DescribeVpcs_1.json": "{",
        "ec2.DescribeVpcs_2.json": "[]",
        "ec2.DescribeVpcs_3.json": '{"status_code": "x", "data": {}}',
        "ec2.DescribeVpcs_4.json": '{"status_code": 200, "data": {"T": {"__class__": "datetime", "year": 2020}}}',
        "ec2.DescribeVpcs_5.json": '{"status_code": 200, "data": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "ec9.DescribeVpcs_1.json": '{"status_code": 200, "data": {}}',
        "ec2.DescribeVcps_1.json": '{"status_code": 200, "data": {}}',
        "notes.json": "{}",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "ec2.DescribeVpcs_6.json").write_bytes(b'{"data": "\xff"}')
    return [
        tmp_path / "empty",
        tmp_path / "no-listing",
        *(tmp_path / name for name in texts),
        tmp_path / "ec2.DescribeVpcs_6.json",
        tmp_path / "missing.json",
    ]


def test_a_bad_path_is_an_error_of_its_own_and_the_others_are_replayed(tmp_path: Path, catalog: Catalog) -> None:
    bad = bad_paths(tmp_path)
    good = record(tmp_path, "ec2.DescribeSecurityGroups_1", {"SecurityGroups": []})
    lines = list(replay([*bad, good], catalog, PUBLIC_TEST_KEY))
    assert [line["path"] for line in lines] == [str(path) for path in (*bad, good)]
    assert [set(line) for line in lines[:-1]] == [{"path", "error"}] * len(bad)
    assert "readers" in lines[-1]


def test_the_command_prints_one_json_line_for_each_path_and_fails_at_the_end(tmp_path: Path) -> None:
    good = record(tmp_path, "ec2.DescribeSecurityGroups_1", {"SecurityGroups": GROUPS})
    folder = tmp_path / "case"
    record(folder, "ec2.DescribeSecurityGroups_1", {"SecurityGroups": GROUPS})
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "missing.json"), str(good), str(folder), "--json"])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [sorted(set(line) - {"path"}) for line in lines] == [["error"], ["readers"], ["gaps", "resources"]]
    assert result.exit_code == 1
    assert CliRunner().invoke(app, ["replay", str(good), str(folder), "--json"]).exit_code == 0
    shown = CliRunner().invoke(app, ["replay", str(good), str(folder)])
    assert "sg-0" in shown.stdout


def test_list_and_check_commands(tmp_path: Path) -> None:
    listed = json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)
    assert {"type", "service", "scope", "calls"} == set(listed[0])
    assert "AWS::EC2::SecurityGroup" in CliRunner().invoke(app, ["list"], env={"COLUMNS": "200"}).stdout
    path = tmp_path / "mine.toml"
    lines = ["[[resource]]", 'type = "AWS::EC2::VPC"', 'service = "ec2"', 'list = { op = "DescribeVpcs", items = "Vpcs" }', 'id = "VpcID"']
    path.write_text("\n".join(lines))
    result = CliRunner().invoke(app, ["check", str(path), "--json"])
    problems = json.loads(result.stdout)
    assert result.exit_code == 1
    assert any(problem["line"] == 5 and "did you mean VpcId?" in problem["message"] for problem in problems)
    path.write_text("resource = [")
    result = CliRunner().invoke(app, ["check", str(path), "--json"])
    assert (result.exit_code, json.loads(result.stdout)[0]["level"]) == (1, "error")


def test_times_are_read_as_placebo_writes_them(tmp_path: Path) -> None:
    time = {"__class__": "datetime", "year": 2024, "month": 5, "day": 6, "hour": 7, "minute": 8, "second": 9, "microsecond": 0}
    recorded = read_reply(record(tmp_path, "ec2.DescribeVolumes_1", {"At": time, "ResponseMetadata": {}}))
    assert recorded.reply["At"].isoformat() == "2024-05-06T07:08:09+00:00"
    assert set(recorded.reply) == {"At"}
    with pytest.raises(InputError):
        read_reply(tmp_path / "none.json")


def test_a_service_name_may_have_dots(tmp_path: Path) -> None:
    recorded = read_reply(record(tmp_path, "ingest.timestream.ListTables_12", {}))
    assert (recorded.service, recorded.operation, recorded.number) == ("ingest.timestream", "ListTables", 12)
    caller = RecordedCaller([recorded], Sdk())
    assert caller.has("timestream-write", "ListTables")
    assert not caller.has("ec2", "ListTables")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: [1, 'x', true]", {"a": ["1", "x", "true"]}),
        ("Id: !Sub '${A}-x'\nV: !GetAtt [A, B]", {"Id": {"!Sub": "${A}-x"}, "V": {"!GetAtt": ["A", "B"]}}),
        ("account: 012345678901", {"account": "012345678901"}),
        ("", None),
    ],
)
def test_embedded_yaml(text: str, value: object) -> None:
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    "text",
    ["a: &x [1]\nb: *x", "a: 1\na: 2", "[" * (MAX_DEPTH + 1), "[" * 300_000, "a: [", "? [a]\n: b", "- a\n--- \n- b", "x" * 3_000_000],
)
def test_embedded_yaml_that_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_yaml(text)
