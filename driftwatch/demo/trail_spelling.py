"""How CloudTrail spells what a call asked and what it was answered.

Names begin with a small letter. EC2 keeps the spelling of its wire: lists are ``{"items": [...]}``, and newer operations are wrapped in
``<Operation>Request`` and ``<Operation>Response``. S3 logs the query and the document that was sent. Secrets are left out or hidden.
Learnt from recorded events and from the logging pages of the services, which
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-aws-service-specific-topics.html lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit
from xml.etree import ElementTree as ET

from driftwatch.demo import trail_spelling_ec2 as ec2

Json = Any
HIDDEN: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"
_SECRETS: Final = {("rds", "MasterUserPassword"): "****", ("ssm", "Value"): HIDDEN, ("ecs", "value"): HIDDEN}
"""What stands for a secret. Others, which the SDK's model marks as sensitive, are missing."""
_UNWRAPPED: Final = frozenset({"rds", "redshift", "elasticache"})
"""Services that log the one member of a reply as the reply."""


def request(operation: Any, params: Mapping[str, Json], host: str, url: str, body: bytes) -> Json:
    """The requestParameters of a call: `operation` is botocore's model of it, `url` and `body` are what was sent, `host` AWS's own."""
    service = operation.service_model.signing_name
    if service == "s3":
        return _sent(params, host, url, body)
    if service == "ec2":
        return ec2.request(operation, params)
    return (spelled(service, operation.input_shape, params) or None) if operation.input_shape else None


def response(operation: Any, reply: Mapping[str, Json], request_id: str) -> Json:
    """The responseElements of a call that changed something: None where the service answers nothing, or logs no answers (S3)."""
    service, shape = operation.service_model.signing_name, operation.output_shape
    if service == "s3":
        return None
    if service == "ec2":
        return ec2.response(operation, reply, request_id)
    made = spelled(service, shape, reply) if shape else {}
    if service in _UNWRAPPED and len(made) == 1:
        (made,) = made.values()
    return made or None


def spelled(service: str, shape: Any, value: Json) -> Json:
    """A value of a botocore shape, in the spelling of all services but EC2 and S3."""
    if shape.type_name == "structure":
        kept = {}
        for name, item in value.items():
            member = shape.members.get(name)
            if member is None or item is None or member.type_name == "blob":
                continue
            if (service, name) in _SECRETS and isinstance(item, str):
                kept[small(name)] = _SECRETS[service, name]
            elif not member.metadata.get("sensitive"):
                kept[small(name)] = spelled(service, member, item)
        return kept
    if shape.type_name == "list":
        return [spelled(service, shape.member, item) for item in value]
    if shape.type_name == "map":
        return {str(name): spelled(service, shape.value, item) for name, item in value.items()}
    if isinstance(value, datetime):
        return date(value)
    if isinstance(value, dict):  # botocore has decoded a policy; IAM answers it as it stands in a URL
        return quote(json.dumps(value), safe="")
    return value


def small(name: str) -> str:
    return name[:1].lower() + name[1:]


def date(at: datetime) -> str:
    """A date inside a reply, as in ``Jul 9, 2024, 4:41:37 PM``."""
    return f"{at:%b} {at.day}, {at.year}, {at.hour % 12 or 12}:{at:%M:%S %p}"


def _sent(params: Mapping[str, Json], host: str, url: str, body: bytes) -> dict[str, Json]:
    """S3 logs the bucket, the host, each part of the query, and the document by the name of its outermost element."""
    bucket = params.get("Bucket")
    made: dict[str, Json] = {"bucketName": bucket} if bucket else {}
    made |= {"Host": host, **dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))}
    if "Policy" in params:
        made["bucketPolicy"] = json.loads(params["Policy"])
    elif body.startswith(b"<"):
        root = ET.fromstring(body)  # noqa: S314 - this process wrote it
        space, _, name = root.tag.rpartition("}")
        made[name] = {"xmlns": space.removeprefix("{")} | _element(root)
    return made


def _element(parent: ET.Element) -> dict[str, Json]:
    """The children of an XML element; those of one name are a list."""
    made: dict[str, Json] = {}
    for child in parent:
        name = child.tag.rpartition("}")[2]
        value = _element(child) if len(child) else _scalar(child.text or "")
        earlier = made.get(name)
        made[name] = value if earlier is None else [*(earlier if isinstance(earlier, list) else [earlier]), value]
    return made


def _scalar(text: str) -> str | bool:
    return {"true": True, "false": False}.get(text, text)
