"""One POST: to a checked address, with the original name for TLS and Host, within one deadline whatever the receiver does."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from driftwatch.domain.message import DELIVERED, Outcome, Result
from driftwatch.notifiers.outbound.addresses import Network, PostFailed, Resolve, checked, resolve

REPLY_BYTES: Final = 4096
"""So much of an error's text is read."""
_LATER: Final = frozenset({408, 425, 429})
"""The refusals that are none: not now."""
_BUSY: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where to post. `allowed` are the networks that may be called though they are not public; `ca_file` replaces the system's
    authorities; `deadline_s` is for everything, from the name's resolution to the end of the reply."""

    url: str
    deadline_s: float
    allowed: Sequence[Network] = ()
    ca_file: Path | None = None
    resolve: Resolve = resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """`body` is read for errors only, and cut."""

    status: int
    retry_after_s: float | None = None
    body: bytes = b""


@dataclass(slots=True)
class _Attempt:
    """What the thread of one POST and its caller share."""

    connection: _Connection | None = None
    reply: Reply | None = None
    failure: str = "no answer within the deadline"
    given_up: bool = False
    guard: threading.Lock = field(default_factory=threading.Lock)


def post(receiver: Receiver, body: bytes, headers: Mapping[str, str]) -> Reply:
    """The reply. Raises PostFailed where there was none in time.

    The work is done in a thread of its own: no timeout of a socket bounds the resolution of a name, or a receiver that sends a byte a
    second.
    """
    attempt = _Attempt()
    thread = threading.Thread(target=_run, args=(attempt, receiver, body, headers), name="post", daemon=True)
    thread.start()
    thread.join(receiver.deadline_s)
    with attempt.guard:
        attempt.given_up = True
        if attempt.connection is not None:
            attempt.connection.cut()
        if attempt.reply is None:
            raise PostFailed(attempt.failure)
        return attempt.reply


def outcome_of(reply: Reply) -> Outcome:
    """What a reply means for the message: taken, not now, or never. A redirect is not followed, and mended in the configuration."""
    if 200 <= reply.status < 300:
        return DELIVERED
    text = " ".join(reply.body.decode("utf-8", "replace").split())[:200]
    why = f"the receiver answered {reply.status}{f': {text}' if text else ''}"
    if 300 <= reply.status < 400:
        return Outcome(result=Result.RETRY, why=f"the receiver answered {reply.status}: redirects are not followed, give the final url")
    if 400 <= reply.status < 500 and reply.status not in _LATER:
        return Outcome(result=Result.REFUSED, why=why)
    return Outcome(result=Result.RETRY, why=why, after_s=reply.retry_after_s)


def is_busy(reply: Reply) -> bool:
    """Whether the receiver wants to be left alone as a whole."""
    return reply.status in _BUSY


def _run(attempt: _Attempt, receiver: Receiver, body: bytes, headers: Mapping[str, str]) -> None:
    try:
        connection = _connection(receiver)
        with attempt.guard:
            if attempt.given_up:
                return
            attempt.connection = connection
        try:
            reply = _exchange(connection, receiver, body, headers)
        finally:
            connection.close()
    except PostFailed as error:
        attempt.failure = str(error)
    except ssl.SSLError as error:
        attempt.failure = f"TLS failed: {error.reason or type(error).__name__}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        attempt.failure = f"no answer: {type(error).__name__}"
    else:
        with attempt.guard:
            attempt.reply = reply


def _connection(receiver: Receiver) -> _Connection:
    parts = urlsplit(receiver.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    address = checked(host, port, receiver.allowed, receiver.resolve)
    context = ssl.create_default_context(cafile=str(receiver.ca_file) if receiver.ca_file else None) if parts.scheme == "https" else None
    return _Connection(host, port, str(address), context, receiver.deadline_s)


def _exchange(connection: _Connection, receiver: Receiver, body: bytes, headers: Mapping[str, str]) -> Reply:
    parts = urlsplit(receiver.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", path, body=body, headers={"User-Agent": "driftwatch", "Host": parts.netloc, **headers})
    response = connection.getresponse()
    said = response.read(REPLY_BYTES) if response.status >= 400 else b""
    return Reply(status=response.status, retry_after_s=_seconds(response.getheader("Retry-After")), body=said)


def _seconds(text: str | None) -> float | None:
    """Retry-After: seconds, or a date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text.strip()[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


class _Connection(http.client.HTTPConnection):
    """To one address, whatever the host's name may mean by now; TLS is for the name."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext | None, timeout_s: float) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self._address = address
        self._context = context
        self._raw: socket.socket | None = None

    def connect(self) -> None:
        self._raw = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._context.wrap_socket(self._raw, server_hostname=self.host) if self._context else self._raw

    def cut(self) -> None:
        """Ends it from another thread: whoever waits in it gets an error at once."""
        for end in (self.sock, self._raw):
            if end is not None:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it is closed already
