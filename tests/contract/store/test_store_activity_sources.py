"""How far each source of logged calls was read, and what it held that was set aside."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from driftwatch.domain.activity import ActivityBatch, ActivitySourceStatus, Refusal, Refused
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import ODD, T0, activity, at


def batch(
    position: object = None,
    refused: int = 0,
    reason: Refusal = Refusal.NOT_JSON,
    first: int = 0,
    until: Mapping[str, float] | None = None,
) -> ActivityBatch:
    return ActivityBatch(
        position=position,
        refused=tuple(Refused(reason=reason, where=f"file {number}", detail=ODD) for number in range(first, first + refused)),
        complete_until={account: at(minutes) for account, minutes in (until or {}).items()},
    )


def advance(store: SqlStore, given: ActivityBatch, source: str = "trail", minutes: float = 0) -> ActivitySourceStatus:
    with store.write() as work:
        work.activity.advance(source, given, at(minutes))
        status = work.activity.source(source)
    assert status
    return status


@pytest.mark.parametrize("position", [None, {"key": ODD, "n": [1, 2**70]}, "x" * 2**20])
def test_a_source_goes_on_where_it_was(store: SqlStore, position: object) -> None:
    status = advance(store, batch(position), ODD)
    assert status == ActivitySourceStatus(name=ODD, position=position, last_success_at=T0)


def test_completeness_never_goes_back_and_is_by_account(store: SqlStore) -> None:
    advance(store, batch(until={ODD: 5, "two": 5}))
    status = advance(store, batch(until={ODD: 4, "two": 6, "three": 1}))
    assert status.complete_until == {ODD: at(5), "two": at(6), "three": at(1)}
    assert advance(store, batch(until={"one": 1}), "other").complete_until == {"one": at(1)}


def test_completeness_of_a_thousand_accounts(store: SqlStore) -> None:
    accounts = {f"{number:012}": 1.0 for number in range(1_000)}
    assert len(advance(store, batch(until=accounts)).complete_until) == 1_000
    assert set(advance(store, batch(until=dict.fromkeys(accounts, 2.0))).complete_until.values()) == {at(2)}


def test_a_failure_keeps_what_is_known_and_a_success_ends_it(store: SqlStore) -> None:
    advance(store, batch("p1", until={"one": 5}))
    with store.write() as work:
        work.activity.failed("trail", ODD, at(1))
        work.activity.failed("new", "no bucket", at(1))
        trail, new = work.activity.source("trail"), work.activity.source("new")
        assert [status.name for status in work.activity.sources()] == ["new", "trail"]
    assert trail == ActivitySourceStatus(name="trail", position="p1", complete_until={"one": at(5)}, last_success_at=T0, last_error=ODD)
    assert new == ActivitySourceStatus(name="new", last_error="no bucket")
    assert advance(store, batch("p2"), minutes=2).last_error is None


def test_what_is_set_aside_is_counted_for_ever_and_shown_newest_first(store: SqlStore) -> None:
    advance(store, batch(refused=2))
    advance(store, batch(refused=1, first=2, reason=Refusal.FUTURE), minutes=1)
    advance(store, batch(refused=1), "other")
    status = advance(store, batch(refused=1, first=3), minutes=2)
    assert status.refused == {"not_json": 3, "future": 1}
    with store.read() as work:
        kept = work.activity.set_aside("trail")
        assert [(when, item.where) for when, item in kept] == [(at(2), "file 3"), (at(1), "file 2"), (T0, "file 1"), (T0, "file 0")]
        assert kept[1][1] == Refused(reason=Refusal.FUTURE, where="file 2", detail=ODD)
        assert len(work.activity.set_aside("trail", 2)) == 2
        assert not work.activity.set_aside("nobody")


def test_the_last_thousand_are_kept_however_many_there_were(store: SqlStore) -> None:
    advance(store, batch(refused=5), "other")
    advance(store, batch(refused=700))
    status = advance(store, batch(refused=2_500, first=700))
    assert status.refused == {"not_json": 3_200}
    advance(store, batch(refused=1, first=3_200))
    with store.read() as work:
        kept = [item.where for _, item in work.activity.set_aside("trail", 5_000)]
        assert len(work.activity.set_aside("other")) == 5
    assert kept == [f"file {number}" for number in range(3_200, 2_200, -1)]


def test_sources_that_are_gone_are_forgotten_and_their_events_stay(store: SqlStore) -> None:
    advance(store, batch("p", 1, until={"one": 1}))
    advance(store, batch("p", 1, until={"one": 1}), "gone")
    with store.write() as work:
        work.activity.add("gone", [activity()], T0)
        assert work.activity.keep_only(["trail", "never"]) == ["gone"]
        assert work.activity.keep_only(["trail"]) == []
        assert work.activity.source("gone") is None
        assert not work.activity.set_aside("gone")
        assert work.activity.get("e1")
        assert work.activity.source("trail") == ActivitySourceStatus(
            name="trail", position="p", complete_until={"one": at(1)}, last_success_at=T0, refused={"not_json": 1}
        )
    assert advance(store, batch(), "gone") == ActivitySourceStatus(name="gone", last_success_at=T0)
