"""Details that are kept from one scan to the next, where their entry says that they need not be read in every one (`every`).

They are kept in memory, in a bounded space: what does not fit, and everything after a restart, is read again. A cell with kept details
is known only since the oldest of them was read, and says so (`CellRead.known_since`): no change is dated later than it may have been.
"""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from driftwatch.aws.entry import Every

ON_CHANGE_READINGS = 24
"""How often a detail that is read on change is told before it is read anyway: the item may not show what it should."""
MAX_AGE = timedelta(hours=6)
"""However seldom scans are: an older value is read again. A quarter of the default `scan.freshness_h`."""
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Kept:
    body: bytes
    item: bytes
    """The item that it was read for, as it was then."""
    read_at: datetime
    left: int
    """In how many more scans it may stand for a reading."""


class Kept:
    """The kept details of a collector, the least recently used of them leaving first. May be used by many threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._values: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: Hashable, every: Every, item: bytes, now: datetime) -> tuple[Any, datetime] | None:
        """The value and when it was read; None where it is to be read now. Each answer is one of those that `every` allows."""
        with self._lock:
            kept = self._values.pop(key, None)
            if kept is None:
                return None
            self._bytes -= len(kept.body)
            if kept.left < 1 or now - kept.read_at > MAX_AGE or (every == "on-change" and kept.item != item):
                return None
            self._add(key, _Kept(kept.body, kept.item, kept.read_at, kept.left - 1))
        return pickle.loads(kept.body), kept.read_at  # noqa: S301 - our own memory, and a copy that its reader may change

    def put(self, key: Hashable, every: Every, item: bytes, value: Any, now: datetime) -> None:
        body = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        readings = ON_CHANGE_READINGS if every == "on-change" else every
        with self._lock:
            if former := self._values.pop(key, None):
                self._bytes -= len(former.body)
            self._add(key, _Kept(body, item, now, readings - 1))

    def _add(self, key: Hashable, kept: _Kept) -> None:
        self._values[key] = kept
        self._bytes += len(kept.body)
        while self._bytes > self._max_bytes:
            _, oldest = self._values.popitem(last=False)
            self._bytes -= len(oldest.body)


@dataclass(kw_only=True)
class Keeping:
    """What one reading of one entry does with kept details. `use` says whether it may tell them; what it reads it always keeps.

    `oldest` is when the oldest of those that it told was read.
    """

    kept: Kept
    account: str
    use: bool
    clock: Callable[[], datetime]
    oldest: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def value(self, question: Hashable, every: Every, item: Any, read: Callable[[], Any]) -> Any:
        """The kept answer to the question, or the one that `read` gives. Raises what `read` raises, and then keeps nothing."""
        key, digest = (self.account, question), _digest(item)
        found = self.kept.take(key, every, digest, self.clock()) if self.use else None
        if found:
            with self._lock:
                self.oldest = min(self.oldest or found[1], found[1])
            return found[0]
        now = self.clock()
        value = read()
        self.kept.put(key, every, digest, value, now)
        return value


def _digest(item: Any) -> bytes:
    return hashlib.blake2b(repr(item).encode("utf-8", "surrogatepass"), digest_size=16).digest()
