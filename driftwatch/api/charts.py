"""Charts: columns as rectangles of an SVG, without a script and without a style. The numbers stand in a table beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEIGHT: Final = 100
STEP: Final = 20
_WIDTH: Final = 7
_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Bar:
    kind: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Chart:
    """`top` is the number that a column of full height stands for."""

    top: int
    width: int
    bars: tuple[Bar, ...]


def side_by_side(kinds: tuple[str, str], pairs: Sequence[tuple[int, int]]) -> Chart:
    """Two columns for each pair."""
    top = max((max(pair) for pair in pairs), default=0)
    bars = [
        Bar(kind, place * STEP + _GAP + side * (_WIDTH + 1), HEIGHT - height, _WIDTH, height)
        for place, pair in enumerate(pairs)
        for side, (kind, number) in enumerate(zip(kinds, pair, strict=True))
        if (height := _height(number, top))
    ]
    return Chart(top, len(pairs) * STEP, tuple(bars))


def stacked(kinds: tuple[str, str], pairs: Sequence[tuple[int, int]]) -> Chart:
    """One column for each pair, the second of it upon the first."""
    top = max((sum(pair) for pair in pairs), default=0)
    bars: list[Bar] = []
    for place, pair in enumerate(pairs):
        base = HEIGHT
        for kind, number in zip(kinds, pair, strict=True):
            height = min(_height(number, top), base)
            base -= height
            if height:
                bars.append(Bar(kind, place * STEP + _GAP, base, 2 * _WIDTH + 1, height))
    return Chart(top, len(pairs) * STEP, tuple(bars))


def _height(number: int, top: int) -> int:
    """Something is seen of every number but 0."""
    return max(2, round(number * HEIGHT / top)) if number else 0
