"""How times, durations and values are said in an explanation. All times are UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from driftwatch.domain.canonical import canonical_json
from driftwatch.domain.resource import Json

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_LONGEST_VALUE = 120


def duration(span: timedelta) -> str:
    """A length of time in its two largest units: "1 hour 20 minutes"; the sign does not count."""
    left = round(abs(span.total_seconds()))
    if left == 0:
        return "less than a second" if span else "0 seconds"
    parts: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def clock(moment: datetime) -> str:
    """The time of day, with seconds only where there are any."""
    moment = moment.astimezone(UTC)
    return f"{moment:%H:%M:%S}" if moment.second or moment.microsecond else f"{moment:%H:%M}"


def instant(moment: datetime) -> str:
    """A point in time: "10:30 UTC on 2026-03-10"."""
    return f"{clock(moment)} UTC on {moment.astimezone(UTC):%Y-%m-%d}"


def between(start: datetime, end: datetime) -> str:
    """A stretch of time: "between 10:00 and 11:00 UTC on 2026-03-10", with both days where they differ."""
    if start.astimezone(UTC).date() == end.astimezone(UTC).date():
        return f"between {clock(start)} and {instant(end)}"
    return f"between {instant(start)} and {instant(end)}"


def stretch(start: datetime, end: datetime) -> str:
    """A window: "08:00-09:53 UTC on 2026-03-10", with both days where they differ."""
    if start.astimezone(UTC).date() == end.astimezone(UTC).date():
        return f"{clock(start)}-{instant(end)}"
    return f"from {instant(start)} to {instant(end)}"


def listed(items: Sequence[str], word: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def place(path: str) -> str:
    """A path of a drift; the empty one is the whole resource."""
    return path or "the whole resource"


def value(item: Json) -> str:
    """A value as canonical JSON, cut where it is long."""
    text = canonical_json(item).decode("utf-8", "replace")
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}... ({len(text)} characters)"
