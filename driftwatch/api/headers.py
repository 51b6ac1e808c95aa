"""Headers that every answer carries, errors and static files included; and the last resort for errors that nobody foresaw."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from driftwatch.api.problems import TOLD, Problem, unexpected

ALWAYS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""OWASP ASVS 5.0, V3.4: no inline script or style, no framing, no guessing of types. The referrer stays with us; `no-referrer` would have
browsers send `Origin: null` with our own forms (Fetch, 3.1)."""
_NO_STORE: Final = "no-store"
_TWO_LENGTHS: Final = Problem(
    HTTPStatus.BAD_REQUEST, "a request has a Content-Length or a Transfer-Encoding, never both", headers={"Connection": "close"}
)
_HSTS: Final = "max-age=31536000; includeSubDomains"


MOST_BODY: Final = 1_048_576
"""Bytes of a request's body."""


class Protected:
    """The application behind its headers. `secure` where it is reached over TLS."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        self._more = {**ALWAYS, **({"Strict-Transport-Security": _HSTS} if secure else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = False

        async def sending(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                message = {**message, "headers": self._with(message.get("headers", []))}
            await send(message)

        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
            await _TWO_LENGTHS.response()(scope, receive, sending)
            return
        try:
            await self.app(scope, _limited(scope, receive), sending)
        except Exception as error:  # noqa: BLE001 - the last resort: it is logged under an id, which the caller is told
            if scope.get(TOLD) is error:
                return
            answer = unexpected(error)
            if not began:
                await answer(scope, receive, sending)

    def _with(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Ours, and what the answer says itself; an answer that says nothing about caching is not kept by anybody."""
        said = {name.lower() for name, _ in headers}
        ours = {**self._more, **({} if b"cache-control" in said else {"Cache-Control": _NO_STORE})}
        return [*headers, *((name.lower().encode(), value.encode()) for name, value in ours.items() if name.lower().encode() not in said)]


def _limited(scope: Scope, receive: Receive) -> Receive:
    """A body that ends in Problem (413) beyond `MOST_BODY`: at once where its length says so, else when so much has come. The framework's
    own limit answers in plain text where a handler reads the body itself."""
    declared = next((int(value) for name, value in scope["headers"] if name == b"content-length" and value.isdigit()), 0)
    come = 0

    async def limited() -> Message:
        nonlocal come
        if declared > MOST_BODY:
            raise _too_large()
        message = await receive()
        come += len(message.get("body", b""))
        if come > MOST_BODY:
            raise _too_large()
        return message

    return limited


def _too_large() -> Problem:
    text = f"the body is larger than {MOST_BODY:,} bytes"
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, headers={"Connection": "close"})
