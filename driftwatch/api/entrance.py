"""The entrance: the few paths that nobody has to be identified for, since they are where people are identified."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Query, Request, Response

from driftwatch.api.attempts import Attempts
from driftwatch.api.first_link import FirstLink
from driftwatch.api.guard import Surroundings, address_of, cookie_name, count_failure, refuse_foreign, too_many
from driftwatch.api.limits import Limiter
from driftwatch.api.notices import button, notice
from driftwatch.api.problems import Problem
from driftwatch.api.provider import Providers
from driftwatch.domain.baseline import Actor
from driftwatch.errors import RefusedError
from driftwatch.operations import credentials, identify
from driftwatch.wiring import Wired

FIRST: Final = "/sign-in/first"
OUT: Final = "/sign-out"
HOME: Final = "/"
"""Where people are who just signed in and had no other aim."""
MOST_FORM: Final = 4096
router: Final = APIRouter()

Code = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What signing in remembers: the first-run link, sign-ins that have begun, the identity provider, how often an address knocks."""

    first: FirstLink | None = None
    attempts: Attempts = field(default_factory=Attempts)
    providers: Providers = field(default_factory=Providers)
    knocks: Limiter = field(default_factory=lambda: Limiter(60, 300.0))


async def _form(request: Request) -> dict[str, str]:
    """The fields of a short form, each once. Raises Problem. Asynchronous because the body is."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body has to be a form")
    body = await request.body()
    if len(body) > MOST_FORM:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a form of more bytes than any of ours has")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=10, errors="strict")
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is no form") from None
    if any(len(values) > 1 for values in fields.values()):
        raise Problem(HTTPStatus.BAD_REQUEST, "a field of the form is there twice")
    return {name: values[0] for name, values in fields.items()}


def wired_of(request: Request) -> Wired:
    around: Surroundings = request.app.state.around
    return around.loaded()


def session_of(request: Request) -> str:
    """The digest of the session's secret that the request shows; empty where it shows none."""
    secret = request.cookies.get(cookie_name(wired_of(request)))
    return credentials.digest(secret) if secret else ""


def knock(request: Request) -> Entrance:
    """The entrance, for an address that has not knocked too often; raises Problem (429)."""
    entrance: Entrance = request.app.state.entrance
    if wait := entrance.knocks.take(address_of(request)):
        raise too_many("too many attempts to sign in came from this address", wait)
    return entrance


@router.get(FIRST, include_in_schema=False)
def first(request: Request, code: Code = "") -> Response:
    """A page with a button: whoever merely looks at the link, as programs that show previews do, uses nothing up."""
    knock(request)
    return notice("Sign in", "This signs in the person who started driftwatch on this machine.", form=button(FIRST, "Sign in", code=code))


@router.post(FIRST, include_in_schema=False)
def use_first(request: Request, fields: Annotated[dict[str, str], Depends(_form)]) -> Response:
    """Uses the link's code up."""
    wired, link = wired_of(request), knock(request).first
    refuse_foreign(request, wired)
    os_user = link.redeem(fields.get("code", "")) if link else None
    if os_user is None:
        count_failure(request)
        text = "The link is wrong, was used, or is older than 15 minutes. `driftwatch serve` prints a new one when it starts."
        return notice("Not signed in", text, status=HTTPStatus.FORBIDDEN)
    actor = identify.by_os_user(wired.installation, os_user)
    return let_in(request, actor, session_of(request), HOME)


@router.post(OUT, include_in_schema=False)
def out(request: Request) -> Response:
    """Ends the session on both sides."""
    wired = wired_of(request)
    refuse_foreign(request, wired)
    name = cookie_name(wired)
    if secret := request.cookies.get(name):
        credentials.sign_out(wired.installation, secret)
    answer = notice("Signed out", "This session is over.")
    answer.delete_cookie(name, path="/", secure=wired.config.product.secure, httponly=True, samesite="strict")
    return answer


def let_in(request: Request, actor: Actor, replaces: str, onward: str) -> Response:
    """A session with a secret of its own. Its page goes on by itself: after a redirect that began elsewhere, no browser would send the
    strict cookie along."""
    wired = wired_of(request)
    longest = timedelta(hours=wired.config.product.session_max_h)
    try:
        secret = credentials.sign_in(wired.installation, actor, longest, replaces)
    except RefusedError as error:
        return notice("Not signed in", str(error), status=HTTPStatus.FORBIDDEN)
    answer = notice("Signed in", f"You are {actor.person}.", onward=onward)
    answer.set_cookie(cookie_name(wired), secret, path="/", secure=wired.config.product.secure, httponly=True, samesite="strict")
    return answer
