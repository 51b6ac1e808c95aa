"""Sign-ins that have begun: what has to come back, once, to the browser that began."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from driftwatch.operations.credentials import RANDOM_BYTES, digest

WITHIN_S: Final = 600.0
_MOST: Final = 10_000
"""Attempts at a time; of more the oldest is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sign-in that has begun. `replaces` is the digest of the session that the browser had, `onward` where it wants to go."""

    issuer: str
    state: str
    nonce: str
    verifier: str
    redirect: str
    onward: str
    replaces: str
    until: float

    @property
    def challenge(self) -> str:
        """S256 of the verifier (RFC 7636)."""
        return urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class Attempts:
    """The attempts of this process. Threads may share it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._begun: OrderedDict[str, Attempt] = OrderedDict()

    def begin(self, issuer: str, redirect: str, onward: str, replaces: str) -> tuple[str, Attempt]:
        """(the secret for the browser's cookie, the attempt)"""
        cookie, state, nonce = (secrets.token_urlsafe(RANDOM_BYTES) for _ in range(3))
        attempt = Attempt(
            issuer=issuer,
            state=state,
            nonce=nonce,
            verifier=secrets.token_urlsafe(48),
            redirect=redirect,
            onward=onward,
            replaces=replaces,
            until=self._monotonic() + WITHIN_S,
        )
        with self._lock:
            self._begun[digest(cookie)] = attempt
            if len(self._begun) > _MOST:
                self._begun.popitem(last=False)
        return cookie, attempt

    def take(self, cookie: str, state: str) -> Attempt | None:
        """The attempt of that browser, which is over by this; None for another state, a late one, or none."""
        with self._lock:
            attempt = self._begun.pop(digest(cookie), None)
        if attempt is None or self._monotonic() >= attempt.until:
            return None
        return attempt if hmac.compare_digest(attempt.state.encode(), state.encode()) else None
