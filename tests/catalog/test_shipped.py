"""The shipped catalogue: what the main job promises to watch is there, and every entry agrees with the SDK's models."""

from __future__ import annotations

import pytest

from driftwatch.aws.catalog import load
from driftwatch.aws.entry import path_segments
from driftwatch.aws.rows import values_at
from driftwatch.aws.typecheck import check
from tests.catalog.generated import document

PROMISED = {
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGatewayV2::Api",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::CertificateManager::Certificate",
    "AWS::CloudFormation::Stack",
    "AWS::CloudTrail::Trail",
    "AWS::CloudWatch::Alarm",
    "AWS::Config::ConfigurationRecorder",
    "AWS::DynamoDB::Table",
    *(f"AWS::EC2::{name}" for name in ("EIP", "FlowLog", "Instance", "InternetGateway", "LaunchTemplate", "NatGateway", "NetworkAcl")),
    *(f"AWS::EC2::{name}" for name in ("RouteTable", "SecurityGroup", "Subnet", "VPC", "VPCEndpoint", "Volume")),
    "AWS::ECR::Repository",
    *(f"AWS::ECS::{name}" for name in ("Cluster", "Service", "TaskDefinition")),
    "AWS::EFS::FileSystem",
    *(f"AWS::EKS::{name}" for name in ("Cluster", "Nodegroup")),
    *(f"AWS::ElasticLoadBalancingV2::{name}" for name in ("Listener", "LoadBalancer", "TargetGroup")),
    *(f"AWS::Events::{name}" for name in ("EventBus", "Rule")),
    "AWS::GuardDuty::Detector",
    *(f"AWS::IAM::{name}" for name in ("AccessKey", "Group", "ManagedPolicy", "Role", "User")),
    *(f"AWS::KMS::{name}" for name in ("Alias", "Key")),
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::Organizations::Policy",
    *(f"AWS::RDS::{name}" for name in ("DBCluster", "DBInstance")),
    *(f"AWS::Route53::{name}" for name in ("HostedZone", "RecordSet")),
    *(f"AWS::S3::{name}" for name in ("AccountPublicAccessBlock", "Bucket")),
    *(f"AWS::SNS::{name}" for name in ("Subscription", "Topic")),
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
    "Driftwatch::EC2::EbsEncryptionByDefault",
    "Driftwatch::IAM::AccountPasswordPolicy",
    "Driftwatch::IAM::AccountSummary",
}


def test_every_promised_type_has_an_entry() -> None:
    assert len(PROMISED) >= 60
    assert not PROMISED - set(load())


def test_every_entry_agrees_with_the_sdk_and_every_member_was_looked_at() -> None:
    """No problem and no warning: a member that a newer SDK adds shows up here, in a test, and not in production."""
    assert not [str(problem) for problem in check(load())]


def test_users_roles_groups_and_policies_share_one_question() -> None:
    """They cost two paginated calls together, however many there are."""
    catalog = load()
    questions = {
        (entry.service, operation)
        for name in ("User", "Role", "Group", "ManagedPolicy")
        for entry in [catalog[f"AWS::IAM::{name}"]]
        for operation in entry.operations
    }
    assert questions == {("iam", "GetAccountAuthorizationDetails"), ("iam", "ListRoles")}


SEEN = (
    ("AWS::Batch::JobQueue", "state"),
    ("AWS::S3::Bucket", "Versioning.Status"),
    ("AWS::S3::Bucket", "Replication.Rules[].Status"),
    ("AWS::S3::Bucket", "Lifecycle.Rules[].Status"),
    ("AWS::Events::Rule", "State"),
    ("AWS::EC2::Instance", "Monitoring.State"),
    ("Driftwatch::EC2::Image", "DeprecationTime"),
    ("AWS::KMS::Key", "DeletionDate"),
    ("AWS::KMS::Key", "KeyState"),
    ("AWS::DynamoDB::Table", "TimeToLive.TimeToLiveStatus"),
    ("AWS::SecretsManager::Secret", "DeletedDate"),
    ("AWS::IAM::AccessKey", "Status"),
    ("AWS::EFS::FileSystem", "BackupPolicy.Status"),
    ("AWS::AutoScaling::AutoScalingGroup", "DesiredCapacity"),
    ("AWS::ECS::Service", "desiredCount"),
    ("AWS::RDS::DBInstance", "EngineVersion"),
    ("AWS::RDS::DBInstance", "PendingModifiedValues"),
    ("AWS::CertificateManager::Certificate", "NotAfter"),
)
"""What a rule by name would take for noise, and is configuration: settings, pending deletions, expiries, capacity under a scaler."""


NOISE = (
    ("AWS::Batch::JobQueue", "status"),
    ("AWS::CloudFront::Distribution", "LastModifiedTime"),
    ("AWS::Logs::LogGroup", "storedBytes"),
    ("AWS::Lambda::Function", "RevisionId"),
    ("AWS::ECS::Service", "runningCount"),
    ("AWS::RDS::DBInstance", "LatestRestorableTime"),
    ("AWS::IAM::Role", "RoleLastUsed"),
)
"""What moves by itself: dropped, or kept beside the configuration."""


def left_out(type_: str, path: str) -> bool:
    steps = path_segments(path)
    rules = [path_segments(rule) for rule in load()[type_].normalisation.drop]
    return any(len(rule) <= len(steps) and all(a in (b, "*") for a, b in zip(rule, steps, strict=False)) for rule in rules)


@pytest.mark.parametrize(("type_", "path"), [*SEEN, *NOISE])
def test_noise_is_decided_per_type_and_path_and_never_by_a_name(type_: str, path: str) -> None:
    assert list(values_at(path, document(type_))), "there is no such member"
    assert left_out(type_, path) == ((type_, path) in NOISE)
