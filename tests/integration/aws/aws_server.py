"""A small AWS on loopback whose every answer a test writes itself, down to the bytes on the wire."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

ACCOUNT = "111122223333"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request: the service's signing name, region and operation (as far as the wire tells), its body, and the secret key's id."""

    service: str
    region: str
    operation: str
    body: dict[str, Any]
    key: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes back. `request_id` False leaves the header out; `raw` gets the socket instead."""

    status: int = 200
    body: bytes = b""
    request_id: bool = True
    announced: int | None = None
    """A Content-Length that is a lie."""
    raw: Callable[[socket.socket], None] | None = None


def reply_json(value: Any, status: int = 200, **more: Any) -> Reply:
    return Reply(status=status, body=json.dumps(value).encode(), **more)


def refusal(code: str, status: int = 400, message: str = "") -> Reply:
    """An error in the JSON protocols."""
    return reply_json({"__type": code, "message": message}, status)


IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{0}:user/x</Arn><UserId>X</UserId><Account>{0}</Account></GetCallerIdentityResult>
<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""


def identity(account: str = ACCOUNT) -> Reply:
    return Reply(body=IDENTITY.format(account).encode())


def regions(**opt_in: str) -> Reply:
    """DescribeRegions: ``eu_west_1="opted-in"``."""
    items = "".join(
        f"<item><regionName>{name.replace('_', '-')}</regionName><optInStatus>{status}</optInStatus></item>"
        for name, status in opt_in.items()
    )
    return Reply(
        body=f"<DescribeRegionsResponse><requestId>r</requestId><regionInfo>{items}</regionInfo></DescribeRegionsResponse>".encode()
    )


Answer = Reply | Callable[[Asked], Reply]
GATHERS_S = 10.0


@dataclass(kw_only=True)
class AwsServer:
    """Answers ``"service:Operation"`` or ``"service"``; identity and two enabled regions unless told otherwise. Notes all requests."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    latency_s: float = 0.0
    gathers: int = 0
    gathers_at: str = ""
    """The replies to this operation wait until `gathers` calls are in flight (or `GATHERS_S` are over), however fast the machine is."""
    url: str = ""
    in_flight: int = 0
    most_in_flight: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _gathered: threading.Event = field(default_factory=threading.Event)

    def answer(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            if self.in_flight >= self.gathers:
                self._gathered.set()
        try:
            if self.gathers and asked.operation == self.gathers_at:
                self._gathered.wait(GATHERS_S)
            if self.latency_s:
                time.sleep(self.latency_s)
            defaults: dict[str, Answer] = {
                "sts:GetCallerIdentity": identity(),
                "ec2:DescribeRegions": regions(eu_west_1="opt-in-not-required", us_east_1="opt-in-not-required", me_south_1="not-opted-in"),
            }
            known = {**defaults, **self.answers}
            found = known.get(f"{asked.service}:{asked.operation}") or known.get(asked.service) or refusal("NoAnswer")
            return found(asked) if callable(found) else found
        finally:
            with self._lock:
                self.in_flight -= 1

    def count(self, service: str, operation: str = "") -> int:
        return sum(1 for one in self.asked if one.service == service and operation in ("", one.operation))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    aws: AwsServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Silent."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = self.aws.answer(_asked(self.command, self.path, dict(self.headers), body))
        if reply.raw:
            with suppress(OSError):
                reply.raw(self.connection)
            self.close_connection = True
            return
        with suppress(OSError):  # the caller may have had enough
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body) if reply.announced is None else reply.announced))
            if reply.request_id:
                self.send_header("x-amzn-requestid", "r-1")
            self.end_headers()
            self.wfile.write(reply.body)
        if reply.announced is not None:
            self.close_connection = True

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the base class's names


def _asked(method: str, path: str, headers: dict[str, str], body: bytes) -> Asked:
    credential = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", headers.get("Authorization", ""))
    key, region, service = credential.groups() if credential else ("", "", "")
    target = headers.get("X-Amz-Target", "")
    if target:
        return Asked(service=service, region=region, operation=target.rpartition(".")[2], body=json.loads(body or b"{}"), key=key)
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return Asked(service=service, region=region, operation=form.get("Action", f"{method} {path}"), body=form, key=key)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that goes away is part of the tests."""


@contextmanager
def aws_server() -> Iterator[AwsServer]:
    aws = AwsServer()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"aws": aws}))
    aws.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
