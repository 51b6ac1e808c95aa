"""From a Terraform plan to targets: what a plan says is covered, value for value, and nothing that it does not say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from driftwatch.aws import catalog
from driftwatch.documents.drafts import draft
from driftwatch.documents.targets import target_document
from driftwatch.documents.terraform_map import As, Rules, load
from driftwatch.documents.terraform_plan import read_plan
from driftwatch.documents.terraform_targets import PlanScope, lines, plan_scope
from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.change import ChangeRecord, Target
from driftwatch.domain.diff import diff
from driftwatch.domain.drift import Drift, DriftKind
from driftwatch.domain.normalize import Normaliser
from driftwatch.domain.pointer import split, split_pattern
from tests.builders import at, drift, policy, record, source
from tests.fakes import TEST_KEY

EXAMPLE = Path(__file__).parent / "plans" / "changes.json"
AWS = "registry.terraform.io/hashicorp/aws"
GROUP = "arn:aws:ec2:eu-west-1:111111111111:security-group/sg-0a1"
POLICY = policy("scaleup")


def scope(*changes: dict[str, Any], account: str | None = None) -> PlanScope:
    document = {"format_version": "1.2", "resource_changes": list(changes)}
    return plan_scope(read_plan(json.dumps(document).encode(), "plan.json"), load(), account)


def change(type_: str, actions: str, before: Any = None, after: Any = None, **marks: Any) -> dict[str, Any]:
    body = {"actions": actions.split("+"), "before": before, "after": after, "after_unknown": {}, **marks}
    return {"address": f"{type_}.it", "mode": "managed", "type": type_, "name": "it", "provider_name": AWS, "change": body}


def example() -> PlanScope:
    return plan_scope(read_plan(EXAMPLE.read_bytes(), str(EXAMPLE)), load())


def target_of(found: PlanScope) -> Target:
    (item,) = found.targets
    return item.target


def failures(found: PlanScope, seen: Drift) -> set[str]:
    """Which of R1, R2 and R9 the plan's targets fail for the drift; empty: all of its paths are covered, with their values."""
    permit: ChangeRecord = record(scope=tuple(item.target for item in found.targets))
    decision = decide(seen, events=[], records=[permit], sources=[source()], policy=POLICY, now=at("03-10 12:00"))
    return {result.rule for result in decision.violations} & {"R1", "R2", "R9"}


def drift_of(type_: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, **fields: Any) -> Drift:
    """The drift that driftwatch would find between two replies of AWS, under the shipped catalogue."""
    rules = catalog.load()[type_].normalisation
    sides = [_canonical(side, rules) if side is not None else None for side in (before, after)]
    kind = DriftKind.CREATED if before is None else DriftKind.DELETED if after is None else DriftKind.UPDATED
    tags = {"tags_before": (sides[0] or {}).get("tags", {}), "tags_after": (sides[1] or {}).get("tags", {})}
    return drift(*diff(*sides, rules), resource_type=type_, kind=kind, **{**tags, **fields})


def _canonical(reply: Mapping[str, Any], rules: Any) -> dict[str, Any]:
    made = Normaliser(rules, TEST_KEY).normalise(reply)
    return {"config": made.config, "tags": made.tags}


# --- the map ---------------------------------------------------------------------------------------------------------------------------


def members_of(type_: str) -> set[str]:
    """The top-level members that the catalogue's entry of a type knows."""
    entry = catalog.load()[type_]
    paths = [
        *entry.reviewed,
        *entry.sets,
        *entry.json,
        *entry.secret,
        *entry.lift,
        *entry.ordered,
        *(detail.into for detail in entry.detail),
    ]
    return {path.partition(".")[0].partition("[")[0] for path in paths}


@pytest.mark.parametrize("name", sorted(load()))
def test_every_pointer_of_the_map_begins_with_a_member_that_the_catalogue_knows(name: str) -> None:
    entry = load()[name]
    known = members_of(entry.type) | {"Tags"}
    for pointer in entry.pointers:
        assert split(pointer)[0] in known, f"{name}: {pointer}"
        assert split_pattern(pointer)
    assert entry.of is None or entry.part or entry.rules
    assert bool(entry.id) != bool(entry.of)


@pytest.mark.parametrize("name", sorted(load()))
def test_the_map_says_of_a_type_that_it_has_tags_only_where_driftwatch_reads_them(name: str) -> None:
    entry = load()[name]
    assert not entry.tags or catalog.load()[entry.type].tags


def test_the_map_knows_the_common_types() -> None:
    assert len(load()) >= 30
    promised = """aws_security_group aws_vpc_security_group_ingress_rule aws_iam_role aws_iam_policy aws_iam_role_policy aws_s3_bucket
        aws_instance aws_db_instance aws_lambda_function aws_kms_key aws_dynamodb_table aws_sqs_queue aws_sns_topic aws_cloudwatch_log_group
        aws_route53_record aws_lb aws_lb_listener aws_lb_target_group aws_ecs_service aws_ecs_cluster aws_eks_cluster aws_eks_node_group"""
    assert set(promised.split()) <= load().keys()


def test_no_secret_of_the_catalogue_is_expected_in_clear() -> None:
    """Where driftwatch keeps a keyed hash, a value of the plan could never be equal, and would lie open in the record."""
    for name, entry in load().items():
        secrets = {path.partition("[")[0].replace(".", "/") for path in catalog.load()[entry.type].secret}
        for attribute in entry.attributes.values():
            hidden = [
                path for path in attribute.at if any(f"/{secret}".startswith(path) or path.startswith(f"/{secret}") for secret in secrets)
            ]
            assert not hidden or attribute.form in (As.OPAQUE, As.NAMES), f"{name}: {hidden}"


# --- what a plan covers ----------------------------------------------------------------------------------------------------------------

PERMISSION: dict[str, Any] = {
    "IpProtocol": "tcp",
    "FromPort": 443,
    "ToPort": 443,
    "Ipv6Ranges": [],
    "PrefixListIds": [],
    "UserIdGroupPairs": [],
}


def permission(*cidrs: str, port: int = 443, described: str = "inside") -> dict[str, Any]:
    ranges = [{"CidrIp": cidr} | ({"Description": described} if described else {}) for cidr in cidrs]
    return {**PERMISSION, "FromPort": port, "ToPort": port, "IpRanges": ranges}


def group(*permissions: dict[str, Any], **tags: str) -> dict[str, Any]:
    return {
        "GroupId": "sg-0a1",
        "GroupName": "web",
        "IpPermissions": list(permissions),
        "Tags": [{"Key": k, "Value": v} for k, v in tags.items()],
    }


BEFORE = group(permission("10.0.0.0/16"), app="web", env="prod")
PLANNED = group(
    permission("10.0.0.0/16", "10.1.0.0/16"), permission("10.0.0.0/16", port=8443, described=""), app="web", env="prod", owner="platform"
)


def test_a_plan_covers_what_it_does_to_a_security_group() -> None:
    """Rules and tags as driftwatch sees them once the plan was applied: every path is covered, with its value."""
    assert failures(example(), drift_of("AWS::EC2::SecurityGroup", BEFORE, PLANNED, resource_id=GROUP)) == set()


@pytest.mark.parametrize(
    ("after", "failed"),
    [
        (group(permission("10.0.0.0/16", "0.0.0.0/0"), app="web", env="prod"), {"R2"}),
        (group(permission("10.0.0.0/16"), permission("10.0.0.0/16", "0.0.0.0/0", port=8443, described=""), app="web", env="prod"), {"R9"}),
        (group(permission("10.0.0.0/16"), permission("10.0.0.0/16", port=22, described=""), app="web", env="prod"), {"R2"}),
        (group(permission("10.0.0.0/16"), app="web", env="prod", owner="mallory"), {"R9"}),
        (group(permission("10.0.0.0/16"), app="web", env="dev"), {"R2"}),
        (group(app="web", env="prod"), {"R2"}),
        ({**BEFORE, "GroupName": "other"}, {"R2"}),
    ],
)
def test_a_plan_covers_nothing_else_of_a_security_group(after: dict[str, Any], failed: set[str]) -> None:
    assert failures(example(), drift_of("AWS::EC2::SecurityGroup", BEFORE, after, resource_id=GROUP)) == failed


def test_a_plan_covers_no_other_group() -> None:
    other = drift_of("AWS::EC2::SecurityGroup", BEFORE, PLANNED, resource_id=f"{GROUP}b", resource="sg-0a1b")
    assert failures(example(), other) == {"R1"}


FUNCTION = {"FunctionName": "invoices", "MemorySize": 256, "Layers": [{"Arn": "l:1"}], "CodeSha256": "a", "Timeout": 30} | {
    "Environment": {"Variables": {"LEVEL": "info", "TOKEN": "one"}},
    "VpcConfig": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
}
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:111111111111:function:invoices"


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({"MemorySize": 512, "Layers": [{"Arn": "l:2"}], "CodeSha256": "b"}, set()),
        ({"Environment": {"Variables": {"LEVEL": "info", "TOKEN": "two"}}}, set()),
        ({"VpcConfig": {"SubnetIds": ["subnet-1", "subnet-3"], "SecurityGroupIds": ["sg-1"]}}, set()),
        ({"MemorySize": 1024}, {"R9"}),
        ({"Timeout": 60}, {"R2"}),
        ({"Environment": {"Variables": {"LEVEL": "debug", "TOKEN": "one"}}}, {"R2"}),
        ({"VpcConfig": {"SubnetIds": ["subnet-1", "subnet-2", "subnet-9"], "SecurityGroupIds": ["sg-1"]}}, {"R2"}),
        ({"VpcConfig": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-2"]}}, {"R2"}),
    ],
)
def test_a_plan_covers_a_function_attribute_by_attribute(changed: dict[str, Any], failed: set[str]) -> None:
    seen = drift_of("AWS::Lambda::Function", FUNCTION, {**FUNCTION, **changed}, resource_id=FUNCTION_ARN, resource="invoices")
    assert failures(example(), seen) == failed


@pytest.mark.parametrize(("timeout", "failed"), [("60", set()), ("61", {"R9"})])
def test_what_is_to_be_created_is_matched_by_its_name_and_has_the_planned_values(timeout: str, failed: set[str]) -> None:
    arn = "arn:aws:sqs:eu-west-1:111111111111:orders-v2"
    reply = {
        "QueueUrl": "https://sqs.example/orders-v2",
        "Attributes": {"QueueArn": arn, "VisibilityTimeout": timeout, "DelaySeconds": "0"},
    }
    seen = drift_of("AWS::SQS::Queue", None, reply, resource_id=arn, resource="https://sqs.example/orders-v2")
    assert failures(example(), seen) == failed
    other = drift_of("AWS::SQS::Queue", None, reply, resource_id=f"{arn}-b", resource="https://sqs.example/orders-v2-b")
    assert failures(example(), other) == {"R1"}


@pytest.mark.parametrize(("restricted", "failed"), [(False, set()), (True, {"R9"})])
def test_a_part_of_a_bucket_is_an_update_of_the_bucket(restricted: bool, failed: set[str]) -> None:
    block = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": restricted}
    bucket = {"Name": "acme-logs", "Versioning": {}}
    seen = drift_of(
        "AWS::S3::Bucket", bucket, {**bucket, "PublicAccessBlock": block}, resource_id="arn:aws:s3:::acme-logs", resource="acme-logs"
    )
    assert failures(example(), seen) == failed
    versioned = drift_of("AWS::S3::Bucket", bucket, {**bucket, "Versioning": {"Status": "Enabled"}}, resource="acme-logs")
    assert failures(example(), versioned) == {"R2"}


def test_a_replacement_is_a_deletion_and_a_creation() -> None:
    targets = [item for item in example().targets if item.address == "aws_db_instance.main"]
    assert [(item.target.operations, item.target.ids) for item in targets] == [
        ((DriftKind.DELETED,), ("arn:aws:rds:eu-west-1:111111111111:db:main",)),
        ((DriftKind.CREATED,), ("main",)),
    ]
    assert [bool(item.weaker) for item in targets] == [False, True]
    assert any("replaced under the same name" in line for line in lines(example()))


def test_a_key_that_is_deleted_is_one_that_waits_for_it() -> None:
    target = next(item.target for item in example().targets if item.address == "aws_kms_key.old")
    assert (target.operations, target.attribute_paths) == (
        (DriftKind.UPDATED,),
        ("/KeyState", "/Enabled", "/DeletionDate", "/PendingDeletionWindowInDays"),
    )


def test_no_secret_of_a_plan_reaches_a_target_or_a_line() -> None:
    found = example()
    shown = json.dumps([target_document(item.target) for item in found.targets]) + "\n".join(lines(found)) + repr(found)
    assert "hunter2" not in shown


def test_what_the_map_does_not_know_yields_no_target_and_a_line() -> None:
    found = example()
    addresses = {item.address for item in found.targets}
    assert not addresses & {"aws_glue_job.etl", "random_id.suffix", "aws_iam_role.deploy", "data.aws_caller_identity.me"}
    told = "\n".join(lines(found))
    assert "aws_glue_job.etl: the map does not know aws_glue_job: no target" in told
    assert "random_id.suffix: random_id is not of the AWS provider: no target" in told
    assert "vpc_config.ipv6_allowed_for_dual_stack: not covered" in told


def test_only_an_unknown_attribute_yields_no_target() -> None:
    found = scope(change("aws_vpc", "update", {"arn": "arn:aws:ec2:x:1:vpc/v", "odd": 1}, {"arn": "arn:aws:ec2:x:1:vpc/v", "odd": 2}))
    assert not found.targets
    assert any("its attribute odd: not covered" in note for note in found.notes)


def test_a_value_that_is_not_known_yet_is_covered_but_not_expected() -> None:
    before = {"arn": FUNCTION_ARN, "function_name": "invoices", "role": "arn:old", "timeout": 3}
    after = {"arn": FUNCTION_ARN, "function_name": "invoices", "timeout": 3}
    target = target_of(scope(change("aws_lambda_function", "update", before, after, after_unknown={"role": True})))
    assert (target.attribute_paths, target.expected) == (("/Role",), ())


@pytest.mark.parametrize("side", ["before_sensitive", "after_sensitive"])
def test_a_sensitive_name_names_nothing(side: str) -> None:
    before, after = {"arn": "arn:aws:sns:x:111111111111:t", "name": "t"}, {"name": "secret-name", "display_name": "d"}
    found = scope(change("aws_sns_topic", "delete+create", before, after, **{side: {"name": True, "arn": True, "display_name": True}}))
    assert "secret-name" not in json.dumps([target_document(item.target) for item in found.targets]) or side == "before_sensitive"
    assert len(found.targets) == 1


def test_a_new_resource_without_a_known_name_is_matched_by_all_of_its_tags_or_not_at_all() -> None:
    tagged = {"ami": "ami-1", "instance_type": "t3.small", "tags": None, "tags_all": {"Name": "web", "env": "prod"}}
    target = target_of(scope(change("aws_instance", "create", None, tagged), account="111111111111"))
    assert (target.tags, target.accounts) == ({"Name": ("web",), "env": ("prod",)}, ("111111111111",))
    for marks in ({"after_unknown": {"tags_all": {"env": True}}}, {"after_sensitive": {"tags_all": {"env": True}}}):
        assert not scope(change("aws_instance", "create", None, tagged, **marks)).targets, "fewer tags would match more"
    assert not scope(change("aws_instance", "create", None, {"ami": "ami-1"})).targets


@pytest.mark.parametrize("name", ["*", "a*", "or?ers"])
def test_a_name_with_wildcards_never_becomes_a_pattern(name: str) -> None:
    assert not scope(change("aws_sqs_queue", "create", None, {"name": name})).targets
    bare = target_of(scope(change("aws_iam_role", "create", None, {"name": name})))
    assert bare.ids == (name,), "without a colon it is compared as it is"


def test_an_arn_with_wildcards_names_nothing() -> None:
    found = scope(change("aws_sqs_queue", "delete", {"arn": "arn:aws:sqs:x:1:*"}))
    assert not found.targets
    assert "stand for other text" in found.notes[0]


INGRESS = {
    "security_group_id": "sg-0a1",
    "ip_protocol": "tcp",
    "from_port": 22,
    "to_port": 22,
    "arn": "arn:aws:ec2:eu-west-1:111111111111:r/1",
}


def test_single_rules_of_one_group_are_one_target() -> None:
    """Two rules that share their ports make one permission in EC2, which holds both and nothing else."""
    found = scope(
        change("aws_vpc_security_group_ingress_rule", "create", None, {**INGRESS, "cidr_ipv4": "10.0.0.0/16"}),
        change("aws_vpc_security_group_ingress_rule", "create", None, {**INGRESS, "cidr_ipv4": "10.1.0.0/16", "description": "vpn"}),
    )
    target = target_of(found)
    assert target.ids == ("sg-0a1",)
    assert found.targets[0].weaker
    both = {
        **permission("10.0.0.0/16", port=22, described=""),
        "IpRanges": [{"CidrIp": "10.0.0.0/16"}, {"CidrIp": "10.1.0.0/16", "Description": "vpn"}],
    }
    new = drift_of("AWS::EC2::SecurityGroup", group(), group(both), resource_id=GROUP)
    assert failures(found, new) == set()
    wide = {**both, "IpRanges": [*both["IpRanges"], {"CidrIp": "0.0.0.0/0"}]}
    assert failures(found, drift_of("AWS::EC2::SecurityGroup", group(), group(wide), resource_id=GROUP)) == {"R9"}
    existing = group(permission("192.168.0.0/16", port=22))
    added = group({**permission("192.168.0.0/16", port=22), "IpRanges": [*permission("192.168.0.0/16")["IpRanges"], *both["IpRanges"]]})
    assert failures(found, drift_of("AWS::EC2::SecurityGroup", existing, added, resource_id=GROUP)) == set()


@pytest.mark.parametrize(
    ("type_", "attributes", "path"),
    [
        ("aws_vpc_security_group_egress_rule", {"cidr_ipv6": "::/0"}, "/IpPermissionsEgress/tcp|22|22/Ipv6Ranges/::~10"),
        ("aws_vpc_security_group_ingress_rule", {"prefix_list_id": "pl-1"}, "/IpPermissions/tcp|22|22/PrefixListIds/pl-1"),
        (
            "aws_vpc_security_group_ingress_rule",
            {"referenced_security_group_id": "222/sg-9"},
            "/IpPermissions/tcp|22|22/UserIdGroupPairs/*|sg-9",
        ),
        (
            "aws_security_group_rule",
            {"type": "egress", "protocol": "6", "cidr_blocks": ["10.0.0.0/8"]},
            "/IpPermissionsEgress/tcp|22|22/IpRanges/10.0.0.0~18",
        ),
        ("aws_security_group_rule", {"type": "ingress", "protocol": "all", "self": True}, "/IpPermissions/-1||/UserIdGroupPairs/*|sg-0a1"),
    ],
)
def test_rules_are_found_in_each_way_to_write_them(type_: str, attributes: dict[str, Any], path: str) -> None:
    found = scope(change(type_, "delete", {**INGRESS, **attributes}))
    assert path in (target_of(found).attribute_paths or ())


def test_rules_of_a_group_that_is_not_known_yet_have_no_target_of_their_own() -> None:
    unknown = {key: value for key, value in INGRESS.items() if key != "security_group_id"}
    found = scope(change("aws_vpc_security_group_ingress_rule", "create", None, unknown, after_unknown={"security_group_id": True}))
    assert not found.targets
    assert "not known yet" in found.notes[0]


def test_a_log_group_that_is_kept_for_ever_has_no_retention() -> None:
    before, after = ({"arn": "arn:aws:logs:x:1:log-group:a", "name": "a", "retention_in_days": days} for days in (30, 0))
    target = target_of(scope(change("aws_cloudwatch_log_group", "update", before, after)))
    assert [(item.path, item.absent) for item in target.expected] == [("/retentionInDays", True)]


def test_a_task_definition_that_is_replaced_is_a_new_revision_of_its_family() -> None:
    before = {
        "family": "web",
        "arn": "arn:aws:ecs:eu-west-1:111111111111:task-definition/web:1",
        "cpu": "256",
        "container_definitions": "[1]",
    }
    after = {"family": "web", "cpu": "512", "container_definitions": "[2]"}
    target = target_of(scope(change("aws_ecs_task_definition", "create+delete", before, after)))
    assert target.operations == (DriftKind.UPDATED,)
    assert {"/cpu", "/containerDefinitions", "/revision", "/taskDefinitionArn"} <= set(target.attribute_paths or ())


def test_pointers_of_parts_are_made_of_escaped_values() -> None:
    attached = {"role": "deploy", "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    target = target_of(scope(change("aws_iam_role_policy_attachment", "create", None, attached), account="111111111111"))
    assert target.attribute_paths == ("/AttachedManagedPolicies/arn:aws:iam::aws:policy~1ReadOnlyAccess",)
    odd = target_of(scope(change("aws_iam_role_policy", "create", None, {"role": "deploy", "name": "a*|b/c"})))
    assert odd.attribute_paths == ("/RolePolicyList/a%2A%7Cb~1c",)
    route = {"route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0", "destination_ipv6_cidr_block": ""}
    assert target_of(scope(change("aws_route", "create", None, route))).attribute_paths == ("/Routes/0.0.0.0~10||",)


def test_every_target_of_a_plan_can_stand_in_a_record() -> None:
    targets = [item.target for item in example().targets]
    document = {"id": "CHG-1", "title": "plan", "scope": [target_document(target) for target in targets]}
    assert draft(document, "the plan", at("03-10 12:00")).scope == tuple(targets)


def test_a_map_entry_that_says_something_else_is_refused() -> None:
    from driftwatch.errors import InputError

    for text in (
        '[aws_x]\ntype = "T"\nodd = 1',
        '[aws_x]\nid = "{arn}"',
        '[aws_x]\ntype = "T"\nrules = "odd"',
        '[aws_x]\ntype = "T"\nattributes = {a = {as = "set"}}',
    ):
        with pytest.raises(InputError, match="aws_x"):
            load(text)
    assert load('[aws_x]\ntype = "T"\nrules = "inline"')["aws_x"].rules is Rules.INLINE
