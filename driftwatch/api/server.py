"""The product listener: the application on its address, in a thread of its own, with TLS where it is configured."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Final, Self

import uvicorn
from starlette.types import ASGIApp

from driftwatch.api.app import protected
from driftwatch.api.entrance import Entrance
from driftwatch.api.strict_http import StrictProtocol
from driftwatch.config.sections import Product
from driftwatch.errors import DriftwatchError, InputError, Place
from driftwatch.wiring import Wired

CONNECTIONS: Final = 256
"""At the same time; more are answered with 503, so that slow callers cost no more than this."""
KEEP_ALIVE_S: Final = 15
HEADERS_AT_MOST: Final = 65_536
STOP_S: Final = 3
"""How long running requests may go on after a stop."""


class Listener:
    """Serves an application from `start` to `stop`, or as a context. Its address is taken when it is made, and refuses callers until it
    starts; port 0 takes a free one. Raises DriftwatchError when it cannot listen there.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._scheme = "https" if tls else "http"
        self._address = f"{host}:{port}"
        self._socket = _bound(host, port)
        config = uvicorn.Config(
            app,
            http=StrictProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
            h11_max_incomplete_event_size=HEADERS_AT_MOST,
        )
        config.load()
        config.ssl = tls
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="product-listener", daemon=True)

    @property
    def url(self) -> str:
        """Where it is reached on this machine."""
        host, port = self._socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in str(host) else str(host)
        return f"{self._scheme}://{shown}:{port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Begins to stop; what runs may end while others stop, too. `stop` waits for it."""
        self._server.should_exit = True

    def start(self) -> None:
        try:
            self._socket.listen(CONNECTIONS)
        except OSError as error:  # somebody else took the address and began first
            raise _unable(self._address, error) from error
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(STOP_S + 2)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


class ProductListener(Listener):
    """Serves the API over the configuration that `loaded` gives."""

    def __init__(self, product: Product, loaded: Callable[[], Wired], entrance: Entrance | None = None) -> None:
        super().__init__(protected(loaded, entrance), *product.address, _tls(product))


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named: else asyncio leaves Nagle on, 40 ms an answer
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise _unable(f"{host}:{port}", error) from error
    return made


def _unable(listen: str, error: OSError) -> DriftwatchError:
    remedy = "set `product.listen` to an address of this machine with a free port"
    return DriftwatchError(f"the product listener cannot listen on {listen}: {error.strerror}; {remedy}")


def _tls(product: Product) -> ssl.SSLContext | None:
    if product.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(product.tls_certificate, product.tls_key)
    except (OSError, ssl.SSLError) as error:
        place = Place(str(product.tls_certificate))
        raise InputError(
            f"the certificate and its key cannot be used: {error}", expected="two PEM files that belong together", place=place
        ) from error
    return context
