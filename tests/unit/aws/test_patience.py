"""A resource that has not settled is waited for, but not for ever: else whoever asks for a change next week hides everything until then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from driftwatch.aws.patience import PATIENCE, Patience

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_it_is_waited_for_half_an_hour_from_when_it_was_first_seen() -> None:
    patience = Patience()
    assert patience.waits("db", T0)
    assert patience.waits("db", T0 + PATIENCE - timedelta(seconds=1))
    assert not patience.waits("db", T0 + PATIENCE)
    assert not patience.waits("db", T0 + timedelta(days=7))


def test_one_that_settled_may_take_its_time_again() -> None:
    patience = Patience()
    patience.waits("db", T0)
    patience.settled("db")
    assert patience.waits("db", T0 + timedelta(days=1))


def test_each_resource_has_its_own_time() -> None:
    patience = Patience()
    patience.waits("db", T0)
    assert patience.waits("other", T0 + PATIENCE)
    patience.settled("never seen")
