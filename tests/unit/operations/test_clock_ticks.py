"""What time alone brings: alerts once each, reviews that were missed, exceptions that ran out, verdicts that settle; without any scan."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from driftwatch.domain.authorization.clocks import Clock
from driftwatch.domain.authorization.exception_lifecycle import content_hash
from driftwatch.domain.authorization.policy import EmergencyRequirement, Mode
from driftwatch.domain.change import Approval, ApprovalDecision, ChangeType
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.domain.report import ClockStruck, Event, FindingChanged
from driftwatch.errors import StoreError
from driftwatch.operations import clocks, exceptions, findings, status
from tests.unit.operations.acts import covering, drifted, entries, finding, later, restarted, with_policy
from tests.world import ANA, BEN, GROUPS, World, settled_world

S = FindingState
HOUR = timedelta(hours=1)
ALL = {"R10": Mode.ENFORCE, "R14": Mode.ENFORCE}


def pending(**overrides: object) -> tuple[World, str, datetime]:
    """A drift under an emergency change whose review is due in 8 hours: the world, the finding's id and the deadline."""
    world = settled_world(**overrides)
    made = world.installation.policy
    with_policy(
        world,
        rules={**made.rules, **ALL},
        emergency=EmergencyRequirement(declare_within_h=4, review_within_h=8, max_duration_h=24),
        acknowledge_target_h=24,
    )
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    covering(world, "one", type=ChangeType.EMERGENCY, approvals=())
    world.scan()
    (found,) = world.live()
    assert (found.state, found.verdict_current) == (S.PENDING_REVIEW, Verdict.EMERGENCY_PENDING_REVIEW)
    assert found.due_at == found.drift.interval.detected + 8 * HOUR
    return world, found.id, found.due_at


def tick(world: World) -> list[Event]:
    events: list[Event] = []
    clocks.tick(world.installation, events.append)
    return events


def struck(events: list[Event]) -> list[Clock]:
    return [event.alert.clock for event in events if isinstance(event, ClockStruck)]


class TestReviews:
    def test_a_pending_review_is_not_uncovered_and_the_world_counts_as_covered(self) -> None:
        world, _, _ = pending()
        assert world.scan().exit_code == 0

    def test_it_warns_at_three_quarters_and_strikes_after_the_deadline_once_each_with_an_entry(self) -> None:
        world, id_, due = pending()
        told = []
        for moment in (due - 2 * HOUR - timedelta(seconds=1), due - 2 * HOUR, due - HOUR, due, due + timedelta(seconds=1), due + HOUR):
            world.now = moment
            told.append(struck(tick(world)))
        assert told == [[], [Clock.REVIEW_75], [], [], [Clock.REVIEW_100], []]
        assert finding(world, id_).handling.alerted == ("review_75", "review_100")
        assert [(entry["clock"], entry["finding"]) for entry in entries(world, "clock_struck")] == [("review_75", id_), ("review_100", id_)]

    def test_when_the_deadline_is_over_the_finding_is_open_and_unauthorized_without_a_scan(self) -> None:
        world, id_, due = pending()
        world.now = due
        tick(world)
        assert finding(world, id_).state is S.PENDING_REVIEW, "at its last instant it may still be reviewed"
        world.now = due + timedelta(seconds=1)
        (changed,) = [event for event in tick(world) if isinstance(event, FindingChanged)]
        kept = finding(world, id_)
        assert (kept.state, kept.verdict_current, kept.verdict_initial) == (
            S.OPEN,
            Verdict.UNAUTHORIZED,
            Verdict.EMERGENCY_PENDING_REVIEW,
        )
        assert changed.decision
        assert [result.rule for result in changed.decision.violations] == ["R10"]
        assert entries(world, "finding_decided")[-1]["decision"]["violations"] == ["R10"]
        assert not tick(world), "and that is told once"

    def test_a_missed_deadline_is_told_also_where_a_scan_came_first(self) -> None:
        world, id_, due = pending()
        world.now = due
        world.scan(minutes=5)
        assert finding(world, id_).state is S.OPEN
        assert struck(world.events) == [Clock.REVIEW_100]

    def test_a_review_in_time_ends_it_and_no_clock_strikes_any_more(self) -> None:
        world, id_, due = pending()
        (record,) = world.source.records
        given = Approval(who="ben", decision=ApprovalDecision.APPROVED, at=world.now + HOUR)
        world.source.records[0] = replace(record, approvals=(given,))
        later(world, hours=2)
        world.scan()
        kept = finding(world, id_)
        assert (kept.state, kept.verdict_current, kept.due_at) == (S.AWAITING_BASELINE, Verdict.AUTHORIZED, None)
        world.now = due + HOUR
        assert not tick(world)

    def test_a_restart_between_tells_nothing_twice_and_loses_nothing(self, tmp_path) -> None:
        url = f"sqlite:///{tmp_path / 'driftwatch.db'}"
        world, id_, due = pending(url=url)
        told = []
        for moment in (due - HOUR, due - HOUR, due + HOUR, due + HOUR):
            world = restarted(world, url)
            world.now = moment
            told.append(struck(tick(world)))
        assert told == [[Clock.REVIEW_75], [], [Clock.REVIEW_100], []]
        assert finding(world, id_).state is S.OPEN

    def test_a_process_that_died_between_the_alert_and_the_judgement_judges_at_its_next_look(self) -> None:
        world, id_, due = pending()
        world.now = due + HOUR
        told = finding(world, id_)
        with world.store.write() as uow:
            uow.findings.save(replace(told, handling=replace(told.handling, alerted=("review_100",))))
        assert [type(event) for event in tick(world)] == [FindingChanged]
        assert finding(world, id_).state is S.OPEN


class TestExceptions:
    def excepted(self, days: float = 30) -> tuple[World, str, datetime]:
        world, found = drifted()
        until = world.now + timedelta(days=days)
        asked = exceptions.request(world.installation, found.id, ANA, until=until, reason="for now")
        exceptions.approve(world.installation, asked.id, BEN, seen_hash=content_hash(asked))
        return world, found.id, until

    def test_it_warns_14_days_before_its_end_and_at_its_end_opens_the_finding_without_a_scan(self) -> None:
        world, id_, until = self.excepted()
        told = []
        warning = until - timedelta(days=14)
        for moment in (warning - timedelta(seconds=1), warning, until - timedelta(seconds=1), until, until + HOUR):
            world.now = moment
            told.append(struck(tick(world)))
            assert finding(world, id_).state is (S.EXCEPTED if moment < until else S.OPEN)
        assert told == [[], [Clock.EXCEPTION_EXPIRING], [], [Clock.EXCEPTION_EXPIRED], []]
        kept = finding(world, id_)
        assert (kept.verdict_current, kept.verdict_initial) == (Verdict.EXCEPTION_EXPIRED, Verdict.UNAUTHORIZED)
        assert [entry["clock"] for entry in entries(world, "clock_struck")] == ["exception_expiring", "exception_expired"]

    def test_one_that_was_revoked_tells_nothing(self) -> None:
        world, _, until = self.excepted()
        (item,) = exceptions.listed(world.installation)
        exceptions.revoke(world.installation, item.id, BEN, "not needed")
        world.now = until
        assert Clock.EXCEPTION_EXPIRED not in struck(tick(world))


class TestAcknowledging:
    def test_a_finding_that_nobody_acknowledges_in_time_is_told_once_and_one_that_somebody_did_is_not(self) -> None:
        world, found = drifted()
        with_policy(world, version="other", acknowledge_target_h=1)
        world.now = found.first_seen + 72 * HOUR - timedelta(seconds=1)
        assert not tick(world), "the policy that it was detected under decides"
        world.now = found.first_seen + 72 * HOUR
        assert struck(tick(world)) == [Clock.ACKNOWLEDGE]
        assert not tick(world)

    def test_one_that_somebody_acknowledged_is_not_told(self) -> None:
        world, found = drifted()
        findings.ack(world.installation, found.id, ANA)
        later(world, days=10)
        assert not tick(world)


class TestSettling:
    def unsettled(self) -> tuple[World, str]:
        world = settled_world()
        with_policy(world, settle_s=1200, version="settling")
        world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
        world.scan()
        (found,) = world.live()
        assert (found.settled, found.verdict_initial) == (False, None)
        return world, found.id

    def test_what_was_reverted_before_it_settled_still_gets_its_verdict_and_stays_closed(self) -> None:
        """A change that is taken back within minutes was made all the same."""
        world, id_ = self.unsettled()
        world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
        world.scan(minutes=5)
        assert (finding(world, id_).state, finding(world, id_).verdict_initial) == (S.REVERTED, None)
        later(world, minutes=20)
        (changed,) = tick(world)
        assert isinstance(changed, FindingChanged)
        kept = finding(world, id_)
        assert (kept.state, kept.settled, kept.verdict_initial) == (S.REVERTED, True, Verdict.UNAUTHORIZED)
        assert not tick(world)

    def test_a_live_one_settles_without_a_scan(self) -> None:
        world, id_ = self.unsettled()
        later(world, seconds=1199)
        assert not tick(world)
        later(world, seconds=1)
        assert len(tick(world)) == 1
        assert finding(world, id_).verdict_initial is Verdict.UNAUTHORIZED


def test_what_fails_is_due_again() -> None:
    world, id_, due = pending()
    world.now = due + HOUR
    write, world.store.write = world.store.write, _broken  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        tick(world)
    world.store.write = write  # type: ignore[method-assign]
    assert struck(tick(world)) == [Clock.REVIEW_100]
    assert finding(world, id_).state is S.OPEN


def _broken(_lease: object = None) -> object:
    raise StoreError("the disk is full")


def test_the_numbers_say_how_the_review_stands_until_somebody_decides_about_a_missed_one() -> None:
    world, id_, due = pending()

    def stages() -> dict[str, int]:
        tick(world)
        return dict(status.measure(world.installation).handled.reviews)

    assert stages() == {"running": 1}
    world.now = due - 2 * HOUR
    assert stages() == {"last_quarter": 1}
    world.now = due + timedelta(seconds=1)
    assert status.measure(world.installation).handled.reviews == {"overdue": 1}, "also before the clock strikes"
    assert stages() == {"overdue": 1}
    findings.ack(world.installation, id_, ANA)
    assert stages() == {"overdue": 1}, "whoever has seen it has not reviewed it"
    world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    world.scan()
    assert stages() == {}


def test_the_numbers_say_how_many_acknowledgements_are_late() -> None:
    world, found = drifted()
    tick(world)
    assert status.measure(world.installation).handled.acknowledge_late == 0
    world.now += timedelta(hours=world.installation.policy.acknowledge_target_h)
    tick(world)
    assert status.measure(world.installation).handled.acknowledge_late == 1
    findings.ack(world.installation, found.id, ANA)
    assert status.measure(world.installation).handled.acknowledge_late == 0


def test_the_numbers_say_what_is_due_and_how_fast_people_were() -> None:
    world, id_, due = pending()
    world.put(GROUPS, "two", Size=2, Rules=["a", "b"])
    world.scan()
    (other,) = [item for item in world.live() if item.id != id_]
    later(world, minutes=30)
    findings.ack(world.installation, other.id, ANA)
    until = world.now + timedelta(days=3)
    asked = exceptions.request(world.installation, other.id, ANA, until=until, reason="for now")
    assert status.measure(world.installation).handled.exceptions == {"requested": 1}
    later(world, minutes=30)
    exceptions.approve(world.installation, asked.id, BEN, seen_hash=content_hash(asked))
    handled = status.measure(world.installation).handled
    assert (handled.acknowledged, handled.disposed) == ((1800.0,), (3600.0,))
    assert (handled.review_due, handled.exceptions, handled.exception_expiry) == (due, {"active": 1}, until)
    world.put(GROUPS, "two", Size=1, Rules=["a", "b"])
    world.scan()
    assert status.measure(world.installation).handled.acknowledged == (1800.0,), "closed ones count for a week"
    later(world, days=7, minutes=1)
    assert status.measure(world.installation).handled.acknowledged == ()
