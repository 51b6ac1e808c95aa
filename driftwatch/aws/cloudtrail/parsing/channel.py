"""By which tool a call was made: from its agent, its session and who invoked it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from driftwatch.domain.activity import Channel

_SERVICE: Final = ".amazonaws.com"
_CONSOLES: Final = frozenset({"console.amazonaws.com", "signin.amazonaws.com", "console.amazonaws.cn", "signin.amazonaws.cn"})
_INTERNAL: Final = "AWS Internal"
_AGENTS: Final = (
    (Channel.TERRAFORM, re.compile(r"terraform|hashicorp|opentofu|pulumi", re.IGNORECASE)),
    (Channel.CDK, re.compile(r"\baws-cdk\b|cdk-hnb|cdk/|aws-cdk-", re.IGNORECASE)),
    (Channel.CLI, re.compile(r"aws-cli/|amazon cli/|exec-env/CloudShell|AWS-Shell|aws-tools?\b|AWSPowerShell", re.IGNORECASE)),
    (Channel.CONSOLE, re.compile(r"^\[?\s*(mozilla/|s3console/|.*console\.amazonaws|.*console/\d)|lambda-console", re.IGNORECASE)),
    (Channel.SDK, re.compile(r"boto3|botocore|\baws-sdk|aws sdk|aws_sdk|sdk-(go|java|rust|js|net|cpp|php)|awssdk", re.IGNORECASE)),
    (
        Channel.SDK,
        re.compile(
            r"stratus-red-team|pacu|custodian|c7n|prowler|steampipe|scoutsuite|cloudsploit|eksctl|\bsam-cli|copilot-cli|s3cmd|"
            r"rclone|kops|karpenter|aws-iam-authenticator|serverless|ansible|chalice|packer",
            re.IGNORECASE,
        ),
    ),
)
"""In this order: what is built on an SDK names both, and the tool says more."""
_PIPELINE_SERVICES: Final = frozenset({"codepipeline.amazonaws.com", "codebuild.amazonaws.com", "codedeploy.amazonaws.com"})


def channel(record: Mapping[str, Any]) -> Channel:
    """The channel of a raw record. A service that calls for a person is the channel; the person stays the actor.

    The agent is what the caller says of itself, and may be forged: a channel is for people to read, no rule rests on it.
    """
    identity = record.get("userIdentity")
    identity = identity if isinstance(identity, dict) else {}
    invoked = identity.get("invokedBy")
    agent = record.get("userAgent")
    for named in (invoked, agent):
        if named == "cloudformation.amazonaws.com":
            return Channel.CLOUDFORMATION
    if record.get("eventType") in ("AwsServiceEvent", "AwsCloudTrailInsight"):
        return Channel.AWS_SERVICE
    if record.get("eventType") in ("AwsConsoleSignIn", "AwsConsoleAction"):
        return Channel.CONSOLE
    if identity.get("type") == "AWSService":
        return Channel.AWS_SERVICE
    if _by_service(identity, agent, record.get("sourceIPAddress")):
        return Channel.AWS_SERVICE
    found = _of_agent(agent) if isinstance(agent, str) else Channel.UNKNOWN
    if found in (Channel.UNKNOWN, Channel.SDK) and _from_console(record, identity):
        return Channel.CONSOLE
    return Channel.CDK if found is Channel.CLI and _is_cdk(identity) else found


def _from_console(record: Mapping[str, Any], identity: Mapping[str, Any]) -> bool:
    """Whether the session's credentials are the console's (record contents, `sessionCredentialFromConsole`)."""
    if str(record.get("sessionCredentialFromConsole")).lower() == "true":
        return True
    return identity.get("invokedBy") == _INTERNAL == record.get("userAgent") and identity.get("type") == "IAMUser"


def _by_service(identity: Mapping[str, Any], agent: object, address: object) -> bool:
    """Whether an AWS service made the call by itself, or in somebody's name."""
    role = _issuer(identity)
    if "/aws-service-role/" in role:
        return True
    named = [text for text in (identity.get("invokedBy"), agent, address) if isinstance(text, str)]
    return any(text.endswith(_SERVICE) and text not in _CONSOLES and "/" not in text for text in named)


def _issuer(identity: Mapping[str, Any]) -> str:
    context = identity.get("sessionContext")
    issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
    arn = issuer.get("arn") if isinstance(issuer, dict) else None
    return arn if isinstance(arn, str) else ""


def _is_cdk(identity: Mapping[str, Any]) -> bool:
    return "/cdk-" in _issuer(identity)


@lru_cache(maxsize=4096)
def _of_agent(agent: str) -> Channel:
    if agent in _CONSOLES:
        return Channel.CONSOLE
    return next((found for found, pattern in _AGENTS if pattern.search(agent[:1024])), Channel.UNKNOWN)
