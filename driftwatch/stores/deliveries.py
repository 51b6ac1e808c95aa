"""Deliveries: what notifiers are owed, and what they were told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select, update

from driftwatch.domain.notification import Delivery, DeliveryMeasure, DeliveryState, Phase, Severity
from driftwatch.stores.schema import deliveries
from driftwatch.stores.schema.notified import DUE_ONLY
from driftwatch.stores.session import Session, chunks, values_of

_SAME: Final = ("finding", "notifier", "revision", "attempts", "owed_at", "due_at", "sent_at", "error")
"""What the noun and the row hold in the same form, under the same name."""


class SqlDeliveries:
    """Implements `ports.Deliveries`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, finding_ids: Collection[str]) -> Sequence[Delivery]:
        """Those of these findings, ordered by finding and notifier."""
        order = (deliveries.c.finding, deliveries.c.notifier)
        found: list[Delivery] = []
        for chunk in chunks(sorted(set(finding_ids))):
            rows = self._session.all(select(deliveries).where(deliveries.c.finding.in_(chunk)).order_by(*order))
            found.extend(_delivery(row) for row in rows)
        return found

    def save(self, deliveries_: Iterable[Delivery]) -> None:
        """Inserts or replaces by finding and notifier."""
        self._session.save_all(deliveries, [_row(item) for item in deliveries_])

    def due(self, notifier: str, now: datetime, limit: int) -> Sequence[Delivery]:
        """What the notifier is to be told by now, what has waited longest first."""
        wanted = select(deliveries).where(DUE_ONLY, deliveries.c.notifier == notifier, deliveries.c.due_at <= now)
        return [_delivery(row) for row in self._session.all(wanted.order_by(deliveries.c.due_at, deliveries.c.finding).limit(limit))]

    def keep_only(self, notifiers: Collection[str]) -> Mapping[str, int]:
        """Ends the deliveries of every other notifier, and answers with how many of each."""
        others = (deliveries.c.state != DeliveryState.ENDED.value, deliveries.c.notifier.not_in(sorted(notifiers)))
        ended = self._counted(*others)
        if ended:
            self._session.execute(update(deliveries).where(*others).values(state=DeliveryState.ENDED.value, due_at=None))
        return ended

    def quarantined(self, limit: int, notifier: str | None = None) -> Sequence[Delivery]:
        """What was refused, by one notifier or any, ordered by notifier and finding."""
        refused = select(deliveries).where(deliveries.c.state == DeliveryState.QUARANTINED.value)
        if notifier is not None:
            refused = refused.where(deliveries.c.notifier == notifier)
        return [_delivery(row) for row in self._session.all(refused.order_by(deliveries.c.notifier, deliveries.c.finding).limit(limit))]

    def oldest_owed(self, notifier: str) -> Delivery | None:
        """What the notifier has waited for longest; None where it is owed nothing."""
        owed = select(deliveries).where(deliveries.c.state == DeliveryState.OWED.value, deliveries.c.notifier == notifier)
        rows = self._session.all(owed.order_by(deliveries.c.owed_at, deliveries.c.finding).limit(1))
        return _delivery(rows[0]) if rows else None

    def retry(self, notifiers: Collection[str], now: datetime) -> Mapping[str, int]:
        """Owes again at once what these notifiers refused, and answers with how many of each that had any."""
        refused = (deliveries.c.state == DeliveryState.QUARANTINED.value, deliveries.c.notifier.in_(sorted(notifiers)))
        moved = self._counted(*refused)
        if moved:
            again = {"state": DeliveryState.OWED.value, "revision": deliveries.c.revision + 1, "attempts": 0, "error": None}
            self._session.execute(update(deliveries).where(*refused).values(**again, owed_at=now, due_at=now))
        return moved

    def _counted(self, *conditions: ColumnElement[bool]) -> dict[str, int]:
        """By notifier: how many deliveries are so."""
        counts = select(deliveries.c.notifier, func.count().label("number")).where(*conditions).group_by(deliveries.c.notifier)
        return {row.notifier: row.number for row in self._session.all(counts.order_by(deliveries.c.notifier))}

    def measures(self) -> Mapping[str, DeliveryMeasure]:
        """By notifier, of those that have any delivery that did not end."""
        columns = (deliveries.c.notifier, deliveries.c.state)
        grouped = select(*columns, func.count().label("number"), func.min(deliveries.c.owed_at).label("oldest")).group_by(*columns)
        found: dict[str, dict[str, Row[Any]]] = {}
        for row in self._session.all(grouped.where(deliveries.c.state != DeliveryState.ENDED.value)):
            found.setdefault(row.notifier, {})[row.state] = row
        return {name: _measure(states) for name, states in sorted(found.items())}


def _measure(states: Mapping[str, Row[Any]]) -> DeliveryMeasure:
    owed, refused = states.get(DeliveryState.OWED.value), states.get(DeliveryState.QUARANTINED.value)
    return DeliveryMeasure(
        owed=owed.number if owed else 0, oldest_owed=owed.oldest if owed else None, quarantined=refused.number if refused else 0
    )


def _row(item: Delivery) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in _SAME}
    row |= {"state": item.state.value, "phase": item.phase.value, "severity": item.severity.value}
    return row | {"told": item.told and item.told.value}


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        state=DeliveryState(row.state),
        phase=Phase(row.phase),
        severity=Severity(row.severity),
        told=Severity(row.told) if row.told else None,
        **values_of(row, _SAME),
    )
