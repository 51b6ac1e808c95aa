"""Pages as people see them: signed in by session, forms posted as a browser posts them, and elements as a browser would make them."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

from driftwatch import __version__
from driftwatch.domain.baseline import Actor
from driftwatch.operations import credentials
from tests.unit.api.caller import Stage

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "javascript:alert(1)", "\u202egnp.exe", "\x1b[31m")
HTML = {"Accept": "text/html"}
OURS = {"Origin": "http://testserver"}
SEEN = re.compile(r'name="seen" value="([0-9a-f]+)"')


_INPUTS = ("input", "select", "textarea")
_VOID = ("input", "meta", "link", "br", "img", "rect", "line")


class Read(HTMLParser):
    """A page as a browser takes it: its elements, headings, and the inputs that have no label."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.unlabelled: list[str] = []
        self.bare_tables = 0
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        around = [name for name, _ in self._open]
        if tag in _INPUTS and attributes.get("type") != "hidden" and "label" not in around:
            self.unlabelled.append(attributes.get("name", ""))
        if tag == "table" and not any(given.get("class") == "scroll" for _, given in self._open):
            self.bare_tables += 1
        if tag not in _VOID:
            self._open.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass


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


def assert_sound(text: str) -> None:
    """No markup but our own, nothing inline, labels, headings in order, tables that scroll."""
    read = Read(text)
    assert f"<footer>driftwatch {__version__} " in text
    for tag, attributes in read.tags:
        assert tag not in ("img", "style", "iframe", "object", "base")
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        assert tag != "script" or attributes["src"].startswith("/static/")
        assert not attributes.get("href", "/").lower().startswith(("javascript:", "data:"))
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert not re.findall(r">\s*49\s*<", text), "a template ran"
    assert not read.unlabelled
    assert not read.bare_tables
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
