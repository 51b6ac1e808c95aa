"""Instants as people give them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from driftwatch.documents import values
from driftwatch.documents.problems import Problems
from driftwatch.documents.tree import Scalar, shown
from driftwatch.errors import InputError, Place

_BACK: Final = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def since_option(text: str, now: datetime) -> datetime:
    """The instant that `--since` means: so long before `now`, the beginning of a day (UTC), or a time with its zone. Raises InputError."""
    back = _BACK.fullmatch(text)
    if back:
        return now - int(back[1]) * _UNITS[back[2]]
    node, problems = Scalar(Place("--since"), text, plain=False), Problems()
    moment = values.moment(node, problems)
    if moment is not None:
        return moment
    day = values.day(node, Problems())
    if day is not None:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    raise InputError(f"--since {shown(text)}", expected="a number and h, d or w such as 30d, a day, or a time such as 2026-03-10T12:00:00Z")
