"""The site: templates filled with hostile text. Everything that came from a cloud, a ticket or a log is escaped, and shown whole.

Jinja escapes markup; what has no visible form (controls, directions, surrogates) is written as its code, so that it can neither hide nor
reorder anything.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from importlib import resources
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson
from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from driftwatch import __version__
from driftwatch.domain.resource import Json

PAGES: Final = (
    ("/", "Overview"),
    ("/findings", "Findings"),
    ("/changes", "Changes"),
    ("/baselines", "Baselines"),
    ("/coverage", "Coverage"),
    ("/policy", "Policy"),
    ("/ledger", "Ledger"),
)
"""The pages that are there, in the order of the menu."""
LIVE_EVERY: Final = "every 10s"
_INVISIBLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHORT: Final = 300


def visible(value: Any) -> Any:
    """Text with a visible form for every character; anything else as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", value)
    return value


def value_text(value: Json, most: int | None = None) -> str:
    """A value of a configuration as people read it: text as it is, everything else as JSON."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else _json_text(value)
    return text if most is None or len(text) <= most else f"{text[: most - 1]}…"


def _json_text(value: Json) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode()
    except TypeError:  # an integer beyond 64 bits, or half a character
        return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False)


def moment(text: str | None) -> Markup:
    """An instant of a document, as an element that programs understand, too; people read minutes, UTC."""
    if not text:
        return Markup("")
    shown = text[:16].replace("T", " ")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(text, text, shown)


def ago(text: str | None, now: datetime) -> str:
    """How long ago an instant was, in the largest unit that fits."""
    if not text:
        return ""
    seconds = int((now - datetime.fromisoformat(text)).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def words(name: str) -> str:
    """A word of a closed set as people read it."""
    return name.replace("_", " ")


def step(name: str) -> str:
    """An id of any characters as one step of a path; half a character, which no address can hold, becomes a question mark."""
    return quote(name, safe="", errors="replace")


@lru_cache(maxsize=1)
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("driftwatch.api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"moment": moment, "value_text": value_text, "words": words, "ago": ago, "step": step}
    made.globals |= {"asset": asset, "version": __version__, "live_every": LIVE_EVERY, "pages": PAGES}
    return made


@lru_cache(maxsize=64)
def asset(name: str) -> str:
    """Where a static file is, with a digest of what is in it: it may be kept for ever."""
    data = resources.files("driftwatch.api").joinpath("static", name).read_bytes()
    return f"/static/{name}?{hashlib.sha256(data).hexdigest()[:12]}"


def page(request: Request, template: str, status: int = HTTPStatus.OK, **known: Any) -> Response:
    """A whole page."""
    body = environment().get_template(template).render(request_path=request.url.path, now=datetime.now(UTC), **known)
    return Response(body, status_code=status, media_type="text/html")


def live(request: Request, template: str, **known: Any) -> Response:
    """A part of a page that asks for itself again and again: 304 while nothing in it changed (htmx's polling tags)."""
    body = environment().get_template(template).render(request_path=request.url.path, now=datetime.now(UTC), **known)
    tag = hashlib.sha256(body.encode()).hexdigest()[:32]
    headers = {"HX-PTag": tag}
    if request.headers.get("hx-ptag") == tag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type="text/html", headers=headers)


def link(path: str, query: Mapping[str, Any]) -> str:
    """A path of ours with a query, for lists and filters."""
    pairs = [(name, item) for name, given in query.items() for item in (given if isinstance(given, list) else [given]) if item]
    return f"{path}?{urlencode(pairs)}" if pairs else path
