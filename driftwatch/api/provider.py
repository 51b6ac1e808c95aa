"""The identity provider: its discovery document and its keys, kept for a while, and used on while it is out of reach."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from driftwatch.api.fetching import fetched
from driftwatch.api.id_token import Jwk
from driftwatch.errors import DriftwatchError, SourceError

FRESH_S: Final = 3600.0
STALE_S: Final = 86_400.0
"""For so long what is kept is used on while nothing newer can be had."""
REFRESH_S: Final = 60.0
"""An unknown key id has the keys fetched again once in so many seconds at most."""
RETRY_S: Final = 10.0
"""After a failure nobody asks again for so long: people who wait must not hold every thread."""
MOST_KEYS: Final = 100

Fetch = Callable[..., dict[str, Any]]


class Kept:
    """One document that is fetched again when it is an hour old. Threads may share it."""

    def __init__(self, fetch: Callable[[], Any], monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._value: Any = None
        self._at: float | None = None
        self._tried: float | None = None
        self._failure: DriftwatchError | None = None

    def get(self, at_most_s: float = FRESH_S, again_s: float = RETRY_S) -> Any:
        """What was fetched within `at_most_s` seconds, or cannot be had newer; `again_s` lie between two attempts. Raises SourceError."""
        with self._lock:
            now = self._monotonic()
            old = self._at is None or now - self._at >= at_most_s
            if old and (self._tried is None or now - self._tried >= again_s):
                self._try(now)
            if self._at is None or now - self._at >= STALE_S:
                raise self._failure or SourceError("the identity provider has not answered yet")
            return self._value

    def _try(self, now: float) -> None:
        self._tried = now
        try:
            self._value, self._at, self._failure = self._fetch(), now, None
        except DriftwatchError as error:
            self._failure = error


class Provider:
    """One issuer. `fetch` is how it is asked."""

    def __init__(self, issuer: str, fetch: Fetch = fetched, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._fetch = fetch
        self._discovery = Kept(self._discover, monotonic)
        self._keys = Kept(self._key_set, monotonic)

    def authorize_url(self, **parameters: str) -> str:
        """Where to send a browser. Raises SourceError."""
        address = str(self._discovery.get()["authorization_endpoint"])
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(parameters)}"

    def redeem(self, form: Mapping[str, str], client_id: str, secret: str | None) -> str:
        """The ID token for an authorization code; raises SourceError. The secret goes the way that the provider says it takes."""
        known = self._discovery.get()
        ways = known.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        auth = (client_id, secret) if secret and "client_secret_basic" in ways else None
        own = {"client_id": client_id} | ({"client_secret": secret} if secret and auth is None else {})
        answer = self._fetch(str(known["token_endpoint"]), form={**form, **({} if auth else own)}, auth=auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SourceError("the identity provider gives no ID token")
        return token

    def keys(self, kid: str | None) -> Sequence[Jwk]:
        """The keys of that id, or all for None; an id that is unknown has them fetched anew, not more than once a minute."""
        found = _of(self._keys.get(), kid) if kid is not None else ()
        return found or _of(self._keys.get(at_most_s=0.0, again_s=REFRESH_S), kid)

    def _discover(self) -> dict[str, Any]:
        document = self._fetch(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != self.issuer:
            raise SourceError("the discovery document is another issuer's than `product.oidc.issuer`", retryable=False)
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            address = document.get(name)
            if not isinstance(address, str) or not _reachable(address, self.issuer):
                raise SourceError(f"the discovery document has no {name} of the issuer's scheme", retryable=False)
        return document

    def _key_set(self) -> list[Jwk]:
        listed = self._fetch(str(self._discovery.get()["jwks_uri"])).get("keys")
        if not isinstance(listed, list):
            raise SourceError("the identity provider has no key set")
        return [item for item in listed[:MOST_KEYS] if isinstance(item, dict)]


class Providers:
    """The provider of the configuration in force: another issuer after a reload is another provider."""

    def __init__(self, fetch: Fetch = fetched, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._current: Provider | None = None

    def of(self, issuer: str) -> Provider:
        with self._lock:
            if self._current is None or self._current.issuer != issuer:
                self._current = Provider(issuer, self._fetch, self._monotonic)
            return self._current


def _of(keys: Sequence[Jwk], kid: str | None) -> Sequence[Jwk]:
    return [item for item in keys if kid is None or item.get("kid") == kid]


def _reachable(address: str, issuer: str) -> bool:
    """https; http only where the issuer itself is on this machine and speaks it."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" == urlsplit(issuer).scheme and parts.hostname == urlsplit(issuer).hostname)
