"""What is owed to notifiers, and the notifiers themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from driftwatch.domain.message import Message, Outcome
from driftwatch.domain.notification import Delivery, DeliveryMeasure


class Deliveries(Protocol):
    """One row for each finding and notifier."""

    def of(self, finding_ids: Collection[str]) -> Sequence[Delivery]:
        """Those of these findings, ordered by finding and notifier."""

    def save(self, deliveries: Iterable[Delivery]) -> None:
        """Inserts or replaces by finding and notifier."""

    def due(self, notifier: str, now: datetime, limit: int) -> Sequence[Delivery]:
        """What the notifier is to be told by now, what has waited longest first."""

    def keep_only(self, notifiers: Collection[str]) -> Mapping[str, int]:
        """Ends the deliveries of every other notifier, and answers with how many of each."""

    def quarantined(self, limit: int, notifier: str | None = None) -> Sequence[Delivery]:
        """What was refused, by one notifier or any, ordered by notifier and finding."""

    def oldest_owed(self, notifier: str) -> Delivery | None:
        """What the notifier has waited for longest; None where it is owed nothing."""

    def retry(self, notifiers: Collection[str], now: datetime) -> Mapping[str, int]:
        """Owes again at once what these notifiers refused, and answers with how many of each that had any."""

    def measures(self) -> Mapping[str, DeliveryMeasure]:
        """By notifier, of those that have any delivery that did not end."""


class Notifier(Protocol):
    """Tells people, or their systems. `name` is the notifier's name in the config.

    `resend_s` is for a receiver that forgets: a firing finding is sent again so many seconds after the last time. Such a receiver groups
    by itself: it is given one message for each finding.
    """

    name: str

    @property
    def resend_s(self) -> float | None: ...

    def send(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        """One outcome for each message, in their order, within a bounded time. Raises nothing: whatever happened is an outcome."""
