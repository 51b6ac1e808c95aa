"""Telling: what is owed to a notifier is read, told outside of any transaction, and noted.

A process that dies in between tells the same again, under the same message id: at least once. What changed meanwhile stays owed, so that
a receiver hears the end of a finding after its beginning, never the other way round. One caller at a time for each notifier.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.message import Message, Outcome, Result, Told, messages, one_each, plain
from driftwatch.domain.notification import BACKOFF_S, Delivery, DeliveryState, Phase, backoff_s
from driftwatch.domain.report import NotifierTold, Report, silent
from driftwatch.operations import letters
from driftwatch.operations.installation import Installation
from driftwatch.ports import Notifier

BATCH: Final = 1000
"""Deliveries that one round takes at most: a summary names the ids of all of them."""
PORTION: Final = 50
"""Findings in one reading of the store, which stays short, and in one writing."""
PROBLEMS: Final = 3
"""So many different problems of a round are reported."""

Roll = Callable[[], float]


def deliver(installation: Installation, notifier: Notifier, roll: Roll, report: Report = silent) -> Mapping[Result, int]:
    """Tells one notifier what is due, at most `BATCH` findings; answers with how many came to what. `roll` gives 0 to 1 (for jitter)."""
    with installation.store.read() as uow:
        due = {item.finding: item for item in uow.deliveries.due(notifier.name, installation.clock(), BATCH)}
    if not due:
        return {}
    briefly = notifier.resend_s is None and len(due) > installation.routing.storm_after
    told = _told(installation, list(due.values()), briefly=briefly)
    now = installation.clock()
    made = one_each(told, now) if notifier.resend_s is not None else messages(told, installation.routing.storm_after, now)
    outcomes = _send(notifier, made)
    pairs = [(due[item.finding], outcome) for message, outcome in zip(made, outcomes, strict=True) for item in message.told]
    for start in range(0, len(pairs), PORTION):
        _note(installation, notifier, pairs[start : start + PORTION], roll)
    results = Counter(outcome.result for _, outcome in pairs)
    problems = tuple(dict.fromkeys(plain(outcome.why) for outcome in outcomes if outcome.result in (Result.RETRY, Result.REFUSED)))
    counts = {result.value: number for result, number in results.items()}
    report(NotifierTold(notifier=notifier.name, results=counts, problems=problems[:PROBLEMS]))
    return results


def _told(installation: Installation, due: Sequence[Delivery], *, briefly: bool) -> list[Told]:
    found: list[Told] = []
    for start in range(0, len(due), PORTION):
        with installation.store.read() as uow:
            words = (letters.told(uow, installation, item, briefly=briefly) for item in due[start : start + PORTION])
            found.extend(item for item in words if item)
    return found


def _send(notifier: Notifier, made: Sequence[Message]) -> Sequence[Outcome]:
    """The outcomes of a notifier, whatever it does: one that broke its word is asked again later, and never loses what it is owed."""
    try:
        outcomes = list(notifier.send(made))
    except Exception as error:  # noqa: BLE001 - a notifier that fails unforeseen must neither end its thread nor lose a message
        return [Outcome(result=Result.RETRY, why=f"unexpected: {type(error).__name__}")] * len(made)
    missing = Outcome(result=Result.RETRY, why="the notifier said nothing of it")
    return (outcomes + [missing] * len(made))[: len(made)]


def _note(installation: Installation, notifier: Notifier, pairs: Sequence[tuple[Delivery, Outcome]], roll: Roll) -> None:
    with installation.store.write() as uow:
        now = installation.clock()
        stored = {item.finding: item for item in uow.deliveries.of([sent.finding for sent, _ in pairs]) if item.notifier == notifier.name}
        uow.deliveries.save(
            _after(stored[sent.finding], sent, outcome, notifier.resend_s, now, roll) for sent, outcome in pairs if sent.finding in stored
        )


def _after(stored: Delivery, sent: Delivery, outcome: Outcome, resend_s: float | None, now: datetime, roll: Roll) -> Delivery:
    """The delivery after an attempt. Where there is something else to tell by now, only what the receiver knows is noted."""
    if outcome.result is Result.DELIVERED:
        firing = sent.phase is Phase.FIRING
        known = replace(stored, told=sent.severity if firing else stored.told, sent_at=now)
        if stored.revision != sent.revision or stored.state is DeliveryState.ENDED:
            return known
        again = now + timedelta(seconds=resend_s) if firing and resend_s is not None else None
        return replace(known, state=DeliveryState.SENT, attempts=0, due_at=again, error=None)
    if stored.revision != sent.revision or stored.state is DeliveryState.ENDED:
        return stored
    why = plain(outcome.why)
    if outcome.result is Result.REFUSED:
        return replace(stored, state=DeliveryState.QUARANTINED, attempts=stored.attempts + 1, due_at=None, error=why)
    attempts = stored.attempts + (outcome.result is Result.RETRY)
    pause = backoff_s(attempts, roll(), outcome.after_s) if outcome.result is Result.RETRY else BACKOFF_S
    owed_at = now if stored.state is DeliveryState.SENT else stored.owed_at
    return replace(stored, state=DeliveryState.OWED, attempts=attempts, owed_at=owed_at, due_at=now + timedelta(seconds=pause), error=why)
