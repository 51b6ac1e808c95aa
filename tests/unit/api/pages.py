"""Pages as people see them: signed in by session, forms posted as a browser posts them, and elements as a browser would make them."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from driftwatch.domain.baseline import Actor
from driftwatch.operations import credentials
from tests.unit.api.caller import Stage

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "\u202egnp.exe", "\x1b[31m")
HTML = {"Accept": "text/html"}
OURS = {"Origin": "http://testserver"}
SEEN = re.compile(r'name="seen" value="([0-9a-f]+)"')


def signed_in(stage: Stage, actor: Actor) -> Stage:
    secret = credentials.sign_in(stage.world.installation, actor, timedelta(hours=9))
    stage.client.cookies.set("driftwatch_session", secret)
    return stage


def page(stage: Stage, path: str) -> Any:
    return stage.client.get(path, headers=HTML)


def text(stage: Stage, path: str) -> str:
    answer = page(stage, path)
    assert answer.status_code == 200, answer.text
    return str(answer.text).split("</header>")[1]


def form(stage: Stage, path: str, **fields: str) -> Any:
    return stage.client.post(path, data=fields, headers=HTML | OURS, follow_redirects=False)


def offered(stage: Stage, path: str) -> list[str]:
    """The acts whose forms the page has."""
    return [address.rpartition("/")[2] for address in re.findall(r'<form method="post" action="([^"]+)"', text(stage, path))]


def submit(stage: Stage, path: str, act: str, **fields: str) -> Any:
    """Fills the form of an act in, with what the page put into it, and posts it."""
    found = re.search(rf'<form method="post" action="([^"]+/{act})">(.*?)</form>', text(stage, path), re.DOTALL)
    assert found, f"no form for {act}"
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', found[2]))
    return form(stage, found[1], **hidden | fields)


def elements(html: str) -> list[tuple[str, dict[str, str]]]:
    """Every element that a browser would make, with its attributes."""
    found: list[tuple[str, dict[str, str]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.append((tag, {name: value or "" for name, value in attributes}))

    Reader().feed(html)
    return found


def is_sound(html: str) -> None:
    """Nothing from elsewhere is markup; every input has its label; headings come in order; tables may scroll."""
    levels, labels, scrolls = [1], 0, 0
    for tag, attributes in elements(html):
        assert tag not in ("img", "style", "iframe", "object", "base")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert tag != "script" or attributes["src"].startswith("/static/")
        assert not attributes.get("href", "/").lower().startswith(("javascript:", "data:"))
        labels += (tag == "label") - (tag in ("select", "textarea") or (tag == "input" and attributes.get("type") != "hidden"))
        scrolls += (attributes.get("class") == "scroll") - (tag == "table")
        assert labels >= 0, "an input without a label before it"
        assert scrolls >= 0, "a table that does not scroll"
        if re.fullmatch("h[1-6]", tag):
            assert int(tag[1]) <= levels[-1] + 1, "a heading left out"
            levels.append(int(tag[1]))
    assert labels == 0
    assert levels.count(1) == 2, "one heading of the page"
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert not re.findall(r">\s*49\s*<", html)
