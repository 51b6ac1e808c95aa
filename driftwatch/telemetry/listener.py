"""The operations listener: /metrics, /healthz and /readyz, and nothing else."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the probes ask: None is well, else a word about what is wrong. Neither answer reveals anything of the account."""

    alive: Callable[[], str | None]
    ready: Callable[[], str | None]


class OperationsListener:
    """Serves on (host, port) until `stop`; port 0 takes a free one. With a token, every path but the probes needs it."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Health, token: str | None = None) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(registry, health, token))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="operations-listener", daemon=True)

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(registry: CollectorRegistry, health: Health, token: str | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "driftwatch"
        sys_version = ""
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._probe(health.alive())
            elif self.path == "/readyz":
                self._probe(health.ready())
            elif self.path != "/metrics":
                self._answer(HTTPStatus.NOT_FOUND, b"not found\n")
            elif not self._known():
                self._answer(HTTPStatus.UNAUTHORIZED, b"a bearer token is needed\n")
            else:
                self._answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)

        def _known(self) -> bool:
            given = self.headers.get("Authorization", "")
            return token is None or hmac.compare_digest(given.encode(), f"Bearer {token}".encode())

        def _probe(self, trouble: str | None) -> None:
            status = HTTPStatus.SERVICE_UNAVAILABLE if trouble else HTTPStatus.OK
            self._answer(status, f"{trouble or 'ok'}\n".encode())

        def _answer(self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Requests are not logged: probes and scrapes would drown what matters."""

    return Handler
