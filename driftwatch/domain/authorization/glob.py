"""Globs as policies and change records write them: ``*`` for any text, ``?`` for one character, everything else for itself."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

_WILD = "*?"


def glob_matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` matches, case-sensitively. No pattern can make this slow.

    Most patterns hold no ``?``; those are matched part by part, since compiling an expression for each costs a hundred times more.
    """
    if "?" in pattern:
        return fnmatchcase(text, pattern.replace("[", "[[]"))
    first, *parts = pattern.split("*")
    if not parts:
        return pattern == text
    last = parts.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in parts:
        place = text.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True


def any_matches(patterns: Iterable[str], text: str) -> bool:
    return any(glob_matches(pattern, text) for pattern in patterns)


def is_exact(pattern: str) -> bool:
    """Whether the pattern has no wildcard."""
    return not any(char in pattern for char in _WILD)


def literal_prefix(pattern: str) -> str:
    """What every matching text begins with."""
    return pattern[: min((pattern.find(char) for char in _WILD if char in pattern), default=len(pattern))]
