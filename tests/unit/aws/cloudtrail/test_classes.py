"""What a call is for: by its operation, whatever the record's own flag says."""

from __future__ import annotations

import pytest

from driftwatch.aws.cloudtrail.parsing.classes import call_class
from driftwatch.domain.activity import CallClass
from tests.unit.aws.cloudtrail.records import parsed, record


@pytest.mark.parametrize("flag", [True, False, None])
@pytest.mark.parametrize(
    ("source", "name", "wanted"),
    [
        ("ec2", "RunInstances", CallClass.CONFIG),
        ("iam", "ChangePassword", CallClass.CONFIG),
        ("elasticache", "TestFailover", CallClass.CONFIG),
        ("ses", "VerifyEmailIdentity", CallClass.CONFIG),
        ("cloudformation", "ExecuteChangeSet", CallClass.CONFIG),
        ("logs", "DeleteLogStream", CallClass.CONFIG),
        ("ec2", "DescribeInstances", CallClass.READ),
        ("dynamodb", "BatchGetItem", CallClass.READ),
        ("cloudtrail", "LookupEvents", CallClass.READ),
        ("iam", "SimulatePrincipalPolicy", CallClass.READ),
        ("iam", "GenerateCredentialReport", CallClass.READ),
        ("cloudformation", "ValidateTemplate", CallClass.READ),
        ("cognito-idp", "AdminGetUser", CallClass.READ),
        ("sts", "AssumeRole", CallClass.SESSION),
        ("sts", "AssumeRoleWithWebIdentity", CallClass.SESSION),
        ("sts", "GetSessionToken", CallClass.SESSION),
        ("sts", "GetFederationToken", CallClass.SESSION),
        ("signin", "ConsoleLogin", CallClass.SESSION),
        ("signin", "SwitchRole", CallClass.SESSION),
        ("sso", "CreateToken", CallClass.SESSION),
        ("ssm", "StartSession", CallClass.SESSION),
        ("ecr", "GetAuthorizationToken", CallClass.SESSION),
        ("ec2-instance-connect", "SendSSHPublicKey", CallClass.SESSION),
        ("ec2-instance-connect", "SendSerialConsoleSSHPublicKey", CallClass.SESSION),
        ("ssm", "UpdateInstanceInformation", CallClass.TELEMETRY),
        ("ssm", "PutInventory", CallClass.TELEMETRY),
        ("ssm", "PutComplianceItems", CallClass.TELEMETRY),
        ("ecs", "RegisterContainerInstance", CallClass.TELEMETRY),
        ("ecs", "SubmitTaskStateChange", CallClass.TELEMETRY),
        ("monitoring", "PutMetricData", CallClass.TELEMETRY),
        ("dynamodb", "PutItem", CallClass.DATA),
        ("s3", "PutObject", CallClass.DATA),
        ("sqs", "SendMessage", CallClass.DATA),
        ("sns", "Publish", CallClass.DATA),
        ("lambda", "Invoke", CallClass.DATA),
        ("kinesis", "PutRecords", CallClass.DATA),
        ("events", "PutEvents", CallClass.DATA),
        ("logs", "PutLogEvents", CallClass.DATA),
        ("kms", "GenerateDataKeyWithoutPlaintext", CallClass.DATA),
        ("states", "StartExecution", CallClass.DATA),
        ("bedrock", "InvokeModel", CallClass.DATA),
    ],
)
def test_the_operation_decides(source: str, name: str, wanted: CallClass, flag: bool | None) -> None:
    event_type = "AwsConsoleSignIn" if source == "signin" else "AwsApiCall"
    assert call_class(record(source, name, readOnly=flag, eventType=event_type)) is wanted


@pytest.mark.parametrize("name", ["CreateWidget", "EnableSomething", "FrobnicateCluster", ""])
@pytest.mark.parametrize("source", ["ec2", "brand-new-service"])
def test_what_nobody_listed_is_a_change(source: str, name: str) -> None:
    assert call_class(record(source, name, readOnly=True)) is CallClass.CONFIG


@pytest.mark.parametrize(
    "members",
    [
        {"requestParameters": {"dryRun": True}},
        {"requestParameters": {"RunInstancesRequest": {"DryRun": True}}},
        {"errorCode": "Client.DryRunOperation", "errorMessage": "Request would have succeeded"},
    ],
)
def test_a_dry_run_changes_nothing(members: dict[str, object]) -> None:
    assert call_class({**record("ec2", "RunInstances"), **members}) is CallClass.DRY_RUN


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({"eventCategory": "Data"}, CallClass.DATA),
        ({"managementEvent": False}, CallClass.DATA),
        ({"eventCategory": "Insight", "eventType": "AwsCloudTrailInsight"}, CallClass.TELEMETRY),
        ({"eventCategory": "NetworkActivity", "eventType": "AwsVpceEvent"}, CallClass.TELEMETRY),
        ({"eventCategory": "Management", "managementEvent": True}, CallClass.CONFIG),
    ],
)
def test_other_kinds_of_events_change_no_configuration(members: dict[str, object], wanted: CallClass) -> None:
    assert call_class(record("ec2", "DeleteVpc", **members)) is wanted


def test_a_service_can_change_configuration_and_can_tell_what_merely_happened() -> None:
    assert call_class(record("kms", "RotateKey", eventType="AwsServiceEvent")) is CallClass.CONFIG
    assert call_class(record("appstream", "CreateImage", eventType="AwsServiceEvent")) is CallClass.CONFIG
    assert call_class(record("backup", "BackupJobCompleted", eventType="AwsServiceEvent")) is CallClass.TELEMETRY


def test_a_call_that_failed_changed_nothing() -> None:
    denied = parsed("iam", "CreateUser", {"userName": "eve"}, errorCode="AccessDenied")
    assert (denied.call, denied.is_config_change, denied.denied, denied.failed) == (CallClass.CONFIG, False, True, True)
    assert parsed("ec2", "RunInstances", errorCode="Client.UnauthorizedOperation").denied
    assert not parsed("ec2", "RunInstances", errorCode="Client.InstanceLimitExceeded").denied


@pytest.mark.parametrize("strange", [None, 5, [], {}, {"a": 1}, "\ud800", "x" * 1_000_000])
def test_strange_values_are_no_obstacle(strange: object) -> None:
    for key in ("eventSource", "eventName", "eventType", "eventCategory", "errorCode", "requestParameters", "managementEvent"):
        assert isinstance(call_class({**record("ec2", "RunInstances"), key: strange}), CallClass)
