"""Pointers: what a path in a configuration is called, and the patterns that name paths.

A pointer is RFC 6901 over the *addressed form* of a document (`diff.address`), in which every element of an unordered list has a name.
Besides RFC 6901's own escapes, the characters that mean something in a pattern or join key values (``* ? % |``) are written %XX where
they belong to a value. A pattern is split into segments before it is unescaped, so that no value can look like two segments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Final, TypeAlias, TypeVar

from driftwatch.domain.resource import Json

ANY_SEGMENTS = "**"

_SPECIAL = re.compile(r"[*?%|]")
_CODES = {"*": "%2A", "?": "%3F", "%": "%25", "|": "%7C"}
_UNIT = re.compile(r"%[0-7][0-9A-Fa-f]|.", re.DOTALL)

_W = TypeVar("_W")
_F = TypeVar("_F")


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""What `resolve` finds where there is nothing; null is a value."""


def quote(text: str) -> str:
    """A name or value as a segment of an addressed form: ``* ? % |`` as %XX."""
    return _SPECIAL.sub(lambda found: _CODES[found[0]], text) if _SPECIAL.search(text) else text


def key_segment(values: Iterable[str]) -> str:
    """The segment of an element with these key values: each quoted, joined by ``|``."""
    return "|".join(quote(value) for value in values)


def escape_segment(text: str) -> str:
    """A name or value as it stands in a pointer: quoted, and with RFC 6901's ``~0`` and ``~1``."""
    return _escape(quote(text))


def join(segments: Iterable[str]) -> str:
    """The pointer to the place that these segments of an addressed form (quoted already) lead to; no segments: ``""``, the whole."""
    return "".join(f"/{_escape(segment)}" for segment in segments)


def split(pointer: str) -> tuple[str, ...]:
    """The segments of a pointer, as the addressed form has them. Raises ValueError for text that is neither "" nor begins with "/"."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is no pointer: it has to begin with '/'")
    return tuple(segment.replace("~1", "/").replace("~0", "~") for segment in pointer[1:].split("/"))


def resolve(addressed: Json, pointer: str) -> Json | Absent:
    """The value at `pointer` in an addressed form, or `ABSENT`. An ordered list is one value: nothing below it has a pointer."""
    value = addressed
    for segment in split(pointer):
        if not isinstance(value, dict) or segment not in value:
            return ABSENT
        value = value[segment]
    return value


class Wild(Enum):
    """What in a pattern stands for something else than itself."""

    ONE = "?"
    """One character of a segment."""
    MANY = "*"
    """Any number of characters in a segment or, in the place of a segment, of segments (written ``**``)."""


SegmentPattern: TypeAlias = tuple[str | Wild, ...] | Wild


def split_pattern(pattern: str) -> tuple[SegmentPattern, ...]:
    """A pattern as its segments: each the units it is made of, or `Wild.MANY` for ``**``. Raises ValueError as `split` does."""
    return tuple(Wild.MANY if segment == ANY_SEGMENTS else _pattern_units(segment) for segment in split(pattern))


def matches(pattern: str, path: str) -> bool:
    """Whether `pattern` covers `path`: it matches the path, or an ancestor of it, segment by segment.

    ``*`` and ``?`` stand for any characters and for one, inside one segment; ``**`` for any number of segments. ``""`` covers all,
    ``/A`` does not cover ``""``. The time is bounded by the product of the lengths: no pattern can stall a decision.
    """
    wanted = (*split_pattern(pattern), Wild.MANY)
    found = [_units(segment) for segment in split(path)]
    return _glob(wanted, found, _segment_matches)


def reaches(pattern: str, path: str) -> bool:
    """Whether `pattern` covers `path`, or something below it: what a restriction to a part of a resource has to ask."""
    if matches(pattern, path):
        return True
    found = [_units(segment) for segment in split(path)]
    above = split_pattern(pattern)[: len(found)]
    if Wild.MANY in above:  # any number of segments: what follows them may lie below the path
        above = (*above[: above.index(Wild.MANY)], Wild.MANY)
    return _glob(above, found, _segment_matches)


def _segment_matches(wanted: SegmentPattern, found: tuple[str, ...]) -> bool:
    return isinstance(wanted, tuple) and _glob(wanted, found, lambda unit, character: unit is Wild.ONE or unit == character)


def _glob(wanted: Sequence[_W], found: Sequence[_F], same: Callable[[_W, _F], bool]) -> bool:
    """Whether the whole of `found` is `wanted`, where `Wild.MANY` stands for any number of items.

    Greedy: on a mismatch only the last `Wild.MANY` takes one item more, since whatever an earlier one took would leave less to match.
    """
    at = place = 0
    retry: tuple[int, int] | None = None
    while at < len(found):
        if place < len(wanted) and wanted[place] is Wild.MANY:
            place += 1
            retry = (place, at)
        elif place < len(wanted) and same(wanted[place], found[at]):
            at, place = at + 1, place + 1
        elif retry:
            place, at = retry[0], retry[1] + 1
            retry = (place, at)
        else:
            return False
    return all(item is Wild.MANY for item in wanted[place:])


def _escape(segment: str) -> str:
    return segment.replace("~", "~0").replace("/", "~1")


def _units(segment: str) -> tuple[str, ...]:
    """The characters of a segment. A %XX that stands for one of ``* ? % |`` is one unit, another is the ASCII character it stands for."""
    if "%" not in segment:
        return tuple(segment)
    return tuple(_unit(unit) for unit in _UNIT.findall(segment))


def _unit(text: str) -> str:
    character = chr(int(text[1:], 16)) if len(text) > 1 else text
    return text if character == "|" and len(text) == 1 else _CODES.get(character, character)


def _pattern_units(segment: str) -> tuple[str | Wild, ...]:
    wild = {"*": Wild.MANY, "?": Wild.ONE}
    return tuple(part for text in _UNIT.findall(segment) for part in (wild.get(text) or _unit(text),))
