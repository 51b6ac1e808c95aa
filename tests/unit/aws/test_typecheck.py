"""The type check: what botocore's models can refute does not get into the catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.session
import pytest

from driftwatch.aws.catalog import Catalog, read_files
from driftwatch.aws.expressions import infer
from driftwatch.aws.sdk import Sdk
from driftwatch.aws.shapes import FREE, Form, PathError, list_of, map_of, object_of, of_shape, resolve
from driftwatch.aws.typecheck import Level, Problem, check

SESSION = botocore.session.get_session()
"""Keeps the models that were read."""
SDK = Sdk(SESSION)

SERVICES = [
    "acm",
    "apigateway",
    "autoscaling",
    "cloudformation",
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "dynamodb",
    "ec2",
    "ecs",
    "eks",
    "elbv2",
    "events",
    "glue",
    "iam",
    "kms",
    "lambda",
    "logs",
    "organizations",
    "rds",
    "route53",
    "s3",
    "sns",
    "sqs",
    "secretsmanager",
    "ssm",
    "stepfunctions",
]

GROUP = """\
[[resource]]
type = "AWS::EC2::SecurityGroup"
service = "ec2"
list = { op = "DescribeSecurityGroups", items = "SecurityGroups" }
id = "GroupId"
arn = "SecurityGroupArn"
label = "GroupName"
tags = "Tags"
drop = ["OwnerId"]
reviewed = ["Description", "VpcId"]
[resource.sets]
"IpPermissions" = ["IpProtocol", "FromPort", "ToPort"]
"IpPermissions[].IpRanges" = ["CidrIp"]
"IpPermissions[].Ipv6Ranges" = ["CidrIpv6"]
"IpPermissions[].PrefixListIds" = ["PrefixListId"]
"IpPermissions[].UserIdGroupPairs" = ["UserId", "GroupId"]
"IpPermissionsEgress" = ["IpProtocol", "FromPort", "ToPort"]
"IpPermissionsEgress[].IpRanges" = ["CidrIp"]
"IpPermissionsEgress[].Ipv6Ranges" = ["CidrIpv6"]
"IpPermissionsEgress[].PrefixListIds" = ["PrefixListId"]
"IpPermissionsEgress[].UserIdGroupPairs" = ["UserId", "GroupId"]
"""

BUCKET = """\
[[resource]]
type = "AWS::S3::Bucket"
service = "s3"
scope = "global"
item_region = "BucketRegion"
list = { op = "ListBuckets", params = { MaxBuckets = 1000 }, items = "Buckets" }
id = "Name"
arn = "arn:{partition}:s3:::{Name}"
tags = "Tagging"
drop = ["CreationDate"]
reviewed = ["BucketArn"]
json = { "Policy" = "iam-policy" }
sets = { "Acl.Grants" = ["Grantee.Type", "Grantee.ID", "Grantee.URI", "Permission"] }
detail = [
  { into = "Policy", op = "GetBucketPolicy", params = { Bucket = "$item.Name" }, take = "Policy", absent = ["NoSuchBucketPolicy"] },
  { into = "Tagging", op = "GetBucketTagging", params = { Bucket = "$item.Name" }, take = "TagSet", absent = ["NoSuchTagSet"] },
  { into = "Acl", op = "GetBucketAcl", params = { Bucket = "$item.Name" }, take = "{Owner: Owner.ID, Grants: Grants}" },
]
"""

ECS = """\
[[resource]]
type = "AWS::ECS::Cluster"
service = "ecs"
list = { op = "ListClusters", items = "clusterArns" }
id = "clusterArn"
tags = "tags"
drop = ["statistics", "attachments", "defaultCapacityProviderStrategy"]
sets = { settings = ["name"] }
detail = [
  { into = "@", op = "DescribeClusters", params = { include = ["TAGS"] }, take = "clusters", batch = { param = "clusters", size = 100, match = "clusterArn", missing = "failures" } },
]

[[resource]]
type = "AWS::ECS::Service"
service = "ecs"
parent = { type = "AWS::ECS::Cluster", bind = { cluster = "clusterArn" } }
list = { op = "ListServices", params = { cluster = "$cluster" }, items = "serviceArns" }
id = "serviceArn"
tags = "tags"
keep = "status != 'INACTIVE'"
drop = ["events", "deployments", "taskSets", "serviceRegistries", "placementConstraints", "deploymentConfiguration", "loadBalancers", "currentServiceRevisions"]
ordered = ["placementStrategy"]
sets = { "capacityProviderStrategy" = ["capacityProvider"], "networkConfiguration.awsvpcConfiguration.securityGroups" = [] }
detail = [
  { into = "@", op = "DescribeServices", params = { cluster = "$cluster", include = ["TAGS"] }, take = "services", batch = { param = "services", size = 10, match = "serviceArn", missing = "failures" } },
]
"""  # noqa: E501 - an inline table of TOML stands on one line

QUEUE = """\
[[resource]]
type = "AWS::SQS::Queue"
service = "sqs"
list = { op = "ListQueues", items = "QueueUrls[].{QueueUrl: @}" }
id = "QueueArn"
json = { Policy = "iam-policy" }
drop = ["ApproximateNumberOfMessages"]
detail = [
  { into = "+", op = "GetQueueAttributes", params = { QueueUrl = "$item.QueueUrl", AttributeNames = ["All"] }, take = "Attributes", absent = ["QueueDoesNotExist"] },
]
"""  # noqa: E501 - an inline table of TOML stands on one line

BALANCER = """\
[[resource]]
type = "AWS::ElasticLoadBalancingV2::LoadBalancer"
service = "elbv2"
list = { op = "DescribeLoadBalancers", items = "LoadBalancers" }
id = "LoadBalancerArn"
tags = "Tags"
lift = { Attributes = ["Key", "Value"] }
secret = { "Attributes.*" = "value" }
sets = { "AvailabilityZones" = ["ZoneName"] }
ordered = ["AvailabilityZones[].LoadBalancerAddresses"]
detail = [
  { into = "Attributes", op = "DescribeLoadBalancerAttributes", params = { LoadBalancerArn = "$item.LoadBalancerArn" }, take = "Attributes" },
  { into = "+", op = "DescribeTags", params = { ResourceArns = "$item.LoadBalancerArn" }, take = "TagDescriptions", batch = { param = "ResourceArns", size = 20, match = "ResourceArn" } },
]
"""  # noqa: E501 - an inline table of TOML stands on one line

PROJECT = """\
[[resource]]
type = "AWS::CodeBuild::Project"
service = "codebuild"
list = { op = "ListProjects", items = "projects" }
id = "arn"
tags = "tags"
secret = { "environment.environmentVariables" = "whole" }
drop = ["secondarySources", "secondarySourceVersions", "secondaryArtifacts", "fileSystemLocations", "webhook"]
[[resource.detail]]
into = "@"
op = "BatchGetProjects"
take = "projects"
batch = { param = "names", size = 100, match = "name", missing = "projectsNotFound" }
"""

IAM = """\
[[resource]]
type = "AWS::IAM::Role"
service = "iam"
scope = "global"
list = { op = "GetAccountAuthorizationDetails", params = { Filter = ["Role"] }, items = "RoleDetailList" }
id = "RoleName"
arn = "Arn"
tags = "Tags"
drop = ["InstanceProfileList", "RoleLastUsed"]
sets = { "RolePolicyList" = ["PolicyName"], "AttachedManagedPolicies" = ["PolicyArn"], "AssumeRolePolicyDocument.Statement" = ["Sid"] }
detail = [
  { into = "Extra", op = "ListRoles", take = "{Description: Description, MaxSessionDuration: MaxSessionDuration}", join = { list = "Roles", match = "Arn", on = "Arn" } },
]

[[resource]]
type = "Driftwatch::IAM::PasswordPolicy"
service = "iam"
kind = "singleton"
scope = "global"
list = { op = "GetAccountPasswordPolicy", items = "PasswordPolicy", off = ["NoSuchEntity"] }
"""  # noqa: E501 - an inline table of TOML stands on one line


def catalog(tmp_path: Path, text: str) -> Catalog:
    path = tmp_path / "entries.toml"
    path.write_text(text)
    return read_files([path])


def errors(tmp_path: Path, text: str) -> list[Problem]:
    """But for members that nobody reviewed: these entries are short."""
    found = check(catalog(tmp_path, text), SESSION)
    return [problem for problem in found if problem.level is Level.ERROR and not problem.message.startswith("not reviewed")]


@pytest.mark.parametrize("text", [GROUP, BUCKET, ECS, QUEUE, BALANCER, PROJECT, IAM])
def test_a_good_entry_has_no_problem(tmp_path: Path, text: str) -> None:
    assert errors(tmp_path, text) == []


MISTAKES = [
    # operations
    (GROUP, "DescribeSecurityGroups", "DescribeSecurityGroup", "ec2 has no operation DescribeSecurityGroup; did you mean"),
    (GROUP, "DescribeSecurityGroups", "DeleteSecurityGroup", "does not begin with a reading verb"),
    (GROUP, 'service = "ec2"', 'service = "ec3"', "no service ec3; did you mean"),
    (QUEUE, 'op = "GetQueueAttributes"', 'op = "SetQueueAttributes"', "does not begin with a reading verb"),
    # parameters
    (BUCKET, "MaxBuckets = 1000", "MaxBucket = 1000", "did you mean MaxBuckets?"),
    (BUCKET, "MaxBuckets = 1000", "MaxBuckets = '1000'", "MaxBuckets"),
    (BUCKET, "MaxBuckets = 1000", "MaxBuckets = 100000", "more than the maximum of 10000"),
    (BUCKET, 'GetBucketAcl", params = { Bucket = "$item.Name" }', 'GetBucketAcl"', 'missing required parameter in input: "Bucket"'),
    (BUCKET, 'GetBucketAcl", params = { Bucket = "$item.Name"', 'GetBucketAcl", params = { Bucket = "$item.Nam"', "did you mean Name?"),
    (BUCKET, 'GetBucketAcl", params = { Bucket = "$item.Name"', 'GetBucketAcl", params = { Bucket = "$itm.Name"', "did you mean $item?"),
    (
        BUCKET,
        'GetBucketAcl", params = { Bucket = "$item.Name"',
        'GetBucketAcl", params = { Bucket = "$item"',
        "is an object; expected a string",
    ),
    (ECS, '"$cluster" }, items', '"$clutser" }, items', "did you mean $cluster?"),
    (
        ECS,
        'cluster = "$cluster", include = ["TAGS"]',
        'cluster = "$cluster", include = ["TAG"]',
        "'TAG' is no value of ServiceField; did you mean TAGS?",
    ),
    (IAM, 'Filter = ["Role"]', 'Filter = ["Roles"]', "'Roles' is no value of EntityType; did you mean Role?"),
    # batches and joins
    (PROJECT, "size = 100", "size = 101", "batch size 101 is more than the 100 that names takes"),
    (ECS, 'param = "clusters"', 'param = "cluster"', "no parameter cluster; did you mean clusters?"),
    (ECS, 'match = "serviceArn"', 'match = "serviceARN"', "did you mean serviceArn?"),
    (ECS, 'missing = "failures" } },\n]\n\n', 'missing = "failure" } },\n]\n\n', "did you mean failures?"),
    (IAM, 'list = "Roles"', 'list = "Role"', "did you mean Roles?"),
    (IAM, 'on = "Arn"', 'on = "ARN"', "did you mean Arn?"),
    (IAM, "MaxSessionDuration: MaxSessionDuration", "Max: MaxSession", "did you mean MaxSessionDuration?"),
    # what the reply is
    (GROUP, 'items = "SecurityGroups"', 'items = "securityGroups"', "did you mean SecurityGroups?"),
    (GROUP, 'items = "SecurityGroups"', 'items = "SecurityGroups[0]"', "not a list"),
    (GROUP, 'items = "SecurityGroups"', 'items = "SecurityGroups["', "is no JMESPath"),
    (QUEUE, "QueueUrls[].{QueueUrl: @}", "QueueUrls", 'shape it in items, as in "Urls[].{Url: @}"'),
    (BUCKET, 'take = "TagSet"', 'take = "TagsSet"', "did you mean TagSet?"),
    (IAM, 'items = "PasswordPolicy"', 'items = "PasswordPolicy.MinimumPasswordLength"', "not an object"),
    # paging
    (GROUP, 'items = "SecurityGroups"', 'items = "SecurityGroups", paging = "single"', "reads one page only; say paging = 'paginator'"),
    (QUEUE, "QueueUrls[].{QueueUrl: @}", "NextToken", "is not what its pages carry (QueueUrls)"),
    (BALANCER, 'take = "Attributes" }', 'take = "Attributes", paging = "paginator" }', "no paginator"),
    (BALANCER, 'take = "Attributes" }', 'take = "Attributes", paging = "token" }', "it has no token"),
    # error codes
    (BUCKET, "NoSuchBucketPolicy", "NoSuchBucketPolcy", "did you mean NoSuchBucketPolicy?"),
    (IAM, 'off = ["NoSuchEntity"]', 'off = ["NoSuchEntitty"]', "did you mean NoSuchEntity?"),
    (QUEUE, "QueueDoesNotExist", "QueueDoesntExist", "did you mean QueueDoesNotExist?"),
    # names
    (GROUP, 'id = "GroupId"', 'id = "GroupID"', "did you mean GroupId?"),
    (GROUP, 'id = "GroupId"', 'id = ["GroupId", "IpPermissions"]', "is a list, not a single value"),
    (GROUP, 'arn = "SecurityGroupArn"', 'arn = "arn:{partition}:ec2:{region}:{account}:security-group/{GroupID}"', "did you mean GroupId?"),
    (GROUP, 'label = "GroupName"', 'label = "Name"', "no member Name"),
    (GROUP, 'tags = "Tags"', 'tags = "IpPermissions"', "have no Key and Value"),
    (GROUP, 'tags = "Tags"', 'tags = "GroupName"', "neither a list of keys and values nor a map"),
    (GROUP, 'tags = "Tags"', 'tags = "Tags"\nowner = "Owner"', "did you mean OwnerId?"),
    (ECS, "status != 'INACTIVE'", "state != 'INACTIVE'", "no member state"),
    (BUCKET, 'item_region = "BucketRegion"', 'item_region = "Region"', "did you mean BucketRegion?"),
    # rules
    (GROUP, '"OwnerId"]', '"OwnerID"]', "did you mean OwnerId?"),
    (GROUP, '"Description", "VpcId"', '"Descripton", "VpcId"', "did you mean Description?"),
    (GROUP, 'drop = ["OwnerId"]', 'drop = ["IpPermissions"]', "IpPermissions is keyed, but IpPermissions is dropped"),
    (GROUP, 'drop = ["OwnerId"]', 'drop = ["IpPermissions[].FromPort"]', "key FromPort is dropped"),
    (GROUP, '"IpPermissions[].IpRanges" = ["CidrIp"]', '"IpPermissions[].IpRanges" = ["Cidr"]', "did you mean CidrIp?"),
    (GROUP, '"IpPermissions[].IpRanges" = ["CidrIp"]', '"IpPermissions[].IpRanges" = []', "name the members"),
    (GROUP, '"IpPermissions[].IpRanges" = ["CidrIp"]\n', "", "no key: IpPermissions[].IpRanges is a set of objects"),
    (GROUP, '"IpPermissions" = ["IpProtocol", ', '"IpPermissions" = ["IpRanges", ', "key IpRanges is a list"),
    (GROUP, 'drop = ["OwnerId"]', 'ordered = ["OwnerId"]', "OwnerId is a string, not a list"),
    (GROUP, 'drop = ["OwnerId"]', 'ordered = ["IpPermissions"]', "IpPermissions is a set and ordered"),
    (GROUP, 'drop = ["OwnerId"]', 'lower = ["IpPermissions"]', "not a text"),
    (GROUP, 'drop = ["OwnerId"]', 'secret = { "IpPermissions" = "value" }', "say 'map-values' or 'whole'"),
    (GROUP, 'drop = ["OwnerId"]', 'secret = { "OwnerId" = "map-values" }', "not a map"),
    (GROUP, 'drop = ["OwnerId"]', 'json = { "IpPermissions" = "json" }', "not a text"),
    (BALANCER, 'lift = { Attributes = ["Key", "Value"] }', 'lift = { Attributes = ["Name", "Value"] }', "no member Name"),
    (BALANCER, 'lift = { Attributes = ["Key", "Value"] }\n', "", "no key: Attributes is a set of objects"),
    (QUEUE, "{ Policy = ", "{ Polcy = ", "did you mean Policy?"),
    # scope, parent, aliases, permissions
    (IAM, 'scope = "global"', 'scope = "regional"', "has one endpoint for all regions"),
    (ECS, 'service = "ecs"', 'service = "ecs"\nscope = "global"', "ecs is a regional service"),
    (GROUP, 'service = "ec2"', 'service = "ec2"\nscope = "us-esat-1"', "there is no region us-esat-1; did you mean us-"),
    (GROUP, 'service = "ec2"', 'service = "ec2"\nregions = ["us-esat-1"]', "there is no region us-esat-1; did you mean us-"),
    (ECS, 'type = "AWS::ECS::Cluster", bind', 'type = "AWS::ECS::Clusters", bind', "no parent type AWS::ECS::Clusters; did you mean"),
    (ECS, 'cluster = "clusterArn" }', 'cluster = "clusterARN" }', "bind cluster: there is no member clusterARN"),
    (GROUP, 'service = "ec2"', 'service = "ec2"\naliases = ["AWS::EC2::SecurityGrp"]', "AWS Config has no type"),
    (GROUP, 'service = "ec2"', 'service = "ec2"\niam = { "ec2:DescribeGroups" = ["ec2:DescribeX"] }', "is no call of this entry"),
    (GROUP, 'service = "ec2"', 'service = "ec2"\niam = { "ec2:DescribeSecurityGroups" = ["Describe"] }', "is no IAM action"),
]


@pytest.mark.parametrize(("text", "before", "after", "words"), MISTAKES, ids=[f"{m[2][:40]}" for m in MISTAKES])
def test_a_mistake_is_found_and_its_line_named(tmp_path: Path, text: str, before: str, after: str, words: str) -> None:
    assert before in text, "the case is stale"
    wrong = text.replace(before, after, 1)
    found = errors(tmp_path, wrong)
    told = [problem for problem in found if words in problem.message]
    assert told, [str(problem) for problem in found]
    assert told[0].file.endswith("entries.toml")
    assert 1 <= told[0].line <= wrong.count("\n") + 1


def test_the_line_of_a_problem_is_the_line_of_the_misspelt_word(tmp_path: Path) -> None:
    problem, *_ = errors(tmp_path, BUCKET.replace('take = "TagSet"', 'take = "TagsSet"'))
    assert "TagsSet" in BUCKET.replace('take = "TagSet"', 'take = "TagsSet"').splitlines()[problem.line - 1]
    (problem,) = errors(
        tmp_path, GROUP.replace('"IpPermissionsEgress[].IpRanges" = ["CidrIp"]', '"IpPermissionsEgress[].IpRanges" = ["Cidr"]')
    )
    assert GROUP.splitlines()[problem.line - 1].startswith('"IpPermissionsEgress[].IpRanges"')


def test_a_token_without_a_paginator_must_be_paged(tmp_path: Path) -> None:
    """17 % of list operations have a token but no paginator: a single call would be silently truncated."""
    name, operation = next(
        (service, name)
        for service in SERVICES
        for name in SDK.operations(service)
        if name.startswith("List") and (found := SDK.operation(service, name)).token and not found.paginator
        if not found.input.required_members and any(shape.type_name == "list" for shape in found.model.output_shape.members.values())
    )
    output = SDK.operation(name, operation).output
    key = next(member for member, type_ in output.members.items() if type_.form is Form.LIST)
    text = f'[[resource]]\ntype = "AWS::X::Y"\nservice = "{name}"\nlist = {{ op = "{operation}", items = "{key}" }}\nid = "@"\n'
    assert any("say paging = 'token'" in problem.message for problem in errors(tmp_path, text))
    paged = errors(tmp_path, text.replace(f'items = "{key}"', f'items = "{key}", paging = "token"'))
    assert not any("paging" in problem.message for problem in paged)


def test_members_that_nobody_reviewed_fail_the_check(tmp_path: Path) -> None:
    """A newer SDK brings new members, at any depth: somebody has to look at each."""
    (problem,) = check(catalog(tmp_path, GROUP.replace('"Description", "VpcId"', '"Description", "IpPermissionsEgress"')), SESSION)
    assert problem.level is Level.ERROR
    assert problem.message.startswith("not reviewed: IpPermissions[].IpRanges[].Description, ")
    assert problem.message.endswith(", VpcId")
    assert "Egress" not in problem.message, "a path speaks for all below it"
    assert "CidrIp," not in problem.message, "a key is named"


def test_what_botocore_decodes_is_not_taken_for_text(tmp_path: Path) -> None:
    """IAM's policy documents are strings in the model and documents at run time: a path may go on inside them."""
    assert errors(tmp_path, IAM) == []
    assert infer(
        "RoleDetailList[].AssumeRolePolicyDocument.Statement", SDK.operation("iam", "GetAccountAuthorizationDetails").output
    ).is_list


def _result_keys(service: str) -> list[tuple[str, str]]:
    found = []
    for operation, paginator in SDK.paginators(service).items():
        keys = paginator["result_key"]
        found += [(operation, key) for key in ([keys] if isinstance(keys, str) else keys)]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_the_paths_of_botocores_own_paginators_resolve_and_misspelt_ones_do_not(service: str) -> None:
    """AWS's own expressions are all right, so that a refusal of one would be our mistake; and a typo in one must not pass."""
    keys = _result_keys(service)
    assert keys
    for operation, key in keys:
        output = SDK.operation(service, operation).output
        free_form = infer(key, output).form is Form.MAP
        for wrong in (re.sub(r"(\w+)$", r"\1x", key), key.swapcase()):
            with pytest.raises(PathError, match="did you mean"):
                infer(wrong, output)
        if not free_form:
            with pytest.raises(PathError):
                infer(f"{key}.Nothing", output)


REPLY = object_of(
    {
        "Items": list_of(
            object_of({"Name": of_shape(SDK.service("iam").shape_for("stringType")), "Parts": list_of(object_of({"N": FREE}))})
        ),
        "ById": map_of(object_of({"Size": of_shape(SDK.service("ec2").shape_for("Integer"))})),
        "State": of_shape(SDK.service("ec2").shape_for("VolumeState")),
        "Other": object_of({"Flag": of_shape(SDK.service("ec2").shape_for("Boolean"))}),
    }
)


@pytest.mark.parametrize(
    ("expression", "form"),
    [
        ("Items", Form.LIST),
        ("Items[].Parts[].N", Form.LIST),
        ("Items[*].Name", Form.LIST),
        ("Items[0].Name", Form.STRING),
        ("Items[-1].Parts", Form.LIST),
        ("Items[0:2].Name | [0]", Form.STRING),
        ("Items[?Name=='a'].Parts[]", Form.LIST),
        ("Items[?contains(Name, 'a') && !starts_with(Name, 'b')]", Form.LIST),
        ("ById.anything.Size", Form.NUMBER),
        ("ById.*.Size", Form.LIST),
        ("keys(ById)", Form.LIST),
        ("values(ById)[].Size", Form.LIST),
        ("State == 'available'", Form.BOOLEAN),
        ("State != `null`", Form.BOOLEAN),
        ("Other.Flag || State", Form.BOOLEAN),
        ("{A: State, B: Items[].Name}", Form.OBJECT),
        ("{A: State}.A", Form.STRING),
        ("[State, State][0]", Form.STRING),
        ("length(Items) > `0`", Form.BOOLEAN),
        ("sort_by(Items, &Name)[0].Name", Form.STRING),
        ("map(&Name, Items)", Form.LIST),
        ("max_by(Items, &Name).Name", Form.STRING),
        ("merge(Other, {B: State}).B", Form.STRING),
        ("not_null(State, 'x')", Form.STRING),
        ("to_array(State)[0]", Form.STRING),
        ("join(',', Items[].Name)", Form.STRING),
        ('`{"a": [1]}`.a', Form.LIST),
        ("@", Form.OBJECT),
    ],
)
def test_the_form_of_an_expression(expression: str, form: Form) -> None:
    assert infer(expression, REPLY).form is form


@pytest.mark.parametrize(
    "expression",
    [
        "Item",
        "Items.Name",
        "Items[].Part[]",
        "Items[?Nam=='a']",
        "Items[].Name.More",
        "State[0]",
        "State[]",
        "State.*",
        "ById[]",
        "ById.x.Siz",
        "State == 'availible'",
        "State == `7`",
        "Other.Flag == 'true'",
        "{A: Stat}",
        "{A: State}.B",
        "[Stat]",
        "sort_by(Items, &Nam)",
        "map(&Name, State)",
        "lenght(Items)",
        "!Stat",
        "Other.Flag && Stat",
        "Items | [0].Nam",
        "Items[",
        "State != null",
        "",
    ],
)
def test_an_expression_that_can_only_yield_null_is_refused(expression: str) -> None:
    with pytest.raises(PathError):
        infer(expression, REPLY)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("Items[].Parts[].N", Form.FREE),
        ("ById.*.Size", Form.NUMBER),
        ("ById.x.Size", Form.NUMBER),
        ("Other.Flag", Form.BOOLEAN),
        ('Other."Flag"', Form.BOOLEAN),
    ],
)
def test_a_path_that_exists_leads_to_what_stands_there(path: str, form: Form) -> None:
    assert resolve(path, REPLY).form is form


@pytest.mark.parametrize("path", ["Items.Name", "Items[].Names", "Items[][]", "State.*", "ById.*.Siz", "Other[]"])
def test_a_path_that_does_not(path: str) -> None:
    with pytest.raises(PathError):
        resolve(path, REPLY)


def test_a_shape_that_contains_itself_is_walked_once(tmp_path: Path) -> None:
    """WAF statements nest in statements: the walk for unkeyed lists must end."""
    text = """\
[[resource]]
type = "AWS::WAFv2::WebACL"
service = "wafv2"
list = { op = "ListWebACLs", params = { Scope = "REGIONAL" }, items = "WebACLs", paging = "token" }
id = "Id"
detail = [{ into = "@", op = "GetWebACL", params = { Name = "$item.Name", Scope = "REGIONAL", Id = "$item.Id" }, take = "WebACL" }]
"""
    assert any("no key: Rules is" in problem.message for problem in errors(tmp_path, text))


def test_a_single_call_of_a_listing_whose_token_is_wrapped_is_refused(tmp_path: Path) -> None:
    head = '[[resource]]\ntype = "AWS::X::Y"\nservice = "cloudfront"\nscope = "global"\nid = "Name"\n'
    text = head + 'list = { op = "ListFunctions", items = "FunctionList.Items" }\n'
    assert any("say paging = 'token'" in problem.message for problem in errors(tmp_path, text))
    paged = errors(tmp_path, text.replace('"FunctionList.Items"', '"FunctionList.Items", paging = "token"'))
    assert not any("paging" in problem.message for problem in paged)


def test_members_in_an_ordered_list_are_reviewed_like_any_other(tmp_path: Path) -> None:
    """An order says nothing about what is in the elements: noise could hide there."""
    text = GROUP.replace("reviewed = [", 'ordered = ["Tags"]\nreviewed = [').replace('tags = "Tags"\n', "")
    found = [problem.message for problem in check(catalog(tmp_path, text), SESSION)]
    assert any("not reviewed" in message and "Tags[].Key" in message for message in found), found
