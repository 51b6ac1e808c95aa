"""By which tool a call was made."""

from __future__ import annotations

from typing import Any

import pytest

from driftwatch.aws.cloudtrail.parsing.channel import channel
from driftwatch.domain.activity import Channel

CONSOLE, CLI, SDK, UNKNOWN = Channel.CONSOLE, Channel.CLI, Channel.SDK, Channel.UNKNOWN


@pytest.mark.parametrize(
    ("agent", "found"),
    [
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:125.0) Gecko/20100101 Firefox/125.0", CONSOLE),
        ("console.amazonaws.com", CONSOLE),
        ("signin.amazonaws.com", CONSOLE),
        ("S3Console/0.4", CONSOLE),
        ("[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.783]", CONSOLE),
        ("aws-cli/2.15.0 Python/3.11.6 Linux/5.10 exe/x86_64 prompt/off command/ec2.run-instances", CLI),
        ("Amazon CLI/ElastiCache 1.10 API 2014-12-01", CLI),
        ("aws-cli/2.9.19 Python/3.9.11 Linux/4.14 exec-env/CloudShell exe/x86_64", CLI),
        ("Boto3/1.26.0 Python/3.9 Linux/5.10 Botocore/1.29.0", SDK),
        ("aws-sdk-go/1.44.0 (go1.19; linux; amd64)", SDK),
        ("aws-internal/3 aws-sdk-java/1.12.182 Linux/5.4", SDK),
        ("aws-sdk-go-v2/1.16.5 os/linux lang/go md/GOOS/linux", SDK),
        ("stratus-red-team_84a22508", SDK),
        ("aws-internal/3", UNKNOWN),
        ("PostmanRuntime/7.1.5", UNKNOWN),
        ("Apache-HttpClient/4.3 (java 1.5)", UNKNOWN),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.5.7 (+https://www.terraform.io) terraform-provider-aws/5.1 aws-sdk-go/1.44", Channel.TERRAFORM),
        ("HashiCorp Terraform/0.11 aws-sdk-go/1.44", Channel.TERRAFORM),
        ("OpenTofu/1.6 aws-sdk-go-v2/1.2", Channel.TERRAFORM),
        ("aws-cdk/2.100.0 aws-sdk-js/2.1", Channel.CDK),
        ("cloudformation.amazonaws.com", Channel.CLOUDFORMATION),
        ("autoscaling.amazonaws.com", Channel.AWS_SERVICE),
        (None, UNKNOWN),
        ({"not": "a text"}, UNKNOWN),
    ],
)
def test_what_an_agent_says(agent: Any, found: Channel) -> None:
    assert channel({"userAgent": agent, "userIdentity": {"type": "IAMUser"}, "eventType": "AwsApiCall"}) is found


def test_the_consoles_credentials_say_more_than_an_agent_that_says_nothing() -> None:
    assert (
        channel({"userAgent": "AWS Internal", "sessionCredentialFromConsole": "true", "userIdentity": {"invokedBy": "AWS Internal"}})
        is CONSOLE
    )


def test_services_and_their_roles_are_told_as_such() -> None:
    issuer = {"sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/aws-service-role/x.amazonaws.com/R"}}}
    assert channel({"userAgent": "Boto3/1", "userIdentity": {"type": "AssumedRole", **issuer}}) is Channel.AWS_SERVICE
    assert channel({"userIdentity": {"type": "AWSService", "invokedBy": "config.amazonaws.com"}}) is Channel.AWS_SERVICE
    assert channel({"eventType": "AwsServiceEvent"}) is Channel.AWS_SERVICE


def test_what_a_stack_does_for_a_person_came_through_cloudformation() -> None:
    assert channel({"userAgent": "aws-cli/2", "userIdentity": {"invokedBy": "cloudformation.amazonaws.com"}}) is Channel.CLOUDFORMATION
