"""A CloudTrail that answers LookupEvents and ListPublicKeys in the wire format (JSON 1.1), with pages, throttling and refusals."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TARGET = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."
_REGION = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/cloudtrail/")
_BACK = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that came: when (monotonic), for which region, which operation, with what."""

    at: float
    region: str
    operation: str
    body: Mapping[str, Any]


@dataclass
class FakeCloudTrail:
    """What it knows: `events` (records of CloudTrail, with the names of the resources that they are found by), and public `keys`.

    `throttled` is how many of the next requests are throttled, `denied` the regions where nothing is allowed, `now` its clock.
    """

    url: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    events: list[tuple[Mapping[str, Any], Sequence[str]]] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict)
    throttled: int = 0
    denied: set[str] = field(default_factory=set)
    asked: list[Asked] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, operation: str, region: str, body: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        with self._lock:
            self.asked.append(Asked(at=time.monotonic(), region=region, operation=operation, body=body))
            if region in self.denied:
                message = f"User: arn:aws:iam::111111111111:user/x is not authorized to perform: cloudtrail:{operation}"
                return 400, {"__type": "AccessDeniedException", "Message": message}
            if self.throttled > 0:
                self.throttled -= 1
                return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
        if operation == "ListPublicKeys":
            return 200, {"PublicKeyList": [self._key(fingerprint, key) for fingerprint, key in self.keys.items()]}
        if operation == "LookupEvents":
            return self._lookup(region, body)
        return 400, {"__type": "UnknownOperationException"}

    def _key(self, fingerprint: str, key: bytes) -> Mapping[str, Any]:
        start = (self.now - timedelta(days=30)).timestamp()
        return {
            "Fingerprint": fingerprint,
            "Value": base64.b64encode(key).decode(),
            "ValidityStartTime": start,
            "ValidityEndTime": start + 86_400 * 60,
        }

    def _lookup(self, region: str, body: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        start, end = (datetime.fromtimestamp(body[name], UTC) for name in ("StartTime", "EndTime"))
        if start >= end:
            return 400, {"__type": "InvalidTimeRangeException", "Message": "the start is not before the end"}
        (attribute,) = body["LookupAttributes"]  # the service takes exactly one
        size = body.get("MaxResults", 50)
        if not 1 <= size <= 50:
            return 400, {"__type": "InvalidMaxResultsException"}
        found = [
            (record, names)
            for record, names in self.events
            if attribute["AttributeKey"] == "ResourceName"
            and attribute["AttributeValue"] in names
            and record["awsRegion"] == region
            and max(start, self.now - _BACK) <= _time(record) <= end
        ]
        found.sort(key=lambda pair: _time(pair[0]), reverse=True)
        first = int(body.get("NextToken", "page-0").removeprefix("page-"))
        reply: dict[str, Any] = {"Events": [_entry(*pair) for pair in found[first : first + size]]}
        if first + size < len(found):
            reply["NextToken"] = f"page-{first + size}"
        return 200, reply


@contextmanager
def fake_cloudtrail() -> Iterator[FakeCloudTrail]:
    """A running fake, on loopback."""
    fake = FakeCloudTrail()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            region = _REGION.search(self.headers["Authorization"])
            assert region is not None
            status, reply = fake.answer(self.headers["X-Amz-Target"].removeprefix(TARGET), region[1], body)
            data = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("x-amzn-RequestId", f"request-{len(fake.asked)}")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _time(record: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(record["eventTime"])


def _entry(record: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    return {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "ReadOnly": str(record.get("readOnly", False)).lower(),
        "EventTime": _time(record).timestamp(),
        "EventSource": record["eventSource"],
        "Resources": [{"ResourceName": name} for name in names],
        "CloudTrailEvent": json.dumps(record),
    }
