"""Severities, routes, what a finding demands of each notifier, and when an attempt is repeated."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.decision import COVERED, Verdict
from driftwatch.domain.finding import CLOSED, Finding, FindingState, Handling
from driftwatch.domain.message import plain
from driftwatch.domain.notification import Delivery, DeliveryState, Phase, Route, Routing, Severity, backoff_s, demanded, severity_of
from tests.contract.store.samples import T0, finding

CRITICAL = (Verdict.UNAUTHORIZED, Verdict.PARTIALLY_AUTHORIZED, Verdict.EXCEPTION_EXPIRED)


def of(verdict: Verdict, **fields: object) -> Finding:
    return finding(verdict_current=verdict, **fields)


def test_the_severity_follows_the_verdict() -> None:
    found = {verdict: severity_of(of(verdict)) for verdict in Verdict}
    assert {verdict for verdict, severity in found.items() if severity is Severity.CRITICAL} == set(CRITICAL)
    assert found[Verdict.INDETERMINATE] is Severity.WARNING
    assert found[Verdict.EMERGENCY_PENDING_REVIEW] is Severity.INFO
    assert {verdict for verdict, severity in found.items() if severity is None} == {*COVERED, Verdict.NOT_CONTROLLED}


@pytest.mark.parametrize("clock", ["review_75", "review_100"])
def test_an_emergency_change_whose_review_is_late_is_a_warning(clock: str) -> None:
    assert severity_of(of(Verdict.EMERGENCY_PENDING_REVIEW, handling=Handling(alerted=(clock,)))) is Severity.WARNING
    assert severity_of(of(Verdict.EMERGENCY_PENDING_REVIEW, handling=Handling(alerted=("acknowledge",)))) is Severity.INFO


@pytest.mark.parametrize("state", [*sorted(CLOSED), FindingState.RATIFIED])
def test_what_is_over_needs_nobody(state: FindingState) -> None:
    assert severity_of(of(Verdict.UNAUTHORIZED, state=state)) is None


def routed(route: Route, item: Finding) -> bool:
    return bool(Routing(notifiers=("ops",), routes=(route,)).demands(item))


def test_a_route_takes_what_matches_every_part_of_it() -> None:
    item = of(Verdict.UNAUTHORIZED)  # a bucket of ana's in account 111111111111
    assert routed(Route(to=("ops",)), item)
    assert routed(Route(accounts=("1111*",), types=("AWS::S3::*",), owners=("an?",), to=("ops",)), item)
    for part in ({"accounts": ("2*",)}, {"types": ("AWS::EC2::*",)}, {"owners": ("ben",)}, {"severities": (Severity.INFO,)}):
        assert not routed(Route(to=("ops",), **part), item)  # type: ignore[arg-type]
    assert not routed(Route(owners=("*",), to=("ops",)), replace(item, drift=replace(item.drift, tags_before={}))), "nobody's"


def test_every_matching_route_counts_and_unknown_names_do_not() -> None:
    routes = (Route(to=("a",)), Route(types=("AWS::S3::*",), to=("b", "a", "ghost")), Route(types=("x",), to=("c",)))
    routing = Routing(notifiers=("a", "b", "c"), routes=routes)
    assert list(routing.demands(of(Verdict.INDETERMINATE)).items()) == [("a", Severity.WARNING), ("b", Severity.WARNING)]


rows = st.builds(
    Delivery,
    finding=st.just("f1"),
    notifier=st.just("ops"),
    state=st.sampled_from(DeliveryState),
    phase=st.sampled_from(Phase),
    severity=st.sampled_from(Severity),
    revision=st.integers(1, 9),
    attempts=st.integers(0, 9),
    owed_at=st.just(T0),
    due_at=st.just(T0),
)


@given(known=st.none() | rows, verdict=st.sampled_from(Verdict), state=st.sampled_from(FindingState), flapping=st.booleans())
def test_a_delivery_always_says_what_its_finding_demands(
    known: Delivery | None, verdict: Verdict, state: FindingState, flapping: bool
) -> None:
    routing = Routing(notifiers=("ops",), routes=(Route(severities=tuple(Severity), to=("ops",)),))
    item, now = of(verdict, state=state, handling=Handling(flapping=flapping)), T0 + timedelta(hours=1)
    changed = demanded(item, [known] if known else [], routing, now)
    after = changed[0] if changed else known
    severity = severity_of(item)
    if severity is None:
        assert after is None or after.state is DeliveryState.ENDED or after.phase is Phase.RESOLVED
    else:
        assert after is not None
        assert (after.phase, after.severity) == (Phase.FIRING, severity)
        assert after.state in (DeliveryState.OWED, DeliveryState.SENT)
    if after and changed:
        assert after.state is DeliveryState.OWED
        assert known is None or after.revision > known.revision
        assert after.due_at is not None
        assert after.due_at <= now + timedelta(minutes=10)
        assert demanded(item, [after], routing, now) == [], "asked again, nothing changes"


@given(attempts=st.integers(1, 10_000), roll=st.floats(0, 1))
def test_pauses_grow_up_to_a_minute_and_differ(attempts: int, roll: float) -> None:
    pause = backoff_s(attempts, roll)
    assert 2.5 <= pause <= 60
    assert backoff_s(attempts + 1, roll) >= pause


@given(st.text())
def test_words_from_outside_stay_on_one_line_and_short(text: str) -> None:
    assert plain(text).isprintable()
    assert len(plain(text, 50)) <= 50
    assert "<" not in plain(text)
