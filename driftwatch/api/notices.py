"""Small pages for people who sign in: text, a form at most, no script."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from http import HTTPStatus

from fastapi import Response
from fastapi.responses import HTMLResponse

from driftwatch.api.site import asset


def notice(
    title: str, *lines: str, status: HTTPStatus = HTTPStatus.OK, onward: str = "", form: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """A page of plain text, escaped here. `onward` is a local path that the page goes to by itself; `form` is markup of ours."""
    going = f'<meta http-equiv="refresh" content="0; url={escape(onward)}">' if onward else ""
    link = f'<p><a href="{escape(onward)}">Go on</a></p>' if onward else ""
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)} - driftwatch</title>'
        f'<link rel="stylesheet" href="{asset("driftwatch.css")}">'
        f'<link rel="icon" href="{asset("icon.svg")}" type="image/svg+xml">{going}</head>'
        f"<body><main><h1>{escape(title)}</h1>{text}{form}{link}</main></body></html>"
    )
    return HTMLResponse(page, status_code=status, headers=dict(headers or {}))


def button(action: str, text: str, **hidden: str) -> str:
    """A form with one button, which posts the hidden values."""
    fields = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in hidden.items())
    return f'<form method="post" action="{escape(action)}">{fields}<button type="submit">{escape(text)}</button></form>'
