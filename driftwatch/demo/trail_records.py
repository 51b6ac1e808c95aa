"""CloudTrail records, made from the requests that were sent and the replies that came, as CloudTrail writes them
(https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from driftwatch.demo import trail_spelling as spelling

Json = Any
GLOBAL_REGION: Final = "us-east-1"
"""Where global services log."""
_GLOBAL: Final = frozenset({"iam", "cloudfront", "route53", "organizations"})
_READS: Final = ("Get", "List", "Describe", "Head", "Lookup", "Search", "BatchGet", "AssumeRole")
"""How operations begin whose records say readOnly. Assuming a role is one of them."""
_DATA: Final[Mapping[str, frozenset[str]]] = {
    "s3": frozenset(
        {"GetObject", "HeadObject", "PutObject", "DeleteObject", "DeleteObjects", "CopyObject", "ListObjects", "ListObjectsV2"}
    ),
    "lambda": frozenset({"Invoke", "InvokeAsync"}),
    "dynamodb": frozenset({"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"}),
    "sns": frozenset({"Publish", "PublishBatch"}),
    "sqs": frozenset({"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch"}),
}
"""Data events: no trail logs them unless its event selectors ask for it."""
_BUCKET_CALLS: Final = {
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
    "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
    "GetBucketLifecycleConfiguration": "GetBucketLifecycle",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
}
"""S3's own names for its operations."""
_SECOND_VERSION: Final = frozenset(
    {
        *("UpdateFunctionConfiguration", "UpdateFunctionCode", "GetFunction", "GetFunctionConfiguration", "AddPermission"),
        *("RemovePermission", "GetPolicy", "TagResource", "UntagResource"),
    }
)
"""Lambda's operations whose names in the log end in ``v2``, after the date of their version of the API."""
_API_VERSIONS: Final = frozenset({"dynamodb", "route53", "elasticloadbalancing"})
"""Services that log the version of their API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as it went over the wire, and its answer.

    `operation` is botocore's model of it, `key` the id of the key that signed it (None: it was not signed), `params` what was asked,
    `reply` the answer as botocore parsed it, `at` when it came.
    """

    operation: Any
    region: str
    key: str | None
    agent: str
    url: str
    body: bytes
    params: Mapping[str, Json]
    reply: Mapping[str, Json]
    status: int
    at: datetime

    @property
    def service(self) -> str:
        """By the name it signs with, under which it also logs."""
        return str(self.operation.service_model.signing_name)

    @property
    def name(self) -> str:
        return str(self.operation.name)

    @property
    def logged_region(self) -> str:
        return GLOBAL_REGION if self.service in _GLOBAL or self.region == "aws-global" else self.region

    @property
    def request_id(self) -> str:
        """The header's where there is one: of EC2's calls the simulation gives all the same id in the document."""
        told = self.reply.get("ResponseMetadata", {})
        return str(told.get("HTTPHeaders", {}).get("x-amzn-requestid") or told.get("RequestId", ""))

    @property
    def failed(self) -> bool:
        return self.status >= 300

    @property
    def read_only(self) -> bool:
        return self.name.startswith(_READS)

    @property
    def is_data(self) -> bool:
        return self.name in _DATA.get(self.service, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who made a call, as its record says it: the identity, where the call came from, and whether the console made it.

    `asserted` is what the log adds to the parameters of a call that showed a token or an assertion, which is not logged itself.
    """

    identity: Mapping[str, Json]
    source_ip: str
    console: bool = False
    asserted: Mapping[str, Json] = field(default_factory=dict)


def record(call: Call, caller: Caller, recipient: str) -> dict[str, Json]:
    """The record of a call in the log of the account `recipient`. Times are whole seconds."""
    host = _host(call)
    made: dict[str, Json] = {
        "eventVersion": "1.11",
        "userIdentity": dict(caller.identity),
        "eventTime": f"{call.at:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": f"{call.service}.amazonaws.com",
        "eventName": event_name(call),
        "awsRegion": call.logged_region,
        "sourceIPAddress": caller.source_ip,
        "userAgent": call.agent,
        **_error(call),
        "requestParameters": _request(call, caller, host),
        "responseElements": _response(call),
        **_more(call),
        "requestID": call.request_id,
        "eventID": str(uuid.uuid4()),
        "readOnly": call.read_only,
        **_resources(call, recipient),
        "eventType": "AwsApiCall",
        **({"apiVersion": call.operation.service_model.api_version} if call.service in _API_VERSIONS else {}),
        "managementEvent": True,
        "recipientAccountId": recipient,
        "eventCategory": "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host},
    }
    return made | ({"sessionCredentialFromConsole": "true"} if caller.console else {})


def event_name(call: Call) -> str:
    if call.service == "s3":
        return _BUCKET_CALLS.get(call.name, call.name)
    if call.service == "lambda":
        version = str(call.operation.http["requestUri"]).split("/")[1].replace("-", "")
        return f"{call.name}{version}{'v2' if call.name in _SECOND_VERSION else ''}"
    return call.name


def _error(call: Call) -> dict[str, str]:
    """EC2 says whose fault it was."""
    if not call.failed:
        return {}
    error = call.reply.get("Error", {})
    fault = ("Client." if call.status < 500 else "Server.") if call.service == "ec2" else ""
    return {"errorCode": f"{fault}{error.get('Code', 'Unknown')}", "errorMessage": str(error.get("Message", ""))}


def _request(call: Call, caller: Caller, host: str) -> Json:
    made = spelling.request(call.operation, call.params, host, call.url, call.body)
    return {**made, **caller.asserted} if caller.asserted else made


def _response(call: Call) -> Json:
    """Of reads only the beginning of a session is logged with its answer."""
    if call.failed or (call.read_only and call.service != "sts"):
        return None
    return spelling.response(call.operation, call.reply, call.request_id)


def _more(call: Call) -> dict[str, Json]:
    if call.service == "s3":
        headers = call.reply.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return {
            "additionalEventData": {
                "SignatureVersion": "SigV4",
                "CipherSuite": "TLS_AES_128_GCM_SHA256",
                "bytesTransferredIn": len(call.body),
                "AuthenticationMethod": "AuthHeader",
                "bytesTransferredOut": int(headers.get("content-length") or 0),
            }
        }
    if call.name == "AssumeRoleWithWebIdentity":
        return {"additionalEventData": {"identityProviderConnectionVerificationMethod": "IAMTrustStore"}}
    return {}


def _resources(call: Call, recipient: str) -> dict[str, Json]:
    """The resources that a record names by their ARNs; few services do."""
    if call.service == "s3" and "Bucket" in call.params:
        named = {"accountId": recipient, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{call.params['Bucket']}"}
    elif call.service == "sts" and "RoleArn" in call.params:
        arn = str(call.params["RoleArn"])
        named = {"accountId": arn.split(":")[4], "type": "AWS::IAM::Role", "ARN": arn}
    elif call.service == "kms" and "KeyMetadata" in call.reply:
        named = {"accountId": recipient, "type": "AWS::KMS::Key", "ARN": str(call.reply["KeyMetadata"]["Arn"])}
    else:
        return {}
    return {"resources": [named]}


def _host(call: Call) -> str:
    """Where AWS would have been asked; the simulation answers on loopback."""
    prefix, bucket = call.operation.service_model.endpoint_prefix, call.params.get("Bucket")
    if call.service in _GLOBAL:
        return f"{prefix}.amazonaws.com"
    host = f"{prefix}.{call.region}.amazonaws.com"
    return f"{bucket}.{host}" if call.service == "s3" and bucket else host
