"""Which resources a record names, in all the shapes in which CloudTrail writes them."""

from __future__ import annotations

from typing import Any

import pytest

from driftwatch.aws.cloudtrail.parsing.parse import activity
from driftwatch.domain.activity import Activity, Effect
from tests.unit.aws.cloudtrail.records import ACCOUNT, REGION, named, parsed, record, touched

ARN = f"{REGION}:{ACCOUNT}"
GROUP = f"arn:aws:ec2:{ARN}:security-group/sg-0a1b2c3d"


def test_an_api_version_in_the_name_does_not_matter() -> None:
    wanted = {"orders", f"arn:aws:lambda:{ARN}:function:orders"}
    for name in ("UpdateFunctionCode20150331v2", "updatefunctioncode", "UpdateFunctionCode20150331"):
        assert named("lambda", name, {"functionName": "orders"})["AWS::Lambda::Function"] == [wanted]
    assert "AWS::CloudFront::Distribution" in named("cloudfront", "UpdateDistribution2020_05_31", {"id": "E1"})


def test_a_name_an_arn_and_a_part_of_one_are_the_same_function() -> None:
    arn = f"arn:aws:lambda:{ARN}:function:orders"
    for given in ("orders", arn, f"{ACCOUNT}:function:orders", f"{arn}:live"):
        assert "orders" in named("lambda", "UpdateFunctionConfiguration20150331v2", {"functionName": given})["AWS::Lambda::Function"][0]


def test_members_whose_first_letters_were_made_small() -> None:
    database = touched("AWS::RDS::DBInstance", "rds", "ModifyDBInstance", {"dBInstanceIdentifier": "db"}, {"engine": "mysql"})
    assert set(database.ids) == {"db", f"arn:aws:rds:{ARN}:db:db"}
    secret = f"arn:aws:secretsmanager:{ARN}:secret:app/db-AbCdEf"
    assert named("secretsmanager", "RotateSecret", {"secretId": "app/db"}, {"aRN": secret, "name": "app/db"}) == {
        "AWS::SecretsManager::Secret": [{"app/db", secret}]
    }


@pytest.mark.parametrize(
    ("name", "request_", "type_", "id_"),
    [
        ("DeleteFlowLogs", {"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-1"}}}, "AWS::EC2::FlowLog", "fl-1"),
        ("DeleteNatGateway", {"DeleteNatGatewayRequest": {"NatGatewayId": "nat-1"}}, "AWS::EC2::NatGateway", "nat-1"),
        ("ModifySecurityGroupRules", {"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1"}}, "AWS::EC2::SecurityGroup", "sg-1"),
        ("AuthorizeSecurityGroupIngress", {"groupId": "sg-1", "ipPermissions": {}}, "AWS::EC2::SecurityGroup", "sg-1"),
    ],
)
def test_what_ec2_wraps(name: str, request_: dict[str, object], type_: str, id_: str) -> None:
    assert id_ in touched(type_, "ec2", name, request_).ids


def test_each_element_of_a_list_is_a_resource_of_its_own() -> None:
    items = {"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}}
    for call in (parsed("ec2", "TerminateInstances", items, items), parsed("ec2", "RunInstances", {}, items)):
        instances = [one for one in call.resources if one.type == "AWS::EC2::Instance"]
        assert [one.ids[0] for one in instances] == ["i-1", "i-2"]
    assert {one.effect for one in parsed("ec2", "TerminateInstances", items).resources} == {Effect.DELETE}
    several = {"DeleteFlowLogsRequest": {"FlowLogId": [{"tag": 1, "content": "fl-1"}, {"tag": 2, "content": "fl-2"}]}}
    assert len(named("ec2", "DeleteFlowLogs", several)["AWS::EC2::FlowLog"]) == 2


def test_an_association_id_is_told_where_it_is_all_there_is() -> None:
    assert named("ec2", "DisassociateRouteTable", {"associationId": "rtbassoc-1"}) == {"AWS::EC2::RouteTable": [{"rtbassoc-1"}]}
    moved = {"networkAclId": "acl-1", "associationId": "aclassoc-1"}
    assert {"acl-1", "aclassoc-1"} <= named("ec2", "ReplaceNetworkAclAssociation", moved)["AWS::EC2::NetworkAcl"][0]


def test_classic_and_newer_load_balancers_are_told_apart() -> None:
    arn = f"arn:aws:elasticloadbalancing:{ARN}:loadbalancer/app/web/50dc6c495c0c9188"
    assert set(named("elasticloadbalancing", "DeleteLoadBalancer", {"loadBalancerName": "web"})) == {
        "AWS::ElasticLoadBalancing::LoadBalancer"
    }
    assert set(named("elasticloadbalancing", "DeleteLoadBalancer", {"loadBalancerArn": arn})) == {
        "AWS::ElasticLoadBalancingV2::LoadBalancer"
    }
    made = {"loadBalancers": [{"loadBalancerArn": arn, "loadBalancerName": "web"}]}
    assert named("elasticloadbalancing", "CreateLoadBalancer", {"name": "web"}, made) == {
        "AWS::ElasticLoadBalancingV2::LoadBalancer": [{arn, "web"}]
    }
    classic = named(
        "elasticloadbalancing", "CreateLoadBalancer", {"loadBalancerName": "test-clb"}, {"dNSName": "test-clb-1.elb.amazonaws.com"}
    )
    assert set(classic) == {"AWS::ElasticLoadBalancing::LoadBalancer"}


def test_tags_of_one_type_of_balancer_are_not_those_of_another() -> None:
    arn = f"arn:aws:elasticloadbalancing:{ARN}:targetgroup/web/943f017f100becff"
    assert set(named("elasticloadbalancing", "AddTags", {"resourceArns": [arn], "tags": []})) == {
        "AWS::ElasticLoadBalancingV2::TargetGroup"
    }


@pytest.mark.parametrize(("engine", "service"), [("docdb", "DocDB"), ("neptune", "Neptune"), ("aurora-mysql", "RDS")])
def test_the_databases_that_share_a_source_are_told_apart_by_their_engine(engine: str, service: str) -> None:
    arn = f"arn:aws:rds:{ARN}:cluster:c"
    answered = {"dBClusterIdentifier": "c", "dBClusterArn": arn, "engine": engine}
    assert named("rds", "CreateDBCluster", {"dBClusterIdentifier": "c", "engine": engine}, answered) == {
        f"AWS::{service}::DBCluster": [{"c", arn}]
    }
    assert set(named("rds", "DeleteDBCluster", {"dBClusterIdentifier": "c"}, answered)) == {f"AWS::{service}::DBCluster"}


def test_without_an_engine_only_the_service_itself_is_sure() -> None:
    call = parsed("rds", "DeleteDBCluster", {"dBClusterIdentifier": "c"}, errorCode="AccessDenied")
    assert {one.type: one.sure for one in call.resources} == {
        "AWS::RDS::DBCluster": True,
        "AWS::DocDB::DBCluster": False,
        "AWS::Neptune::DBCluster": False,
    }


def test_application_auto_scaling_is_logged_as_autoscaling() -> None:
    target = {"serviceNamespace": "ecs", "resourceId": "service/c/s", "scalableDimension": "ecs:service:DesiredCount"}
    found = named("autoscaling", "RegisterScalableTarget", target)["AWS::ApplicationAutoScaling::ScalableTarget"][0]
    assert "ecs|service/c/s|ecs:service:DesiredCount" in found


@pytest.mark.parametrize(
    "name",
    [
        "PutBucketPublicAccessBlock",
        "PutBucketLifecycle",
        "PutBucketNotification",
        "PutAccelerateConfiguration",
        "PutBucketObjectLockConfiguration",
    ],
)
def test_s3_has_names_of_its_own(name: str) -> None:
    found = parsed("s3", name, {"bucketName": "logs"})
    assert [(one.type, set(one.ids), one.sure) for one in found.resources] == [("AWS::S3::Bucket", {"logs", "arn:aws:s3:::logs"}, True)]
    assert found.is_config_change


def test_a_setting_of_the_account_is_not_one_of_a_bucket() -> None:
    assert named("s3", "PutAccountPublicAccessBlock", {"accountId": ACCOUNT}) == {
        "AWS::S3::AccountPublicAccessBlock": [{"AccountPublicAccessBlock", ACCOUNT}]
    }


def test_a_stage_is_named_with_its_api() -> None:
    stage = {"restApiId": "abcdef", "createStageInput": {"stageName": "latest"}}
    found = named("apigateway", "CreateStage", stage, {"stageName": "latest"})
    assert set(found) == {"AWS::ApiGateway::Stage"}
    assert {"abcdef|latest", "abcdef/latest"} <= found["AWS::ApiGateway::Stage"][0]
    tagged = named("apigateway", "TagResource", {"resourceArn": "arn:aws:apigateway:eu-west-1::/restapis/abcdef/stages/latest"})
    assert {"abcdef|latest", "abcdef/latest"} <= tagged["AWS::ApiGateway::Stage"][0]
    assert set(named("apigateway", "UpdateStage", {"apiId": "abcdef", "stageName": "latest"})) == {"AWS::ApiGatewayV2::Stage"}


def test_a_part_of_an_id_that_was_left_out_has_its_default() -> None:
    assert "default|nightly" in named("events", "DisableRule", {"name": "nightly"})["AWS::Events::Rule"][0]
    assert "bus|nightly" in named("events", "DisableRule", {"name": "nightly", "eventBusName": "bus"})["AWS::Events::Rule"][0]


def test_a_hosted_zone_with_and_without_its_path() -> None:
    for given in ("/hostedzone/Z1", "Z1"):
        assert "Z1" in named("route53", "ChangeResourceRecordSets", {"hostedZoneId": given})["AWS::Route53::HostedZone"][0]


def test_iam_by_name_and_by_arn() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:policy/teams/Deploy"
    assert {arn, "Deploy"} == named("iam", "CreatePolicyVersion", {"policyArn": arn})["AWS::IAM::ManagedPolicy"][0]
    made = {"role": {"roleName": "app", "roleId": "AROA1", "arn": f"arn:aws:iam::{ACCOUNT}:role/svc/app"}}
    assert named("iam", "CreateRole", {"roleName": "app"}, made)["AWS::IAM::Role"] == [{"app", "AROA1", made["role"]["arn"]}]
    assert named("iam", "PutRolePolicy", {"roleName": "app"})["AWS::IAM::Role"] == [{"app"}], "a role's path is not known from its name"


def test_a_queue_by_its_url() -> None:
    url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/jobs"
    assert named("sqs", "SetQueueAttributes", {"queueUrl": url}) == {"AWS::SQS::Queue": [{url, "jobs", f"arn:aws:sqs:{ARN}:jobs"}]}


def test_the_flat_replies_of_the_old_services() -> None:
    cluster = {"jobFlowId": "j-2E1G6JJE6X1MQ", "clusterArn": f"arn:aws:elasticmapreduce:{ARN}:cluster/j-2E1G6JJE6X1MQ"}
    assert "j-2E1G6JJE6X1MQ" in named("elasticmapreduce", "RunJobFlow", {"name": "My cluster"}, cluster)["AWS::EMR::Cluster"][0]
    kafka = {"clusterArn": f"arn:aws:kafka:{ARN}:cluster/ct/89a4463c-d156-4d36-aee4-ee5ca0ec4fb3-3", "clusterName": "ct"}
    assert {kafka["clusterArn"], "ct"} <= named("kafka", "CreateClusterV2", {"clusterName": "ct"}, kafka)["AWS::MSK::Cluster"][0]


# --- any type ----------------------------------------------------------------------------------------------------------------------------


def test_tags_are_of_whatever_the_arn_or_the_prefix_says() -> None:
    items = [{"resourceId": "i-0a1b2c3d4e"}, {"resourceId": "vpc-0a1b2c3d4e"}]
    request = {"resourcesSet": {"items": items}, "tagSet": {"items": [{"key": "parent", "value": "subnet-0a1b2c3d4e"}]}}
    found = parsed("ec2", "CreateTags", request)
    assert {(one.type, one.ids[0]) for one in found.resources} == {
        ("AWS::EC2::Instance", "i-0a1b2c3d4e"),
        ("AWS::EC2::VPC", "vpc-0a1b2c3d4e"),
    }
    assert {one.paths for one in found.resources} == {("/Tags",)}
    arn = f"arn:aws:fsx:{ARN}:file-system/fs-1"
    assert named("fsx", "TagResource", {"resourceARN": arn, "tags": [{"value": GROUP}]}) == {"AWS::FSx::FileSystem": [{arn, "fs-1"}]}
    several = named("tagging", "TagResources", {"resourceARNList": [arn, GROUP]})
    assert set(several) == {"AWS::FSx::FileSystem", "AWS::EC2::SecurityGroup"}


def test_the_resources_that_the_record_lists_itself() -> None:
    listed = [
        {"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": f"arn:aws:kms:{ARN}:key/1234"},
        {"ARN": GROUP},
        None,
        {"type": 1, "ARN": 2},
    ]
    key = named("kms", "DisableKey", {"keyId": "1234"}, resources=listed)
    assert key["AWS::KMS::Key"] == [{"1234", f"arn:aws:kms:{ARN}:key/1234"}]
    assert "sg-0a1b2c3d" in key["AWS::EC2::SecurityGroup"][0]
    assert touched("AWS::EC2::SecurityGroup", "kms", "DisableKey", {"keyId": "1234"}, resources=listed).sure is False


def test_an_event_of_a_service_says_it_in_its_details() -> None:
    key = parsed("kms", "RotateKey", eventType="AwsServiceEvent", serviceEventDetails={"keyId": "1234"})
    assert key.is_config_change
    assert key.resources[0].ids[0] == "1234"
    image = parsed("appstream", "CreateImage", eventType="AwsServiceEvent", serviceEventDetails={"ImageName": "base"})
    assert [(one.type, one.ids) for one in image.resources] == [("AWS::AppStream::Image", ("base",))]


def test_an_operation_that_nobody_described_names_what_stands_in_it_and_is_not_sure() -> None:
    found = parsed("ec2", "ReinvigorateSecurityGroup", {"target": {"deep": [GROUP]}})
    assert found.is_config_change
    assert [(one.type, one.sure, one.paths) for one in found.resources] == [("AWS::EC2::SecurityGroup", False, None)]
    unknown = parsed("proton", "CreateWidget", {"name": "w"}, {"widget": {"arn": f"arn:aws:proton:{ARN}:widget/w", "name": "w"}})
    assert [one.type for one in unknown.resources] == ["AWS::Proton::Widget"]
    queue = {"queue": {"arn": f"arn:aws:mediaconvert:{ARN}:queues/q", "name": "q"}}
    assert named("mediaconvert", "CreateQueue", {"name": "q"}, queue) == {"AWS::MediaConvert::Queue": [{queue["queue"]["arn"], "q"}]}
    campaign = named("pinpoint", "CreateCampaign", {"application-id": "a"}, {"ApplicationId": "a", "Id": "c"})
    assert "c" in campaign["AWS::Pinpoint::Campaign"][0], "some services write their members as the API does"


def test_reading_calls_are_not_searched() -> None:
    assert parsed("ec2", "DescribeInstances", {"instancesSet": {"items": [{"instanceId": "i-0a1b2c3d4e"}]}}).resources == ()


def test_the_region_says_which_cloud_an_arn_is_of() -> None:
    found = activity(record("dynamodb", "UpdateTable", {"tableName": "t"}, awsRegion="cn-north-1"))
    assert isinstance(found, Activity)
    assert f"arn:aws-cn:dynamodb:cn-north-1:{ACCOUNT}:table/t" in found.resources[0].ids


def test_each_record_set_of_a_change_is_named_as_the_catalogue_names_it() -> None:
    def change(action: str, **named: str) -> dict[str, Any]:
        return {"action": action, "resourceRecordSet": named}

    changes = [change("CREATE", name="a.example", type="A"), change("DELETE", name="b.example.", type="A", setIdentifier="blue")]
    made = record("route53", "ChangeResourceRecordSets", {"hostedZoneId": "/hostedzone/Z1", "changeBatch": {"changes": changes}})
    sets = [one for one in activity(made).resources if one.type == "AWS::Route53::RecordSet"]  # type: ignore[union-attr]
    assert [(one.ids[0], one.effect) for one in sets] == [
        ("Z1|a.example.|A|", Effect.CREATE),
        ("Z1|b.example.|A|blue", Effect.DELETE),
    ]
