"""How CloudTrail spells EC2's calls: nearly as they look on EC2's wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

Json = Any
_XMLNS: Final = "http://ec2.amazonaws.com/doc/2016-11-15/"
_NEWER: Final = frozenset(
    {
        *("CreateNatGateway", "DeleteNatGateway", "DescribeNatGateways", "CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"),
        *("CreateFlowLogs", "DeleteFlowLogs", "CreateLaunchTemplate", "CreateLaunchTemplateVersion", "DeleteLaunchTemplate"),
        *("ModifyLaunchTemplate", "EnableEbsEncryptionByDefault", "DisableEbsEncryptionByDefault", "ModifySecurityGroupRules"),
    }
)
"""Operations that are logged in a wrapper of their own, with EC2's capital letters and ``{"tag": 1, "content": ...}`` for lists."""
_SETS: Final = {
    "GroupIds": ("securityGroupIdSet", "groupId"),
    "GroupNames": ("securityGroupSet", "groupName"),
    "SecurityGroupIds": ("groupSet", "groupId"),
    "InstanceIds": ("instancesSet", "instanceId"),
    "VolumeIds": ("volumeSet", "volumeId"),
    "VpcIds": ("vpcSet", "vpcId"),
    "SubnetIds": ("subnetSet", "subnetId"),
    "RouteTableIds": ("routeTableIdSet", "routeTableId"),
    "Resources": ("resourcesSet", "resourceId"),
    "Values": ("valueSet", "value"),
}
"""Lists of texts: the name of the list, and of the text in each of its items."""
_NAMES: Final = {
    "Filters": "filterSet",
    "Tags": "tagSet",
    "TagSpecifications": "tagSpecificationSet",
    "BlockDeviceMappings": "blockDeviceMapping",
}
_ALWAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "DescribeSecurityGroups": ("securityGroupSet", "securityGroupIdSet", "filterSet"),
    "AuthorizeSecurityGroupIngress": ("ipPermissions",),
    "AuthorizeSecurityGroupEgress": ("ipPermissions",),
    "RevokeSecurityGroupIngress": ("ipPermissions",),
    "RevokeSecurityGroupEgress": ("ipPermissions",),
    "RunInstances": ("blockDeviceMapping",),
    "IpPermission": ("groups", "ipRanges", "ipv6Ranges", "prefixListIds"),
}
"""Lists that are logged even when they were not sent, by operation or shape."""
_LAUNCHED: Final = ("ImageId", "MinCount", "MaxCount", "KeyName")
"""What RunInstances logs of each group of instances."""
_REMOVED: Final = "<sensitiveDataRemoved>"


def request(operation: Any, params: Mapping[str, Json]) -> Json:
    """The requestParameters of a call to EC2."""
    name, shape = operation.name, operation.input_shape
    if name in _NEWER:
        return {f"{name}Request": _wired(shape, params) or ""}
    made: dict[str, Json] = {key: {} for key in _ALWAYS.get(name, ())} | _asked(shape, params)
    if name == "RunInstances":
        launched = {key: made.pop(key) for member in _LAUNCHED if (key := _small(member)) in made}
        made = {"instancesSet": {"items": [launched]}, "monitoring": {"enabled": False}, "disableApiTermination": False} | made
    if name == "CreateSecurityGroup":
        made["groupDescription"] = made.pop("description", "")
    return made or None


def response(operation: Any, reply: Mapping[str, Json], request_id: str) -> dict[str, Json]:
    """The responseElements of a call that changed something: always the id of the request."""
    name, shape = operation.name, operation.output_shape
    answered = {member: value for member, value in reply.items() if member != "ResponseMetadata"}
    if name in _NEWER:
        return {f"{name}Response": {"xmlns": _XMLNS, "requestId": request_id, **_answered(shape, answered, item="item")}}
    head: dict[str, Json] = {"requestId": request_id}
    if shape is None or "Return" in shape.members:
        head["_return"] = answered.pop("Return", True)
    return head | (_answered(shape, answered, item="items") if shape else {})


def _asked(shape: Any, value: Mapping[str, Json]) -> dict[str, Json]:
    made: dict[str, Json] = {key: {} for key in _ALWAYS.get(shape.name, ())}
    for name, item in value.items():
        member = shape.members[name]
        if member.metadata.get("sensitive"):
            made[_small(name)] = _REMOVED
        elif name in _SETS and member.type_name == "list" and member.member.type_name == "string":
            key, inside = _SETS[name]
            made[key] = {"items": [{inside: text} for text in item]}
        elif name == "Tags" and shape.name == "TagSpecification":
            made["tags"] = [_asked(member.member, tag) for tag in item]
        else:
            made[_key(shape, name, member)] = _one(member, item)
    return made


def _key(shape: Any, name: str, member: Any) -> str:
    """A request's own members keep their names, those inside have the names of the wire."""
    return _NAMES.get(name) or _small(name if shape.name.endswith("Request") else str(member.serialization.get("name", name)))


def _one(shape: Any, value: Json) -> Json:
    if shape.type_name == "structure":
        return _asked(shape, value)
    if shape.type_name == "list":
        return {"items": [_one(shape.member, item) for item in value]} if value else {}
    return _scalar(value)


def _wired(shape: Any, value: Mapping[str, Json]) -> dict[str, Json]:
    """The members as a newer operation logs them: by their names on the wire, each item of a list numbered."""
    made: dict[str, Json] = {}
    for name, item in value.items():
        member = shape.members[name]
        key = str(member.serialization.get("name", name))
        key = key[:1].upper() + key[1:]
        if member.metadata.get("sensitive"):
            made[key] = _REMOVED
        elif member.type_name == "structure":
            made[key] = _wired(member, item)
        elif member.type_name == "list":
            items = [_numbered(member.member, one, number) for number, one in enumerate(item, start=1)]
            made[key] = items[0] if len(items) == 1 else items
        else:
            made[key] = _scalar(item)
    return made


def _numbered(shape: Any, value: Json, number: int) -> dict[str, Json]:
    return {"tag": number, **(_wired(shape, value) if shape.type_name == "structure" else {"content": _scalar(value)})}


def _answered(shape: Any, value: Mapping[str, Json], *, item: str) -> dict[str, Json]:
    made: dict[str, Json] = {}
    for name, one in value.items():
        member = shape.members.get(name)
        if member is not None and not member.metadata.get("sensitive"):
            made[_small(str(member.serialization.get("name", name)))] = _answer(member, one, item=item)
    return made


def _answer(shape: Any, value: Json, *, item: str) -> Json:
    if shape.type_name == "structure":
        return _answered(shape, value, item=item)
    if shape.type_name == "list":
        items = [_answer(shape.member, one, item=item) for one in value]
        if item == "item" and len(items) == 1:
            return {item: items[0]}
        return {item: items} if items else {}
    return _scalar(value)


def _scalar(value: Json) -> Json:
    """Dates are milliseconds since 1970."""
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]
