"""Recorded replies: files ``<service>.<Operation>_<n>.json`` in the layout of the placebo library, and a Caller that answers from them."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from driftwatch.aws.entry import Paging
from driftwatch.aws.failures import CallFailed, classify
from driftwatch.aws.paging import page_rule
from driftwatch.aws.sdk import Sdk, SdkError
from driftwatch.domain.snapshot import GapReason
from driftwatch.errors import InputError, Place

FIRST_ERROR_STATUS = 400

_FILE_NAME = re.compile(r"^(?P<service>[a-z0-9][a-z0-9.-]*)\.(?P<operation>[A-Z][A-Za-z0-9]*)_(?P<number>\d+)\.json$")
_DATE_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recorded reply. `service` is as the file name has it: botocore's client name or its endpoint prefix."""

    path: Path
    service: str
    operation: str
    number: int
    status: int
    data: Mapping[str, Any]

    def failure(self, service: str) -> CallFailed | None:
        """What the call raises; None for a good reply."""
        if self.status < FIRST_ERROR_STATUS:
            return None
        response = {"Error": self.data.get("Error") or {}, "ResponseMetadata": {"HTTPStatusCode": self.status}}
        return classify(ClientError(response, self.operation), f"{service}:{self.operation}")

    @property
    def reply(self) -> dict[str, Any]:
        """The members of the reply, as a client returns them but for ResponseMetadata."""
        return {name: value for name, value in self.data.items() if name != "ResponseMetadata"}


def is_reply(path: Path) -> bool:
    """Whether the file's name is one of a recorded reply."""
    return bool(_FILE_NAME.match(path.name))


def read_reply(path: Path) -> Recorded:
    """Raises InputError for a name or contents that are no recorded reply."""
    name = _FILE_NAME.match(path.name)
    if name is None:
        raise InputError(f"{path.name} is no recorded reply", expected="a file <service>.<Operation>_<n>.json")
    try:
        document = json.loads(path.read_bytes(), object_hook=_decoded)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise InputError(f"no JSON: {error.msg}", place=Place(str(path), error.lineno, error.colno)) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"no JSON: {error or 'nested too deeply'}", place=Place(str(path))) from error
    status, data = (document.get("status_code", 200), document.get("data")) if isinstance(document, dict) else (None, None)
    if not isinstance(data, dict) or not isinstance(status, int) or isinstance(status, bool):
        raise InputError("no recorded reply", expected='{"status_code": 200, "data": {...}}', place=Place(str(path)))
    return Recorded(path=path, service=name["service"], operation=name["operation"], number=int(name["number"]), status=status, data=data)


def _decoded(value: dict[str, Any]) -> Any:
    """The types that JSON lacks, as placebo writes them."""
    kind = value.get("__class__")
    if kind == "datetime":
        try:
            return datetime(**{part: value[part] for part in _DATE_PARTS if part in value}, tzinfo=UTC)
        except TypeError as error:
            raise ValueError(f"a datetime with {error}") from error
    if kind == "StreamingBody":
        return value.get("body")
    return value


def answers_to(name: str, service: str, sdk: Sdk) -> bool:
    """Whether a file of that service name holds replies to botocore's client `service`."""
    if name == service:
        return True
    try:
        return bool(sdk.service(service).endpoint_prefix == name)
    except SdkError:
        return False


class RecordedCaller:
    """Answers the n-th call of an operation with its n-th file, whatever the parameters. `calls` counts the calls."""

    def __init__(self, replies: Iterable[Recorded], sdk: Sdk) -> None:
        self._sdk = sdk
        self._replies: dict[str, list[Recorded]] = {}
        for reply in sorted(replies, key=lambda reply: reply.number):
            self._replies.setdefault(reply.operation, []).append(reply)
        self._asked: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self.calls = 0

    def call(self, service: str, operation: str, params: Mapping[str, Any], region: str) -> dict[str, Any]:  # noqa: ARG002 - a Caller
        """The next reply of the operation; raises CallFailed for a recorded error, and when there is no further reply."""
        with self._lock:
            self.calls += 1
            self._asked[service, operation] += 1
            number = self._asked[service, operation]
        recorded = self._of(service, operation)
        if number > len(recorded):
            detail = f"there is no recorded reply to call {number}"
            raise CallFailed(GapReason.ERROR, operation=f"{service}:{operation}", detail=detail)
        failure = recorded[number - 1].failure(service)
        if failure:
            raise failure
        return recorded[number - 1].reply

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        """The replies from here on, until one has no token for a further page."""
        try:
            known = self._sdk.operation(service, operation)
        except SdkError as error:
            raise CallFailed(GapReason.UNSUPPORTED, operation=f"{service}:{operation}", detail=str(error)) from error
        rule = page_rule(known.paginator, known.model, paging)
        seen: list[dict[str, Any]] = []
        while True:
            reply = self.call(service, operation, params, region)
            try:
                token = rule.next(reply)
            except ValueError as error:
                raise CallFailed(GapReason.TRUNCATED, operation=f"{service}:{operation}", detail=str(error)) from error
            if token is not None and not rule.follow:
                raise CallFailed(GapReason.TRUNCATED, operation=f"{service}:{operation}", detail="there are more pages than one")
            yield reply
            if token is None:
                return
            if token in seen:
                raise CallFailed(GapReason.PAGE_LOOP, operation=f"{service}:{operation}", detail="a page token came twice")
            seen.append(token)

    def has(self, service: str, operation: str) -> bool:
        """Whether there is any reply to that operation."""
        return bool(self._of(service, operation))

    def remaining(self, service: str, operation: str) -> int:
        """How many of its replies have not been given yet."""
        return len(self._of(service, operation)) - self._asked[service, operation]

    def _of(self, service: str, operation: str) -> list[Recorded]:
        return [reply for reply in self._replies.get(operation, []) if answers_to(reply.service, service, self._sdk)]
