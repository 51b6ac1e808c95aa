"""The IAM policy that reading resource types takes: generated from their entries, so that it grants what is called and nothing else."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from driftwatch.aws.catalog import Catalog
from driftwatch.aws.entry import Entry
from driftwatch.aws.sdk import Sdk
from driftwatch.errors import InputError

MAX_CHARACTERS = 6144
"""Of a managed policy, white space not counted (AWS: "IAM and AWS STS quotas")."""
MAX_POLICIES = 10
"""Managed policies on one role, unless the account's quota was raised (same page)."""
NAME = "driftwatch-reader"

DISCOVERY = ("ec2:DescribeRegions", "sts:GetCallerIdentity")
"""What every scan asks before its first listing."""

PREFIXES: Mapping[str, str] = MappingProxyType({"cloudwatch": "cloudwatch"})
"""Clients whose actions have another prefix than the name that their requests are signed with."""

RESOURCES: Mapping[str, str] = MappingProxyType({"cassandra:Select": "arn:*:cassandra:*:*:/keyspace/system*"})
"""Actions that also read data, and the resources for which they read configuration only: Keyspaces answers about its keyspaces and
tables to whoever may select from its system tables ("How Amazon Keyspaces works with IAM")."""

_READING = re.compile(r"^(Get|List|Describe|BatchGet|BatchDescribe|BatchList|Search|Lookup|View)[A-Za-z0-9]*$|^GET$")
READS_DATA = re.compile(
    r"^(s3:GetObject(?!LockConfiguration).*|s3express:CreateSession|dynamodb:(GetItem|BatchGetItem|GetRecords)|kinesis:GetRecords|"
    r"secretsmanager:(GetSecretValue|BatchGetSecretValue)|ssm:(GetParameters?|GetParameterHistory|GetParametersByPath|GetCommandInvocation)|"
    r"logs:(GetLogEvents|GetQueryResults|GetLogRecord|GetLogObject)|sqs:.*Message.*|lambda:(GetFunction|GetLayerVersion)|"
    r"ecr(-public)?:(GetAuthorizationToken|GetDownloadUrlForLayer|BatchGetImage)|codecommit:(GetFile|GetFolder|GetBlob|GetDifferences)|"
    r"athena:GetQueryResults.*|codeartifact:(GetAuthorizationToken|GetPackageVersionAsset)|redshift(-serverless)?:GetClusterCredentials.*|"
    r"redshift-serverless:GetCredentials|iot:GetThingShadow|cloudsearch:.*Documents|glacier:GetJobOutput|rds:DownloadDBLogFilePortion|"
    r"apigateway:GetApiKeyValue|sts:Get(SessionToken|FederationToken)|kms:GetParametersForImport|workmail:GetRawMessageContent|"
    r"ec2:(GetPasswordData|GetConsoleOutput|GetConsoleScreenshot)|lightsail:GetInstanceAccessDetails|lightsail:GetRelationalDatabaseMasterUserPassword|"
    r"connect:GetFederationToken|cognito-identity:Get(Id|CredentialsForIdentity|OpenIdToken.*)|cognito-idp:(GetUser|ListUsers|AdminGetUser))$"
)
"""Actions that begin like reading configuration and answer with data, credentials or code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Actions on resources: one statement."""

    actions: tuple[str, ...]
    resource: str = "*"

    @property
    def statement(self) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": list(self.actions), "Resource": self.resource}


def actions_of(entry: Entry, operation: str, sdk: Sdk) -> tuple[str, ...]:
    """The IAM actions that one call of an entry needs: what the entry says, else the operation's own name."""
    override = entry.iam.get(f"{entry.service}:{operation}")
    return override or (f"{PREFIXES.get(entry.service) or sdk.service(entry.service).signing_name}:{operation}",)


class Actions:
    """The IAM actions that a call (``service:Operation``) for a resource type needs. Threads may share it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._guard = threading.Lock()
        self._sdk: Sdk | None = None
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def __call__(self, type_: str, operation: str) -> tuple[str, ...]:
        """The call's own name where no entry makes it, or the SDK does not know it."""
        with self._guard:
            if (type_, operation) not in self._known:
                self._known[type_, operation] = self._found(type_, operation)
            return self._known[type_, operation]

    def _found(self, type_: str, operation: str) -> tuple[str, ...]:
        entry = self._catalog.find(type_)
        service, _, name = operation.partition(":")
        self._sdk = self._sdk or Sdk()
        if entry is None or service != entry.service or name not in entry.every_operation or service not in self._sdk.services:
            return (operation,)
        return actions_of(entry, name, self._sdk)


def granted(entries: Iterable[Entry], sdk: Sdk) -> list[str]:
    """Every action that reading these types takes, sorted. Raises InputError for one that does more than read configuration."""
    found = set(DISCOVERY)
    for entry in entries:
        if entry.service in sdk.services:
            found.update(action for operation in entry.every_operation for action in actions_of(entry, operation, sdk))
    for action in sorted(found):
        refuse_unsafe(action)
    return sorted(found, key=lambda action: (action.lower(), action))


def refuse_unsafe(action: str) -> None:
    """Raises InputError for an action that writes, or that reads data, credentials or code."""
    if action in RESOURCES:
        return
    name = action.partition(":")[2]
    if not _READING.match(name) or READS_DATA.match(action):
        raise InputError(f"{action} is not a reading of configuration", expected="a call that lists, describes or gets settings")


def documents(actions: Sequence[str]) -> list[dict[str, Any]]:
    """Policy documents that grant these actions, each within AWS's size limit."""
    limited = [Grant(actions=(action,), resource=RESOURCES[action]) for action in actions if action in RESOURCES]
    plain = [action for action in actions if action not in RESOURCES]
    reserve = sum(len(_compact(grant.statement)) + 1 for grant in limited)
    made = [_document([Grant(actions=tuple(chunk))]) for chunk in _packed(plain, reserve=reserve)]
    if limited:
        made[-1]["Statement"] += [grant.statement for grant in limited]
    return made


def _packed(actions: Sequence[str], *, reserve: int) -> Iterator[list[str]]:
    room = MAX_CHARACTERS - reserve - len(_compact(_document([Grant(actions=())])))
    chunk: list[str] = []
    used = 0
    for action in actions:
        size = len(action) + 3  # its quotes and a comma
        if chunk and used + size > room:
            yield chunk
            chunk, used = [], 0
        chunk.append(action)
        used += size
    yield chunk


def _document(grants: Sequence[Grant]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [grant.statement for grant in grants]}


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


# --- formats ---------------------------------------------------------------------------------------------------------------------------


def files(made: Sequence[Mapping[str, Any]], form: str) -> dict[str, str]:
    """File name -> text, in one of `FORMATS`."""
    return FORMATS[form](made)


def _name(number: int) -> str:
    return f"{NAME}-{number}"


def _json(made: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {f"{_name(number)}.json": json.dumps(document, indent=2) + "\n" for number, document in enumerate(made, 1)}


def _terraform(made: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    blocks = []
    for number, document in enumerate(made, 1):
        body = json.dumps(document, indent=2).replace("\n", "\n  ")
        blocks.append(
            f'resource "aws_iam_policy" "driftwatch_reader_{number}" {{\n  name        = "{_name(number)}"\n'
            f'  description = "What driftwatch reads, part {number} of {len(made)}"\n  policy      = jsonencode({body})\n}}\n'
        )
    arns = ",\n    ".join(f"aws_iam_policy.driftwatch_reader_{number}.arn" for number in range(1, len(made) + 1))
    output = f'output "driftwatch_reader_policy_arns" {{\n  value = [\n    {arns},\n  ]\n}}\n'
    return {f"{NAME}.tf": "\n".join([*blocks, output])}


def _cloudformation(made: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    logical = {f"Reader{number}": document for number, document in enumerate(made, 1)}
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What driftwatch reads, as managed policies for the role that it uses",
        "Resources": {
            name: {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"ManagedPolicyName": _name(number), "PolicyDocument": document},
            }
            for number, (name, document) in enumerate(logical.items(), 1)
        },
        "Outputs": {"PolicyArns": {"Value": {"Fn::Join": [",", [{"Ref": name} for name in logical]]}}},
    }
    return {f"{NAME}.template.json": json.dumps(template, indent=2) + "\n"}


FORMATS = MappingProxyType({"json": _json, "terraform": _terraform, "cloudformation": _cloudformation})
