"""Signing in at an identity provider: OpenID Connect, authorization code with PKCE."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from driftwatch.api.attempts import WITHIN_S, Attempt
from driftwatch.api.entrance import HOME, knock, let_in, session_of, wired_of
from driftwatch.api.guard import count_failure
from driftwatch.api.id_token import Expected, subject
from driftwatch.api.notices import notice
from driftwatch.api.problems import Problem
from driftwatch.api.provider import Provider
from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.errors import DriftwatchError, RefusedError
from driftwatch.operations import credentials
from driftwatch.wiring import Wired

START: Final = "/sign-in"
BACK: Final = "/sign-in/callback"
_COOKIE: Final = "driftwatch_signing_in"
_LOCAL: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/?&=%:+,@")
router: Final = APIRouter()

Said = Annotated[str, Query(max_length=4000)]


@router.get(START, include_in_schema=False)
def start(request: Request, onward: Annotated[str, Query(alias="next", max_length=500)] = HOME) -> Response:
    """Sends the browser to the identity provider; without one it says how else to get in."""
    if not is_local(onward):
        raise Problem(HTTPStatus.BAD_REQUEST, "next has to be a path of driftwatch's own, such as /findings")
    entrance, wired = knock(request), wired_of(request)
    oidc = wired.config.product.oidc
    if oidc is None:
        return notice(
            "Sign in",
            "No identity provider is configured (product.oidc).",
            "On a single machine, `driftwatch serve` prints a link when it starts; programs use `driftwatch token new`.",
        )
    secret, attempt = entrance.attempts.begin(oidc.issuer, wired.config.product.redirect_url, onward, session_of(request))
    try:
        address = entrance.providers.of(oidc.issuer).authorize_url(
            response_type="code",
            scope="openid",
            client_id=oidc.client_id,
            redirect_uri=attempt.redirect,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=attempt.challenge,
            code_challenge_method="S256",
        )
    except DriftwatchError as error:
        return _told(error, HTTPStatus.BAD_GATEWAY)
    answer = RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)
    secure = wired.config.product.secure
    answer.set_cookie(_cookie(wired), secret, max_age=int(WITHIN_S), path="/", secure=secure, httponly=True, samesite="lax")
    return answer


@router.get(BACK, include_in_schema=False)
def back(request: Request, code: Said = "", state: Said = "", error: Said = "", iss: Said | None = None) -> Response:
    """Where the provider sends the browser back to: the attempt is over by this, whatever comes of it."""
    entrance, wired = knock(request), wired_of(request)
    attempt = entrance.attempts.take(request.cookies.get(_cookie(wired), ""), state)
    oidc = wired.config.product.oidc
    if attempt is None or oidc is None or attempt.issuer != oidc.issuer or iss not in (None, oidc.issuer):
        count_failure(request)
        return _ended(
            wired, notice("Not signed in", "This sign-in was not begun here, or is over. Begin again.", status=HTTPStatus.FORBIDDEN)
        )
    if error or not code:
        return _ended(wired, notice("Not signed in", f"The identity provider refused: {error[:200]}", status=HTTPStatus.FORBIDDEN))
    try:
        actor = _actor(wired, entrance.providers.of(oidc.issuer), attempt, code)
    except RefusedError as refusal:
        return _ended(wired, _told(refusal, HTTPStatus.FORBIDDEN))
    except DriftwatchError as failure:
        return _ended(wired, _told(failure, HTTPStatus.BAD_GATEWAY))
    return _ended(wired, let_in(request, actor, attempt.replaces, attempt.onward))


def is_local(path: str) -> bool:
    """Whether a path stays with us: one slash at its beginning, and nothing that browsers read as another host."""
    return path.startswith("/") and not path.startswith("//") and _LOCAL.issuperset(path)


def _actor(wired: Wired, provider: Provider, attempt: Attempt, code: str) -> Actor:
    """The person whom the provider vouches for; raises RefusedError for a token that fails, and for somebody unknown to people.yaml."""
    oidc, installation = wired.config.product.oidc, wired.installation
    assert oidc is not None
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": attempt.redirect, "code_verifier": attempt.verifier}
    token = provider.redeem(form, oidc.client_id, wired.client_secret())
    expected = Expected(issuer=oidc.issuer, client_id=oidc.client_id, nonce=attempt.nonce)
    sub = subject(token, provider.keys, expected, installation.clock())
    person = installation.people.by_oidc(oidc.issuer, sub)
    if person is None:
        raise credentials.stranger(installation, oidc.issuer, sub)
    return Actor(person=person.id, method=Method.OIDC, assurance=Assurance.SIGNED)


def _told(error: DriftwatchError, status: HTTPStatus) -> Response:
    structlog.get_logger().warning("sign_in_refused", error=str(error))
    return notice("Not signed in", str(error), status=status)


def _ended(wired: Wired, answer: Response) -> Response:
    answer.delete_cookie(_cookie(wired), path="/", secure=wired.config.product.secure, httponly=True, samesite="lax")
    return answer


def _cookie(wired: Wired) -> str:
    return f"__Host-{_COOKIE}" if wired.config.product.secure else _COOKIE
