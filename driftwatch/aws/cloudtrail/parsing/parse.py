"""One raw CloudTrail record to an Activity.

The members are those of CloudTrail's record contents
(https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftwatch.aws.cloudtrail.parsing import classes
from driftwatch.aws.cloudtrail.parsing.classes import text
from driftwatch.aws.cloudtrail.parsing.identity import actor, assumed
from driftwatch.aws.cloudtrail.parsing.names import Here
from driftwatch.aws.cloudtrail.parsing.operations import operation
from driftwatch.aws.cloudtrail.parsing.resources import touched
from driftwatch.domain.activity import Activity, CallClass, Refusal, Refused

AHEAD: Final = timedelta(hours=1)
"""How far a clock may be wrong before an event is said to lie in the future."""
_DENIED: Final = ("accessdenied", "unauthorizedoperation", "unauthorized", "forbidden", "notauthorized", "authorizationerror")
_FLAGS: Final = {"true": True, "false": False}
_MAX_ID: Final = 512
_UNKNOWN_REGION: Final = "global"


def activity(record: object, *, where: str = "", now: datetime | None = None) -> Activity | Refused:
    """The record as an Activity, or why it is none. `where` is told with a refusal; later than an hour after `now` is the future."""
    if not isinstance(record, Mapping):
        return Refused(reason=Refusal.NOT_AN_EVENT, where=where, detail=f"a {type(record).__name__}, not an object")
    id_ = record.get("eventID")
    if not isinstance(id_, str) or not 0 < len(id_) <= _MAX_ID:
        return Refused(reason=Refusal.NO_ID, where=where, detail="it has no eventID that is a text of 1 to 512 characters")
    time = _time(record.get("eventTime"))
    if time is None:
        return Refused(reason=Refusal.NO_TIME, where=where, detail="its eventTime is missing or no time")
    if now is not None and time > now + AHEAD:
        return Refused(reason=Refusal.FUTURE, where=where, detail=f"its eventTime is {time.isoformat()}, and now it is {now.isoformat()}")
    return _activity(record, id_, time)


def _activity(record: Mapping[str, Any], id_: str, time: datetime) -> Activity:
    source, name = text(record, "eventSource"), text(record, "eventName")
    known = operation(source, name)
    call = classes.of(record, known)
    here = Here(region=text(record, "awsRegion", 64) or _UNKNOWN_REGION, account=_account(record))
    error = _error(record)
    read_only = record.get("readOnly")
    return Activity(
        id=id_,
        time=time,
        account=here.account,
        region=here.region,
        event_source=source,
        event_name=name,
        call=call,
        actor=actor(record),
        resources=touched(record, known, call, here),
        error=error,
        denied=error is not None and _is_denial(error),
        read_only=read_only if isinstance(read_only, bool) else _FLAGS.get(read_only) if isinstance(read_only, str) else None,
        assumed=assumed(record) if call is CallClass.SESSION else None,
    )


def _time(value: object) -> datetime | None:
    """An RFC 3339 time, or seconds since 1970, as an aware time in UTC."""
    try:
        if isinstance(value, str) and 0 < len(value) <= 40:
            time = datetime.fromisoformat(value)
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _account(record: Mapping[str, Any]) -> str:
    """The account that the call worked in: it received the event; in records before version 1.02, the caller's own."""
    received = text(record, "recipientAccountId", 64)
    identity = record.get("userIdentity")
    return received or (text(identity, "accountId", 64) if isinstance(identity, dict) else "")


def _error(record: Mapping[str, Any]) -> str | None:
    """The code of a call that failed. A failed sign-in has none, only ``{"ConsoleLogin": "Failure"}``."""
    if code := text(record, "errorCode"):
        return code
    if text(record, "errorMessage", 1):
        return "Unknown"
    response = record.get("responseElements")
    if record.get("eventType") == "AwsConsoleSignIn" and isinstance(response, dict) and "Failure" in response.values():
        return "Failure"
    return None


def _is_denial(code: str) -> bool:
    low = code.lower()
    return any(word in low for word in _DENIED)
