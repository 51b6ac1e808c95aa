"""The operations listener: /metrics, /healthz and /readyz, and nothing else."""

from __future__ import annotations

import hmac
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from driftwatch.errors import DriftwatchError

CONNECTIONS: Final = 64
"""At the same time; more are closed at once, so that callers who dawdle cost threads no more than this."""
PATIENCE_S: Final = 5.0
"""How long one read may wait for a caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the probes ask: None is well, else a word about what is wrong. Neither answer reveals anything of the account."""

    alive: Callable[[], str | None]
    ready: Callable[[], str | None]


class OperationsListener:
    """Serves on (host, port) until `stop`; port 0 takes a free one. `token` gives the bearer token that every path but the probes needs.

    Raises DriftwatchError when it cannot listen there.
    """

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        health: Health,
        token: Callable[[], str | None] | None = None,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        kind = _Server6 if ":" in host else _Server
        try:
            self._server = kind((host, port), registry, health, token or _no_token, patience_s)
        except OSError as error:
            raise DriftwatchError(
                f"the operations listener cannot listen on {host}:{port}: {error.strerror}; "
                "set `operations.listen` to an address of this machine with a free port"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="operations-listener", daemon=True)

    @property
    def address(self) -> str:
        """``host:port``, as it stands in a URL."""
        host, port = self._server.server_address[:2]
        return f"[{host!s}]:{port}" if ":" in str(host) else f"{host!s}:{port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _no_token() -> None:
    """Who can reach the listener may read it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = CONNECTIONS
    block_on_close = False

    def __init__(
        self,
        address: tuple[str, int],
        registry: CollectorRegistry,
        health: Health,
        token: Callable[[], str | None],
        patience_s: float,
    ) -> None:
        self.patience_s = patience_s
        self.registry = registry
        self.health = health
        self.token = token
        self._slots = threading.Semaphore(CONNECTIONS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of the own name: it may hang where there is no name service."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that goes away in the middle is no event."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    server_version = "driftwatch"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.patience_s)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self._probe(self.server.health.alive())
        elif path == "/readyz":
            self._probe(self.server.health.ready())
        elif not self._known():
            self._answer(HTTPStatus.UNAUTHORIZED, b"a bearer token is needed\n", WWW_Authenticate="Bearer")
        elif path == "/metrics":
            self._answer(HTTPStatus.OK, generate_latest(self.server.registry), Content_Type=CONTENT_TYPE_LATEST)
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"not found\n")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - the base's
        """Whatever is no GET, or no HTTP, is refused without quoting it."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._answer(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET\n", Allow="GET")
        else:
            self._answer(HTTPStatus(code), b"refused\n")

    def _known(self) -> bool:
        wanted, given = self.server.token(), self.headers.get("Authorization", "")
        return wanted is None or hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {wanted}".encode())

    def _probe(self, trouble: str | None) -> None:
        status = HTTPStatus.SERVICE_UNAVAILABLE if trouble else HTTPStatus.OK
        self._answer(status, f"{trouble or 'ok'}\n".encode())

    def _answer(self, status: HTTPStatus, body: bytes, **headers: str) -> None:
        """Every answer ends its connection: what a caller sent beyond its request is never read as another one."""
        self.send_response(status)
        for name, value in ({"Content_Type": "text/plain; charset=utf-8"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are not logged: probes and scrapes would drown what matters."""
