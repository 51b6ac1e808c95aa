"""Logged calls for tests, and a source that holds what a test puts into it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from driftwatch.domain.activity import (
    Activity,
    ActivityBatch,
    ActivityOrder,
    Actor,
    ActorKind,
    CallClass,
    Channel,
    Effect,
    LogProblem,
    Refused,
    Touched,
)
from driftwatch.errors import SourceError

_NUMBERS = itertools.count(1)


def call(
    at: datetime,
    type_: str,
    *ids: str,
    name: str = "Update",
    source: str = "ec2.amazonaws.com",
    who: str = "arn:aws:iam::111111111111:user/ana",
    paths: Sequence[str] | None = None,
    effect: Effect = Effect.UPDATE,
    kind: CallClass = CallClass.CONFIG,
    error: str | None = None,
    account: str = "111111111111",
    region: str = "eu-west-1",
    event: str | None = None,
    sure: bool = True,
) -> Activity:
    """One logged call on one resource."""
    names = (who, who.rpartition("/")[2])
    return Activity(
        id=event or f"event-{next(_NUMBERS):06d}",
        time=at,
        account=account,
        region=region,
        event_source=source,
        event_name=name,
        call=kind,
        actor=Actor(principal=who, kind=ActorKind.HUMAN, names=names, channel=Channel.CLI, account=account, source_ip="192.0.2.1"),
        resources=(Touched(type=type_, ids=ids, effect=effect, paths=None if paths is None else tuple(paths), sure=sure),) if ids else (),
        error=error,
        denied=error == "AccessDenied",
    )


@dataclass
class FakeActivitySource:
    """Implements `ports.ActivitySource`: a list of calls, told in batches of `batch_size` from the position that was stored.

    `broken` fails the fetch after that many batches; `done` notes the batches that were committed.
    """

    name: str = "trail"
    accounts: Sequence[str] = ("111111111111",)
    reads_from: Sequence[str] = ("logs",)
    poll_s: float = 0.05
    log: list[Activity] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    problems: list[LogProblem] = field(default_factory=list)
    batch_size: int = 2
    broken: int | None = None
    complete_until: datetime | None = None
    orders: list[ActivityOrder] = field(default_factory=list)
    committed: list[ActivityBatch] = field(default_factory=list)

    def fetch(self, order: ActivityOrder, stopped: Callable[[], bool]) -> Iterator[ActivityBatch]:
        self.orders.append(order)
        at = order.position or 0
        refused, self.refused = tuple(self.refused), []
        problems, self.problems = tuple(self.problems), []
        told = 0
        while not stopped():
            if self.broken is not None and told >= self.broken:
                raise SourceError("the log cannot be read")
            part = tuple(self.log[at : at + self.batch_size])
            if not part and told:
                return
            at, told = at + len(part), told + 1
            until = dict.fromkeys(self.accounts, self.complete_until or order.now) if at >= len(self.log) else {}
            yield ActivityBatch(activities=part, refused=refused, problems=problems, position=at, complete_until=until)
            refused, problems = (), ()

    def close(self) -> None:
        """Nothing is open."""

    def done(self, batch: ActivityBatch) -> None:
        self.committed.append(batch)
