"""Strict JSON (RFC 8259) with places: the standard library's reader keeps none, and lets duplicate keys and NaN pass.

YAML's reader cannot stand in for it: it refuses characters beyond U+FFFF that are escaped as a pair, and folds U+2028 into a space.
"""

from __future__ import annotations

import json
import re
from typing import Final

from driftwatch.documents.tree import Scalar, Tree, shown
from driftwatch.errors import InputError, Place

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r]+)|(?P<line>\n)|(?P<mark>[{}\[\]:,])
    |(?P<text>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")
    |(?P<word>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null)(?![^\s,:\[\]{}"])""",
    re.VERBOSE,
)
_VALUE: Final = "a value"
_KEY: Final = "a key in double quotes"
_ENDS: Final = {"}": True, "]": False}


def read_json(text: str, tree: Tree) -> None:
    """Feeds the one JSON value in `text` to `tree`; raises InputError with the place of what is no JSON. Text without a value is none."""
    reader = _Json(tree)
    line, start, position = 1, 0, 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        place = Place(tree.source, line, position - start + 1)
        if token is None:
            raise InputError(f"no valid JSON: {shown(text[position : position + 20].splitlines()[0])}", expected=reader.wanted, place=place)
        position = token.end()
        if token.lastgroup == "line":
            line, start = line + 1, position
        elif token.lastgroup != "space":
            reader.take(token[0], place, written=token.lastgroup == "text")
    reader.end(Place(tree.source, line, position - start + 1))


class _Json:
    """The grammar: what may come next, in words that a message can use."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.wanted = _VALUE
        self._may_end = False

    def take(self, token: str, place: Place, *, written: bool) -> None:
        """The next token; `written` for a text in quotes."""
        if token in _ENDS and not written:
            self._leave(token, place)
        elif token in {",", ":"} and not written:
            self._require(token, token, place)
            self.wanted = _KEY if token == "," and self._tree.inside else _VALUE
        elif token in {"{", "["} and not written:
            self._require(_VALUE, token, place)
            self._tree.enter(place, mapping=token == "{")
            self.wanted, self._may_end = (_KEY if token == "{" else _VALUE), True
            return
        else:
            self._scalar(token, place, written=written)
        self._may_end = False

    def end(self, place: Place) -> None:
        """The end of the text."""
        if self._tree.inside is not None:
            raise InputError("the end of the file", expected=self.wanted, place=place)

    def _leave(self, token: str, place: Place) -> None:
        complete = self._may_end or self.wanted == ","
        if self._tree.inside is not _ENDS[token] or not complete:
            raise InputError(f"no valid JSON: {token}", expected=self.wanted, place=place)
        self._tree.leave()
        self._after_value()

    def _scalar(self, token: str, place: Place, *, written: bool) -> None:
        key = self.wanted == _KEY
        if self.wanted not in {_KEY, _VALUE} or (key and not written):
            raise InputError(f"no valid JSON: {shown(token)}", expected=self.wanted, place=place)
        text = json.loads(token) if written else token
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise InputError("half of a surrogate pair", expected="a whole character", place=place)
        self._tree.scalar(Scalar(place, text, plain=not written))
        if key:
            self.wanted = ":"
        else:
            self._after_value()

    def _after_value(self) -> None:
        self.wanted = "," if self._tree.inside is not None else "the end of the file"

    def _require(self, wanted: str, token: str, place: Place) -> None:
        if self.wanted != wanted:
            raise InputError(f"no valid JSON: {token}", expected=self.wanted, place=place)
