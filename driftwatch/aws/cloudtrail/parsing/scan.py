"""Finds the records of a log that cannot be read as one JSON text: cut, damaged in places, one record a line, or too large for memory.

Only brackets and strings are looked at, in one pass, piece by piece; whether a record is JSON is for its reader to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

MAX_RECORD: Final = 32 * 1024 * 1024
"""A larger record is passed over. CloudTrail's own limit for an event is 256 KB; other writers of the format may keep to none."""

_OUTSIDE: Final = re.compile(rb'[^"{}\[\]]*+(?:"(?:[^"\\]++|\\.)*+"[^"{}\[\]]*+)*+', re.DOTALL)
"""Everything up to the next bracket, or to a string that has not ended yet."""
_INSIDE: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_LISTING: Final = re.compile(rb'"(?:Records|Events|Messages)"\s*:\s*\Z')
_BEGINNING: Final = re.compile(rb'\{\s*"eventVersion"\s*:')
"""How CloudTrail begins a record; within a string the quotes would have backslashes."""
_NEXT: Final = re.compile(rb'\}\s*,\s*(?=\{\s*"eventVersion"\s*:)')
_BETWEEN: Final = b" \t\r\n,\xef\xbb\xbf"
_CLOSES: Final = {ord("}"): ord("{"), ord("]"): ord("[")}


@dataclass(frozen=True, slots=True)
class Found:
    """One record as it stands. `whole` is False for one that was never closed, `fits` for one over the limit (its bytes are not kept)."""

    text: bytes
    whole: bool = True
    fits: bool = True


class Scanner:
    """Takes pieces, and gives the records that they complete.

    Records are the objects of the list that the text is, or of a list `Records`, `Events` or `Messages` of the object that it is; any
    other object is itself one. `noise` says that there was something between them, `cut` that the text ended within a bracket.

    Where a record is no JSON, its end is where a lost quote or bracket made it seem to be: its reader then lets the scan `resume` within.
    """

    def __init__(self, limit: int = MAX_RECORD) -> None:
        self.noise = False
        self.cut = False
        self._limit = limit
        self._text = b""
        self._at = 0
        self._in_string = False
        self._open = bytearray()
        self._base = 0
        self._start: int | None = None
        self._given = 0
        self._skipping = False

    def scan(self, pieces: Iterable[bytes]) -> Iterator[Found]:
        for piece in pieces:
            self._forget()
            self._text += piece
            yield from self._advance()
            if self._start is not None and len(self._text) - self._start > self._limit:
                yield self._oversize()
                yield from self._advance()
        while self._is_within():
            if self._start is None:
                return
            self._given, self._start = self._start, None
            yield Found(self._text[self._given :], whole=False)
            yield from self._advance()

    def _is_within(self) -> bool:
        self.cut = bool(self._open or self._in_string)
        return self.cut

    def resume(self, offset: int) -> None:
        """Goes on at this offset within the record that was given last, where another seems to begin."""
        self._at, self._start, self._in_string = self._given + offset, None, False
        del self._open[self._base :]

    def _forget(self) -> None:
        """Drops what is behind: all up to the open record, or to where the scan stands."""
        kept = self._at if self._start is None else self._start
        self._text = self._text[kept:]
        self._at -= kept
        self._start = None if self._start is None else 0

    def _oversize(self) -> Found:
        assert self._start is not None
        following = _NEXT.search(self._text, self._start + 1)
        if following:  # a bracket was lost: what follows are records of their own
            found = Found(self._text[self._start : following.start() + 1], whole=False)
            self._given = self._start
            self.resume(following.end() - self._given)
            return found
        self._start, self._skipping = None, True
        return Found(b"", fits=False)

    def _advance(self) -> Iterator[Found]:
        text = self._text
        while self._at < len(text):
            if self._in_string:
                self._at = _end(_INSIDE, text, self._at)
                if text[self._at : self._at + 1] != b'"':
                    return
                self._in_string = False
                self._at += 1
            end = _end(_OUTSIDE, text, self._at)
            if len(self._open) == self._base and text[self._at : end].strip(_BETWEEN):
                self.noise = True
            self._at = end + 1
            if end == len(text):
                self._at = end
                return
            byte = text[end]
            if byte in b"{[":
                self._opened(byte, end)
            elif byte == ord('"'):
                self._in_string = True
                self.noise = self.noise or len(self._open) == self._base
            elif self._open and self._open[-1] == _CLOSES[byte]:
                yield from self._closed(end)
            # else: a bracket that closes nothing; its record is no JSON, which its reader will see

    def _opened(self, byte: int, at: int) -> None:
        depth = len(self._open)
        self._open.append(byte)
        if byte == ord("["):
            listed = depth == 1 and self._base == 0 and _LISTING.search(self._text, max(0, at - 100), at)
            if depth == 0 or listed:
                self._base = depth + 1
                self._start = None
            elif depth == self._base:
                self.noise = True
        elif depth == self._base and not self._skipping:
            self._start = at

    def _closed(self, at: int) -> Iterator[Found]:
        self._open.pop()
        depth = len(self._open)
        if depth == self._base:
            self._skipping = False
            if self._start is not None:
                self._given, self._start = self._start, None
                yield Found(self._text[self._given : at + 1])
        elif depth < self._base:
            self._base = 0


def another(text: bytes) -> int:
    """The offset in a record at which another seems to begin; 0 where none does."""
    beginning = _BEGINNING.search(text, 1)
    return beginning.start() if beginning else 0


def _end(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    match = pattern.match(text, at)
    assert match is not None  # both patterns match nothing as well
    return match.end()
