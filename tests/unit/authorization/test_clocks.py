"""Clocks strike at their instant, once, and never where nothing is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from driftwatch.domain.authorization import clocks
from driftwatch.domain.authorization.clocks import Clock
from driftwatch.domain.decision import Verdict
from driftwatch.domain.exception import ExceptionState
from driftwatch.domain.finding import CLOSED, FindingState, Handling, Standing
from tests.builders import at, policy
from tests.unit.authorization.test_exception_lifecycle import active
from tests.unit.authorization.test_finding_lifecycle import CELL

SECOND = timedelta(seconds=1)
DUE = at("03-13 11:00")
"""72 hours after the change, as the scaleup preset has it."""
THREE_QUARTERS = at("03-12 17:00")


def standing(**fields) -> Standing:
    defaults = {
        "id": "F-1",
        "baseline": "production",
        "cell": CELL,
        "resource": "sg-0a1",
        "state": FindingState.PENDING_REVIEW,
        "verdict_current": Verdict.EMERGENCY_PENDING_REVIEW,
        "settled": True,
        "policy_version": "p",
        "first_seen": at("03-10 11:00"),
        "due_at": DUE,
        "closed_at": None,
        "handling": Handling(),
    }
    return Standing(**{**defaults, **fields})


def unacknowledged(**fields) -> Standing:
    return standing(**{"state": FindingState.OPEN, "verdict_current": Verdict.UNAUTHORIZED, "due_at": None, **fields})


def alert(item: Standing, now: datetime) -> Clock | None:
    found = clocks.finding_alert(item, policy("scaleup"), now)
    return found.clock if found else None


@pytest.mark.parametrize(
    ("now", "strikes"),
    [
        (THREE_QUARTERS - SECOND, None),
        (THREE_QUARTERS, Clock.REVIEW_75),
        (DUE, Clock.REVIEW_75),
        (DUE + SECOND, Clock.REVIEW_100),
    ],
)
def test_a_review_warns_at_three_quarters_and_strikes_when_its_deadline_is_over(now: datetime, strikes: Clock | None) -> None:
    assert alert(standing(), now) is strikes


def test_each_is_told_once_and_a_warning_is_no_news_after_the_deadline() -> None:
    assert alert(standing(handling=Handling(alerted=("review_75",))), DUE) is None
    assert alert(standing(handling=Handling(alerted=("review_75",))), DUE + SECOND) is Clock.REVIEW_100
    assert alert(standing(handling=Handling(alerted=("review_100",))), DUE + SECOND) is None


def test_a_missed_review_is_told_also_where_a_scan_opened_the_finding_first() -> None:
    missed = standing(state=FindingState.OPEN, verdict_current=Verdict.UNAUTHORIZED)
    assert alert(missed, DUE + SECOND) is Clock.REVIEW_100


def test_at_the_deadline_itself_the_review_still_may_be_given() -> None:
    assert not clocks.review_over(standing(), DUE)
    assert clocks.review_over(standing(), DUE + SECOND)
    assert not clocks.review_over(standing(verdict_current=Verdict.UNAUTHORIZED), DUE + SECOND)
    assert not clocks.review_over(standing(due_at=None), DUE + SECOND)


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_a_closed_finding_tells_nothing(state: FindingState) -> None:
    assert alert(standing(state=state), DUE + SECOND) is None


class TestAcknowledging:
    TARGET = at("03-11 11:00")

    def test_an_open_uncovered_finding_has_to_be_acknowledged_within_the_target(self) -> None:
        assert alert(unacknowledged(), self.TARGET - SECOND) is None
        assert alert(unacknowledged(), self.TARGET) is Clock.ACKNOWLEDGE
        assert alert(unacknowledged(handling=Handling(alerted=("acknowledge",))), self.TARGET) is None

    def test_one_whose_review_was_missed_has_to_be_acknowledged_as_well(self) -> None:
        missed = unacknowledged(due_at=DUE)
        later = DUE + timedelta(days=30)
        assert alert(missed, later) is Clock.REVIEW_100
        told = replace(missed, handling=Handling(alerted=(Clock.REVIEW_100.value,)))
        assert alert(told, later) is Clock.ACKNOWLEDGE
        assert alert(replace(told, handling=Handling(alerted=(Clock.REVIEW_100.value, Clock.ACKNOWLEDGE.value))), later) is None

    def test_the_time_runs_from_when_it_was_opened_last(self) -> None:
        reopened = unacknowledged(handling=Handling(transitions=(at("03-11 10:00"),)))
        assert alert(reopened, self.TARGET) is None
        assert alert(reopened, at("03-12 10:00")) is Clock.ACKNOWLEDGE

    @pytest.mark.parametrize(
        "fields",
        [
            {"state": FindingState.ACKNOWLEDGED},
            {"state": FindingState.RATIFIED},
            {"state": FindingState.AWAITING_BASELINE, "verdict_current": Verdict.AUTHORIZED},
            {"verdict_current": Verdict.AUTHORIZED},
        ],
    )
    def test_nobody_has_to_acknowledge_what_is_dealt_with_or_covered(self, fields: dict) -> None:
        assert alert(unacknowledged(**fields), at("04-11 11:00")) is None


class TestExceptions:
    @pytest.mark.parametrize(
        ("now", "strikes"),
        [
            (at("03-27 11:59:59"), None),
            (at("03-27 12:00"), Clock.EXCEPTION_EXPIRING),
            (at("04-10 11:59:59"), Clock.EXCEPTION_EXPIRING),
            (at("04-10 12:00"), Clock.EXCEPTION_EXPIRED),
        ],
    )
    def test_one_warns_14_days_before_it_ends_and_strikes_when_it_does(self, now: datetime, strikes: Clock | None) -> None:
        found = clocks.exception_alert(active(), now)
        assert (found.clock if found else None) is strikes

    def test_each_is_told_once(self) -> None:
        assert clocks.exception_alert(active(alerted=("exception_expiring",)), at("04-01 12:00")) is None
        assert clocks.exception_alert(active(alerted=("exception_expiring", "exception_expired")), at("04-11 12:00")) is None

    @pytest.mark.parametrize("state", sorted(set(ExceptionState) - {ExceptionState.ACTIVE}))
    def test_one_that_is_not_active_tells_nothing(self, state: ExceptionState) -> None:
        assert clocks.exception_alert(active(state=state), at("04-11 12:00")) is None


def test_an_unsettled_finding_settles_when_its_feeds_had_their_time_closed_or_not() -> None:
    first = at("03-10 11:00")
    for state in (FindingState.OPEN, FindingState.REVERTED):
        young = standing(settled=False, state=state)
        assert not clocks.settling_due(young, policy("scaleup"), first + timedelta(seconds=1199))
        assert clocks.settling_due(young, policy("scaleup"), first + timedelta(seconds=1200))
    assert not clocks.settling_due(standing(), policy("scaleup"), at("03-11 11:00"))
    tried = first + timedelta(seconds=1200)
    assert not clocks.settling_due(standing(settled=False), policy("scaleup"), at("03-11 11:00"), since=tried)
