"""What a message of a queue announces: events that it holds itself, or objects of the trail's bucket that hold them.

Sources: Amazon S3 User Guide, "Event message structure" (keys are URL-encoded there) and "EventBridge event message structure" (there
they are not); CloudTrail User Guide, "Configuring Amazon SNS notifications for CloudTrail" (``s3Bucket``, ``s3ObjectKey``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

import orjson

from driftwatch.aws.cloudtrail.reading.layout import is_log_file

_CREATED: Final = "ObjectCreated:"
_DEEPEST: Final = 3


@dataclass(frozen=True, slots=True)
class Located:
    """An object that was announced."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a message says. Without `files` its `body` holds events itself, unless it is `idle`: nothing that concerns a log."""

    body: bytes
    files: tuple[Located, ...] = ()
    idle: bool = False


def notice(body: str) -> Notice:
    """The notice in a message's body, be it wrapped by SNS or not. A body that is no notice is for the reader of events."""
    text = body.encode("utf-8", "surrogatepass")
    for _ in range(_DEEPEST):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return Notice(body=text)
        if not (isinstance(value, Mapping) and isinstance(value.get("Message"), str) and "TopicArn" in value):
            break
        text = value["Message"].encode("utf-8", "surrogatepass")
    else:
        return Notice(body=text)
    if not isinstance(value, Mapping):
        return Notice(body=text)
    announced = _announced(value)
    if announced is None:
        return Notice(body=text)
    files = tuple(dict.fromkeys(found for found in announced if is_log_file(found.key)))
    return Notice(body=text, files=files, idle=not files)


def _announced(value: Mapping[str, Any]) -> Iterator[Located] | None:
    """The objects that a message of S3 or CloudTrail names; None for a message of another kind."""
    records = value.get("Records")
    if value.get("Event") == "s3:TestEvent":
        return iter(())
    if isinstance(records, list) and records and all(isinstance(record, Mapping) and "s3" in record for record in records):
        return _of_s3(records)
    if isinstance(value.get("s3ObjectKey"), list) and isinstance(value.get("s3Bucket"), str):
        return (Located(value["s3Bucket"], key) for key in value["s3ObjectKey"] if isinstance(key, str))
    detail = value.get("detail")
    if value.get("source") == "aws.s3" and isinstance(detail, Mapping) and "object" in detail:
        return _of_bridge(detail) if value.get("detail-type") == "Object Created" else iter(())
    return None


def _of_s3(records: list[Mapping[str, Any]]) -> Iterator[Located]:
    for record in records:
        name, key = _named(record["s3"])
        if name and key and str(record.get("eventName", "")).removeprefix("s3:").startswith(_CREATED):
            yield Located(name, unquote_plus(key))


def _of_bridge(detail: Mapping[str, Any]) -> Iterator[Located]:
    name, key = _named(detail)
    if name and key:
        yield Located(name, key)


def _named(value: Any) -> tuple[str, str]:
    """The bucket and the key that a description of an object names; empty where it names none."""
    parts = value if isinstance(value, Mapping) else {}
    bucket, object_ = parts.get("bucket"), parts.get("object")
    name = bucket.get("name") if isinstance(bucket, Mapping) else None
    key = object_.get("key") if isinstance(object_, Mapping) else None
    return (name, key) if isinstance(name, str) and isinstance(key, str) else ("", "")
