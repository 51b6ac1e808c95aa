"""The guard: who is asking, by token or session, and whether that person may.

Every route of the API is made with the permission that it needs (`routing.Routes`): one without cannot be made, and whoever is not
identified gets no further than 401.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final, NoReturn

import structlog
from fastapi import Request

from driftwatch.api.limits import Limiter
from driftwatch.api.problems import Problem
from driftwatch.domain.access import Permission, Rights, rights_of
from driftwatch.domain.baseline import Actor
from driftwatch.errors import RefusedError
from driftwatch.operations import credentials
from driftwatch.operations.denials import denials
from driftwatch.operations.installation import Installation
from driftwatch.wiring import Wired

COOKIE: Final = "driftwatch_session"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNSAFE_ONLY_FROM_OURS: Final = "this write does not come from one of driftwatch's own pages"
_FAILURES: Final = 20
_FAILURES_WITHIN_S: Final = 300.0
_TOLD_EVERY_S: Final = 60.0
_REQUESTS: Final = 1200
_REQUESTS_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all routes share: `loaded` gives the configuration in force; `failures` counts credentials that did not work, by address,
    `told` how often the log tells of a lock-out, `requests` what each person asks for."""

    loaded: Callable[[], Wired]
    failures: Limiter
    told: Limiter
    requests: Limiter
    judging: threading.Lock = field(default_factory=threading.Lock)
    """Held by whoever has much judged that nobody asked the world about: one at a time, so that scans keep their turn."""

    @property
    def installation(self) -> Installation:
        return self.loaded().installation


def surroundings(loaded: Callable[[], Wired]) -> Surroundings:
    return Surroundings(
        loaded=loaded,
        failures=Limiter(_FAILURES, _FAILURES_WITHIN_S),
        told=Limiter(1, _TOLD_EVERY_S),
        requests=Limiter(_REQUESTS, _REQUESTS_WITHIN_S),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is asking, and what they may do. `accounts` are the configured accounts that they may read."""

    actor: Actor
    rights: Rights
    installation: Installation
    wired: Wired

    @property
    def person(self) -> str:
        return self.actor.person

    @property
    def accounts(self) -> tuple[str, ...]:
        return self.rights.accounts(Permission.READ, self.installation.accounts)

    @property
    def administers(self) -> bool:
        """Whether other people's tokens are theirs to see and to end: nobody's token keeps to one account."""
        return self.rights.allows(Permission.ADMINISTER, self.installation.accounts)

    @property
    def audits(self) -> bool:
        """Whether the ledger is theirs to read: it is one chain over all accounts."""
        return self.rights.allows(Permission.AUDIT, self.installation.accounts)

    @property
    def sees_all(self) -> bool:
        """Whether there is no account that they may not read."""
        return len(self.accounts) == len(self.installation.accounts)

    def require(self, permission: Permission, accounts: Iterable[str], action: str, object_: str) -> None:
        """Raises RefusedError, which the ledger tells of, unless they have the permission in all of these accounts."""
        if not self.rights.allows(permission, accounts):
            with denials(self.installation, action, object_, self.actor):
                raise RefusedError(f"{self.person} may not {permission.value} there; a role in `product.access` would allow it")


def identified(request: Request) -> Caller:
    """Whoever the request shows a working token or session of, looked up once a request; raises Problem: 401 for nobody, 403 for a write
    from a foreign page, 429 for an address whose credentials failed too often, or somebody who asks too much.

    A credential that works is never locked out: 256 random bits are not guessed, and one bad neighbour behind the same proxy must not
    keep everybody else out.
    """
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    around: Surroundings = request.app.state.around
    wired = around.loaded()
    actor = _actor(request, wired)
    if actor is None:
        _refuse_nobody(request, cookie_name(wired))
    if wait := around.requests.take(actor.person):
        raise too_many(f"{actor.person} asks too much", wait)
    person = wired.installation.people.get(actor.person)
    rights = rights_of(actor.person, person.groups if person else (), wired.config.product.grants)
    caller = Caller(actor=actor, rights=rights, installation=wired.installation, wired=wired)
    request.state.caller = caller
    return caller


def permitted(permission: Permission, request: Request) -> None:
    """Lets only those through who have the permission somewhere; where exactly, the route asks. Raises Problem and RefusedError."""
    identified(request).require(permission, (), f"{request.method} {request.scope['route'].path}", permission.value)


def _actor(request: Request, wired: Wired) -> Actor | None:
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return credentials.by_token(wired.installation, secret.strip())
    cookie = request.cookies.get(cookie_name(wired))
    if not cookie:
        return None
    actor = credentials.by_session(wired.installation, cookie, timedelta(minutes=wired.config.product.session_idle_m))
    if actor is not None and request.method not in SAFE:
        refuse_foreign(request, wired)
    return actor


def refuse_foreign(request: Request, wired: Wired) -> None:
    """Raises Problem (403) unless the page that sent a write is one of ours: a browser says so in `Origin`, and nothing else will do.

    Ours is what `product.public_url` says, else the host that was asked: in front of us TLS may end, and the scheme be another one.
    """
    product = wired.config.product
    ours = product.public_url or f"{'https' if product.secure else 'http'}://{request.headers.get('host', '')}"
    if request.headers.get("origin") != ours:
        raise Problem(HTTPStatus.FORBIDDEN, UNSAFE_ONLY_FROM_OURS)


def cookie_name(wired: Wired) -> str:
    """With TLS the name that browsers take over no plain connection and from no other host (RFC 6265bis, ``__Host-``)."""
    return f"__Host-{COOKIE}" if wired.config.product.secure else COOKIE


def address_of(request: Request) -> str:
    """Where a request comes from; behind a proxy, where its last hop says that it comes from."""
    forwarded = request.headers.get("x-forwarded-for", "") if request.app.state.around.loaded().config.product.behind_tls else ""
    peer = request.client.host if request.client else "unknown"
    return forwarded.rpartition(",")[2].strip()[:64] or peer


def count_failure(request: Request) -> None:
    """Notes a credential that did not work; raises Problem (429) once an address has shown too many, and the log tells of it."""
    around: Surroundings = request.app.state.around
    address = address_of(request)
    wait = around.failures.take(address)
    if wait and not around.told.take(address):
        structlog.get_logger().warning("sign_in_locked_out", address=address, wait_s=round(wait))
    elif not wait:
        structlog.get_logger().warning("sign_in_failed", address=address, path=request.url.path)
    if wait:
        raise too_many("too many credentials that do not work came from this address", wait)


def too_many(text: str, wait_s: float) -> Problem:
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, f"{text}; wait a moment", headers={"Retry-After": str(max(1, round(wait_s)))})


def _refuse_nobody(request: Request, cookie: str) -> NoReturn:
    shown = "authorization" in request.headers or cookie in request.cookies
    headers = {"WWW-Authenticate": 'Bearer realm="driftwatch"'}
    if cookie in request.cookies:  # so that a page left open does not show it again and again
        headers["Set-Cookie"] = f"{cookie}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict{'; Secure' if cookie != COOKIE else ''}"
    if shown:
        count_failure(request)
    text = "this token or session does not work, or no more" if shown else "an API token is needed, or a session"
    raise Problem(HTTPStatus.UNAUTHORIZED, text, headers=headers)
