"""The guard: who is asking, by token or session, and whether that person may.

Every route of the API is made with the permission that it needs (`routing.Routes`): one without cannot be made, and whoever is not
identified gets no further than 401.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final, NoReturn

import structlog
from fastapi import Depends, Request

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
_FAILURES: Final = 20
_FAILURES_WITHIN_S: Final = 300.0
_REQUESTS: Final = 1200
_REQUESTS_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all routes share: `loaded` gives the configuration in force; `failures` counts credentials that did not work, by address,
    `requests` what each person asks for."""

    loaded: Callable[[], Wired]
    failures: Limiter
    requests: Limiter

    @property
    def installation(self) -> Installation:
        return self.loaded().installation


def surroundings(loaded: Callable[[], Wired]) -> Surroundings:
    return Surroundings(
        loaded=loaded,
        failures=Limiter(_FAILURES, _FAILURES_WITHIN_S),
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
    def sees_all(self) -> bool:
        """Whether there is no account that they may not read."""
        return len(self.accounts) == len(self.installation.accounts)

    def require(self, permission: Permission, accounts: Iterable[str], action: str, object_: str) -> None:
        """Raises RefusedError, which the ledger tells of, unless they have the permission in all of these accounts."""
        if not self.rights.allows(permission, accounts):
            with denials(self.installation, action, object_, self.actor):
                raise RefusedError(f"{self.person} may not {permission.value} there; a role in `product.access` would allow it")


def identified(request: Request) -> Caller:
    """Whoever the request shows a working token or session of; raises Problem: 401 for nobody, 403 for a write from a foreign page,
    429 for an address whose credentials failed too often, or somebody who asks too much."""
    around: Surroundings = request.app.state.around
    address = request.client.host if request.client else "unknown"
    if wait := around.failures.wait(address):
        raise _too_many("too many credentials that do not work came from this address", wait)
    wired = around.loaded()
    actor = _actor(request, wired)
    if actor is None:
        _refuse_nobody(request, around, address)
    if wait := around.requests.take(actor.person):
        raise _too_many(f"{actor.person} asks too much", wait)
    person = wired.installation.people.get(actor.person)
    rights = rights_of(actor.person, person.groups if person else (), wired.config.product.grants)
    return Caller(actor=actor, rights=rights, installation=wired.installation, wired=wired)


Asking = Annotated[Caller, Depends(identified)]
"""Whoever asks, as a handler takes it."""


def permitted(permission: Permission) -> Callable[..., Caller]:
    """The dependency that lets only those through who have the permission somewhere; where exactly, the route asks."""

    def check(request: Request, caller: Asking) -> Caller:
        caller.require(permission, (), f"{request.method} {request.scope['route'].path}", permission.value)
        return caller

    return check


def _actor(request: Request, wired: Wired) -> Actor | None:
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return credentials.by_token(wired.installation, secret.strip())
    cookie = request.cookies.get(cookie_name(wired))
    if not cookie:
        return None
    actor = credentials.by_session(wired.installation, cookie, timedelta(minutes=wired.config.product.session_idle_m))
    if actor is not None and request.method not in SAFE:
        refuse_foreign(request)
    return actor


def refuse_foreign(request: Request) -> None:
    """Raises Problem (403) unless the page that sent a write is one of ours: a browser says so in `Origin`, and nothing else will do."""
    origin = request.headers.get("origin")
    if origin is None or origin != f"{request.url.scheme}://{request.headers.get('host', '')}":
        raise Problem(HTTPStatus.FORBIDDEN, "this write does not come from one of driftwatch's own pages")


def cookie_name(wired: Wired) -> str:
    """With TLS the name that browsers take over no plain connection and from no other host (RFC 6265bis, ``__Host-``)."""
    return f"__Host-{COOKIE}" if wired.config.product.secure else COOKIE


def _refuse_nobody(request: Request, around: Surroundings, address: str) -> NoReturn:
    shown = "authorization" in request.headers or bool(request.cookies)
    if shown and around.failures.take(address):
        structlog.get_logger().warning("sign_in_locked_out", address=address)
    elif shown:
        structlog.get_logger().warning("sign_in_failed", address=address, path=request.url.path)
    text = "this token or session does not work, or no more" if shown else "an API token is needed, or a session"
    raise Problem(HTTPStatus.UNAUTHORIZED, text, headers={"WWW-Authenticate": 'Bearer realm="driftwatch"'})


def _too_many(text: str, wait_s: float) -> Problem:
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, f"{text}; wait a moment", headers={"Retry-After": str(max(1, round(wait_s)))})
