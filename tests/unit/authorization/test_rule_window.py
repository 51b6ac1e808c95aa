"""R3: a change belongs into a window of its record. Both ends of a window belong to it, and so do both ends of the tolerance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.authorization.policy import Mode, WindowMode
from driftwatch.domain.decision import RuleOutcome, RuleResult
from tests.builders import approval, at, difference, drift, event, interval, policy, record, source, window

PASS, FAIL, UNKNOWN, NOT_APPLICABLE = RuleOutcome.PASS, RuleOutcome.FAIL, RuleOutcome.UNKNOWN, RuleOutcome.NOT_APPLICABLE


def r3(record_=None, *, events=(), drift_=None, now="03-20 00:00", **fields) -> RuleResult:
    made = policy("scaleup", **fields)
    decision = decide(drift_ or drift(), events=events, records=[record_ or record()], sources=[source(now)], policy=made, now=at(now))
    return next(result for result in decision.paths[0].considered[0].results if result.rule == "R3")


@pytest.mark.parametrize(
    ("time", "outcome"),
    [
        ("03-10 09:54:59", FAIL),
        ("03-10 09:55:00", PASS),
        ("03-10 10:00:00", PASS),
        ("03-10 12:00:00", PASS),
        ("03-10 12:05:00", PASS),
        ("03-10 12:05:01", FAIL),
    ],
)
def test_a_known_time_is_judged_to_the_second_with_the_tolerance_on_both_sides(time: str, outcome: RuleOutcome) -> None:
    wide = drift(interval=interval("03-10 09:00", "03-10 13:00"))
    assert r3(events=[event(time)], drift_=wide).outcome is outcome


@pytest.mark.parametrize(
    ("last_good", "detected", "contained", "overlapping"),
    [
        ("03-10 09:55:00", "03-10 12:05:00", PASS, PASS),
        ("03-10 09:54:59", "03-10 12:05:00", UNKNOWN, PASS),
        ("03-10 09:55:00", "03-10 12:05:01", UNKNOWN, PASS),
        ("03-10 09:00:00", "03-10 09:55:00", UNKNOWN, PASS),
        ("03-10 09:00:00", "03-10 09:54:59", FAIL, FAIL),
        ("03-10 12:04:59", "03-10 13:00:00", UNKNOWN, PASS),
        ("03-10 12:05:00", "03-10 13:00:00", FAIL, FAIL),
        (None, "03-10 11:00:00", UNKNOWN, PASS),
    ],
)
def test_an_interval_passes_inside_fails_outside_and_is_for_the_policy_to_say_in_between(
    last_good: str | None, detected: str, contained: RuleOutcome, overlapping: RuleOutcome
) -> None:
    """The change came after `last_good`, which itself is outside the interval: one that begins where the window ends is disjoint."""
    undated = drift(interval=interval(last_good, detected))
    assert r3(drift_=undated, window_mode=WindowMode.CONTAIN).outcome is contained
    assert r3(drift_=undated, window_mode=WindowMode.OVERLAP).outcome is overlapping


def test_two_adjoining_windows_are_never_joined() -> None:
    split = record(windows=(window("03-10 10:00", "03-10 11:00"), window("03-10 11:00", "03-10 12:00")))
    undated = drift(interval=interval("03-10 10:30", "03-10 11:30"))
    assert r3(split, drift_=undated, window_mode=WindowMode.CONTAIN).outcome is UNKNOWN
    one = drift(interval=interval("03-10 11:10", "03-10 11:30"))
    assert r3(split, drift_=one, window_mode=WindowMode.CONTAIN).outcome is PASS


def test_the_explanation_measures_the_miss_to_the_nearest_window() -> None:
    late = record(windows=(window("03-10 06:00", "03-10 07:00"), window("03-10 08:00", "03-10 09:53")))
    assert r3(late).explanation == (
        "The change was made between 10:00 and 11:00 UTC on 2026-03-10, at the earliest 7 minutes after the window 08:00-09:53 UTC on "
        "2026-03-10 closed; a clock difference of 5 minutes is allowed; it would have passed with a window that contains the time between "
        "10:00 and 11:00 UTC on 2026-03-10."
    )
    early = record(windows=(window("03-11 22:00", "03-12 02:00"),))
    assert r3(early, events=[event()]).explanation == (
        "The change was made at 10:30 UTC on 2026-03-10, 1 day 11 hours before the window from 22:00 UTC on 2026-03-11 to 02:00 UTC on "
        "2026-03-12 opened; a clock difference of 5 minutes is allowed; it would have passed with a window that contains 10:30 UTC on "
        "2026-03-10."
    )


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("03-10 10:00:00", "inside the window 10:00-12:00 UTC on 2026-03-10."),
        ("03-10 12:00:00", "inside the window 10:00-12:00 UTC on 2026-03-10."),
        (
            "03-10 09:58:00",
            "2 minutes before the window 10:00-12:00 UTC on 2026-03-10 opened, within the allowed clock difference of 5 minutes.",
        ),
        (
            "03-10 12:00:01",
            "1 second after the window 10:00-12:00 UTC on 2026-03-10 closed, within the allowed clock difference of 5 minutes.",
        ),
    ],
)
def test_the_sentence_of_a_pass_says_whether_the_tolerance_was_needed(time: str, text: str) -> None:
    said = r3(events=[event(time)], drift_=drift(interval=interval("03-10 09:00", "03-10 13:00"))).explanation
    assert said.startswith(f"The change was made at {time[6:].removesuffix(':00')} UTC on 2026-03-10, ")
    assert said.endswith(text)


def test_of_an_interval_that_is_partly_inside_it_is_said_whether_the_policy_accepts_that() -> None:
    straddling = drift(interval=interval("03-10 11:30", "03-10 12:30"))
    said = "The change was made between 11:30 and 12:30 UTC on 2026-03-10, only partly inside the window 10:00-12:00 UTC on 2026-03-10, "
    assert r3(drift_=straddling).explanation == f"{said}which this policy accepts."
    contain = r3(drift_=straddling, window_mode=WindowMode.CONTAIN)
    assert (contain.detail, contain.explanation) == ("partly_inside", f"{said}and this policy requires it to lie wholly inside.")
    touching = r3(drift_=drift(interval=interval("03-10 09:00", "03-10 10:00")))
    assert "only partly inside the window" in touching.explanation


def test_an_interval_that_begins_where_a_window_ends_has_missed_that_one_by_nothing() -> None:
    """The change came after the beginning of its interval; the window that it missed by least is the one that is named."""
    two = record(windows=(window("03-10 13:00", "03-10 14:00"), window("03-10 09:00", "03-10 10:00")))
    missed = r3(two, clock_tolerance_s=0)
    assert missed.outcome is FAIL
    assert "at the earliest 0 seconds after the window 09:00-10:00 UTC on 2026-03-10 closed" in missed.explanation
    assert "at the latest 2 hours before the window 13:00" in r3(replace(two, windows=two.windows[:1])).explanation


class TestWithoutWindow:
    OPEN = record(windows=(), approvals=(approval(time="03-09 15:00"),))

    @pytest.mark.parametrize(("time", "outcome"), [("03-16 15:05:00", PASS), ("03-16 15:05:01", FAIL), ("03-01 00:00:00", PASS)])
    def test_the_approval_opens_one_that_has_no_beginning_and_ends_after_the_longest_time(self, time: str, outcome: RuleOutcome) -> None:
        long_ago = drift(interval=interval("02-01 00:00", "03-19 00:00"))
        assert r3(self.OPEN, events=[event(time)], drift_=long_ago, candidate_horizon_h=9999).outcome is outcome

    def test_an_interval_without_beginning_is_inside_it(self) -> None:
        assert r3(self.OPEN, drift_=drift(interval=interval(None)), window_mode=WindowMode.CONTAIN).outcome is PASS

    def test_the_first_sufficient_approval_counts_not_the_last(self) -> None:
        twice = replace(self.OPEN, approvals=(approval(time="03-01 15:00"), approval("dan", time="03-09 15:00")))
        assert r3(twice, events=[event()]).outcome is FAIL

    def test_it_does_not_apply_when_the_record_was_never_approved(self) -> None:
        assert r3(record(windows=(), approvals=()), events=[event()]).outcome is NOT_APPLICABLE

    def test_a_policy_that_derives_none_fails_it(self) -> None:
        result = r3(self.OPEN, events=[event()], derive_window=False)
        assert (result.outcome, result.detail) == (FAIL, "no_window")
        assert result.explanation == (
            "The record has no window, and this policy derives none from its approval; it would have passed with a window that contains "
            "10:30 UTC on 2026-03-10."
        )


def test_a_path_may_be_dated_more_precisely_than_its_drift() -> None:
    precise = drift(difference(interval=interval("03-10 10:10", "03-10 10:20")), interval=interval("03-10 01:00", "03-10 23:00"))
    assert r3(drift_=precise, window_mode=WindowMode.CONTAIN).outcome is PASS
    assert r3(drift_=precise, rules={"R3": Mode.WARN}).outcome is PASS
