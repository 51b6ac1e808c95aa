"""Deliveries: one row for each finding and notifier, found when it is due, counted by state."""

from __future__ import annotations

from dataclasses import replace

from driftwatch.domain.notification import Delivery, DeliveryMeasure, DeliveryState, Phase, Severity
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import ODD, at, finding


def delivery(finding_id: str = "f1", notifier: str = "ops", **fields: object) -> Delivery:
    values: dict[str, object] = {"severity": Severity.CRITICAL, "owed_at": at(0), "due_at": at(0)}
    return Delivery(finding=finding_id, notifier=notifier, **values | fields)  # type: ignore[arg-type]


def stored(store: SqlStore, *rows: Delivery) -> None:
    with store.write() as work:
        for id_ in dict.fromkeys(row.finding for row in rows):
            work.findings.save(finding(id_, resource_id=f"arn:{id_}"))
        work.deliveries.save(rows)


def test_a_delivery_comes_back_as_it_was_saved(store: SqlStore) -> None:
    full = delivery(
        "f2",
        ODD,
        state=DeliveryState.SENT,
        phase=Phase.RESOLVED,
        severity=Severity.INFO,
        revision=7,
        attempts=3,
        due_at=None,
        sent_at=at(5),
        told=Severity.WARNING,
        error=ODD,
    )
    stored(store, delivery(), full)
    with store.read() as work:
        assert work.deliveries.of(["f2", "f1", "unknown"]) == [delivery(), full]
        assert work.deliveries.of([]) == []


def test_one_row_for_each_finding_and_notifier(store: SqlStore) -> None:
    stored(store, delivery(), delivery(notifier="other"))
    changed = replace(delivery(), state=DeliveryState.QUARANTINED, due_at=None, error="no")
    with store.write() as work:
        work.deliveries.save([changed])
    with store.read() as work:
        assert work.deliveries.of(["f1"]) == [changed, delivery(notifier="other")]


def test_what_is_due_is_found_the_longest_waiting_first(store: SqlStore) -> None:
    late, soon = delivery("f3", due_at=at(1)), delivery("f1", due_at=at(2))
    stored(
        store,
        soon,
        late,
        delivery("f2", due_at=at(3)),
        delivery("f4", due_at=None, state=DeliveryState.SENT),
        delivery("f3", "other", due_at=at(0)),
    )
    with store.read() as work:
        assert work.deliveries.due("ops", at(2), 10) == [late, soon]
        assert work.deliveries.due("ops", at(2), 1) == [late]
        assert work.deliveries.due("ops", at(0), 10) == []
        assert work.deliveries.due("nobody", at(9), 10) == []


def test_the_deliveries_of_a_removed_notifier_end(store: SqlStore) -> None:
    stored(store, delivery(), delivery(notifier="gone"), delivery("f2", "gone", state=DeliveryState.QUARANTINED, due_at=None))
    with store.write() as work:
        assert work.deliveries.keep_only(["ops"]) == {"gone": 2}
        assert work.deliveries.keep_only(["ops"]) == {}
    with store.read() as work:
        assert work.deliveries.due("gone", at(9), 10) == []
        assert work.deliveries.quarantined(10) == []
        assert set(work.deliveries.measures()) == {"ops"}
    with store.write() as work:
        assert work.deliveries.keep_only([]) == {"ops": 1}


def test_queues_are_measured_by_notifier(store: SqlStore) -> None:
    refused = delivery("f3", state=DeliveryState.QUARANTINED, due_at=None, error="400")
    stored(store, delivery(owed_at=at(3)), delivery("f2", owed_at=at(1)), refused, delivery("f2", "told", state=DeliveryState.SENT))
    with store.read() as work:
        assert work.deliveries.measures() == {
            "ops": DeliveryMeasure(owed=2, oldest_owed=at(1), quarantined=1),
            "told": DeliveryMeasure(),
        }
        assert work.deliveries.quarantined(10) == [refused]
        assert work.deliveries.oldest_owed("ops") == delivery("f2", owed_at=at(1))
        assert work.deliveries.oldest_owed("told") is None


def test_what_was_refused_is_owed_again_at_once(store: SqlStore) -> None:
    refused = delivery(state=DeliveryState.QUARANTINED, due_at=None, revision=3, attempts=2, error="400")
    others = [replace(refused, finding="f2", notifier=ODD), replace(refused, finding="f3", notifier="else"), delivery("f4", due_at=at(9))]
    stored(store, refused, *others)
    with store.read() as work:
        assert work.deliveries.quarantined(10, ODD) == [others[0]]
    with store.write() as work:
        assert work.deliveries.retry([], at(5)) == {}
        assert work.deliveries.retry(["nobody", "ops", ODD], at(5)) == dict(sorted({"ops": 1, ODD: 1}.items()))
        assert work.deliveries.retry(["ops", ODD], at(6)) == {}
    with store.read() as work:
        again = replace(refused, state=DeliveryState.OWED, revision=4, attempts=0, owed_at=at(5), due_at=at(5), error=None)
        expected = [again, replace(again, finding="f2", notifier=ODD), *others[1:]]
        assert work.deliveries.of(["f1", "f2", "f3", "f4"]) == expected
