"""The trails of the simulated accounts and their log files: which trail logs what, and where its files are put.

A file is gzipped JSON with ``{"Records": [...]}`` under the name that
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html gives.
"""

from __future__ import annotations

import gzip
import json
import random
import string
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from driftwatch.demo.trail_records import Call

Json = Any
_RANDOM: Final = 16
"""Letters and digits at the end of a file's name, so that no two are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingTrail:
    """A trail as its account set it up; `started` tells whether it logs."""

    name: str
    bucket: str
    prefix: str
    home: str
    everywhere: bool
    started: bool = False

    def wants(self, region: str) -> bool:
        return self.started and (self.everywhere or region == self.home)


class Trails:
    """The trails of all accounts, as the calls that made, started and stopped them left them."""

    def __init__(self) -> None:
        self._trails: dict[tuple[str, str], LoggingTrail] = {}

    def learn(self, account: str, call: Call) -> None:
        """Takes up a successful call to CloudTrail."""
        name = str(call.params.get("Name", "")).rpartition("/")[2]
        if call.name in ("CreateTrail", "UpdateTrail"):
            before = self._trails.get((account, name))
            self._trails[account, name] = _set_up(name, call, started=before is not None and before.started)
        elif call.name == "DeleteTrail":
            self._trails.pop((account, name), None)
        elif call.name in ("StartLogging", "StopLogging") and (account, name) in self._trails:
            self._trails[account, name] = replace(self._trails[account, name], started=call.name == "StartLogging")

    def that_log(self, account: str, region: str) -> Sequence[LoggingTrail]:
        return [trail for (owner, _), trail in self._trails.items() if owner == account and trail.wants(region)]


def _set_up(name: str, call: Call, *, started: bool) -> LoggingTrail:
    told = call.reply
    return LoggingTrail(
        name=name,
        bucket=str(told["S3BucketName"]),
        prefix=str(told.get("S3KeyPrefix") or ""),
        home=call.region,
        everywhere=bool(told.get("IsMultiRegionTrail")),
        started=started,
    )


class LogFiles:
    """Records on their way into the buckets of their trails: each flush makes one file of each account and region.

    `put` stores a file: the account, the bucket, the key and the contents. Threads may share it.
    """

    def __init__(self, put: Callable[[str, str, str, bytes], None]) -> None:
        self._put = put
        self._waiting: dict[tuple[str, str, str], list[Mapping[str, Json]]] = defaultdict(list)
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._names = random.Random()  # noqa: S311 - a name, no secret

    def add(self, trail: LoggingTrail, record: Mapping[str, Json]) -> None:
        folder = "/".join(
            part for part in (trail.prefix, "AWSLogs", record["recipientAccountId"], "CloudTrail", record["awsRegion"]) if part
        )
        with self._lock:
            self._waiting[record["recipientAccountId"], trail.bucket, folder].append(record)

    def held(self) -> AbstractContextManager[object]:
        """While it lasts, nothing is stored: a flush waits for its end, so the same thread must not ask for one."""
        return self._writing

    def flush(self, now: datetime) -> None:
        """Stores what waits; returns when it is stored, also what another thread was storing. What could not be stored waits on."""
        with self._writing:
            with self._lock:
                waiting = {place: list(records) for place, records in self._waiting.items() if records}
            for (account, bucket, folder), records in waiting.items():
                ending = "".join(self._names.choices(string.ascii_letters + string.digits, k=_RANDOM))
                region = folder.rpartition("/")[2]
                key = f"{folder}/{now:%Y/%m/%d}/{account}_CloudTrail_{region}_{now:%Y%m%dT%H%MZ}_{ending}.json.gz"
                self._put(account, bucket, key, gzip.compress(json.dumps({"Records": records}).encode(), mtime=0))
                with self._lock:
                    del self._waiting[account, bucket, folder][: len(records)]
