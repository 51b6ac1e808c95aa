"""Logged calls from CloudTrail itself: LookupEvents, asked only about drifts that nobody is known to have made.

Source: CloudTrail API Reference, LookupEvents: the last 90 days of management events, by one attribute at a time, 50 a page, two requests
a second for each account and region. Needs cloudtrail:LookupEvents in the reader role of each account.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import Field

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.cloudtrail.reading import access
from driftwatch.aws.cloudtrail.reading.access import Calls, Rate
from driftwatch.aws.cloudtrail.reading.intake import Intake, Parse, parser
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits, Place
from driftwatch.documents.models import Section
from driftwatch.domain.activity import ActivityBatch, ActivityOrder, Refusal, Unexplained
from driftwatch.domain.resource import Json

_BACK: Final = timedelta(days=90)
_PAGE: Final = 50
_PER_SECOND: Final = 2.0
_LOOK_UP_S: Final = 0.2
_SHORTEST: Final = timedelta(seconds=1)
_GLOBAL: Final = "global"


class Settings(Section):
    """The settings of a `lookup` source."""

    poll_s: int = Field(default=60, ge=1, le=86_400, description="Seconds from one round of questions to the next.")
    again_s: int = Field(default=300, ge=1, le=86_400, description="Seconds until the same question is asked again.")
    settled_s: int = Field(default=900, ge=0, le=86_400, description="Seconds after which CloudTrail certainly knows an event.")
    max_pages: int = Field(default=20, ge=1, le=1000, description="Pages of 50 events that are read of one answer, the newest first.")
    max_questions: int = Field(default=200, ge=1, le=10_000, description="Questions that one fetch asks; two a second are allowed.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: who called something that names `name` in that time. `id` is the same for the same question."""

    account: str
    region: str
    name: str
    since: datetime
    until: datetime

    @property
    def id(self) -> str:
        text = f"{self.account}\n{self.region}\n{self.name}\n{self.until.isoformat()}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


class LookupSource:
    """Asks about every name of every unexplained drift, until it was asked once `settled_s` after the drift was seen.

    The position holds when each open question was asked last. It never tells an account complete: it asks about single resources.
    """

    def __init__(self, name: str, settings: Settings, accounts: Sequence[Account], parse: Parse, clock: Callable[[], float]) -> None:
        self.name = name
        self._settings = settings
        self._parse = parse
        self._accounts = {account.id: account for account in accounts}
        self._calls = Calls(accounts, Limits(calls_per_place=1, max_pages=settings.max_pages + 1))
        self._rate = Rate(_PER_SECOND, clock)

    @property
    def accounts(self) -> Sequence[str]:
        """None: it is asked about single resources."""
        return ()

    @property
    def reads_from(self) -> Sequence[str]:
        """Nothing that could be taken away."""
        return ()

    @property
    def poll_s(self) -> float:
        """Seconds from one round of questions to the next."""
        return float(self._settings.poll_s)

    def close(self) -> None:
        """Ends its calls, and the thread that watches over them."""
        self._calls.close()

    def fetch(self, order: ActivityOrder, stopped: Callable[[], bool]) -> Iterator[ActivityBatch]:
        """The answers, a batch for each page. An account that cannot be asked does not keep the others from being asked."""
        open_ = {question.id: question for wanted in order.unexplained for question in self._questions(wanted, order.now)}
        stored = order.position if isinstance(order.position, Mapping) else {}
        asked = {id_: str(at) for id_, at in stored.items() if id_ in open_}
        due = sorted(
            (question for question in open_.values() if self._is_due(question, asked.get(question.id), order.now)),
            key=lambda question: (asked.get(question.id, ""), question.until, question.id),
        )
        intake = Intake(self._parse, order.now)
        trouble: CallFailed | None = None
        refusing: set[tuple[str, str]] = set()
        for question in due[: self._settings.max_questions]:
            if stopped():
                return
            if (question.account, question.region) in refusing:
                continue
            try:
                yield from self._answers(question, intake, asked, order.now, stopped)
            except CallFailed as failed:
                refusing.add((question.account, question.region))
                trouble = trouble or failed
        if not due and len(asked) < len(stored):
            yield ActivityBatch(position=_position(asked))
        if trouble is not None and not stopped():
            raise access.as_source_error(self.name, trouble)

    def done(self, batch: ActivityBatch) -> None:
        """CloudTrail keeps its events by itself."""

    def _questions(self, wanted: Unexplained, now: datetime) -> Iterator[Question]:
        """One for each name. An account that is not watched has no reader; what lies further back than 90 days is forgotten."""
        account = self._accounts.get(wanted.account)
        earliest = now - _BACK
        if account is None or wanted.until <= earliest:
            return
        since = max(earliest, min(wanted.since or earliest, wanted.until - _SHORTEST))
        region = account.home if wanted.region == _GLOBAL else wanted.region
        for name in dict.fromkeys(name for name in wanted.names if name):
            yield Question(account=wanted.account, region=region, name=name, since=since, until=wanted.until)

    def _is_due(self, question: Question, asked: str | None, now: datetime) -> bool:
        if asked is None:
            return True
        at = datetime.fromisoformat(asked)
        settled = at >= question.until + timedelta(seconds=self._settings.settled_s)
        return not settled and now >= at + timedelta(seconds=self._settings.again_s)

    def _answers(
        self, question: Question, intake: Intake, asked: dict[str, str], now: datetime, stopped: Callable[[], bool]
    ) -> Iterator[ActivityBatch]:
        """The pages of an answer. The question counts as asked with the last of them."""
        caller = self._calls.by(question.account, stopped, before=lambda place: self._wait(place, stopped))
        params = {
            "LookupAttributes": [{"AttributeKey": "ResourceName", "AttributeValue": question.name}],
            "StartTime": question.since,
            "EndTime": question.until,
            "MaxResults": _PAGE,
        }
        where = f"LookupEvents/{question.account}/{question.region}"
        told = 0
        for number, page in enumerate(caller.pages("cloudtrail", "LookupEvents", params, question.region, None), 1):
            for event in page.get("Events") or ():
                text = event.get("CloudTrailEvent")
                for _ in intake.take((text or "{}").encode("utf-8", "surrogatepass"), f"{where}/{event.get('EventId')}"):
                    yield intake.batch(position=_position(asked))
            more = bool(page.get("NextToken"))
            if more and number == self._settings.max_pages:
                intake.refuse(Refusal.UNREADABLE, where, f"older events of a resource: there are more than {number * _PAGE}")
                more = False
            if not more:
                asked[question.id] = now.isoformat()
            yield intake.batch(position=_position(asked), calls=caller.calls - told)
            told = caller.calls
            if not more:
                return

    def _wait(self, place: Place, stopped: Callable[[], bool]) -> None:
        """Waits for the place's turn. Stopped, it goes on: the call itself then says so."""
        until = time.monotonic() + self._rate.delay(place[0], place[1])
        while (left := until - time.monotonic()) > 0 and not stopped():
            time.sleep(min(left, _LOOK_UP_S))


def _position(asked: Mapping[str, str]) -> Json:
    return dict(asked)


def create(
    name: str,
    settings: Settings,
    *,
    accounts: Sequence[Account],
    parse: Parse | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> LookupSource:
    return LookupSource(name, settings, accounts, parse or parser(), clock)
