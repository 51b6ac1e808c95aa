"""What a logged call is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from driftwatch.aws.cloudtrail.parsing import verbs
from driftwatch.aws.cloudtrail.parsing.operations import Operation, operation
from driftwatch.domain.activity import CallClass

DRY_RUN: Final = "Client.DryRunOperation"
_SERVICE_EVENT: Final = "AwsServiceEvent"
_SIGN_IN: Final = "AwsConsoleSignIn"
_NO_CALLS: Final = frozenset({"AwsCloudTrailInsight", "AwsVpceEvent"})
"""Unusual rates of calls, and what an endpoint let through: the calls themselves are logged besides."""
_NO_CALL_CATEGORIES: Final = frozenset({"Insight", "NetworkActivity"})


def call_class(record: Mapping[str, Any]) -> CallClass:
    """Decided by the operation; the record's own flag for reading is absent in old events and wrong in some.

    Data events (``eventCategory``), Insight events, sign-ins and dry runs change no configuration whatever their name; the dry run
    of EC2 is one that asked for it or was answered ``DryRunOperation`` (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/).
    """
    return of(record, operation(text(record, "eventSource"), text(record, "eventName")))


def of(record: Mapping[str, Any], known: Operation) -> CallClass:
    """The same, where the operation is known already."""
    kind = record.get("eventType")
    category = record.get("eventCategory")
    if kind in _NO_CALLS if isinstance(kind, str) else False:
        return CallClass.TELEMETRY
    if category in _NO_CALL_CATEGORIES if isinstance(category, str) else False:
        return CallClass.TELEMETRY
    call = known.call
    if call is not CallClass.CONFIG:
        return call
    if category == "Data" or record.get("managementEvent") is False:
        return CallClass.DATA
    if kind == _SIGN_IN and not known.listed:
        return CallClass.SESSION
    if kind == _SERVICE_EVENT and not known.listed and not verbs.changes(known.name):
        return CallClass.TELEMETRY
    return CallClass.DRY_RUN if _is_dry(record) else call


def _is_dry(record: Mapping[str, Any]) -> bool:
    error = record.get("errorCode")
    if isinstance(error, str) and error.endswith("DryRunOperation"):
        return True
    request = record.get("requestParameters")
    if not isinstance(request, dict) or record.get("eventSource") != "ec2.amazonaws.com":
        return False
    inner = next(iter(request.values())) if len(request) == 1 else None
    asked = [request.get("dryRun"), *((inner.get("DryRun"), inner.get("dryRun")) if isinstance(inner, dict) else ())]
    return any(word is True or word == "true" for word in asked)


def text(record: Mapping[str, Any], key: str, limit: int = 256) -> str:
    """A text member, "" where there is none; cut where it is longer than any that AWS writes."""
    value = record.get(key)
    return value[:limit] if isinstance(value, str) else ""
