"""Queues: what each notifier is still to be told, what it refused, and how a person has that tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from driftwatch.domain.baseline import Actor
from driftwatch.domain.notification import Delivery, DeliveryMeasure
from driftwatch.errors import NotFoundError
from driftwatch.operations.installation import Installation

REFUSED_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One notifier's. `oldest` has waited longest, with the error of its last attempt; of what it refused the first are here."""

    notifier: str
    measure: DeliveryMeasure
    oldest: Delivery | None
    refused: Sequence[Delivery]


def queues(installation: Installation) -> list[Queue]:
    """Every configured notifier's, an empty one, too, in the order of the configuration."""
    with installation.store.read() as uow:
        known = uow.deliveries.measures()
        return [
            Queue(
                notifier=name,
                measure=known.get(name, DeliveryMeasure()),
                oldest=uow.deliveries.oldest_owed(name),
                refused=uow.deliveries.quarantined(REFUSED_SHOWN, name),
            )
            for name in installation.routing.notifiers
        ]


def retry(installation: Installation, actor: Actor, notifier: str | None = None) -> Mapping[str, int]:
    """Owes again at once what notifiers refused, of one or of all of them, and answers with how many of each.

    Whoever mended a receiver asks for it. An act that moves something is an entry of the ledger. Raises NotFoundError for a notifier that
    is not configured.
    """
    names = installation.routing.notifiers
    if notifier is not None and notifier not in names:
        raise NotFoundError(f"no notifier {notifier}; there are: {', '.join(names) or 'none'}")
    now = installation.clock()
    with installation.store.write() as uow:
        moved = uow.deliveries.retry(names if notifier is None else (notifier,), now)
        if moved:
            who = {"person": actor.person, "method": actor.method.value, "assurance": actor.assurance.value}
            uow.ledger.append(now, "deliveries_retried", {"deliveries": dict(moved), **who})
    return moved
