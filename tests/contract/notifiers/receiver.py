"""A receiver on this machine that answers as a test says, and keeps what it was sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Got:
    """One request, and when it came (seconds since 1970)."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.time)


@dataclass
class Receiver:
    """`answer` decides the status for a body; `headers` go with it. `hang_s` waits before, `drip` sends the reply a byte at a time, and
    `reply` is its body."""

    url: str = ""
    answer: Callable[[bytes], int] = lambda _body: 200
    headers: dict[str, str] = field(default_factory=dict)
    hang_s: float = 0.0
    drip: bool = False
    reply: bytes = b"{}"
    got: list[Got] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver = self.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        receiver.got.append(Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        if receiver.hang_s:
            receiver.stopping.wait(receiver.hang_s)
        self.close_connection = True
        lines = [f"HTTP/1.1 {receiver.answer(body)} x", f"Content-Length: {len(receiver.reply)}"]
        lines += [f"{name}: {value}" for name, value in receiver.headers.items()]
        self._put(("\r\n".join(lines) + "\r\n\r\n").encode() + receiver.reply)

    def _put(self, data: bytes) -> None:
        try:
            if not self.receiver.drip:
                self.wfile.write(data)
                return
            for byte in data:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return  # the sender had enough

    def log_message(self, *_: object) -> None:
        """Nothing: tests look at `got`."""


@contextmanager
def receiving(host: str = "127.0.0.1") -> Iterator[Receiver]:
    receiver = Receiver()
    server = ThreadingHTTPServer((host, 0), type("Handler", (_Handler,), {"receiver": receiver}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    receiver.url = f"http://{host}:{server.server_address[1]}"
    yield receiver
    receiver.stopping.set()
    server.shutdown()
    server.server_close()
    thread.join(5)
