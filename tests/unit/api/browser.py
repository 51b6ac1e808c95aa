"""What every page is held to, whatever it shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

from driftwatch import __version__

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


def assert_sound(text: str) -> None:
    """No markup but our own, nothing inline, labels, headings in order, tables that scroll."""
    read = Read(text)
    assert f"<footer>driftwatch {__version__} " in text
    for tag, attributes in read.tags:
        assert tag not in ("img", "style", "iframe", "object", "base")
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        assert tag != "script" or attributes["src"].startswith("/static/")
        assert not attributes.get("href", "/").startswith("javascript:")
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert not read.unlabelled
    assert not read.bare_tables
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
