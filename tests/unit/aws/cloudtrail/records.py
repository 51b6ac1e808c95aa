"""A CloudTrail record with as much as a test needs."""

from __future__ import annotations

from typing import Any

from driftwatch.aws.cloudtrail.parsing.parse import activity
from driftwatch.domain.activity import Activity, Touched

ACCOUNT, REGION = "111122223333", "eu-west-1"


def record(source: str, name: str, request: Any = None, response: Any = None, **members: Any) -> dict[str, Any]:
    """The record of a call; `members` are further ones, or replace those that are made up."""
    return {
        "eventID": "5a3f2c1e-0000-4000-8000-000000000001",
        "eventTime": "2026-01-02T03:04:05Z",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "eventType": "AwsApiCall",
        "awsRegion": REGION,
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "accountId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/ann", "userName": "ann"},
        "requestParameters": request,
        "responseElements": response,
        **members,
    }


def parsed(source: str, name: str, request: Any = None, response: Any = None, **members: Any) -> Activity:
    found = activity(record(source, name, request, response, **members))
    assert isinstance(found, Activity)
    return found


def named(source: str, name: str, request: Any = None, response: Any = None, **members: Any) -> dict[str, list[set[str]]]:
    """By type, the names of each resource that a record names."""
    found: dict[str, list[set[str]]] = {}
    for one in parsed(source, name, request, response, **members).resources:
        found.setdefault(one.type, []).append(set(one.ids))
    return found


def touched(type_: str, source: str, name: str, request: Any = None, response: Any = None, **members: Any) -> Touched:
    """The one resource of a type that a record names."""
    (found,) = (one for one in parsed(source, name, request, response, **members).resources if one.type == type_)
    return found
