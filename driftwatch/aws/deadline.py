"""A deadline and a size cap for every call, which hold whatever the other side does.

The SDK's timeouts watch single socket reads: a server that sends one byte now and then keeps a call alive for ever. So the connection
of each call is known to a watchdog, which shuts it down when the time is over; the blocked read then ends at once.

This is the only module that reaches into botocore's internals (`install`): it gives the client's connection pools our connection
classes. `tests/unit/aws/test_deadline.py` fails when these internals move.
"""

from __future__ import annotations

import heapq
import itertools
import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool

_now = threading.local()
"""`_now.call` is the WatchedCall that this thread is making."""


class OversizeReplyError(Exception):
    """The reply is larger than the cap."""


class WatchedCall:
    """One call on its way. `expired` and `oversize` say why it was ended, whatever exception came of that."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.expired = False
        self.oversize = False
        self.done = False
        self._handle: socket.socket | None = None
        self._lock = threading.Lock()

    def uses(self, handle: socket.socket | None) -> None:
        """The call now goes over this connection."""
        with self._lock:
            self._handle = handle
            if self.expired:
                self._shut()

    def expire(self) -> None:
        with self._lock:
            if not self.done:
                self.expired = True
                self._shut()

    def finish(self) -> None:
        with self._lock:
            self.done = True
            self._handle = None

    def _shut(self) -> None:
        if self._handle is not None:
            with suppress(OSError):  # closed already: the call is over
                self._handle.shutdown(socket.SHUT_RDWR)


class Watchdog:
    """Ends calls whose time is over. Its thread starts with the first call and sleeps until the next deadline."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deadlines: list[tuple[float, int, WatchedCall]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._wakes_at = math.inf
        self._closed = False

    @contextmanager
    def watch(self, seconds: float, max_bytes: int) -> Iterator[WatchedCall]:
        """Within the block, what this thread does over HTTP ends after `seconds`, or once a reply exceeds `max_bytes`."""
        call = WatchedCall(max_bytes)
        self._add(time.monotonic() + seconds, call)
        outer = getattr(_now, "call", None)
        _now.call = call
        try:
            yield call
        finally:
            _now.call = outer
            call.finish()

    def close(self) -> None:
        """Ends the thread; calls that are still on their way are ended."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _add(self, at: float, call: WatchedCall) -> None:
        with self._changed:
            while self._deadlines and self._deadlines[0][2].done:
                heapq.heappop(self._deadlines)
            heapq.heappush(self._deadlines, (at, next(self._order), call))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="driftwatch-call-deadlines", daemon=True)
                self._thread.start()
            elif at < self._wakes_at:  # waking it for every call would cost each of them a switch of threads
                self._changed.notify()

    def _run(self) -> None:
        while not self._closed:
            with self._changed:
                while self._deadlines and self._deadlines[0][2].done:
                    heapq.heappop(self._deadlines)
                if not self._closed:
                    self._wakes_at = self._deadlines[0][0] if self._deadlines else math.inf
                    self._changed.wait(self._wakes_at - time.monotonic() if self._deadlines else None)
                over = [heapq.heappop(self._deadlines)[2] for _ in range(self._count_over())]
            for call in over:
                call.expire()
        for _, _, call in self._deadlines:
            call.expire()

    def _count_over(self) -> int:
        now = time.monotonic()
        return sum(1 for at, _, _ in self._deadlines if at <= now)


class _Watched:
    """A connection that tells the current call about itself. It keeps a duplicate of the socket, which stays good through TLS wrapping."""

    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]  # urllib3's connection
        self._drop_handle()
        self._handle = sock.dup()
        self._announce()
        return sock

    def request(self, *args: Any, **kwargs: Any) -> Any:
        self._announce()
        return super().request(*args, **kwargs)  # type: ignore[misc]  # urllib3's connection

    def getresponse(self) -> Any:
        response = super().getresponse()  # type: ignore[misc]  # urllib3's connection
        call: WatchedCall | None = getattr(_now, "call", None)
        if call is not None:
            response.stream = _capped(response, call)
        return response

    def close(self) -> None:
        super().close()  # type: ignore[misc]  # urllib3's connection
        self._drop_handle()

    def _announce(self) -> None:
        call: WatchedCall | None = getattr(_now, "call", None)
        if call is not None:
            call.uses(self._handle)

    def _drop_handle(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def _capped(response: Any, call: WatchedCall) -> Any:
    plain = response.stream

    def stream(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        size = 0
        for chunk in plain(*args, **kwargs):
            size += len(chunk)
            if size > call.max_bytes:
                call.oversize = True
                response.close()
                raise OversizeReplyError(f"the reply exceeds {call.max_bytes} bytes")
            yield chunk

    return stream


class _Connection(_Watched, AWSHTTPConnection):  # type: ignore[misc]  # botocore has no type hints
    pass


class _SecureConnection(_Watched, AWSHTTPSConnection):  # type: ignore[misc]  # botocore has no type hints
    pass


class _Pool(AWSHTTPConnectionPool):  # type: ignore[misc]  # botocore has no type hints
    ConnectionCls = _Connection


class _SecurePool(AWSHTTPSConnectionPool):  # type: ignore[misc]  # botocore has no type hints
    ConnectionCls = _SecureConnection


def install(client: Any) -> None:
    """Lets all connections of a botocore client be watched. Raises AttributeError when botocore's internals are not as known."""
    session = client._endpoint.http_session  # noqa: SLF001 - botocore offers no way to pass an HTTP session to a client
    pools = session._pool_classes_by_scheme  # noqa: SLF001 - shared by the plain and the proxies' connection managers
    if session._manager.pool_classes_by_scheme is not pools:  # noqa: SLF001 - else replacing an entry would have no effect
        raise AttributeError("botocore's connection manager does not share its pool classes")
    pools.update({"http": _Pool, "https": _SecurePool})
