"""The first-run link: a random code that signs the one OS user in who started `serve`, once, within a quarter of an hour."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final

from driftwatch.config.addresses import is_loopback
from driftwatch.operations.credentials import RANDOM_BYTES, digest
from driftwatch.wiring import Wired

VALID_S: Final = 900.0


class FirstLink:
    """`code` for the link, which is kept as its hash only; `redeem` takes it once. Threads may share it."""

    def __init__(self, os_user: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._os_user = os_user
        self._monotonic = monotonic
        self._until = 0.0
        self._digest: str | None = None
        self._lock = threading.Lock()

    def code(self) -> str:
        """A fresh code, from now on; one that was made before works no more."""
        code = secrets.token_urlsafe(RANDOM_BYTES)
        with self._lock:
            self._digest, self._until = digest(code), self._monotonic() + VALID_S
        return code

    def redeem(self, code: str) -> str | None:
        """The OS user whom the code signs in; None for a wrong, used or late one."""
        with self._lock:
            right = self._digest is not None and hmac.compare_digest(self._digest, digest(code)) and self._monotonic() < self._until
            if right:
                self._digest = None
        return self._os_user if right else None


def offered(wired: Wired) -> bool:
    """Whether a first-run link is for this installation: one machine, one store on it, and no identity provider."""
    product = wired.config.product
    return is_loopback(product.address[0]) and not product.behind_tls and product.oidc is None and wired.installation.store.local


def refused(wired: Wired, os_user: str) -> str | None:
    """Why there is no link for this OS user: nobody in people.yaml is theirs. None where there is one. Raises nothing."""
    if wired.installation.people.by_os_user(os_user) is None:
        return f"no sign-in link: nobody in people.yaml owns the OS user {os_user!r}; add it to the os_users of a person"
    return None
