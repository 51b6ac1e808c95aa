"""Which paths an operation can touch: that the files fit the SDK and the catalogue, and hold the types of the main job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any, Final

import botocore.session
import pytest
import rtoml

from driftwatch.aws.catalog import load
from driftwatch.aws.cloudtrail.parsing.operations import index
from driftwatch.domain.resource import Resource
from tests.catalog import generated

UNMAPPED: Final = "unmapped"
ALSO: Final = {"opensearch": ("es",)}
"""Services whose former API is still logged."""
MAIN_JOB: Final = (
    *("AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage", "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage"),
    *("AWS::AutoScaling::AutoScalingGroup", "AWS::CertificateManager::Certificate", "AWS::CloudFormation::Stack"),
    *("AWS::CloudFront::Distribution", "AWS::CloudTrail::Trail", "AWS::CloudWatch::Alarm", "AWS::CodeBuild::Project"),
    *("AWS::Cognito::UserPool", "AWS::DynamoDB::Table", "AWS::EC2::EIP", "AWS::EC2::FlowLog", "AWS::EC2::Instance"),
    *("AWS::EC2::InternetGateway", "AWS::EC2::LaunchTemplate", "AWS::EC2::NatGateway", "AWS::EC2::NetworkAcl"),
    *("AWS::EC2::NetworkInterface", "AWS::EC2::RouteTable", "AWS::EC2::SecurityGroup", "AWS::EC2::Subnet", "AWS::EC2::VPC"),
    *("AWS::EC2::VPCEndpoint", "AWS::EC2::VPCPeeringConnection", "AWS::EC2::Volume", "AWS::ECR::Repository", "AWS::ECS::Service"),
    *("AWS::ECS::TaskDefinition", "AWS::EFS::FileSystem", "AWS::EKS::Cluster", "AWS::ElasticLoadBalancing::LoadBalancer"),
    *("AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::Events::EventBus", "AWS::GuardDuty::Detector", "AWS::IAM::Group"),
    *("AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::IAM::SAMLProvider", "AWS::IAM::User", "AWS::KMS::Alias", "AWS::KMS::Key"),
    *("AWS::Kinesis::Stream", "AWS::Lambda::Function", "AWS::MSK::Cluster", "AWS::OpenSearchService::Domain"),
    *("AWS::RDS::DBCluster", "AWS::RDS::DBClusterSnapshot", "AWS::RDS::DBInstance", "AWS::RDS::DBSnapshot"),
    *("AWS::Redshift::Cluster", "AWS::Route53::HostedZone", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue"),
    *("AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine", "AWS::WAFv2::WebACL"),
)
FREE_KEYED: Final = frozenset({("AWS::SNS::Topic", "/Attributes/Policy"), ("AWS::SQS::Queue", "/Attributes/Policy")})
"""Members of maps whose keys no model names."""


def files() -> Iterator[tuple[str, Mapping[str, Mapping[str, list[str]]]]]:
    for file in sorted((resources.files("driftwatch.aws.cloudtrail") / "touches").iterdir(), key=lambda one: one.name):
        yield file.name.removesuffix(".toml"), rtoml.loads(file.read_text())


TABLES: Final = [(stem, type_) for stem, document in files() for type_ in document]


@cache
def table(stem: str, type_: str) -> Mapping[str, list[str]]:
    return dict(files())[stem][type_]


def document(type_: str) -> Resource:
    """A resource in whose configuration every member is filled; lists are left as they came."""
    catalog = generated.alone(type_)
    bare = replace(catalog[type_], sets={}, ordered=(), lift={}, json={}, lower=(), secret={})
    found, _ = generated.read({**catalog, type_: bare}, type_, generated.answers_for(catalog, elements=1))
    return found[0]


def holds(value: Any, steps: list[str]) -> bool:
    for step in steps:
        value = value[0] if isinstance(value, list) and value else value
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def test_every_type_of_the_main_job_has_its_table() -> None:
    assert len(set(MAIN_JOB)) == 60
    assert set(MAIN_JOB) <= {type_ for _, type_ in TABLES}


def test_each_table_stands_in_the_file_of_its_types_service() -> None:
    for stem, type_ in TABLES:
        entries = rtoml.loads((resources.files("driftwatch.aws") / "resource_types" / f"{stem}.toml").read_text())["resource"]
        assert type_ in {entry["type"] for entry in entries}


@pytest.mark.parametrize(("stem", "type_"), TABLES)
def test_its_operations_exist(stem: str, type_: str) -> None:
    session, service = botocore.session.get_session(), load()[type_].service
    models = [session.get_service_model(name) for name in (service, *ALSO.get(service, ()))]
    known = {name for model in models for name in model.operation_names}
    mapped = table(stem, type_)
    assert {*mapped, *mapped.get(UNMAPPED, ())} - {UNMAPPED} <= known
    assert not set(mapped) & set(mapped.get(UNMAPPED, ()))


@pytest.mark.parametrize(("stem", "type_"), TABLES)
def test_its_paths_can_be_there(stem: str, type_: str) -> None:
    found, tagged = document(type_), bool(load()[type_].tags)
    for operation, paths in table(stem, type_).items():
        for path in paths if operation != UNMAPPED else ():
            if path == "/Tags":
                assert tagged, operation
            elif path and (type_, path) not in FREE_KEYED:
                assert holds(found.config, path.split("/")[1:]), (operation, path)


@pytest.mark.parametrize("type_", MAIN_JOB)
def test_each_operation_that_certainly_changes_a_type_of_the_main_job_is_judged(type_: str) -> None:
    """Mapped, or said to be able to touch anything: nobody forgot it."""
    stem = next(stem for stem, known in TABLES if known == type_)
    judged = {name.lower() for name in (*table(stem, type_), *table(stem, type_).get(UNMAPPED, ()))}
    named = {operation for (_, operation), rules in index().rules.items() for rule in rules if rule.type == type_ and rule.sure}
    logged_only = {"rotatekey", "deletekey"} if type_ == "AWS::KMS::Key" else set()
    written_otherwise = {name for name in named if any(name.startswith(known) or known.startswith(name) for known in judged)}
    assert named - judged - logged_only - written_otherwise - ALIASES == set()


ALIASES: Final = frozenset(
    {"putbucketpublicaccessblock", "deletebucketpublicaccessblock", "putaccelerateconfiguration", "putbucketobjectlockconfiguration"}
)
"""How S3 writes some of its operations in the log."""
