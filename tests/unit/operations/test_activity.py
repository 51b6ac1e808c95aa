"""The log of calls in operations: who did it, what no reading saw, what was turned off, and that the counts add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from driftwatch.domain.activity import Activity, ActivityBatch, CallClass, Effect, Fate, LogFault, LogProblem, Refusal, Refused
from driftwatch.domain.attribute import WhyNot
from driftwatch.domain.authorization.policy import Ignore
from driftwatch.domain.decision import Verdict
from driftwatch.domain.drift import Blinds, DriftKind
from driftwatch.domain.finding import FindingState
from driftwatch.domain.report import ActivityRead, Blinded
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.snapshot import CellState, GapReason
from driftwatch.operations import activity, baselines, describe, findings, population, status
from driftwatch.operations import fates as fates_
from driftwatch.operations.decisions import Decider, evidence
from driftwatch.operations.population import Population
from tests.activity import FakeActivitySource, call
from tests.world import ACCOUNT, ANA, BUCKETS, GROUPS, World, settled_world

GROUP = GROUPS.type


def watching(*, transients: bool = True, tolerance_s: int = 0, **overrides: object) -> tuple[World, FakeActivitySource]:
    """A settled world with a source of logged calls."""
    source = FakeActivitySource()
    world = settled_world(activity_sources=[source], **overrides)
    rules = replace(world.installation.policy, report_transients=transients, clock_tolerance_s=tolerance_s)
    world.change(policy=rules)
    return world, source


def logged(world: World, source: FakeActivitySource, minutes: float, *ids: str, **more: object) -> Activity:
    """A call so many minutes from now, told at once."""
    made = call(world.now + timedelta(minutes=minutes), GROUP, *ids, **more)  # type: ignore[arg-type]
    source.log.append(made)
    return made


def counted(world: World) -> Population:
    return population.population(world.installation, world.now - timedelta(days=2), world.now)


def fates(world: World) -> dict[Fate, int]:
    return {fate: number for day in counted(world).days for fate, number in day.fates.items() if number}


# --- who did it -------------------------------------------------------------------------------------------------------------------


def test_two_people_who_changed_two_attributes_of_one_resource_are_told_apart() -> None:
    world, source = watching()
    world.put(GROUPS, "one", Size=2, Rules=["a"])
    logged(world, source, 3, "one", who="arn:aws:iam::111111111111:user/ana", paths=["/Size"])
    logged(world, source, 4, "one", who="arn:aws:iam::111111111111:user/ben", paths=["/Rules"])
    world.scan()
    (finding,) = world.live()
    known = findings.case(world.installation, finding.id).explained
    assert known is not None
    wanted = {"ana": ("/Size",), "ben": ("/Rules/b",)}
    assert {call_.event.actor: call_.last_of for call_ in known.attribution.writers} == wanted
    assert known.attribution.unattributed == ()
    document = describe.finding_document(findings.case(world.installation, finding.id))
    assert document["attribution"]["actors"] == ["ana", "ben"]
    assert fates(world) == {Fate.MATCHED: 2}


def test_a_drift_that_nobody_is_known_to_have_made_stays_unattributed_until_the_late_event_comes() -> None:
    world, source = watching()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    late = call(world.now + timedelta(minutes=5), GROUP, "one")
    world.scan()
    (finding,) = world.live()
    document = describe.finding_document(findings.case(world.installation, finding.id))
    assert document["attribution"] == {"actors": [], "calls": [], "unattributed": ["/Size"]}
    source.log.append(late)
    world.scan()
    assert findings.case(world.installation, finding.id).explained.attribution.unattributed == ()  # type: ignore[union-attr]
    assert counted(world).drifts == {(f"{world.now:%Y-%m-%d}", ACCOUNT): (1, 0)}


def test_it_is_said_why_a_call_on_the_resource_is_not_taken() -> None:
    world, source = watching()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    logged(world, source, 5, "one", paths=["/Rules"])
    logged(world, source, 5, "one", error="AccessDenied")
    logged(world, source, 5, "two")
    world.scan()
    (finding,) = (item for item in world.live() if item.drift.kind is DriftKind.UPDATED)
    case = findings.case(world.installation, finding.id)
    assert case.explained is not None
    assert [item.why_not for item in case.explained.attribution.calls] == [WhyNot.OTHER_PATHS, WhyNot.FAILED]


def test_a_decision_is_not_settled_before_the_log_is_known_up_to_its_change() -> None:
    world, source = watching()
    source.complete_until = world.now
    world.put(GROUPS, "one", Size=2)
    world.scan()
    assert not world.live()[0].settled
    source.complete_until = None
    world.scan()
    assert world.live()[0].settled


def test_the_measures_say_how_far_the_log_is_known_of_the_account_that_is_furthest_behind() -> None:
    world, source = watching()
    asking = FakeActivitySource(name="history", accounts=())
    world.change(activity_sources=[source, asking])
    source.complete_until = world.now
    world.scan()
    world.change(activity_sources=[source, asking, FakeActivitySource(name="new")])
    known = status.measure(world.installation).activity
    assert known.complete_until == {"trail": source.complete_until, "new": None}
    assert known.synced == {"trail": world.now, "history": world.now, "new": None}
    source.accounts = [ACCOUNT, "222222222222"]
    assert status.measure(world.installation).activity.complete_until == {"trail": None, "new": None}


def test_a_log_that_never_comes_holds_a_decision_back_for_a_day_and_no_longer() -> None:
    world, source = watching()
    source.broken = 0
    world.put(GROUPS, "one", Size=2)
    world.scan()
    assert not world.live()[0].settled
    world.scan(minutes=24 * 60 + 1)
    assert world.live()[0].settled


def test_who_made_a_change_may_not_dispose_of_it() -> None:
    world, source = watching()
    world.put(GROUPS, "one", Size=2)
    logged(world, source, 5, "one", who="arn:aws:iam::111111111111:user/ben")
    world.scan()
    version = baselines.capture(world.installation, "production", ANA)
    assert [item.actors for item in version.included] == [("ben",)]


# --- what no reading saw -------------------------------------------------------------------------------------------------------------


def test_a_change_that_was_reverted_between_two_scans_is_a_finding() -> None:
    world, source = watching()
    logged(world, source, 3, "one", paths=["/Rules"], name="AuthorizeSecurityGroupIngress")
    logged(world, source, 4, "one", paths=["/Rules"], name="RevokeSecurityGroupIngress")
    world.scan()
    (finding,) = world.live()
    assert (finding.drift.kind, finding.verdict_current) == (DriftKind.TRANSIENT, Verdict.UNAUTHORIZED)
    assert [change.path for change in finding.drift.changes] == ["/Rules"]
    case = findings.case(world.installation, finding.id)
    assert [item.event.event_name for item in case.explained.attribution.calls] == [  # type: ignore[union-attr]
        "AuthorizeSecurityGroupIngress",
        "RevokeSecurityGroupIngress",
    ]
    assert fates(world) == {Fate.TRANSIENT: 2}
    assert world.state(GROUPS).state is CellState.CLEAN
    assert status.overview(world.installation).exit_code == 2


def test_it_stays_until_somebody_has_seen_it() -> None:
    world, source = watching()
    logged(world, source, 3, "one")
    world.scan()
    world.scan()
    (finding,) = world.live()
    findings.ack(world.installation, finding.id, ANA)
    world.scan()
    assert world.live() == []
    assert findings.case(world.installation, finding.id).finding.state is FindingState.REVERTED


def test_where_the_policy_does_not_report_transients_they_are_counted_all_the_same() -> None:
    world, source = watching(transients=False)
    logged(world, source, 3, "one")
    world.scan()
    assert world.live() == []
    assert fates(world) == {Fate.TRANSIENT: 1}


def test_another_transient_of_the_same_resource_widens_its_finding() -> None:
    world, source = watching()
    logged(world, source, 3, "one")
    world.scan()
    (first,) = world.live()
    logged(world, source, 3, "one")
    world.scan()
    (second,) = world.live()
    assert second.id == first.id
    case = findings.case(world.installation, second.id)
    assert len(case.explained.attribution.writers) == 2  # type: ignore[union-attr]


def test_a_call_that_came_just_before_the_reading_waits_for_the_next_one() -> None:
    world, source = watching(tolerance_s=120)
    logged(world, source, 9, "one")
    world.scan()
    assert world.live() == []
    assert fates(world) == {Fate.PENDING: 1}
    world.scan()
    assert [finding.drift.kind for finding in world.live()] == [DriftKind.TRANSIENT]


def test_a_change_before_the_first_reading_is_in_the_baseline() -> None:
    source = FakeActivitySource()
    world = World(activity_sources=[source])
    world.put(GROUPS, "one", Size=1)
    source.log.append(call(world.now + timedelta(minutes=1), GROUP, "one"))
    world.scan()
    world.baseline()
    world.scan()
    assert world.live() == []
    assert fates(world) == {Fate.BASELINED: 1}


def test_a_resource_that_came_and_went_between_two_scans_is_counted() -> None:
    world, source = watching()
    logged(world, source, 3, "three", effect=Effect.CREATE)
    logged(world, source, 4, "three", effect=Effect.DELETE)
    world.scan()
    assert fates(world) == {Fate.TRANSIENT: 2}


def test_a_change_of_a_resource_that_is_unread_waits() -> None:
    world, source = watching()
    logged(world, source, 3, "one")
    world.collector.failing[GROUPS] = GapReason.DENIED
    world.scan()
    assert fates(world) == {Fate.PENDING: 1}
    assert world.live() == []


# --- what was turned off ---------------------------------------------------------------------------------------------------------------


def test_switching_a_trail_off_is_a_finding_at_once_and_its_cells_say_so() -> None:
    world, source = watching(transients=False)
    stopped = call(world.now, "AWS::CloudTrail::Trail", "main", name="StopLogging", source="cloudtrail.amazonaws.com")
    source.log.append(stopped)
    activity.catch_up(world.installation, holder="test", report=world.events.append)
    (finding,) = world.live()
    assert finding.drift.blinds is Blinds.TRAIL
    assert [event.what for event in world.events if isinstance(event, Blinded)] == [Blinds.TRAIL]
    assert set(status.overview(world.installation).blind) == {GROUPS, BUCKETS}
    assert "watching_turned_off" in world.ledger()


def test_switching_it_on_again_ends_that_where_the_trail_itself_is_not_watched() -> None:
    world, source = watching()
    source.log.append(call(world.now, "AWS::CloudTrail::Trail", "main", name="StopLogging", source="cloudtrail.amazonaws.com"))
    activity.catch_up(world.installation, holder="test")
    source.log.append(call(world.now, "AWS::CloudTrail::Trail", "main", name="StartLogging", source="cloudtrail.amazonaws.com"))
    activity.catch_up(world.installation, holder="test")
    assert world.live() == []
    assert status.overview(world.installation).blind == {}


def test_deleting_the_bucket_of_the_log_blinds_and_deleting_another_one_does_not() -> None:
    world, source = watching()
    for bucket in ("logs", "pictures"):
        source.log.append(call(world.now, BUCKETS.type, bucket, name="DeleteBucket", source="s3.amazonaws.com", effect=Effect.DELETE))
    activity.catch_up(world.installation, holder="test")
    assert [finding.drift.blinds for finding in world.live()] == [Blinds.BUCKET]


def test_a_broken_signature_is_a_finding_about_the_log() -> None:
    world, source = watching()
    fault = LogProblem(
        fault=LogFault.DIGEST_SIGNATURE, trail="main", account=ACCOUNT, region="eu-west-1", where="digest-1.json.gz", at=world.now
    )
    source.problems.append(fault)
    activity.catch_up(world.installation, holder="test")
    (finding,) = world.live()
    assert (finding.drift.blinds, finding.drift.changes[0].path) == (Blinds.LOG, "/Log/digest_signature")


# --- taking it in ------------------------------------------------------------------------------------------------------------------------


def test_each_event_counts_once_however_often_it_comes() -> None:
    world, source = watching()
    one = logged(world, source, 3, "one")
    source.log.extend([one, one])
    world.scan()
    source.log.append(one)
    world.scan()
    assert sum(day.writes for day in counted(world).days) == 1
    assert sum(event.new for event in world.events if isinstance(event, ActivityRead)) == 1


def test_a_batch_is_given_up_only_after_it_is_stored_and_a_failure_keeps_what_was_told_before() -> None:
    world, source = watching()
    for _ in range(5):
        logged(world, source, 3, "one")
    source.committed.clear()
    source.broken = 1
    world.scan()
    assert [len(batch.activities) for batch in source.committed] == [2]
    source.broken = None
    world.scan()
    assert [order.position for order in source.orders] == [None, 0, 2]
    assert sum(day.writes for day in counted(world).days) == 5


def test_what_cannot_be_read_is_counted_by_reason_and_stops_nothing() -> None:
    world, source = watching()
    source.refused.append(Refused(reason=Refusal.TRUNCATED, where="a.json.gz", detail="the file ends in the middle"))
    logged(world, source, 3, "one")
    world.scan()
    with world.store.read() as uow:
        (known,) = uow.activity.sources()
        assert known.refused == {"truncated": 1}
        assert [item.where for _, item in uow.activity.set_aside("trail")] == ["a.json.gz"]
    assert sum(day.writes for day in counted(world).days) == 1


@pytest.mark.parametrize("kind", [CallClass.SESSION, CallClass.DATA, CallClass.TELEMETRY, CallClass.DRY_RUN])
def test_writes_that_change_no_configuration_are_kept_apart(kind: CallClass) -> None:
    world, source = watching()
    logged(world, source, 3, "one", kind=kind)
    world.scan()
    assert world.live() == []
    (day,) = counted(world).days
    assert (day.writes, day.changes, {call_: number for call_, number in day.others.items() if number}) == (1, 0, {kind: 1})


def test_a_denied_attempt_is_no_change_and_is_counted() -> None:
    world, source = watching()
    logged(world, source, 3, "one", error="AccessDenied")
    logged(world, source, 3, "one", error="ValidationException")
    world.scan()
    (day,) = counted(world).days
    assert (day.writes, day.failed, day.denied, day.changes) == (2, 2, 1, 0)
    assert world.live() == []


def test_the_population_adds_up() -> None:
    world, source = watching()
    world.put(GROUPS, "one", Size=2)
    logged(world, source, 2, "one")
    logged(world, source, 3, "two")
    logged(world, source, 3)
    logged(world, source, 4, "one", kind=CallClass.SESSION)
    logged(world, source, 4, "one", error="AccessDenied")
    source.log.append(call(world.now + timedelta(minutes=3), "AWS::SNS::Topic", "t"))
    world.scan()
    (day,) = counted(world).days
    assert day.writes == day.failed + sum(day.others.values()) + day.changes == 6
    assert day.changes == sum(day.fates.values()) == 4
    assert {fate: number for fate, number in day.fates.items() if number} == {
        Fate.MATCHED: 1,
        Fate.TRANSIENT: 1,
        Fate.UNWATCHED: 1,
        Fate.UNRESOLVED: 1,
    }


def test_a_source_that_answers_questions_is_asked_about_what_nobody_explained() -> None:
    world, source = watching()
    source.accounts = ()
    world.put(GROUPS, "one", Size=2)
    before: datetime = world.now
    world.scan()
    world.scan()
    (question,) = source.orders[-1].unexplained
    assert (question.type, question.names, question.since) == (GROUP, ("one",), before)
    logged(world, source, -15, "one")
    world.scan()
    world.scan()
    assert source.orders[-1].unexplained == ()


def test_a_call_whose_resource_was_read_but_is_not_judged_yet_waits_for_the_judgement() -> None:
    world, source = watching()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made = logged(world, source, 3, "one")
    stolen: list[Fate | None] = []

    class Meanwhile(FakeActivitySource):
        """While the scan reads the log, another process gives the call its fate."""

        def done(self, batch: ActivityBatch) -> None:
            fates_.settle(world.installation, Decider(evidence(world.installation)), lease=None)
            with world.store.read() as uow:
                stolen.append(uow.activity.fate(made.id)[0])

    world.change(activity_sources=[Meanwhile(log=source.log)])
    world.scan()
    assert stolen == [Fate.PENDING]
    assert fates(world) == {Fate.MATCHED: 1}


def test_what_the_policy_ignores_is_nothing_that_is_watched() -> None:
    world, source = watching()
    context = replace(world.installation.policy.context, ignore=(Ignore(resource_types=("*",), attribute_paths=("/Size",)),))
    world.change(policy=replace(world.installation.policy, context=context))
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    logged(world, source, 3, "one")
    world.scan()
    assert world.live() == []
    assert fates(world) == {Fate.UNWATCHED: 1}


def test_a_resource_that_was_deleted_is_not_taken_for_its_namesake_in_another_region() -> None:
    world, source = watching()
    other = Cell(scope=Scope(account=ACCOUNT, region="us-east-1"), type=GROUP)
    world.put(other, "one", Size=1)
    world.scan()
    world.baseline()
    world.remove(GROUPS, "one")
    logged(world, source, 3, "one", effect=Effect.DELETE)
    world.scan()
    world.scan()
    (finding,) = world.live()
    assert (finding.cell, finding.drift.kind) == (GROUPS, DriftKind.DELETED)
    assert fates(world) == {Fate.MATCHED: 1}
