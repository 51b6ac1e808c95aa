"""R11: a record that was refused, undone or over does not allow a change."""

from __future__ import annotations

import pytest

from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.change import ChangeOutcome, ChangeState
from driftwatch.domain.decision import RuleOutcome, RuleResult
from tests.builders import at, drift, event, policy, record, source

PASS, FAIL, UNKNOWN = RuleOutcome.PASS, RuleOutcome.FAIL, RuleOutcome.UNKNOWN
UNDATED = ()
DATED = (event("03-10 10:30"),)


def r11(events=DATED, **fields) -> RuleResult:
    decision = decide(
        drift(), events=events, records=[record(**fields)], sources=[source()], policy=policy("scaleup"), now=at("03-12 00:00")
    )
    return next(result for result in decision.paths[0].considered[0].results if result.rule == "R11")


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"state": ChangeState.CANCELLED}, "cancelled"),
        ({"state": ChangeState.CANCELLED, "cancelled_at": at("03-11 00:00")}, "cancelled"),
        ({"cancelled_at": at("03-11 00:00")}, "cancelled"),
        ({"state": ChangeState.REJECTED}, "rejected"),
        ({"rejected_at": at("03-11 00:00")}, "rejected"),
        ({"outcome": ChangeOutcome.BACKED_OUT}, "backed_out_but_present"),
        ({"state": ChangeState.CLOSED, "closed_at": at("03-11 00:00"), "outcome": ChangeOutcome.BACKED_OUT}, "backed_out_but_present"),
    ],
)
def test_a_cancelled_rejected_or_backed_out_record_allows_nothing_whenever_that_was(fields: dict, detail: str) -> None:
    result = r11(**fields)
    assert (result.outcome, result.detail) == (FAIL, detail)


@pytest.mark.parametrize("outcome", [None, *(item for item in ChangeOutcome if item is not ChangeOutcome.BACKED_OUT)])
def test_a_record_that_was_closed_after_the_change_is_as_good_as_an_open_one(outcome: ChangeOutcome | None) -> None:
    assert r11(state=ChangeState.CLOSED, closed_at=at("03-11 00:00"), outcome=outcome).outcome is PASS


@pytest.mark.parametrize(("closed", "expected"), [("03-10 10:25:00", PASS), ("03-10 10:24:59", FAIL), ("03-10 10:30:00", PASS)])
def test_closing_is_a_cutoff_with_tolerance(closed: str, expected: RuleOutcome) -> None:
    assert r11(state=ChangeState.CLOSED, closed_at=at(closed)).outcome is expected


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        ("03-10 09:54:59", FAIL),
        ("03-10 09:55:00", FAIL),
        ("03-10 09:55:01", UNKNOWN),
        ("03-10 10:54:59", UNKNOWN),
        ("03-10 10:55:00", PASS),
    ],
)
def test_an_interval_that_straddles_the_closing_is_unknown(closed: str, expected: RuleOutcome) -> None:
    assert r11(UNDATED, state=ChangeState.CLOSED, closed_at=at(closed)).outcome is expected


def test_a_closed_record_that_does_not_say_since_when_is_unknown() -> None:
    assert r11(state=ChangeState.CLOSED).outcome is UNKNOWN


@pytest.mark.parametrize(("since", "expected"), [("03-10 10:29:59", FAIL), ("03-10 10:30:00", PASS)])
def test_a_record_that_its_source_no_longer_showed_allows_nothing_later_and_no_tolerance_is_added(
    since: str, expected: RuleOutcome
) -> None:
    result = r11(stale_since=at(since))
    assert (result.outcome, result.detail) == (expected, "stale" if expected is FAIL else "")


@pytest.mark.parametrize(("since", "expected"), [("03-10 10:00", FAIL), ("03-10 10:59", UNKNOWN), ("03-10 11:00", PASS)])
def test_an_interval_may_straddle_its_vanishing(since: str, expected: RuleOutcome) -> None:
    assert r11(UNDATED, stale_since=at(since)).outcome is expected


def test_of_closing_and_vanishing_the_worse_decides() -> None:
    over = r11(UNDATED, closed_at=at("03-10 10:30"), stale_since=at("03-10 09:00"))
    assert (over.outcome, over.detail) == (FAIL, "stale")
    over = r11(UNDATED, closed_at=at("03-10 09:00"), stale_since=at("03-10 10:30"))
    assert (over.outcome, over.detail) == (FAIL, "closed")


def test_the_explanation_says_by_how_much() -> None:
    assert r11(closed_at=at("03-09 08:00")).explanation == (
        "The record was closed at 08:00 UTC on 2026-03-09, and the change was made at 10:30 UTC on 2026-03-10, 1 day 2 hours later "
        "(a clock difference of 5 minutes is allowed); it would have passed with a record that was still open at 10:30 UTC on 2026-03-10."
    )
    assert r11(UNDATED, stale_since=at("03-10 10:20")).explanation == (
        "The record's source has not shown it, or not legibly, since 10:20 UTC on 2026-03-10, and the change was made between 10:00 and "
        "11:00 UTC on 2026-03-10, so perhaps up to 40 minutes too late."
    )
