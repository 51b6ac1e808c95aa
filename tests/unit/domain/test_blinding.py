"""What turns off what changes are seen by, and which cells that makes blind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from driftwatch.domain.activity import Activity, Actor, CallClass, Touched
from driftwatch.domain.blinding import blind_cells, blind_scopes, blinding
from driftwatch.domain.drift import Blinds, Difference, Drift, DriftKind, Interval, Op
from driftwatch.domain.resource import Cell, Scope

NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
ACCOUNT = "111111111111"


def call(source: str, name: str, type_: str, *ids: str, error: str | None = None) -> Activity:
    return Activity(
        id="e1",
        time=NOW,
        account=ACCOUNT,
        region="eu-west-1",
        event_source=f"{source}.amazonaws.com",
        event_name=name,
        call=CallClass.CONFIG,
        actor=Actor(principal="ana"),
        resources=(Touched(type=type_, ids=ids),),
        error=error,
    )


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (call("cloudtrail", "StopLogging", "AWS::CloudTrail::Trail", "main"), Blinds.TRAIL),
        (call("cloudtrail", "DeleteTrail", "AWS::CloudTrail::Trail", "main"), Blinds.TRAIL),
        (call("cloudtrail", "UpdateTrail", "AWS::CloudTrail::Trail", "main"), Blinds.TRAIL),
        (call("cloudtrail", "PutEventSelectors", "AWS::CloudTrail::Trail", "main"), Blinds.TRAIL),
        (call("config", "StopConfigurationRecorder", "AWS::Config::ConfigurationRecorder", "default"), Blinds.RECORDER),
        (call("guardduty", "DeleteDetector", "AWS::GuardDuty::Detector", "12ab"), Blinds.DETECTOR),
        (call("s3", "DeleteBucket", "AWS::S3::Bucket", "logs"), Blinds.BUCKET),
        (call("sqs", "DeleteQueue", "AWS::SQS::Queue", "https://sqs.eu-west-1.amazonaws.com/1/calls"), Blinds.QUEUE),
        (call("events", "DisableRule", "AWS::Events::Rule", "arn:aws:events:eu-west-1:1:rule/to-us"), Blinds.RULE),
        (call("s3", "DeleteBucket", "AWS::S3::Bucket", "somebody-elses"), None),
        (call("sqs", "DeleteQueue", "AWS::SQS::Queue", "https://sqs.eu-west-1.amazonaws.com/1/other"), None),
        (call("cloudtrail", "StopLogging", "AWS::CloudTrail::Trail", "main", error="AccessDenied"), None),
        (call("cloudtrail", "StartLogging", "AWS::CloudTrail::Trail", "main"), None),
        (call("ec2", "DeleteVpc", "AWS::EC2::VPC", "vpc-1"), None),
    ],
)
def test_what_a_call_turns_off(made: Activity, what: Blinds | None) -> None:
    found = blinding(made, {"logs", "calls", "to-us"})
    assert (found.what if found else None) is what


def test_a_call_that_was_refused_turns_nothing_off() -> None:
    stopped = call("cloudtrail", "StopLogging", "AWS::CloudTrail::Trail", "main")
    assert blinding(replace(stopped, call=CallClass.READ), set()) is None


def drift(blinds: Blinds | None, region: str = "eu-west-1", account: str = ACCOUNT) -> Drift:
    return Drift(
        id="d",
        account=account,
        region=region,
        resource_type="AWS::CloudTrail::Trail",
        resource_id="main",
        kind=DriftKind.TRANSIENT,
        changes=(Difference(path="", op=Op.REPLACE),),
        interval=Interval(last_good=None, detected=NOW),
        blinds=blinds,
    )


def cells() -> list[Cell]:
    places = [(ACCOUNT, "eu-west-1"), (ACCOUNT, "us-east-1"), (ACCOUNT, "global"), ("222222222222", "eu-west-1")]
    return [Cell(scope=Scope(account=account, region=region), type="AWS::SNS::Topic") for account, region in places]


def test_a_trail_blinds_its_account_and_a_recorder_its_region() -> None:
    assert {cell.region for cell in blind_cells(cells(), [drift(Blinds.TRAIL)])} == {"eu-west-1", "us-east-1", "global"}
    assert {(cell.account, cell.region) for cell in blind_cells(cells(), [drift(Blinds.RECORDER)])} == {(ACCOUNT, "eu-west-1")}


def test_an_ordinary_drift_blinds_nothing() -> None:
    assert blind_cells(cells(), [drift(None)]) == {}


@pytest.mark.parametrize("blinds", [None, Blinds.TRAIL, Blinds.RECORDER])
@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
def test_blind_scopes_are_those_of_the_blind_cells(blinds: Blinds | None, region: str) -> None:
    drifts = [drift(blinds, region)]
    scopes = {(cell.account, cell.region) for cell in cells()}
    assert blind_scopes(scopes, drifts).keys() == {(cell.account, cell.region) for cell in blind_cells(cells(), drifts)}
