"""What the identity provider is asked: one answer, of a bounded size, within a bounded time, from exactly that address."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from driftwatch.api.problems import Problem
from driftwatch.api.strict import parse
from driftwatch.config.addresses import is_loopback, web_address
from driftwatch.errors import SourceError

DEADLINE_S: Final = 5.0
MOST_BYTES: Final = 262_144


def fetched(
    url: str, *, form: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None, deadline_s: float = DEADLINE_S
) -> dict[str, Any]:
    """The JSON object that a GET answers, or a POST of a form. Raises SourceError for anything else, redirects included.

    Only https, and http on this machine; certificates are always verified.
    """
    try:
        web_address(url.partition("?")[0], path=True)
        body = _body(url, form, auth, time.monotonic() + deadline_s)
        value = parse(body)
    except ValueError as error:
        raise SourceError(f"the identity provider names an address that is not used: {error}", retryable=False) from error
    except httpx2.HTTPError as error:
        raise SourceError(f"the identity provider does not answer: {type(error).__name__}") from error
    except Problem as error:
        raise SourceError(f"the identity provider answers no JSON object: {error.detail}") from error
    if not isinstance(value, dict):
        raise SourceError("the identity provider answers no JSON object")
    return value


def _body(url: str, form: Mapping[str, str] | None, auth: tuple[str, str] | None, until: float) -> bytes:
    here = is_loopback(urlsplit(url).hostname or "")
    with (
        httpx2.Client(timeout=max(0.1, until - time.monotonic()), follow_redirects=False, trust_env=not here) as client,
        client.stream("GET" if form is None else "POST", url, data=form, auth=auth, headers={"Accept": "application/json"}) as answer,
    ):
        if answer.status_code != httpx2.codes.OK:
            raise SourceError(f"the identity provider answers with the status {answer.status_code}")
        body = bytearray()
        for part in answer.iter_bytes():
            body += part
            if len(body) > MOST_BYTES:
                raise SourceError(f"the identity provider answers with more than {MOST_BYTES} bytes")
            if time.monotonic() > until:
                raise SourceError("the identity provider does not finish its answer")
        return bytes(body)
