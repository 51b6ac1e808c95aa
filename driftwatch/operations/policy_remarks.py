"""Remarks: what a look at a policy found, with its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from driftwatch.errors import Place


class Level(StrEnum):
    ERROR = "error"
    """The policy cannot do what it says, or says what nobody stands for any more."""
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Remark:
    """`word` is one of a closed set, for programs; `text` is for people, and names the remedy where it is not plain."""

    level: Level
    place: Place
    word: str
    text: str


def error(place: Place, word: str, text: str) -> Remark:
    return Remark(Level.ERROR, place, word, text)


def warning(place: Place, word: str, text: str) -> Remark:
    return Remark(Level.WARNING, place, word, text)
