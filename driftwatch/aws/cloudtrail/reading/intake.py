"""From what a source holds to what it gives: Activities, and what was set aside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Protocol

from driftwatch.aws.cloudtrail.parsing.records import Record, read
from driftwatch.domain.activity import Activity, ActivityBatch, Refusal, Refused


class Parse(Protocol):
    """One record as an Activity, or why it is none. `where` names its place in a refusal; what lies after `now` is refused."""

    def __call__(self, record: object, *, where: str = ..., now: datetime | None = ...) -> Activity | Refused: ...


def parser() -> Parse:
    """The reading of CloudTrail's records. Imported here: it brings the table of operations with it."""
    from driftwatch.aws.cloudtrail.parsing.parse import activity

    return activity


ENOUGH: Final = 5000
"""So many activities are worth a batch of their own."""


class Intake:
    """Gathers what a batch is made of. Reading calls are counted and left out."""

    def __init__(self, parse: Parse, now: datetime) -> None:
        self._parse = parse
        self._now = now
        self.activities: list[Activity] = []
        self.refused: list[Refused] = []
        self.reads = 0

    def batch(self, **rest: Any) -> ActivityBatch:
        """A batch of what was gathered, and nothing is gathered any more; `rest` are the other fields of the batch."""
        made = ActivityBatch(activities=tuple(self.activities), refused=tuple(self.refused), reads=self.reads, **rest)
        self.activities, self.refused, self.reads = [], [], 0
        return made

    @property
    def full(self) -> bool:
        return len(self.activities) >= ENOUGH

    def take(self, data: bytes, where: str) -> Iterator[None]:
        """All records of a file or message, which `where` names; gives way whenever it is full, so that a batch may be made."""
        for number, record in enumerate(read(data, where), 1):
            told = record if isinstance(record, Refused) else self._told(record, f"{where}#{number}")
            if isinstance(told, Refused):
                self.refused.append(told)
            elif told.is_write:
                self.activities.append(told)
            else:
                self.reads += 1
            if self.full:
                yield

    def refuse(self, reason: Refusal, where: str, detail: str) -> None:
        self.refused.append(Refused(reason=reason, where=where, detail=detail))

    def _told(self, record: Record, where: str) -> Activity | Refused:
        try:
            return self._parse(record, where=where, now=self._now)
        except Exception as error:  # noqa: BLE001 - a record of a form that nobody thought of must not stop those after it
            return Refused(reason=Refusal.NOT_AN_EVENT, where=where, detail=f"it cannot be understood ({type(error).__name__})")
