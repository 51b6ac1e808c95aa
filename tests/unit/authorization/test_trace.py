"""Lifecycles told as events: what cases of `kind: lifecycle` say."""

from __future__ import annotations

import pytest

from driftwatch.domain.authorization.trace import Traced, trace
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.errors import InputError, RefusedError


def told(*events: str | dict) -> tuple[str, str | None, str]:
    done = trace([{"event": event} if isinstance(event, str) else event for event in events])
    return done.state.value, done.verdict_initial and done.verdict_initial.value, done.verdict_current.value


def detect(verdict: str, **more: object) -> dict:
    return {"event": "detect", "verdict": verdict, **more}


def redecide(verdict: str, **more: object) -> dict:
    return {"event": "redecide", "verdict": verdict, **more}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((detect("unauthorized"), "ack", "snapshot_clean"), ("reverted", "unauthorized", "unauthorized")),
        ((detect("emergency_pending_review"), "review_ok"), ("awaiting_baseline", "emergency_pending_review", "authorized")),
        ((detect("emergency_pending_review"), "review_missed"), ("open", "emergency_pending_review", "unauthorized")),
        ((detect("emergency_pending_review"), "review_rejected", "ack"), ("acknowledged", "emergency_pending_review", "unauthorized")),
        ((detect("unauthorized"), "exception_granted"), ("excepted", "unauthorized", "excepted")),
        ((detect("unauthorized"), "ack", "exception_granted", "exception_expired"), ("open", "unauthorized", "exception_expired")),
        ((detect("excepted"), "baseline_activated"), ("baselined", "excepted", "excepted")),
        ((detect("unauthorized"), "ratify", "baseline_activated"), ("baselined", "unauthorized", "unauthorized")),
        (
            (detect("unauthorized"), {"event": "baseline_activated", "disposition": True}),
            ("baselined", "unauthorized", "unauthorized"),
        ),
        ((detect("authorized"), "baseline_activated"), ("baselined", "authorized", "authorized")),
        ((detect("unauthorized"), "value_changed"), ("superseded", "unauthorized", "unauthorized")),
        ((detect("not_controlled"),), ("informational", "not_controlled", "not_controlled")),
        ((detect("unauthorized", settled=False),), ("open", None, "unauthorized")),
        ((detect("unauthorized", settled=False), redecide("authorized")), ("awaiting_baseline", "authorized", "authorized")),
        ((detect("unauthorized"), redecide("authorized")), ("open", "unauthorized", "authorized")),
        ((detect("unauthorized"), "snapshot_clean", detect("authorized")), ("awaiting_baseline", "authorized", "authorized")),
    ],
)
def test_events_lead_where_the_table_says(events: tuple, expected: tuple[str, str | None, str]) -> None:
    assert told(*events) == expected


@pytest.mark.parametrize(
    "events",
    [
        (detect("unauthorized"), "ack", "ack"),
        (detect("authorized"), "ratify"),
        (detect("unauthorized"), "review_ok"),
        (detect("unauthorized"), "baseline_activated"),
        (detect("unauthorized"), "exception_granted", "exception_expired", "baseline_activated"),
        (detect("unauthorized"), "snapshot_clean", "ack"),
        (detect("unauthorized"), detect("unauthorized")),
    ],
)
def test_what_the_table_does_not_allow_is_refused(events: tuple) -> None:
    with pytest.raises(RefusedError):
        told(*events)


@pytest.mark.parametrize(
    ("events", "match"),
    [
        ((), "no events"),
        (("ack",), "expected detect first"),
        ((detect("guilty"),), "verdict 'guilty'"),
        ((detect("unauthorized"), "dance"), "'dance'.*expected one of"),
        (({"event": "detect"},), "verdict None"),
        ((detect("unauthorized", settled="no"),), "settled"),
        ((detect("unauthorized"), {"event": "ack", "by": "mia"}), "says by"),
    ],
)
def test_what_is_no_event_is_refused_with_its_number(events: tuple, match: str) -> None:
    with pytest.raises(InputError, match=match):
        told(*events)


def test_the_answer_is_the_nouns_of_the_domain() -> None:
    done = trace([detect("unauthorized")])
    assert done == Traced(state=FindingState.OPEN, verdict_initial=Verdict.UNAUTHORIZED, verdict_current=Verdict.UNAUTHORIZED)
