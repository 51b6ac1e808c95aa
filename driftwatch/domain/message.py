"""Message: what a notifier is given. One for each cause, or one summary where very much happened at once.

One cause: findings of one phase and severity in one account whose logged calls were made by the same actors; where no call explains
them, those of one type in one region that were found in the same minute; of a resource that comes and goes, whatever it did meanwhile.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from driftwatch.domain.canonical import utc_text
from driftwatch.domain.notification import Phase, Severity

FIRST: Final = 20
"""So many findings of a summary are described; of the others it gives the ids and the counts."""
TEXT_AT_MOST: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One finding as it is told: what happened to which resource, who did it, why it is not authorised, and since when it is known.

    `revision` is the delivery's; `was` the severity under which the notifier knows it, where that was another one; `ended` when it
    needed nobody any longer. Names and words come from outside: they hold no control characters, and are cut.
    """

    finding: str
    revision: int
    phase: Phase
    severity: Severity
    was: Severity | None = None
    account: str
    region: str
    type: str
    resource: str
    baseline: str
    verdict: str
    state: str
    owner: str | None = None
    title: str
    what: str
    who: str
    why: str
    since: datetime
    ended: datetime | None = None
    link: str
    actors: tuple[str, ...] = ()
    flapping: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`id` is the same whenever the same is told again, so that a receiver can drop the second; `key` is the finding's id, or, of
    several, one made of theirs. `told` is every finding in it, the most urgent first; `summary`: only the `FIRST` are described.
    `at` is when it was made, for this attempt."""

    id: str
    key: str
    phase: Phase
    severity: Severity
    title: str
    text: str
    told: tuple[Told, ...]
    summary: bool = False
    at: datetime
    counts: tuple[tuple[str, int], ...] = field(default=())
    """Of a summary: how many findings of each severity, account and type."""


class Result(StrEnum):
    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"
    """For good: the same message will never be taken."""
    UNTRIED = "untried"
    """Another message of the batch failed such that this one would have, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message. `after_s` is how long the receiver wants to be left alone."""

    result: Result
    why: str = ""
    after_s: float | None = None


DELIVERED: Final = Outcome(result=Result.DELIVERED)


def plain(text: str, at_most: int = TEXT_AT_MOST) -> str:
    """Text from outside on one line, without what a terminal or a chat would act on, and not longer than that."""
    clean = "".join(char if char.isprintable() else " " for char in text).replace("<", "\u2039").replace(">", "\u203a")
    return clean if len(clean) <= at_most else clean[: at_most - 1] + "…"


def one_each(told: Iterable[Told], now: datetime) -> list[Message]:
    """One message for each finding, for receivers that group by themselves."""
    return [_message((item,), now) for item in told]


def messages(told: Sequence[Told], storm_after: int, now: datetime) -> list[Message]:
    """One message for each cause; with more findings than `storm_after`, one summary for those that fire and one for those resolved."""
    if len(told) > storm_after:
        return [_summary(group, now) for phase in Phase if (group := _ranked(item for item in told if item.phase is phase))]
    causes: dict[tuple[object, ...], list[Told]] = {}
    for item in told:
        causes.setdefault(_cause(item), []).append(item)
    return [_message(_ranked(group), now) for group in causes.values()]


def _cause(item: Told) -> tuple[object, ...]:
    place = (item.phase, item.severity, item.account)
    if item.flapping:
        return (*place, item.resource)
    if item.actors:
        return (*place, item.actors)
    return (*place, item.region, item.type, item.since.replace(second=0, microsecond=0))


def _ranked(told: Iterable[Told]) -> tuple[Told, ...]:
    return tuple(sorted(told, key=lambda item: (-item.severity.rank, item.finding)))


def _message(told: tuple[Told, ...], now: datetime) -> Message:
    first, number = told[0], len(told)
    title = first.title if number == 1 else f"{first.title}, and {number - 1} more by the same cause"
    text = "\n\n".join("\n".join(_lines(item)) for item in told)
    return _made(told, title, text, now)


def _summary(told: tuple[Told, ...], now: datetime) -> Message:
    counts = (
        *Counter(item.severity.value for item in told).most_common(),
        *Counter(f"account {item.account}" for item in told).most_common(FIRST),
        *Counter(item.type for item in told).most_common(FIRST),
    )
    verb = "need somebody" if told[0].phase is Phase.FIRING else "are resolved"
    title = f"[{told[0].severity.value}] {len(told)} findings {verb}: a summary, since so many came at once"
    lines = [", ".join(f"{name}: {number}" for name, number in counts), ""]
    lines += [f"{item.title}\n  {item.link}" for item in told[:FIRST]]
    if len(told) > FIRST:
        lines.append(f"and {len(told) - FIRST} more; `driftwatch findings list` names them all")
    return _made(told, title, "\n".join(lines), now, summary=True, counts=counts)


def _made(
    told: tuple[Told, ...], title: str, text: str, now: datetime, *, summary: bool = False, counts: tuple[tuple[str, int], ...] = ()
) -> Message:
    first = told[0]
    return Message(
        id=_digest(f"{item.finding}:{item.revision}" for item in told),
        key=first.finding if len(told) == 1 else _digest(item.finding for item in told),
        phase=first.phase,
        severity=first.severity,
        title=title,
        text=text,
        told=told,
        summary=summary,
        at=now,
        counts=counts,
    )


def _lines(item: Told) -> Iterator[str]:
    yield item.title
    yield f"What: {item.what}"
    yield f"Who: {item.who}"
    yield f"Why: {item.why}"
    ended = f", until {utc_text(item.ended)}" if item.ended else ""
    yield f"Since: {utc_text(item.since)}{ended}"
    yield f"Finding: {item.link}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:32]
