"""Answers: JSON bytes with an entity tag, so that a caller who has them already is told so in a few bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request, Response

from driftwatch.api.problems import Problem
from driftwatch.domain.canonical import encode
from driftwatch.domain.resource import Json

MEDIA_TYPE = "application/json"


def answer(document: Json, *, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """A document as it is: canonical JSON, which keeps integers of any size and text of any characters."""
    return Response(encode(document), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def tagged(request: Request, document: Json, tag: str | None = None) -> Response:
    """The document with its entity tag: `tag`, where approving is bound to that, else one of its bytes. 304 for whoever has it."""
    body = encode(document)
    quoted = f'"{tag}"' if tag else f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    if _has(request.headers.get("if-none-match", ""), quoted):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": quoted})
    return Response(body, media_type=MEDIA_TYPE, headers={"ETag": quoted})


def seen(request: Request, tag: str) -> str:
    """What ``If-Match`` says was looked at, when that is still `tag`. Raises Problem: 428 without it, 412 for anything else.

    ``*`` will not do: whoever approves says what they saw.
    """
    given = request.headers.get("if-match")
    if given is None:
        raise Problem(HTTPStatus.PRECONDITION_REQUIRED, "If-Match has to name what you looked at: the ETag of the thing that is decided on")
    if tag not in {item.strip().strip('"') for item in given.split(",")}:
        raise Problem(HTTPStatus.PRECONDITION_FAILED, "this is no longer what you looked at; get it again, and decide on that")
    return tag


def _has(given: str, quoted: str) -> bool:
    weak = quoted.removeprefix("W/")
    return any(item.strip().removeprefix("W/") == weak for item in given.split(",")) or given.strip() == "*"
