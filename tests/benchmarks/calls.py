"""The API calls of a scan, counted at the server, against a count written by hand for the small fake account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from driftwatch.aws.catalog import load
from tests.benchmarks.account import HELD, REGIONS
from tests.benchmarks.installations import collector, scanned
from tests.benchmarks.world import Bench, Line, Table

APART = ("sts GetCallerIdentity", "ec2 DescribeRegions")
"""Made once for an account whatever is read: who the credentials are, and which regions are enabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """A count made by hand: the service as requests are signed, how many calls the type needs in the small account, and why."""

    service: str
    calls: int
    why: str


HAND: Mapping[str, Hand] = MappingProxyType(
    {
        "AWS::CloudTrail::Trail": Hand(service="cloudtrail", calls=6, why="2 regions x 1 page; one trail x 3 details and 1 batch of tags"),
        "AWS::CloudWatch::Alarm": Hand(service="monitoring", calls=6, why="2 regions x (1 page + 2 alarms x tags)"),
        "AWS::Config::ConfigurationRecorder": Hand(service="config", calls=2, why="2 regions x 1 page; no recorder, no status to ask for"),
        "AWS::DynamoDB::Table": Hand(service="dynamodb", calls=22, why="2 regions x (1 page + 2 tables x 5 details)"),
        "AWS::EC2::Instance": Hand(service="ec2", calls=8, why="2 regions x (1 page + 3 instances x user data)"),
        "AWS::EC2::SecurityGroup": Hand(service="ec2", calls=2, why="2 regions x 1 page"),
        "AWS::EC2::VPC": Hand(service="ec2", calls=10, why="2 regions x (1 page + 2 VPCs, one of them the default, x 2 attributes)"),
        "AWS::EC2::Subnet": Hand(service="ec2", calls=2, why="2 regions x 1 page"),
        "AWS::EC2::RouteTable": Hand(service="ec2", calls=2, why="2 regions x 1 page"),
        "AWS::EC2::InternetGateway": Hand(service="ec2", calls=2, why="2 regions x 1 page"),
        "AWS::EC2::NatGateway": Hand(service="ec2", calls=2, why="2 regions x 1 page"),
        "AWS::EC2::NetworkAcl": Hand(service="ec2", calls=2, why="2 regions x 1 page"),
        "AWS::EC2::EIP": Hand(service="ec2", calls=2, why="2 regions x 1 page"),
        "AWS::EC2::VPCEndpoint": Hand(service="ec2", calls=2, why="2 regions x 1 page"),
        "AWS::EC2::FlowLog": Hand(service="ec2", calls=2, why="2 regions x 1 page"),
        "AWS::EC2::Volume": Hand(service="ec2", calls=2, why="2 regions x 1 page"),
        "AWS::EC2::LaunchTemplate": Hand(service="ec2", calls=4, why="2 regions x (1 page + 1 template x its versions)"),
        "Driftwatch::EC2::EbsEncryptionByDefault": Hand(service="ec2", calls=4, why="2 regions x (the switch + the key)"),
        "AWS::ElasticLoadBalancingV2::LoadBalancer": Hand(
            service="elasticloadbalancing", calls=8, why="2 regions x (1 page + 2 balancers x attributes + 1 batch of tags)"
        ),
        "AWS::ElasticLoadBalancingV2::Listener": Hand(
            service="elasticloadbalancing",
            calls=14,
            why="2 regions x (2 balancers x 1 page + 2 listeners x 2 details + 1 batch of tags)",
        ),
        "AWS::ElasticLoadBalancingV2::TargetGroup": Hand(
            service="elasticloadbalancing", calls=8, why="2 regions x (1 page + 2 groups x attributes + 1 batch of tags)"
        ),
        "AWS::IAM::User": Hand(service="iam", calls=1, why="1 page, shared by users, roles, groups and policies"),
        "AWS::IAM::Role": Hand(service="iam", calls=1, why="the page is shared; 1 page of descriptions is joined"),
        "AWS::IAM::Group": Hand(service="iam", calls=0, why="the page is shared"),
        "AWS::IAM::ManagedPolicy": Hand(service="iam", calls=0, why="the page is shared"),
        "AWS::IAM::AccessKey": Hand(service="iam", calls=3, why="3 users x 1 page"),
        "Driftwatch::IAM::AccountPasswordPolicy": Hand(service="iam", calls=1, why="one setting"),
        "Driftwatch::IAM::AccountSummary": Hand(service="iam", calls=1, why="one setting"),
        "AWS::KMS::Key": Hand(
            service="kms", calls=32, why="2 regions x (1 page + 2 keys and the one that moto makes for encrypted volumes, x 5 details)"
        ),
        "AWS::KMS::Alias": Hand(service="kms", calls=2, why="2 regions x 1 page"),
        "AWS::Lambda::Function": Hand(service="lambda", calls=18, why="2 regions x (1 page + 2 functions x 4 details)"),
        "AWS::Logs::LogGroup": Hand(service="logs", calls=8, why="2 regions x (1 page + 3 groups x tags)"),
        "AWS::RDS::DBInstance": Hand(service="rds", calls=2, why="2 regions x 1 page"),
        "AWS::RDS::DBCluster": Hand(service="rds", calls=2, why="2 regions x 1 page"),
        "AWS::Route53::HostedZone": Hand(service="route53", calls=8, why="1 page + 2 zones x 3 details + 1 batch of tags"),
        "AWS::Route53::RecordSet": Hand(service="route53", calls=2, why="2 zones x 1 page"),
        "AWS::S3::Bucket": Hand(service="s3", calls=43, why="1 page + 3 buckets x 14 details"),
        "AWS::SecretsManager::Secret": Hand(service="secretsmanager", calls=10, why="2 regions x (1 page + 2 secrets x 2 details)"),
        "AWS::SNS::Topic": Hand(service="sns", calls=10, why="2 regions x (1 page + 2 topics x 2 details)"),
        "AWS::SNS::Subscription": Hand(service="sns", calls=6, why="2 regions x (1 page + 2 subscriptions x attributes)"),
        "AWS::SQS::Queue": Hand(service="sqs", calls=10, why="2 regions x (1 page + 2 queues x 2 details)"),
        "AWS::SSM::Parameter": Hand(service="ssm", calls=4, why="2 regions x 2 pages: 12 parameters, 10 on a page"),
        "AWS::ApiGateway::RestApi": Hand(service="apigateway", calls=2, why="2 regions x 1 page, and there is none"),
        "AWS::ApiGatewayV2::Api": Hand(service="apigateway", calls=2, why="2 regions x 1 page, and there is none"),
        "AWS::AutoScaling::AutoScalingGroup": Hand(service="autoscaling", calls=2, why="2 regions x 1 page, and there is none"),
        "AWS::CertificateManager::Certificate": Hand(service="acm", calls=2, why="2 regions x 1 page, and there is none"),
        "AWS::CloudFormation::Stack": Hand(service="cloudformation", calls=2, why="2 regions x 1 page, and there is none"),
        "AWS::ECR::Repository": Hand(service="ecr", calls=2, why="2 regions x 1 page, and there is none"),
        "AWS::ECS::Cluster": Hand(service="ecs", calls=2, why="2 regions x 1 page, and there is none"),
        "AWS::ECS::Service": Hand(service="ecs", calls=0, why="listed under each cluster, and there is none"),
        "AWS::ECS::TaskDefinition": Hand(service="ecs", calls=2, why="2 regions x 1 page of families, and there is none"),
        "AWS::EFS::FileSystem": Hand(service="elasticfilesystem", calls=2, why="2 regions x 1 page, and there is none"),
        "AWS::EKS::Cluster": Hand(service="eks", calls=2, why="2 regions x 1 page, and there is none"),
        "AWS::EKS::Nodegroup": Hand(service="eks", calls=0, why="listed under each cluster, and there is none"),
        "AWS::Events::EventBus": Hand(service="events", calls=6, why="2 regions x (1 page + the default bus x 2 details)"),
        "AWS::Events::Rule": Hand(service="events", calls=2, why="2 regions x the default bus x 1 page, and there is none"),
        "AWS::GuardDuty::Detector": Hand(service="guardduty", calls=2, why="2 regions x 1 page, and there is none"),
        "AWS::Organizations::Policy": Hand(service="organizations", calls=15, why="15 kinds of policy, each refused: no organisation"),
        "AWS::StepFunctions::StateMachine": Hand(service="states", calls=2, why="2 regions x 1 page, and there is none"),
    }
)
"""The calls that each type needs: one per page and parameter set of its listing, and one per detail, batch or join."""


def counted(store: str) -> dict[str, Any]:
    """Scans the types that were counted by hand."""
    with closing(collector(without=[name for name in load() if name not in HAND])) as reader:
        done = scanned(reader, Path(store))
    return {"resources": done.scan.resources, "gaps": done.scan.gaps, "told": done.scan.calls}


def run(bench: Bench) -> Table:
    fake = bench.fake("small")
    fake.reset()
    found = bench.fresh("calls", "counted", fake=fake, store=str(bench.folder / "calls.db"))
    counts = dict(fake.counts())
    apart = {name: counts.pop(name, 0) for name in APART}
    by_service: Counter[str] = Counter()
    for name, number in counts.items():
        by_service[name.partition(" ")[0]] += number
    hand: Counter[str] = Counter()
    for one in HAND.values():
        hand[one.service] += one.calls
    sent, expected = sum(by_service.values()), sum(hand.values())
    lines = [
        _line(service, hand[service], by_service[service]) for service in sorted(hand | by_service) if hand[service] != by_service[service]
    ]
    uncounted = sorted(HELD - set(HAND))
    return Table(
        title=f"calls: {len(HAND)} types in {len(REGIONS)} regions, {found['resources']} resources, {found['gaps']} gaps",
        lines=[
            _line("all services", expected, sent),
            *lines,
            Line(what="calls as the scan tells them", measured=str(found["told"]), goal=f"= {sent}", met=found["told"] == sent),
        ],
        notes=[
            f"apart: {', '.join(f'{name} {number}' for name, number in apart.items())}",
            f"{len(uncounted)} types that the account holds have no count by hand" + (f": {', '.join(uncounted)}" if uncounted else ""),
        ],
    )


def _line(what: str, hand: int, sent: int) -> Line:
    ratio = sent / hand if hand else float("inf")
    return Line(what=what, measured=f"{sent} calls", ratio=ratio, against=f"{hand} by hand", goal="= 1", met=sent == hand)
