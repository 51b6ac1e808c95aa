"""Which logged calls explain a drift: by time, path and outcome; the last writer of each path; and why the others do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.activity import ActorEvent
from driftwatch.domain.attribute import WhyNot, attribute, names_in, names_of
from driftwatch.domain.drift import Difference, Drift, DriftKind, Interval, Op
from driftwatch.domain.resource import Cell, Scope

GOOD = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
SEEN = GOOD + timedelta(minutes=15)
TOLERANCE = timedelta(minutes=2)
NOW = SEEN + timedelta(minutes=30)


def drift(*paths: str, last_good: datetime | None = GOOD) -> Drift:
    return Drift(
        id="d1",
        account="111111111111",
        region="eu-west-1",
        resource_type="AWS::Lambda::Function",
        resource_id="arn:aws:lambda:eu-west-1:111111111111:function:orders",
        kind=DriftKind.UPDATED,
        changes=tuple(Difference(path=path, op=Op.REPLACE, before=1, after=2) for path in paths),
        interval=Interval(last_good=last_good, detected=SEEN),
    )


def event(id_: str, minutes: float, *paths: str, actor: str = "ana", failed: bool = False, read_only: bool = False) -> ActorEvent:
    at = GOOD + timedelta(minutes=minutes)
    return ActorEvent(id=id_, time=at, event_name="Update", actor=actor, paths=paths or None, failed=failed, read_only=read_only)


def found(drift_: Drift, *events: ActorEvent, now: datetime = NOW) -> dict[str, tuple[tuple[str, ...], tuple[str, ...], WhyNot | None]]:
    result = attribute(drift_, events, tolerance=TOLERANCE, now=now)
    return {call.event.id: (call.wrote, call.last_of, call.why_not) for call in result.calls}


def test_two_peoples_edits_of_two_attributes_are_told_apart() -> None:
    ana, ben = event("e1", 5, "/Timeout", actor="ana"), event("e2", 6, "/MemorySize", actor="ben")
    result = attribute(drift("/Timeout", "/MemorySize"), [ben, ana], tolerance=TOLERANCE, now=NOW)
    assert [(call.event.actor, call.last_of) for call in result.writers] == [("ana", ("/Timeout",)), ("ben", ("/MemorySize",))]
    assert result.unattributed == ()


def test_the_last_writer_of_a_path_is_the_latest_and_of_two_at_one_instant_the_one_with_the_greater_id() -> None:
    assert found(drift("/A"), event("e1", 5), event("e2", 9), event("e0", 9)) == {
        "e1": (("/A",), (), None),
        "e0": (("/A",), (), None),
        "e2": (("/A",), ("/A",), None),
    }


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (event("e", 5, failed=True), WhyNot.FAILED),
        (event("e", 5, read_only=True), WhyNot.READ_ONLY),
        (event("e", -2.1), WhyNot.BEFORE),
        (event("e", 17.1), WhyNot.AFTER),
        (event("e", 5, "/Other"), WhyNot.OTHER_PATHS),
        (event("e", -2.0), None),
        (event("e", 17.0), None),
        (event("e", 5, "/A/B"), None),
        (event("e", 5, ""), None),
    ],
)
def test_why_a_call_explains_a_path_or_not(one: ActorEvent, why: WhyNot | None) -> None:
    assert found(drift("/A"), one)["e"][2] is why


def test_a_call_of_which_the_decision_cannot_know_yet_explains_nothing() -> None:
    assert found(drift("/A"), event("e", 16), now=GOOD + timedelta(minutes=15.5))["e"][2] is WhyNot.AFTER


def test_a_resource_that_was_never_known_good_may_have_been_changed_at_any_time_before() -> None:
    assert found(drift("/A", last_good=None), event("e", -100_000))["e"][2] is None


def test_a_path_that_is_dated_by_itself_is_explained_by_its_own_time() -> None:
    own = Interval(last_good=GOOD - timedelta(days=2), detected=GOOD - timedelta(days=1))
    old = Difference(path="/Old", op=Op.REPLACE, before=1, after=2, interval=own)
    two = Drift(
        **{name: getattr(drift("/New"), name) for name in Drift.__slots__ if name != "changes"}, changes=(old, *drift("/New").changes)
    )
    result = attribute(two, [event("e", -36 * 60), event("f", 5)], tolerance=TOLERANCE, now=NOW)
    assert {call.event.id: call.wrote for call in result.calls} == {"e": ("/Old",), "f": ("/New",)}


def test_what_no_call_explains_is_named() -> None:
    assert attribute(drift("/A", "/B"), [event("e", 5, "/A")], tolerance=TOLERANCE, now=NOW).unattributed == ("/B",)


@given(st.permutations([event("a", 1), event("b", 5, "/A"), event("c", 5, "/B"), event("d", 9, failed=True), event("e", 40)]))
def test_the_order_in_which_events_arrive_changes_nothing(events: list[ActorEvent]) -> None:
    ordered = attribute(drift("/A", "/B"), sorted(events, key=lambda item: item.id), tolerance=TOLERANCE, now=NOW)
    assert attribute(drift("/A", "/B"), events, tolerance=TOLERANCE, now=NOW) == ordered


def cell(type_: str) -> Cell:
    return Cell(scope=Scope(account="111111111111", region="eu-west-1"), type=type_)


def test_a_resource_is_known_by_its_id_its_arn_and_the_end_of_that() -> None:
    arn = "arn:aws:ecs:eu-west-1:111111111111:cluster/shop"
    assert names_of(cell("AWS::ECS::Cluster"), arn, arn, "shop") == {arn, "shop", "cluster/shop"}


def test_a_label_that_two_resources_may_share_names_neither() -> None:
    assert names_of(cell("AWS::EC2::SecurityGroup"), "sg-1", None, "web") == {"sg-1"}
    assert names_of(cell("AWS::IAM::Role"), "AROA1", None, "deploy") == {"AROA1", "deploy"}


def test_the_ids_of_associations_are_found_in_what_changed() -> None:
    gone = {"RouteTableAssociationId": "rtbassoc-0a1", "Main": False, "SubnetId": "subnet-1"}
    change = Difference(path="/Associations/rtbassoc-0a1", op=Op.REMOVE, before=[gone, "no assoc- here", 7])
    assert names_in([change]) == {"rtbassoc-0a1"}
