"""The records of the simulated trail have the shape of CloudTrail's own.

What is expected was written by hand, from events that AWS logged and from the logging pages of the services.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
import pytest

from driftwatch.demo.trail_callers import Keyring, stranger
from driftwatch.demo.trail_records import Call, Caller, event_name, record
from driftwatch.errors import DriftwatchError

AT = datetime(2026, 3, 10, 15, 4, 5, 987654, tzinfo=UTC)
ACCOUNT = "123456789012"
IDENTITY = {
    "type": "IAMUser",
    "principalId": "AIDACKCEVSQ6C2EXAMPLE",
    "arn": "arn:aws:iam::123456789012:user/carl",
    "accountId": ACCOUNT,
    "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
    "userName": "carl",
}
CALLER = Caller(identity=IDENTITY, source_ip="198.51.100.77")


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def made(
    service: str,
    operation: str,
    params: dict[str, Any],
    reply: dict[str, Any] | None = None,
    *,
    region: str = "eu-west-1",
    status: int = 200,
    url: str = "http://127.0.0.1:5000/",
    body: bytes = b"",
) -> Call:
    told = {"ResponseMetadata": {"RequestId": "b41b8a7e-5c0d-4f0e-9d53-1f0a7f7e2a11", "HTTPHeaders": {"content-length": "0"}}}
    return Call(
        operation=_model(service).operation_model(operation),
        region=region,
        key=IDENTITY["accessKeyId"],
        agent="aws-cli/2.27.50",
        url=url,
        body=body,
        params=params,
        reply=(reply or {}) | told,
        status=status,
        at=AT,
    )


def expected(**own: Any) -> dict[str, Any]:
    """What every record holds, and what is its own."""
    return {
        "eventVersion": "1.11",
        "userIdentity": IDENTITY,
        "eventTime": "2026-03-10T15:04:05Z",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.77",
        "userAgent": "aws-cli/2.27.50",
        "requestID": "b41b8a7e-5c0d-4f0e-9d53-1f0a7f7e2a11",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        **own,
    }


def told(call: Call, caller: Caller = CALLER) -> dict[str, Any]:
    """The record without its id, and without what TLS was spoken with."""
    found = record(call, caller, ACCOUNT)
    assert len(found.pop("eventID")) == 36
    assert set(found.pop("tlsDetails")) == {"tlsVersion", "cipherSuite", "clientProvidedHostHeader"}
    return found


# --- the calls of the story --------------------------------------------------------------------------------------------------------------


def test_opening_a_port() -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "for a while"}]}
    answered = {
        "SecurityGroupRuleId": "sgr-09b3e3d2ca1edf2a2",
        "GroupId": "sg-003dc7f1f1c686164",
        "GroupOwnerId": ACCOUNT,
        "IsEgress": False,
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "CidrIpv4": "0.0.0.0/0",
    }
    call = made(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        {"GroupId": "sg-003dc7f1f1c686164", "IpPermissions": [rule]},
        {"Return": True, "SecurityGroupRules": [answered]},
    )
    assert told(call) == expected(
        eventSource="ec2.amazonaws.com",
        eventName="AuthorizeSecurityGroupIngress",
        requestParameters={
            "groupId": "sg-003dc7f1f1c686164",
            "ipPermissions": {
                "items": [
                    {
                        "ipProtocol": "tcp",
                        "fromPort": 22,
                        "toPort": 22,
                        "groups": {},
                        "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": "for a while"}]},
                        "ipv6Ranges": {},
                        "prefixListIds": {},
                    }
                ]
            },
        },
        responseElements={
            "requestId": "b41b8a7e-5c0d-4f0e-9d53-1f0a7f7e2a11",
            "_return": True,
            "securityGroupRuleSet": {
                "items": [
                    {
                        "securityGroupRuleId": "sgr-09b3e3d2ca1edf2a2",
                        "groupId": "sg-003dc7f1f1c686164",
                        "groupOwnerId": ACCOUNT,
                        "isEgress": False,
                        "ipProtocol": "tcp",
                        "fromPort": 22,
                        "toPort": 22,
                        "cidrIpv4": "0.0.0.0/0",
                    }
                ]
            },
        },
    )


def test_configuring_a_function_shows_no_variables() -> None:
    answered = {
        "FunctionName": "orders",
        "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:orders",
        "Timeout": 60,
        "MemorySize": 1024,
        "Environment": {"Variables": {"TOKEN": "a-secret"}},
        "CodeSha256": "yoqgXJ3G1ROsFXLUfkxIKHbCiKf2eKCiIkxoktNUoNE=",
        "LastModified": "2026-03-10T15:04:05.000+0000",
    }
    asked = {"FunctionName": "orders", "Timeout": 60, "MemorySize": 1024, "Environment": {"Variables": {"TOKEN": "a-secret"}}}
    assert told(made("lambda", "UpdateFunctionConfiguration", asked, answered)) == expected(
        eventSource="lambda.amazonaws.com",
        eventName="UpdateFunctionConfiguration20150331v2",
        requestParameters={"functionName": "orders", "timeout": 60, "memorySize": 1024, "environment": {}},
        responseElements={
            "functionName": "orders",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:orders",
            "timeout": 60,
            "memorySize": 1024,
            "environment": {},
            "codeSha256": "yoqgXJ3G1ROsFXLUfkxIKHbCiKf2eKCiIkxoktNUoNE=",
            "lastModified": "2026-03-10T15:04:05.000+0000",
        },
    )


def test_setting_the_policy_of_a_bucket() -> None:
    policy = b'{"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Principal": "*"}]}'
    call = made(
        "s3",
        "PutBucketPolicy",
        {"Bucket": "acme-123-data", "Policy": policy.decode()},
        region="us-east-1",
        url="http://127.0.0.1:5000/acme-123-data?policy",
        body=policy,
    )
    assert told(call) == expected(
        awsRegion="us-east-1",
        eventSource="s3.amazonaws.com",
        eventName="PutBucketPolicy",
        requestParameters={
            "bucketName": "acme-123-data",
            "Host": "acme-123-data.s3.us-east-1.amazonaws.com",
            "policy": "",
            "bucketPolicy": {"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Principal": "*"}]},
        },
        responseElements=None,
        additionalEventData={
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "bytesTransferredIn": len(policy),
            "AuthenticationMethod": "AuthHeader",
            "bytesTransferredOut": 0,
        },
        resources=[{"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::acme-123-data"}],
    )


def test_changing_an_alarm() -> None:
    asked = {
        "AlarmName": "errors",
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 50.0,
    }
    assert told(made("cloudwatch", "PutMetricAlarm", asked)) == expected(
        eventSource="monitoring.amazonaws.com",
        eventName="PutMetricAlarm",
        requestParameters={
            "alarmName": "errors",
            "namespace": "AWS/Lambda",
            "metricName": "Errors",
            "statistic": "Sum",
            "period": 60,
            "evaluationPeriods": 1,
            "comparisonOperator": "GreaterThanThreshold",
            "threshold": 50.0,
        },
        responseElements=None,
    )


def test_deleting_a_table() -> None:
    described = {
        "TableName": "carts",
        "TableStatus": "DELETING",
        "ItemCount": 0,
        "CreationDateTime": datetime(2026, 3, 9, 0, 7, 8, tzinfo=UTC),
    }
    assert told(made("dynamodb", "DeleteTable", {"TableName": "carts"}, {"TableDescription": described})) == expected(
        eventSource="dynamodb.amazonaws.com",
        eventName="DeleteTable",
        apiVersion="2012-08-10",
        requestParameters={"tableName": "carts"},
        responseElements={
            "tableDescription": {
                "tableName": "carts",
                "tableStatus": "DELETING",
                "itemCount": 0,
                "creationDateTime": "Mar 9, 2026, 12:07:08 AM",
            }
        },
    )


ROLE = "arn:aws:iam::123456789012:role/break-glass"
SESSION = {
    "Credentials": {
        "AccessKeyId": "ASIAI44QH8DHBEXAMPLE",
        "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "SessionToken": "FQoGZXIvYXdzEXAMPLE",
        "Expiration": datetime(2026, 3, 10, 16, 4, 5, tzinfo=UTC),
    },
    "AssumedRoleUser": {
        "AssumedRoleId": "AROAIN5ATK5U7KEXAMPLE:incident-7",
        "Arn": "arn:aws:sts::123456789012:assumed-role/break-glass/incident-7",
    },
}


def test_assuming_a_role_is_a_read_whose_answer_is_logged_without_the_secret_key() -> None:
    call = made("sts", "AssumeRole", {"RoleArn": ROLE, "RoleSessionName": "incident-7"}, SESSION)
    assert told(call) == expected(
        eventSource="sts.amazonaws.com",
        eventName="AssumeRole",
        readOnly=True,
        requestParameters={"roleArn": ROLE, "roleSessionName": "incident-7"},
        responseElements={
            "credentials": {
                "accessKeyId": "ASIAI44QH8DHBEXAMPLE",
                "sessionToken": "FQoGZXIvYXdzEXAMPLE",
                "expiration": "Mar 10, 2026, 4:04:05 PM",
            },
            "assumedRoleUser": {
                "assumedRoleId": "AROAIN5ATK5U7KEXAMPLE:incident-7",
                "arn": "arn:aws:sts::123456789012:assumed-role/break-glass/incident-7",
            },
        },
        resources=[{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": ROLE}],
    )


def test_switching_a_trail_off() -> None:
    assert told(made("cloudtrail", "StopLogging", {"Name": "main"})) == expected(
        eventSource="cloudtrail.amazonaws.com", eventName="StopLogging", requestParameters={"name": "main"}, responseElements=None
    )


# --- what else differs from service to service -------------------------------------------------------------------------------------------


def test_a_read_has_no_answer_and_says_so() -> None:
    asked = {"Filters": [{"Name": "group-name", "Values": ["web"]}]}
    found = told(made("ec2", "DescribeSecurityGroups", asked, {"SecurityGroups": [{"GroupId": "sg-1"}]}))
    assert (found["readOnly"], found["responseElements"]) == (True, None)
    assert found["requestParameters"] == {
        "securityGroupSet": {},
        "securityGroupIdSet": {},
        "filterSet": {"items": [{"name": "group-name", "valueSet": {"items": [{"value": "web"}]}}]},
    }


@pytest.mark.parametrize(
    ("service", "operation", "status", "code"),
    [
        ("ec2", "RevokeSecurityGroupIngress", 400, "Client.InvalidGroup.NotFound"),
        ("ec2", "RevokeSecurityGroupIngress", 503, "Server.InvalidGroup.NotFound"),
        ("dynamodb", "DeleteTable", 400, "InvalidGroup.NotFound"),
    ],
)
def test_a_call_that_failed_says_why_and_answers_nothing(service: str, operation: str, status: int, code: str) -> None:
    found = told(made(service, operation, {}, {"Error": {"Code": "InvalidGroup.NotFound", "Message": "there is none"}}, status=status))
    assert (found["errorCode"], found["errorMessage"]) == (code, "there is none")
    assert found["responseElements"] is None


def test_a_newer_operation_of_ec2_is_wrapped_in_its_own_name() -> None:
    asked = {
        "VpcId": "vpc-1",
        "ServiceName": "com.amazonaws.eu-west-1.s3",
        "RouteTableIds": ["rtb-1"],
        "TagSpecifications": [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "env", "Value": "prod"}, {"Key": "a", "Value": "b"}]}],
    }
    answered = {"VpcEndpoint": {"VpcEndpointId": "vpce-1", "RouteTableIds": ["rtb-1"], "CreationTimestamp": AT}}
    found = told(made("ec2", "CreateVpcEndpoint", asked, answered))
    assert found["requestParameters"] == {
        "CreateVpcEndpointRequest": {
            "VpcId": "vpc-1",
            "ServiceName": "com.amazonaws.eu-west-1.s3",
            "RouteTableId": {"tag": 1, "content": "rtb-1"},
            "TagSpecification": {
                "tag": 1,
                "ResourceType": "vpc-endpoint",
                "Tag": [{"tag": 1, "Key": "env", "Value": "prod"}, {"tag": 2, "Key": "a", "Value": "b"}],
            },
        }
    }
    assert found["responseElements"] == {
        "CreateVpcEndpointResponse": {
            "xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/",
            "requestId": found["requestID"],
            "vpcEndpoint": {"vpcEndpointId": "vpce-1", "routeTableIdSet": {"item": "rtb-1"}, "creationTimestamp": 1773155045987},
        }
    }


def test_launching_instances() -> None:
    asked = {
        "ImageId": "ami-1",
        "MinCount": 2,
        "MaxCount": 2,
        "InstanceType": "t3.micro",
        "SecurityGroupIds": ["sg-1"],
        "UserData": "export PASSWORD=a-secret",
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "env", "Value": "prod"}]}],
    }
    instance = {"InstanceId": "i-1", "LaunchTime": AT, "SecurityGroups": [{"GroupId": "sg-1"}], "Tags": []}
    found = told(made("ec2", "RunInstances", asked, {"ReservationId": "r-1", "Instances": [instance]}))
    assert found["requestParameters"] == {
        "instancesSet": {"items": [{"imageId": "ami-1", "minCount": 2, "maxCount": 2}]},
        "instanceType": "t3.micro",
        "groupSet": {"items": [{"groupId": "sg-1"}]},
        "userData": "<sensitiveDataRemoved>",
        "blockDeviceMapping": {},
        "monitoring": {"enabled": False},
        "disableApiTermination": False,
        "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": [{"key": "env", "value": "prod"}]}]},
    }
    (launched,) = found["responseElements"]["instancesSet"]["items"]
    assert launched == {"instanceId": "i-1", "launchTime": 1773155045987, "groupSet": {"items": [{"groupId": "sg-1"}]}, "tagSet": {}}


def test_tagging() -> None:
    found = told(made("ec2", "CreateTags", {"Resources": ["sg-1", "i-1"], "Tags": [{"Key": "env", "Value": "prod"}]}))
    assert found["requestParameters"] == {
        "resourcesSet": {"items": [{"resourceId": "sg-1"}, {"resourceId": "i-1"}]},
        "tagSet": {"items": [{"key": "env", "value": "prod"}]},
    }
    assert found["responseElements"] == {"requestId": found["requestID"], "_return": True}


def test_a_database_is_logged_by_itself_and_its_password_is_not() -> None:
    asked = {"DBInstanceIdentifier": "orders", "MasterUserPassword": "a-secret", "AllocatedStorage": 50}
    found = told(made("rds", "CreateDBInstance", asked, {"DBInstance": {"DBInstanceIdentifier": "orders", "DBInstanceStatus": "creating"}}))
    assert found["requestParameters"] == {"dBInstanceIdentifier": "orders", "masterUserPassword": "****", "allocatedStorage": 50}
    assert found["responseElements"] == {"dBInstanceIdentifier": "orders", "dBInstanceStatus": "creating"}


@pytest.mark.parametrize(
    ("service", "operation", "asked", "logged"),
    [
        ("secretsmanager", "CreateSecret", {"Name": "db", "SecretString": "a-secret"}, {"name": "db"}),
        ("ssm", "PutParameter", {"Name": "db", "Value": "a-secret"}, {"name": "db", "value": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
        ("lambda", "CreateFunction", {"FunctionName": "f", "Code": {"ZipFile": b"PK"}}, {"functionName": "f", "code": {}}),
    ],
)
def test_secrets_are_not_logged(service: str, operation: str, asked: dict[str, Any], logged: dict[str, Any]) -> None:
    assert told(made(service, operation, asked))["requestParameters"] == logged


@pytest.mark.parametrize(
    ("service", "operation", "name"),
    [
        ("s3", "PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
        ("s3", "PutBucketLifecycleConfiguration", "PutBucketLifecycle"),
        ("s3", "PutBucketVersioning", "PutBucketVersioning"),
        ("lambda", "CreateFunction", "CreateFunction20150331"),
        ("lambda", "TagResource", "TagResource20170331v2"),
        ("lambda", "PutFunctionConcurrency", "PutFunctionConcurrency20171031"),
        ("iam", "CreateUser", "CreateUser"),
    ],
)
def test_services_have_their_own_names_for_their_operations(service: str, operation: str, name: str) -> None:
    assert event_name(made(service, operation, {})) == name


def test_s3_logs_the_document_that_was_sent() -> None:
    body = (
        b'<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>env</Key><Value>prod</Value></Tag>'
        b"<Tag><Key>owner</Key><Value>platform</Value></Tag></TagSet></Tagging>"
    )
    found = told(made("s3", "PutBucketTagging", {"Bucket": "b", "Tagging": {}}, url="http://127.0.0.1/b?tagging", body=body))
    assert found["requestParameters"] == {
        "bucketName": "b",
        "Host": "b.s3.eu-west-1.amazonaws.com",
        "tagging": "",
        "Tagging": {
            "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/",
            "TagSet": {"Tag": [{"Key": "env", "Value": "prod"}, {"Key": "owner", "Value": "platform"}]},
        },
    }


@pytest.mark.parametrize(
    ("service", "operation"), [("iam", "CreateUser"), ("route53", "CreateHostedZone"), ("cloudfront", "CreateDistribution")]
)
def test_global_services_log_in_us_east_1(service: str, operation: str) -> None:
    assert told(made(service, operation, {}))["awsRegion"] == "us-east-1"


def test_the_console_is_told_from_other_tools() -> None:
    caller = Caller(identity=IDENTITY, source_ip="198.51.100.23", console=True)
    assert told(made("cloudtrail", "StopLogging", {"Name": "main"}), caller)["sessionCredentialFromConsole"] == "true"


# --- who ---------------------------------------------------------------------------------------------------------------------------------


def test_a_session_is_known_by_the_key_that_began_it_and_keeps_its_source_identity() -> None:
    keys = Keyring()
    keys.root(ACCOUNT, IDENTITY["accessKeyId"])
    keys.learn(made("sts", "AssumeRole", {"RoleArn": ROLE, "RoleSessionName": "incident-7"}, SESSION | {"SourceIdentity": "carl"}))
    identity = keys.identity("ASIAI44QH8DHBEXAMPLE")
    assert identity == {
        "type": "AssumedRole",
        "principalId": "AROAIN5ATK5U7KEXAMPLE:incident-7",
        "arn": "arn:aws:sts::123456789012:assumed-role/break-glass/incident-7",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAI44QH8DHBEXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAIN5ATK5U7KEXAMPLE",
                "arn": ROLE,
                "accountId": ACCOUNT,
                "userName": "break-glass",
            },
            "attributes": {"creationDate": "2026-03-10T15:04:05Z", "mfaAuthenticated": "false"},
            "sourceIdentity": "carl",
        },
    }
    assert stranger(identity) == {"type": "AWSAccount", "principalId": "AROAIN5ATK5U7KEXAMPLE:incident-7", "accountId": ACCOUNT}


def test_a_key_that_nobody_gave_out_is_refused() -> None:
    with pytest.raises(DriftwatchError, match="AKIANOBODY"):
        Keyring().identity("AKIANOBODY")


def test_a_record_costs_little() -> None:
    call = made(
        "ec2", "AuthorizeSecurityGroupIngress", {"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "tcp"}] * 20}, {"Return": True}
    )
    began = time.process_time()
    for _ in range(200):
        record(call, CALLER, ACCOUNT)
    assert (time.process_time() - began) / 200 < 0.005
