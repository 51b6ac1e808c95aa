"""How far a bucket has been read, as JSON: which files of the days that are still looked at, and which could not be fetched.

The name of a log file holds when it was delivered, to the minute, and random letters: later files need not sort behind earlier ones. So
the newest days are listed again and again, and the files that were read are remembered, by eight bytes each.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftwatch.aws.cloudtrail.reading.layout import day_of
from driftwatch.domain.resource import Json

_VERSION: Final = 1
_MARK: Final = 8
MOST_TRIES: Final = 13
"""With the growing pauses between them, an object is given up after nearly three days."""


@dataclass(slots=True)
class Failed:
    """An object that could not be fetched: how often it was tried, and when last."""

    tries: int
    at: datetime

    def is_due(self, now: datetime) -> bool:
        return now >= self.at + timedelta(minutes=2 ** (self.tries - 1))


@dataclass(slots=True)
class PlacePosition:
    """How far one account and region was read.

    Files delivered before `since` are none of ours. `listed` is when the last listing began of which everything was read, `deep` when
    the last one began that reached back over the whole window. `digests` is by chain (see `chain.py`).
    """

    since: datetime
    listed: datetime | None = None
    deep: datetime | None = None
    seen: dict[str, set[bytes]] = field(default_factory=dict)
    failed: dict[str, Failed] = field(default_factory=dict)
    digests: dict[str, dict[str, Any]] = field(default_factory=dict)

    def knows(self, key: str) -> bool:
        """Whether a file was read, or is among those that failed."""
        return key in self.failed or _mark(key) in self.seen.get(day_of(key), ())

    def read(self, key: str) -> None:
        self.failed.pop(key, None)
        self.seen.setdefault(day_of(key), set()).add(_mark(key))

    def fails(self, key: str, now: datetime) -> Failed:
        """Notes a failure; after the last try the file counts as read."""
        failed = Failed(self.failed[key].tries + 1 if key in self.failed else 1, now)
        if failed.tries >= MOST_TRIES:
            self.read(key)
        else:
            self.failed[key] = failed
        return failed

    def forget_before(self, time: datetime) -> None:
        """Files of days that will not be listed again need not be remembered."""
        self.seen = {day: marks for day, marks in self.seen.items() if day >= f"{time:%Y%m%d}"}

    def as_json(self) -> dict[str, Json]:
        return {
            "since": _text(self.since),
            "listed": _text(self.listed),
            "deep": _text(self.deep),
            "seen": {day: base64.b64encode(b"".join(sorted(marks))).decode() for day, marks in sorted(self.seen.items())},
            "failed": {key: [failed.tries, _text(failed.at)] for key, failed in sorted(self.failed.items())},
            "digests": {chain: dict(state) for chain, state in sorted(self.digests.items())},
        }


class Position:
    """The position of a bucket: that of its places, each an account and region."""

    def __init__(self, stored: Json, start: datetime) -> None:
        self._start = start
        self._places: dict[str, PlacePosition] = {}
        self._encoded: dict[str, Json] = {}
        if isinstance(stored, Mapping) and stored.get("version") == _VERSION:
            places: Any = stored["places"]
            self._places = {name: _place(place) for name, place in places.items()}
            self._encoded = dict(places)

    def of(self, account: str, region: str) -> PlacePosition:
        """The position of a place; one that is new begins at the start."""
        return self._places.setdefault(f"{account}/{region}", PlacePosition(since=self._start))

    def as_json(self, account: str, region: str) -> Json:
        """The whole, of which only the position of this place has changed since it was last asked for."""
        self._encoded[f"{account}/{region}"] = self.of(account, region).as_json()
        return self.unchanged()

    def unchanged(self) -> Json:
        """The whole, as it was when it was last asked for."""
        return {"version": _VERSION, "places": dict(self._encoded)}


def _place(stored: Mapping[str, Any]) -> PlacePosition:
    since = _time(stored["since"])
    assert since is not None
    return PlacePosition(
        since=since,
        listed=_time(stored["listed"]),
        deep=_time(stored["deep"]),
        seen={day: _marks(base64.b64decode(text)) for day, text in stored["seen"].items()},
        failed={key: Failed(tries, datetime.fromisoformat(at)) for key, (tries, at) in stored["failed"].items()},
        digests={chain: dict(state) for chain, state in stored["digests"].items()},
    )


def _mark(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_MARK).digest()


def _marks(data: bytes) -> set[bytes]:
    return {data[at : at + _MARK] for at in range(0, len(data), _MARK)}


def _text(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat() if time else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
