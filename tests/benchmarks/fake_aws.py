"""The fake AWS of the benchmarks: a caching server in front of moto, in a process of its own, which ends when its parent closes stdin.

Every answer is asked of moto once and served from memory afterwards, so that a benchmark measures its client and not moto. The key of an
answer is what the request asks: method, path, target, body, and the credential's key, region and service; not the signature or the date.

Besides AWS's operations it answers ``GET /_fake/counts`` (``{"service operation": n}`` since the last reset), ``POST /_fake/reset`` and
``POST /_fake/latency/<milliseconds>``, which every answer takes from then on.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import os
import re
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

from tests.benchmarks import account

_CREDENTIAL = re.compile(rb"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_HEADER_END = b"\r\n\r\n"
_KEPT = ("content-type", "x-amzn-requestid", "x-amz-request-id", "x-amzn-errortype", "x-amz-bucket-region", "x-amz-id-2")
_NO_KEY = (
    b'<GetEbsDefaultKmsKeyIdResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    b"<requestId>fake</requestId><kmsKeyId>alias/aws/ebs</kmsKeyId></GetEbsDefaultKmsKeyIdResponse>"
)
_MOTO_LACKS = (
    (re.compile(rb"Action=GetEbsDefaultKmsKeyId"), "text/xml", _NO_KEY),
    (re.compile(rb"^GET /2021-10-31/functions/[^/]+/urls"), "application/json", b'{"FunctionUrlConfigs": []}'),
)
"""Calls that moto does not have: what stands in the request, and the answer."""


class Fake:
    """Answers, by their keys; counts by service and operation."""

    def __init__(self, moto: tuple[str, int]) -> None:
        self._moto = moto
        self._answers: dict[bytes, bytes] = {}
        self._workers = ThreadPoolExecutor(4)
        self.counts: Counter[str] = Counter()
        self.latency_s = 0.0

    def control(self, path: str) -> bytes:
        command, _, argument = path.removeprefix("/_fake/").partition("/")
        if command == "reset":
            self.counts.clear()
        elif command == "latency":
            self.latency_s = int(argument) / 1000
        return _rendered(200, [("content-type", "application/json")], json.dumps(self.counts).encode())

    async def answer(self, head: bytes, body: bytes) -> bytes:
        line, _, headers = head.partition(b"\r\n")
        method, path, _ = line.split(b" ", 2)
        if path.startswith(b"/_fake/"):
            return self.control(path.decode())
        target = _header(headers, b"x-amz-target")
        found = _CREDENTIAL.search(headers)
        scope = b"/".join(found.groups()) if found else b""
        self.counts[_name(scope.rpartition(b"/")[2], method, path, target, body)] += 1
        key = b"\n".join((scope, method, path, target, body))
        answer = self._answers.get(key)
        if answer is None:
            answer = await asyncio.get_running_loop().run_in_executor(self._workers, self._ask, method, path, headers, body)
            self._answers[key] = answer
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        return answer

    def _ask(self, method: bytes, path: bytes, headers: bytes, body: bytes) -> bytes:
        for pattern, kind, content in _MOTO_LACKS:
            if pattern.search(body) or pattern.search(method + b" " + path):
                return _rendered(200, [("content-type", kind), ("x-amzn-requestid", "fake")], content)
        sent = dict(line.split(": ", 1) for line in headers.decode("latin-1").split("\r\n") if line)
        connection = http.client.HTTPConnection(*self._moto, timeout=60)
        try:
            connection.request(method.decode(), path.decode(), body, {**sent, "Connection": "close"})
            reply = connection.getresponse()
            return _rendered(reply.status, [(name, value) for name, value in reply.getheaders() if name.lower() in _KEPT], reply.read())
        finally:
            connection.close()


def _rendered(status: int, headers: list[tuple[str, str]], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, '')}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode("latin-1") + body


def _header(headers: bytes, name: bytes) -> bytes:
    for line in headers.split(b"\r\n"):
        if line[: len(name) + 1].lower() == name + b":":
            return line[len(name) + 1 :].strip()
    return b""


def _name(service: bytes, method: bytes, path: bytes, target: bytes, body: bytes) -> str:
    """``service operation`` as far as the wire tells: the target, the Action of a form, else method and path."""
    if target:
        operation = target.rpartition(b".")[2]
    elif body.startswith(b"Action="):
        operation = parse_qs(body)[b"Action"][0]
    else:
        operation = method + b" " + path.partition(b"?")[0]
    return f"{service.decode()} {operation.decode()}"


class _Connection(asyncio.Protocol):
    """One keep-alive connection. A client asks, waits for the answer, then asks again: there is no pipelining."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._data = b""
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(_HEADER_END)
        if end < 0:
            return
        head = self._data[:end]
        start = end + len(_HEADER_END)
        length = int(_header(head, b"content-length") or 0)
        if len(self._data) < start + length:
            return
        body, self._data = self._data[start : start + length], self._data[start + length :]
        task = asyncio.ensure_future(self._reply(head, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, head: bytes, body: bytes) -> None:
        answer = await self._fake.answer(head, body)
        if not self._transport.is_closing():
            self._transport.write(answer)


def main(size: str) -> None:
    """Makes the account of that size, tells the address on stdout as one line of JSON, and serves until stdin ends."""
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    account.seed(f"http://{host}:{port}", account.SIZES[size])
    fake = Fake((host, port))

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(fake), "127.0.0.1", 0, backlog=256)
        over = asyncio.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(over.set)), daemon=True).start()
        print(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
        await over.wait()
        server.close()

    asyncio.run(serve())
    moto.stop()


if __name__ == "__main__":
    main(sys.argv[1])
