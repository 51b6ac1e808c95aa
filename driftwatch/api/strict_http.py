"""HTTP/1.1, strictly: what two readers could read as two different requests is refused, and who dawdles is cut off.

uvicorn and h11 are lenient where the standard lets them be: a bare line feed ends a line, and a length beside chunks is overruled by
them (RFC 9112, 2.2 and 6.3). Something in front of us may read that another way, which is how requests are smuggled.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

import h11
import orjson
from h11._receivebuffer import ReceiveBuffer
from uvicorn.protocols.http.h11_impl import H11Protocol

from driftwatch.api.headers import ALWAYS
from driftwatch.api.problems import MEDIA_TYPE, ProblemDocument

REQUEST_WITHIN_S: Final = 30.0
"""From a connection, or a request's first byte, to the request's last: then the connection is closed."""
_LOOSE: Final = re.compile(rb"(?<!\r)\n|\n[ \t]")
"""A line feed on its own, or a line that goes on with the next."""
_END: Final = re.compile(rb"\n\r?\n")


class StrictLines(ReceiveBuffer):
    """h11's buffer of what was received, for which a line ends in CR and LF and in nothing else."""

    def maybe_extract_lines(self) -> list[bytearray] | None:
        known = bytes(self)
        end = _END.search(known)
        if not known.startswith(b"\r\n") and _LOOSE.search(known, 0, end.end() if end else len(known)):
            raise h11.LocalProtocolError("a line that does not end in a carriage return and a line feed")
        return super().maybe_extract_lines()


class StrictProtocol(H11Protocol):
    """One connection."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.conn._receive_buffer = StrictLines()  # noqa: SLF001 - h11 offers no other way; the smuggling tests fail without it
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """For what is no HTTP: a problem document, with the headers of every answer."""
        body = orjson.dumps(ProblemDocument(title="Bad Request", status=400, detail=msg).model_dump(exclude_none=True))
        own = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), "Cache-Control": "no-store", "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in {**ALWAYS, **own}.items())
        self.transport.write(f"HTTP/1.1 400 Bad Request\r\n{head}\r\n".encode() + body)
        self.transport.close()

    def _watch(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._disarm()
        elif self._timer is None:
            self._timer = self.loop.call_later(REQUEST_WITHIN_S, self._late)

    def _late(self) -> None:
        self._timer = None
        if not self.transport.is_closing() and self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self.transport.close()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
