"""The story that the demo plays: what people do to the accounts, step by step.

A step scans the cells that it changes, as somebody would who does not want to wait for everything else; before its change where a ticket
has to be known by then. The last one scans everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from driftwatch.demo.cloud import ACCOUNTS, REGIONS, Cloud
from driftwatch.demo.tickets import Ticket

ACCOUNT, REGION = ACCOUNTS[0], REGIONS[0]
ALARM: Final = "AWS::CloudWatch::Alarm"
BUCKET: Final = "AWS::S3::Bucket"
FUNCTION: Final = "AWS::Lambda::Function"
GROUP: Final = "AWS::EC2::SecurityGroup"
TABLE: Final = "AWS::DynamoDB::Table"


class Stage(Protocol):
    """What a step may use. `now` is the time."""

    @property
    def cloud(self) -> Cloud: ...
    @property
    def changes(self) -> Path: ...
    def client(self, service: str, region: str, who: str) -> Any:
        """An AWS client of somebody in the story (`people.TOOLS`), whose calls are logged."""

    def assume(self, who: str, role: str) -> str:
        """Has somebody assume a role; answers with the name by which `client` knows the session."""

    def one_log_file(self) -> AbstractContextManager[None]:
        """What is done meanwhile comes into one log file, afterwards: else each call is reread before the next."""

    def scan(self, type_: str | None = None) -> None:
        """Scans the cells of the type, or all, and returns when that has ended."""

    def now(self) -> datetime: ...
    def wait(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `act` changes the world and scans as often as the step needs; `resource` is what to look at afterwards."""

    title: str
    told: str
    act: Callable[[Stage], str]


def steps() -> Sequence[Step]:
    return (*_decided(), *_seen(), *_unseen())


def _decided() -> Sequence[Step]:
    """What change records decide."""
    return (
        Step(
            title="An authorised change, inside its ticket",
            told="Ana asks for a port in TCK-101, Ben approves it, Ana opens it inside the window.",
            act=_authorised,
        ),
        Step(
            title="A security group is opened to the world, without a ticket",
            told="The key of a user that everybody forgot, old-deploy, allows SSH from everywhere.",
            act=_opened,
        ),
        Step(
            title="A ticket covers one attribute, but two changed",
            told="TCK-102 allows a longer timeout of a function. Dora's pipeline run changes its memory as well.",
            act=_two_attributes,
        ),
        Step(
            title="An approval that was given after the change",
            told="TCK-103 is still unapproved when Ana changes the alarm. Ben approves it when the finding is there.",
            act=_late_approval,
        ),
    )


def _seen() -> Sequence[Step]:
    """What comes and goes."""
    return (
        Step(
            title="A bucket policy is changed, and changed back",
            told="Carl assumes the role break-glass and lets everybody in; the next scan finds the old policy again.",
            act=_there_and_back,
        ),
        Step(
            title="A port is opened and closed between two scans",
            told="No reading will ever show it; the log of calls does.",
            act=_between,
        ),
        Step(
            title="A table is deleted, without a ticket",
            told="Carl deletes it. A listing without it is no proof; asking for it by its name is.",
            act=_deleted,
        ),
    )


def _unseen() -> Sequence[Step]:
    """What takes away the sight."""
    return (
        Step(
            title="The trail is switched off",
            told="old-deploy stops the log of calls. That is a finding at once, and every cell of the account says so.",
            act=_blinded,
        ),
        Step(
            title="A service starts to answer AccessDenied",
            told="The queues cannot be read any more. That is a gap, not a mass deletion.",
            act=_denied,
        ),
    )


def _group(stage: Stage, name: str, who: str) -> tuple[str, str]:
    ec2 = stage.client("ec2", REGION, who)
    group = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])["SecurityGroups"][0]
    return group["GroupId"], group.get("SecurityGroupArn") or f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{group['GroupId']}"


def _rule(port: int, source: str) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": source}]}


def _allow(stage: Stage, group: str, port: int, source: str, who: str) -> None:
    stage.client("ec2", REGION, who).authorize_security_group_ingress(GroupId=group, IpPermissions=[_rule(port, source)])


def _approved(stage: Stage, id_: str, title: str, resource: str, path: str) -> None:
    """A ticket that Ana asked for and Ben approved just now."""
    at = stage.now()
    ticket = Ticket(id=id_, title=title, resource_id=resource, attribute_paths=(path,), created_at=at, approved_at=at)
    ticket.write(stage.changes)


def _authorised(stage: Stage) -> str:
    group, arn = _group(stage, "payments", "ana")
    _approved(stage, "TCK-101", "Open 9443 to the partner network", arn, "/IpPermissions")
    stage.scan(GROUP)
    _allow(stage, group, 9443, "10.20.0.0/16", "ana")
    stage.scan(GROUP)
    return arn


def _opened(stage: Stage) -> str:
    group, arn = _group(stage, "web", "old-deploy")
    _allow(stage, group, 22, "0.0.0.0/0", "old-deploy")
    stage.scan(GROUP)
    return arn


def _two_attributes(stage: Stage) -> str:
    function = stage.client("lambda", REGION, "pipeline")
    arn = str(function.get_function_configuration(FunctionName="orders")["FunctionArn"])
    _approved(stage, "TCK-102", "A longer timeout for orders", arn, "/Timeout")
    stage.scan(FUNCTION)
    function.update_function_configuration(FunctionName="orders", Timeout=60, MemorySize=1024)
    stage.scan(FUNCTION)
    return arn


def _late_approval(stage: Stage) -> str:
    watch = stage.client("cloudwatch", REGION, "ana-cli")
    alarm = watch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]
    arn = str(alarm["AlarmArn"])
    ticket = Ticket(id="TCK-103", title="A calmer alarm", resource_id=arn, attribute_paths=("/Threshold",), created_at=stage.now())
    ticket.write(stage.changes)
    stage.scan(ALARM)
    watch.put_metric_alarm(
        **{
            name: alarm[name]
            for name in ("AlarmName", "Namespace", "MetricName", "Statistic", "Period", "EvaluationPeriods", "ComparisonOperator")
        },
        Threshold=50.0,
    )
    stage.scan(ALARM)
    stage.client("cloudwatch", REGION, "ben").describe_alarms(AlarmNames=["errors"])
    stage.wait(2)
    replace(ticket, approved_at=stage.now()).write(stage.changes)
    stage.scan(ALARM)
    return arn


def _there_and_back(stage: Stage) -> str:
    bucket = f"acme-{ACCOUNT[:3]}-data"
    s3 = stage.client("s3", REGIONS[1], stage.assume("carl", "break-glass"))
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    everybody = {"Sid": "Everybody", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    document = json.loads(policy)
    opened = {**document, "Statement": [*document["Statement"], everybody]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(opened))
    stage.scan(BUCKET)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    stage.scan(BUCKET)
    return f"arn:aws:s3:::{bucket}"


def _between(stage: Stage) -> str:
    group, arn = _group(stage, "database", "carl")
    ec2 = stage.client("ec2", REGION, "carl")
    with stage.one_log_file():
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[_rule(3389, "0.0.0.0/0")])
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[_rule(3389, "0.0.0.0/0")])
    stage.scan(GROUP)
    return arn


def _blinded(stage: Stage) -> str:
    trail = stage.client("cloudtrail", REGION, "old-deploy")
    arn = str(trail.describe_trails(trailNameList=["main"])["trailList"][0]["TrailARN"])
    trail.stop_logging(Name="main")
    return arn


def _deleted(stage: Stage) -> str:
    dynamodb = stage.client("dynamodb", REGION, "carl")
    with suppress(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.delete_table(TableName="cart")  # mistyped: a call that fails is logged, and changes nothing
    dynamodb.delete_table(TableName="carts")
    stage.scan(TABLE)
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/carts"


def _denied(stage: Stage) -> str:
    stage.cloud.deny("sqs")
    stage.scan()
    return ""
