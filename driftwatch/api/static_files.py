"""Static files: the few that the pages need, by their names and nothing else, for whoever asks."""

from __future__ import annotations

from http import HTTPStatus
from importlib import resources
from typing import Final

from fastapi import APIRouter, Request, Response

from driftwatch.api.problems import Problem

_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_EVER: Final = "public, max-age=31536000, immutable"

router: Final = APIRouter()


@router.get("/static/{name}", include_in_schema=False)
def static(request: Request, name: str) -> Response:
    """One file. Its address holds a digest of it (`site.asset`): only such an address may be kept for ever."""
    kind = next((kind for ending, kind in _KINDS.items() if name.endswith(ending)), None)
    file = next((item for item in resources.files("driftwatch.api").joinpath("static").iterdir() if item.name == name), None)
    if kind is None or file is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such file")
    kept = _FOR_EVER if request.url.query else "no-cache"
    return Response(file.read_bytes(), media_type=kind, headers={"Cache-Control": kept})
