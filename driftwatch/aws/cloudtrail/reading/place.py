"""The log files of one account and region: what is new among them, fetched and read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.cloudtrail.reading.access import is_general, is_gone
from driftwatch.aws.cloudtrail.reading.intake import Intake
from driftwatch.aws.cloudtrail.reading.layout import Layout, is_log_file
from driftwatch.aws.cloudtrail.reading.objects import Fetched, Objects
from driftwatch.aws.cloudtrail.reading.position import MOST_TRIES, Position
from driftwatch.domain.activity import ActivityBatch, Refusal
from driftwatch.domain.snapshot import GapReason

_RECENT: Final = timedelta(hours=2)
_DEEP_EVERY: Final = timedelta(hours=1)
"""The whole window is listed once an hour, its last two hours always: a listing of a thousand keys costs as much as one of none."""
_FUTURE: Final = timedelta(days=1)
"""The clocks of CloudTrail and of this machine need not agree on the day."""
_MOST_FAILED: Final = 1000
"""With more files than this that cannot be fetched, new ones of the place are left for later."""


@dataclass(slots=True, kw_only=True)
class Fetching:
    """What the places of one fetch share. `trouble` is the first failure that the fetch as a whole has to tell of."""

    objects: Objects
    layout: Layout
    intake: Intake
    position: Position
    now: datetime
    stopped: Callable[[], bool]
    pool: Executor
    relist: timedelta
    group: int
    places: int = 0
    trouble: CallFailed | None = None
    _told: int = 0

    def failed(self, failed: CallFailed) -> None:
        """Notes a failure that lets the others go on. Raises it when it is one that would befall them, too."""
        if self.trouble is None:
            self.trouble = failed
        if is_general(failed):
            raise failed

    def calls(self) -> int:
        """The calls made since this was last asked."""
        before, self._told = self._told, self.objects.caller.calls
        return self._told - before


class Place:
    """An account and region. `complete` says, after `read`, that everything that was listed was read."""

    def __init__(self, fetching: Fetching, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self.complete = False
        self.state = fetching.position.of(account, region)
        self._fetching = fetching
        self._denied: CallFailed | None = None
        self._any_read = False

    def read(self, most: int) -> Iterator[ActivityBatch]:
        """At most `most` new files, and those that failed before and are due."""
        fetching = self._fetching
        deep = self.state.deep is None or fetching.now - self.state.deep >= _DEEP_EVERY
        since = self._since(deep=deep)
        due = [key for key, failed in self.state.failed.items() if failed.is_due(fetching.now)]
        yield from self._files(due)
        try:
            keys = list(islice(self._new(since), most + 1))
        except CallFailed as failed:
            fetching.failed(failed)
            return
        yield from self._files(keys[:most])
        if self._denied is not None and not self._any_read:
            fetching.failed(self._denied)
        if len(keys) > most or fetching.stopped():
            return
        self.complete = not self.state.failed
        self.state.listed = fetching.now
        self.state.deep = fetching.now if deep else self.state.deep
        self.state.forget_before(fetching.now - fetching.relist - _FUTURE)
        yield self.batch()

    def batch(self, **rest: Any) -> ActivityBatch:
        """What was gathered, with the position after it."""
        fetching = self._fetching
        return fetching.intake.batch(position=fetching.position.as_json(self.account, self.region), calls=fetching.calls(), **rest)

    def _since(self, *, deep: bool) -> datetime:
        known = self.state.listed
        if known is None:
            return self.state.since
        return max(self.state.since, min(known, self._fetching.now) - (self._fetching.relist if deep else _RECENT))

    def _new(self, since: datetime) -> Iterator[str]:
        fetching = self._fetching
        if len(self.state.failed) >= _MOST_FAILED:
            self._denied = CallFailed(GapReason.ERROR, operation="s3:GetObject", detail=f"more than {_MOST_FAILED} files cannot be fetched")
            return
        for prefix, after in fetching.layout.days(self.account, self.region, since, fetching.now + _FUTURE):
            for key in fetching.objects.keys(prefix, after):
                if is_log_file(key) and not self.state.knows(key):
                    yield key

    def _files(self, keys: Iterable[str]) -> Iterator[ActivityBatch]:
        left = iter(keys)
        while (group := list(islice(left, self._fetching.group))) and not self._fetching.stopped():
            for key, got in zip(group, self._fetching.pool.map(self._get, group), strict=True):
                if isinstance(got, CallFailed) and is_general(got):
                    yield self.batch()
                    raise got
                yield from self._file(key, got)
            yield self.batch()

    def _get(self, key: str) -> Fetched | CallFailed:
        try:
            return self._fetching.objects.get(key)
        except CallFailed as failed:
            return failed

    def _file(self, key: str, got: Fetched | CallFailed) -> Iterator[ActivityBatch]:
        """One file; gives a batch only when it holds more than a batch should: with the position before it, since it is read anew if the
        rest does not follow."""
        fetching = self._fetching
        where = f"s3://{fetching.objects.bucket}/{key}"
        if isinstance(got, Fetched):
            self._any_read = True
            for _ in fetching.intake.take(got.data, where):
                yield self.batch()
            self.state.read(key)
        elif got.reason is GapReason.OVERSIZE:
            fetching.intake.refuse(Refusal.TOO_LARGE, where, got.detail)
            self.state.read(key)
        else:
            self._fails(key, where, got)

    def _fails(self, key: str, where: str, got: CallFailed) -> None:
        if not is_gone(got):
            self._denied = got
        tries = self.state.fails(key, self._fetching.now).tries
        if tries == 1:
            self._fetching.intake.refuse(Refusal.UNREADABLE, where, f"{got.detail}; it is tried again")
        elif tries >= MOST_TRIES:
            self._fetching.intake.refuse(Refusal.UNREADABLE, where, f"{got.detail}; it is given up after {tries} tries")
