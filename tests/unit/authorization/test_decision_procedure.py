"""The procedure around the rules: what is controlled, who wrote a path, which records are near, which is best, what is not yet known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from driftwatch.domain.activity import ActorKind, RunRef
from driftwatch.domain.authorization.decide import CandidateIndex, decide, drift_verdict, relevant
from driftwatch.domain.authorization.policy import Ignore, MachineActor, Mode, PolicyContext, UnknownAs
from driftwatch.domain.change import ChangeState, ChangeType, Expectation, Target
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import Decision, Verdict
from driftwatch.domain.drift import DriftKind, Op
from driftwatch.errors import InputError
from tests.builders import (
    CIDR,
    GROUP,
    approval,
    at,
    context,
    difference,
    drift,
    event,
    interval,
    policy,
    record,
    source,
    target,
    window,
)

NOW = "03-10 12:30"


def judge(*records, drift_=None, events=(), preset="scaleup", now=NOW, sources=(), made=None, **fields) -> Decision:
    return decide(
        drift_ or drift(), events=events, records=list(records), sources=sources, policy=made or policy(preset, **fields), now=at(now)
    )


def rules(results) -> set[str]:
    return {result.rule for result in results}


class TestIgnoredPaths:
    IGNORING = policy("scaleup")
    IGNORING = replace(
        IGNORING, context=context(ignore=(Ignore(resource_types=("AWS::EC2::*",), attribute_paths=("/Tags/aws:*", "/OwnerId")),))
    )

    def test_they_take_no_part_in_the_verdict_and_are_counted(self) -> None:
        partly = drift(difference(), difference("/Tags/aws:cloudformation:stack-id"), difference("/OwnerId/x"))
        decision = judge(record(), drift_=partly, events=[event()], made=self.IGNORING)
        assert decision.verdict is Verdict.AUTHORIZED
        assert [path.path for path in decision.paths] == [CIDR]
        assert decision.suppressed_paths == ("/Tags/aws:cloudformation:stack-id", "/OwnerId/x")

    def test_a_drift_of_nothing_else_is_no_drift(self) -> None:
        only = drift(difference("/Tags/aws:x"))
        assert relevant(only, self.IGNORING) == (None, ("/Tags/aws:x",))
        decision = judge(drift_=only, made=self.IGNORING)
        assert (decision.verdict, decision.paths, decision.suppressed_paths) == (Verdict.NOT_CONTROLLED, (), ("/Tags/aws:x",))

    def test_other_types_and_whole_resources_are_not_ignored(self) -> None:
        other = drift(difference("/OwnerId"), resource_type="AWS::S3::Bucket")
        assert relevant(other, self.IGNORING) == (other, ())
        created = drift(difference("", Op.ADD, before=None, after={"OwnerId": "x"}), kind=DriftKind.CREATED)
        assert relevant(created, self.IGNORING) == (created, ())


def test_a_drift_without_a_difference_is_refused_instead_of_called_harmless() -> None:
    with pytest.raises(ValueError, match="no difference"):
        judge(drift_=drift(changes=()))


def test_an_empty_list_of_production_accounts_is_refused_since_it_would_control_nothing() -> None:
    with pytest.raises(InputError, match="production_accounts is empty"):
        PolicyContext(production_accounts=())


class TestWhoWroteIt:
    """The record allows 10:00 to 10:30 only, so that it shows which event was taken."""

    NARROW = record(windows=(window("03-10 10:00", "03-10 10:30"),))
    GOOD = event("03-10 10:20", id="ev-good")

    def taken(self, *events, **fields) -> str | None:
        decision = judge(self.NARROW, events=events, clock_tolerance_s=0, **fields)
        return decision.paths[0].considered[0].results[0].event

    def test_the_last_writer_by_time_then_id(self) -> None:
        assert self.taken(self.GOOD, event("03-10 10:40", id="ev-a")) == "ev-a"
        assert self.taken(event("03-10 10:40", id="ev-b"), event("03-10 10:40", id="ev-a"), self.GOOD) == "ev-b"

    @pytest.mark.parametrize(
        "fields",
        [
            {"failed": True},
            {"read_only": True},
            {"paths": ("/Description", "/Ingress")},
            {"paths": ()},
            {"time": at("03-10 09:59:59")},
            {"time": at("03-10 11:00:01")},
        ],
    )
    def test_calls_that_failed_only_read_touched_other_paths_or_came_at_another_time_explain_nothing(self, fields: dict) -> None:
        assert self.taken(self.GOOD, replace(event("03-10 10:40", id="ev-no"), **fields)) == "ev-good"

    @pytest.mark.parametrize("paths", [None, ("/IngressRules",), (CIDR,), (f"{CIDR}/deeper",), ("/Description", "")])
    def test_a_call_explains_a_path_an_ancestor_or_a_descendant_of_it(self, paths) -> None:
        assert self.taken(self.GOOD, event("03-10 10:40", id="ev-yes", paths=paths)) == "ev-yes"

    def test_the_interval_is_widened_by_the_tolerance_and_has_no_beginning_before_the_first_snapshot(self) -> None:
        early, late = event("03-10 09:55", id="early"), event("03-10 11:05", id="late")
        assert judge(record(), events=[early]).paths[0].considered[0].results[0].event == "early"
        assert judge(record(), events=[early, late]).paths[0].considered[0].results[0].event == "late"
        old = drift(interval=interval(None))
        assert judge(record(), drift_=old, events=[event("03-09 20:00", id="old")]).paths[0].considered[0].results[0].event == "old"

    def test_an_event_after_now_is_not_seen(self) -> None:
        decision = judge(record(), events=[event("03-10 11:03")], now="03-10 11:02")
        assert decision.paths[0].considered[0].results[0].event is None

    def test_a_path_that_came_about_earlier_than_its_drift_is_explained_by_the_events_of_its_own_time(self) -> None:
        carried = drift(difference(interval=interval("03-10 10:00", "03-10 11:00")), interval=interval("03-10 12:00", "03-10 12:10"))
        decision = judge(record(), drift_=carried, events=[event("03-10 10:30")])
        assert decision.paths[0].considered[0].results[0].event == "ev-1"

    def test_with_every_writer_judged_the_worst_decides_and_all_violations_are_told(self) -> None:
        good, bad = self.GOOD, event("03-10 10:10", id="ev-early", actor="mia")
        own = replace(self.NARROW, windows=(window("03-10 10:15", "03-10 10:30"),))
        decision = judge(own, events=[good, bad], preset="enterprise")
        assert decision.verdict is Verdict.UNAUTHORIZED
        assert {result.event for result in decision.violations} == {"ev-early"}
        assert rules(decision.violations) == {"R3", "R5", "R8"}
        assert judge(own, events=[good, bad], preset="enterprise", evaluate_all_writers=False).verdict is Verdict.AUTHORIZED


class TestHorizon:
    """168 hours: a record that was of use longer ago, or will be later, is no candidate."""

    @pytest.mark.parametrize(("created", "candidate"), [("03-17 10:30:00", True), ("03-17 10:30:01", False)])
    def test_the_distance_to_a_later_record_is_measured_to_the_second(self, created: str, candidate: bool) -> None:
        later = record(created_at=at(created), windows=())
        assert bool(judge(later, events=[event()], now="03-20 00:00").paths[0].considered) is candidate

    @pytest.mark.parametrize(("ended", "candidate"), [("03-03 10:30:00", True), ("03-03 10:29:59", False)])
    @pytest.mark.parametrize("how", ["closed_at", "cancelled_at", "rejected_at"])
    def test_and_to_an_ended_one(self, how: str, ended: str, candidate: bool) -> None:
        over = record(created_at=at("03-01 00:00"), windows=(), **{how: at(ended)})
        assert bool(judge(over, events=[event()]).paths[0].considered) is candidate

    def test_a_record_that_is_of_use_at_the_time_is_near_however_short_the_horizon_is(self) -> None:
        assert judge(record(), events=[event()], candidate_horizon_h=0).paths[0].considered
        ended = record(windows=(), closed_at=at("03-10 10:30"))
        assert judge(ended, events=[event()], candidate_horizon_h=0).paths[0].considered
        assert not judge(ended, events=[event("03-10 10:30:01")], candidate_horizon_h=0).paths[0].considered

    def test_an_interval_is_measured_from_its_nearer_end_and_one_without_beginning_reaches_back_for_ever(self) -> None:
        over = record(created_at=at("03-01 00:00"), windows=(), closed_at=at("03-03 10:00:00"))
        assert judge(over).paths[0].considered
        assert not judge(replace(over, closed_at=at("03-03 09:59:59"))).paths[0].considered
        assert judge(replace(over, closed_at=at("03-01 10:00")), drift_=drift(interval=interval(None))).paths[0].considered

    def test_a_window_keeps_a_closed_record_near_and_an_early_one_makes_it_so(self) -> None:
        kept = record(created_at=at("03-01 00:00"), closed_at=at("03-02 00:00"), windows=(window("03-03 00:00", "03-04 00:00"),))
        assert judge(kept, events=[event()]).paths[0].considered
        early = record(created_at=at("03-30 00:00"), windows=(window("03-12 00:00", "03-13 00:00"),))
        assert judge(early, events=[event()], now="03-31 00:00").paths[0].considered

    def test_a_run_that_names_the_record_skips_the_horizon_but_not_the_resource(self) -> None:
        over = record(created_at=at("02-01 00:00"), windows=(), closed_at=at("02-02 00:00"))
        linked = event(run_ref=RunRef(change_id="CHG-1"))
        assert judge(over, events=[linked]).paths[0].considered
        assert rules(judge(replace(over, scope=(target(ids=("arn:other",)),)), events=[linked]).violations) == {"R1"}

    def test_no_record_names_the_nearest_and_by_how_much_it_missed(self) -> None:
        over = record(created_at=at("02-01 00:00"), windows=(), closed_at=at("03-01 10:30"))
        [violation] = judge(over, events=[event()]).violations
        assert violation.explanation == (
            f"No change record covers {CIDR} of {GROUP}, changed at 10:30 UTC on 2026-03-10: the nearest that names the resource, CHG-1, "
            "is 9 days away, and 7 days is the most that is allowed; a record of that time, approved before the change, would have "
            "covered it."
        )

    def test_of_several_that_are_too_far_away_the_nearest_is_named_whatever_their_order(self) -> None:
        near, far = (
            record(id=name, created_at=at("02-01 00:00"), windows=(), closed_at=at(end))
            for name, end in (("B", "03-01 00:00"), ("A", "02-20 00:00"))
        )
        for order in ((near, far), (far, near)):
            assert "the nearest that names the resource, B, is" in judge(*order, events=[event()]).violations[0].explanation

    @pytest.mark.parametrize("mode", [Mode.WARN, Mode.OFF])
    def test_no_policy_softens_the_lack_of_any_record(self, mode: Mode) -> None:
        decision = judge(rules={"R1": mode}, preset="startup")
        assert (decision.verdict, rules(decision.violations)) == (Verdict.UNAUTHORIZED, {"R1"})


class TestBestRecord:
    def best(self, *records, **fields) -> str | None:
        return judge(*records, **{"events": [event()], **fields}).record

    def test_a_full_match_wins_and_the_others_that_match_are_named(self) -> None:
        bad, good, also = record(id="CHG-0", approvals=()), record(id="CHG-5"), record(id="CHG-6")
        decision = judge(bad, also, good, events=[event()])
        assert (decision.record, decision.also_matched, decision.violations) == ("CHG-5", ("CHG-6",), ())
        assert [item.record for item in decision.paths[0].considered] == ["CHG-5", "CHG-6", "CHG-0"]

    def test_in_scope_before_fewest_violations(self) -> None:
        worse = record(id="CHG-9", approvals=(), windows=(window("03-01 00:00", "03-01 01:00"),), state=ChangeState.CANCELLED)
        outside = record(id="CHG-1", scope=(target(attribute_paths=("/Tags",)),))
        decision = judge(outside, worse, events=[event()])
        assert (decision.record, rules(decision.violations)) == ("CHG-9", {"R3", "R4", "R11"})

    def test_fewest_violations_then_fewest_unknowns(self) -> None:
        two = record(id="CHG-1", approvals=(), state=ChangeState.CANCELLED)
        one = record(id="CHG-2", approvals=())
        assert self.best(two, one) == "CHG-2"
        unknown = record(id="CHG-1", approvals=(approval(time="03-10 10:30"),))
        known = record(id="CHG-2", created_at=at("03-09 10:00"))
        assert self.best(unknown, known, events=[]) == "CHG-2"

    def test_the_record_that_the_run_names_then_the_more_specific_target(self) -> None:
        exact = record(id="CHG-1")
        linked = record(id="CHG-2", scope=(target(ids=(GROUP[:-1] + "*",), attribute_paths=None),))
        assert self.best(exact, linked) == "CHG-1"
        assert self.best(exact, linked, events=[event(run_ref=RunRef(change_id="CHG-2"))]) == "CHG-2"

    def test_specificity_ranks_exact_ids_globs_tags_types_and_paths(self) -> None:
        ranked = [
            target(),
            Target(ids=("sg-0a1",)),
            target(ids=(GROUP[:-1] + "*",)),
            Target(ids=(GROUP[:-1] + "*",)),
            Target(tags={"app": ("web",)}, attribute_paths=("",)),
            Target(tags={"app": ("web",)}),
            Target(resource_types=("AWS::EC2::SecurityGroup",), attribute_paths=("",)),
            Target(resource_types=("AWS::EC2::SecurityGroup",)),
        ]
        records = [record(id=f"CHG-{9 - place}", scope=(scope,)) for place, scope in enumerate(ranked)]
        assert [item.record for item in judge(*records, events=[event()]).paths[0].considered] == [item.id for item in records]

    def test_only_the_targets_that_cover_the_change_tell_how_specific_a_record_is_where_any_does(self) -> None:
        elsewhere = target(attribute_paths=("/Tags",))
        vague = record(id="CHG-0", scope=(elsewhere, Target(resource_types=("AWS::EC2::*",))))
        closer = record(id="CHG-1", scope=(target(ids=(GROUP[:-1] + "*",)),))
        assert self.best(vague, closer) == "CHG-1"
        loose = record(id="CHG-0", scope=(Target(resource_types=("AWS::EC2::*",), attribute_paths=("/Tags",)),))
        assert self.best(loose, record(id="CHG-1", scope=(elsewhere,))) == "CHG-1"

    def test_the_most_specific_of_the_targets_that_cover_it_counts(self) -> None:
        both = record(id="CHG-9", scope=(Target(resource_types=("AWS::EC2::*",)), target(), Target(resource_types=("AWS::*",))))
        assert self.best(both, record(id="CHG-1", scope=(target(ids=(GROUP[:-1] + "*",)),))) == "CHG-9"

    def test_then_the_earlier_created_then_the_id(self) -> None:
        assert self.best(record(id="CHG-1"), record(id="CHG-2", created_at=at("03-08 00:00"))) == "CHG-2"
        assert self.best(record(id="CHG-2"), record(id="CHG-1")) == "CHG-1"

    def test_each_path_may_have_its_own_and_then_no_one_record_decided(self) -> None:
        other = record(id="CHG-2", scope=(target(attribute_paths=("/Description",)),))
        both = drift(difference(), difference("/Description"))
        decision = judge(record(), other, drift_=both, events=[event()])
        assert (decision.verdict, decision.record) == (Verdict.AUTHORIZED, None)
        assert [path.record for path in decision.paths] == ["CHG-1", "CHG-2"]

    def test_half_of_the_evidence_in_each_of_two_records_authorises_nothing(self) -> None:
        approved = record(id="CHG-1", windows=(window("03-01 00:00", "03-09 10:00"),))
        in_time = record(id="CHG-2", approvals=())
        assert judge(approved, in_time, events=[event()]).verdict is Verdict.UNAUTHORIZED


class TestStaleSources:
    """Until a source was read since the change, what lacks a record only is not called unauthorised, for a day at most."""

    STALE = source("03-10 10:59:59")
    LIMIT = at("03-11 11:00")

    @pytest.mark.parametrize("unknown_as", list(UnknownAs))
    def test_no_record_is_indeterminate_whatever_the_tier_makes_of_unknowns(self, unknown_as: UnknownAs) -> None:
        decision = judge(sources=[self.STALE], unknown_as=unknown_as)
        assert (decision.verdict, decision.violations) == (Verdict.INDETERMINATE, ())
        assert rules(decision.unknowns) == {"SOURCE_STALE"}
        assert not decision.settled

    @pytest.mark.parametrize(
        ("last", "events", "verdict"),
        [
            ("03-10 10:59:59", (), Verdict.INDETERMINATE),
            ("03-10 11:00:00", (), Verdict.UNAUTHORIZED),
            ("03-10 10:29:59", (event(),), Verdict.INDETERMINATE),
            ("03-10 10:30:00", (event(),), Verdict.UNAUTHORIZED),
            (None, (), Verdict.INDETERMINATE),
        ],
    )
    def test_read_since_the_time_of_the_change_or_the_end_of_its_interval(self, last, events, verdict) -> None:
        assert judge(sources=[source(last)], events=events).verdict is verdict

    def test_one_stale_source_among_fresh_ones_is_enough_and_is_named(self) -> None:
        decision = judge(sources=[source("03-10 12:00"), source(None, name="jira")])
        assert decision.verdict is Verdict.INDETERMINATE
        assert [("jira" in result.explanation) for result in decision.unknowns] == [True]

    def test_without_any_source_there_is_nothing_to_wait_for(self) -> None:
        assert judge(sources=[]).verdict is Verdict.UNAUTHORIZED

    def test_one_path_that_waits_keeps_the_whole_decision_from_settling(self) -> None:
        both = drift(difference(), difference("/Description"))
        decision = judge(record(), drift_=both, sources=[self.STALE])
        assert [path.verdict for path in decision.paths] == [Verdict.AUTHORIZED, Verdict.INDETERMINATE]
        assert not decision.settled

    def test_so_does_one_of_several_writers_who_are_all_judged(self) -> None:
        writers = [event("03-10 10:20", id="known"), event("03-10 10:40", id="later")]
        decision = judge(events=writers, sources=[source("03-10 10:30")], preset="enterprise")
        assert (decision.verdict, decision.settled) == (Verdict.UNAUTHORIZED, False)
        assert judge(events=writers, sources=[source("03-10 10:40")], preset="enterprise").settled

    def test_after_a_day_it_stands_and_settles(self) -> None:
        before = decide(drift(), events=[], records=[], sources=[self.STALE], policy=policy(), now=self.LIMIT - timedelta(seconds=1))
        after = decide(drift(), events=[], records=[], sources=[self.STALE], policy=policy(), now=self.LIMIT)
        assert (before.verdict, before.settled) == (Verdict.INDETERMINATE, False)
        assert (after.verdict, after.settled, rules(after.violations)) == (Verdict.UNAUTHORIZED, True, {"R1"})

    @pytest.mark.parametrize(
        ("fields", "verdict"),
        [
            ({"scope": (target(attribute_paths=("/Tags",)),)}, Verdict.INDETERMINATE),
            ({"approvals": ()}, Verdict.INDETERMINATE),
            ({"state": ChangeState.CANCELLED}, Verdict.UNAUTHORIZED),
            ({"state": ChangeState.CANCELLED, "approvals": ()}, Verdict.UNAUTHORIZED),
            ({"windows": (window("03-11 00:00", "03-12 00:00"),)}, Verdict.UNAUTHORIZED),
            ({}, Verdict.AUTHORIZED),
        ],
    )
    def test_only_what_a_newer_reading_could_mend_is_left_open(self, fields: dict, verdict: Verdict) -> None:
        decision = judge(record(**fields), sources=[self.STALE])
        assert decision.verdict is verdict
        assert decision.settled is (verdict is not Verdict.INDETERMINATE)


class TestSettled:
    @pytest.mark.parametrize(("now", "settled"), [("03-10 11:19:59", False), ("03-10 11:20:00", True)])
    def test_after_the_time_that_feeds_may_lag(self, now: str, settled: bool) -> None:
        assert judge(record(), now=now).settled is settled

    def test_the_latest_of_its_paths_counts(self) -> None:
        late = drift(difference(interval=interval("03-10 11:00", "03-10 12:20")))
        assert not judge(record(), drift_=late).settled


class TestMachines:
    """Step 4: an AWS service that the policy lets change an attribute by itself, or nobody known where the policy says so."""

    ASG = drift(
        difference("/DesiredCapacity"), resource_type="AWS::AutoScaling::AutoScalingGroup", resource_id="arn:aws:asg:x", resource="x"
    )

    def verdict(self, machine: MachineActor, *events, drift_=None) -> Verdict:
        made = replace(policy(), context=context(machine_actors=(machine,), identities={"scaler": ("autoscaling.amazonaws.com",)}))
        return judge(drift_=drift_ or self.ASG, events=events, made=made).verdict

    @pytest.mark.parametrize(
        ("fields", "meant"),
        [
            ({}, True),
            ({"principals": ("scaler",)}, True),
            ({"principals": ("*.amazonaws.com",)}, True),
            ({"principals": ("ec2.amazonaws.com",)}, False),
            ({"principals": ()}, False),
            ({"resource_types": ("AWS::AutoScaling::*",)}, True),
            ({"resource_types": ("AWS::EC2::*",)}, False),
            ({"ids": ("arn:aws:asg:*",)}, True),
            ({"ids": ("x",)}, True),
            ({"ids": ("arn:aws:asg:y",)}, False),
            ({"ids": ("arn:aws:asg:y", "arn:aws:asg:x")}, True),
            ({"attribute_paths": ("/DesiredCapacity",)}, True),
            ({"attribute_paths": ("/MaxSize",)}, False),
            ({"operations": (DriftKind.UPDATED,)}, True),
            ({"operations": (DriftKind.CREATED,)}, False),
        ],
    )
    def test_all_that_the_policy_says_has_to_match(self, fields: dict, meant: bool) -> None:
        by_service = event(actor="autoscaling.amazonaws.com", actor_kind=ActorKind.AWS_SERVICE)
        machine = MachineActor(**{"principals": ("autoscaling.amazonaws.com",), **fields})
        assert (self.verdict(machine, by_service) is Verdict.AUTHORIZED_MACHINE) is meant

    @pytest.mark.parametrize("kind", [ActorKind.HUMAN, ActorKind.PIPELINE, ActorKind.UNKNOWN])
    def test_only_the_service_itself_is_meant(self, kind: ActorKind) -> None:
        anybody = MachineActor(principals=("*",))
        assert self.verdict(anybody, event(actor="autoscaling.amazonaws.com", actor_kind=kind)) is Verdict.UNAUTHORIZED
        assert self.verdict(anybody, event(actor=None, actor_kind=ActorKind.AWS_SERVICE)) is Verdict.UNAUTHORIZED

    def test_nobody_known_is_meant_only_where_it_is_said_and_never_somebody_known(self) -> None:
        assert self.verdict(MachineActor(principals=("*",))) is Verdict.UNAUTHORIZED
        unattributed = MachineActor(principals=("x.amazonaws.com",), allow_unattributed=True)
        assert self.verdict(unattributed) is Verdict.AUTHORIZED_MACHINE
        assert self.verdict(unattributed, event()) is Verdict.UNAUTHORIZED
        assert self.verdict(unattributed, event(actor_kind=ActorKind.UNKNOWN, actor=None)) is Verdict.UNAUTHORIZED

    def test_a_deletion_has_to_be_named_where_the_policy_wants_that(self) -> None:
        gone = replace(self.ASG, kind=DriftKind.DELETED, changes=(difference("", Op.REMOVE, after=None),))
        by_service = event(actor="autoscaling.amazonaws.com", actor_kind=ActorKind.AWS_SERVICE)
        assert self.verdict(MachineActor(principals=("scaler",)), by_service, drift_=gone) is Verdict.UNAUTHORIZED
        named = MachineActor(principals=("scaler",), operations=(DriftKind.DELETED,))
        assert self.verdict(named, by_service, drift_=gone) is Verdict.AUTHORIZED_MACHINE

    def test_beside_a_covered_path_the_drift_is_authorised_by_nobody_in_particular(self) -> None:
        both = replace(self.ASG, changes=(difference("/DesiredCapacity"), difference("/MaxSize")))
        wide = record(scope=(target(ids=("arn:aws:asg:x",), attribute_paths=("",)),))
        made = replace(
            policy(),
            context=context(
                machine_actors=(MachineActor(principals=("*",), attribute_paths=("/DesiredCapacity",), allow_unattributed=True),)
            ),
        )
        decision = judge(wide, drift_=both, made=made)
        assert [path.verdict for path in decision.paths] == [Verdict.AUTHORIZED_MACHINE, Verdict.AUTHORIZED]
        assert (decision.verdict, decision.record) == (Verdict.AUTHORIZED, None)


class TestWhenAReviewIsDue:
    """The first deadline of several is the one that turns the verdict."""

    EMERGENCY = record(type=ChangeType.EMERGENCY, approvals=(), windows=(), scope=(target(attribute_paths=("",)),))

    def test_of_several_paths_the_one_that_was_changed_first(self) -> None:
        two = drift(
            difference(interval=interval("03-10 10:00", "03-10 11:00")),
            difference("/Description", interval=interval("03-10 09:00", "03-10 09:30")),
        )
        decision = judge(self.EMERGENCY, drift_=two)
        assert (decision.verdict, decision.due_at) == (Verdict.EMERGENCY_PENDING_REVIEW, at("03-13 09:30"))

    def test_of_several_writers_the_first(self) -> None:
        writers = [event("03-10 10:40", id="b"), event("03-10 10:20", id="a")]
        decision = judge(self.EMERGENCY, events=writers, evaluate_all_writers=True)
        assert (decision.verdict, decision.due_at) == (Verdict.EMERGENCY_PENDING_REVIEW, at("03-13 10:20"))

    def test_none_where_the_record_fails_for_another_reason_or_is_covered(self) -> None:
        cancelled = replace(self.EMERGENCY, state=ChangeState.CANCELLED)
        assert judge(cancelled).due_at is None
        assert judge(self.EMERGENCY, record(id="CHG-2"), events=[event()]).due_at is None


class TestInputsHash:
    BASE = judge(record(), events=[event()], sources=[source()]).inputs_hash

    def test_it_changes_with_everything_that_the_decision_rests_on(self) -> None:
        changed = {
            judge(record(), events=[event()], sources=[source()], drift_=drift(label="other")).inputs_hash,
            judge(record(), events=[event(actor="mia")], sources=[source()]).inputs_hash,
            judge(record(title="other"), events=[event()], sources=[source()]).inputs_hash,
            judge(record(), record(id="CHG-2"), events=[event()], sources=[source()]).inputs_hash,
            judge(record(), events=[event()], sources=[source(None)]).inputs_hash,
            judge(record(), events=[event()], sources=[source()], preset="startup").inputs_hash,
        }
        assert len(changed | {self.BASE}) == 7

    def test_it_does_not_change_with_the_time_or_with_what_tells_nothing_new(self) -> None:
        assert judge(record(), events=[event()], sources=[source()], now="03-20 00:00").inputs_hash == self.BASE
        assert judge(record(), events=[event()], sources=[source("03-19 00:00")]).inputs_hash == self.BASE
        unrelated = record(id="CHG-7", scope=(target(ids=("arn:aws:s3:::other",)),))
        assert judge(record(), unrelated, events=[event()], sources=[source()]).inputs_hash == self.BASE


@pytest.mark.parametrize(
    ("paths", "verdict"),
    [
        ({Verdict.AUTHORIZED}, Verdict.AUTHORIZED),
        ({Verdict.AUTHORIZED_MACHINE}, Verdict.AUTHORIZED_MACHINE),
        ({Verdict.AUTHORIZED_MACHINE, Verdict.AUTHORIZED}, Verdict.AUTHORIZED),
        ({Verdict.EXCEPTED, Verdict.AUTHORIZED_STANDARD}, Verdict.AUTHORIZED),
        ({Verdict.EMERGENCY_PENDING_REVIEW, Verdict.AUTHORIZED}, Verdict.EMERGENCY_PENDING_REVIEW),
        ({Verdict.EMERGENCY_PENDING_REVIEW, Verdict.UNAUTHORIZED}, Verdict.PARTIALLY_AUTHORIZED),
        ({Verdict.INDETERMINATE, Verdict.AUTHORIZED}, Verdict.PARTIALLY_AUTHORIZED),
        ({Verdict.INDETERMINATE, Verdict.UNAUTHORIZED}, Verdict.UNAUTHORIZED),
        ({Verdict.INDETERMINATE, Verdict.EXCEPTION_EXPIRED}, Verdict.EXCEPTION_EXPIRED),
        ({Verdict.INDETERMINATE}, Verdict.INDETERMINATE),
        ({Verdict.NOT_CONTROLLED}, Verdict.NOT_CONTROLLED),
    ],
)
def test_the_verdict_on_a_drift_follows_from_those_on_its_paths(paths: set[Verdict], verdict: Verdict) -> None:
    assert drift_verdict(paths) is verdict


def test_an_index_serves_a_drift_that_is_judged_under_an_earlier_policy() -> None:
    """The policy in force when the change was found decides, names and roles included, whichever the index was made under."""
    index = CandidateIndex([record(), record(id="CHG-2", scope=(Target(accounts=("*",)),))], policy("scaleup"))
    former = policy("startup")
    former = replace(former, context=context(identities={"alice": ("mia",)}))
    decision = decide(drift(), events=[event()], records=index, sources=[], policy=former, now=at(NOW))
    assert {item.record for item in decision.paths[0].considered} == {"CHG-1", "CHG-2"}
    assert rules(decision.warnings) == {"R5"}


def test_a_decision_survives_its_own_json() -> None:
    both = drift(difference(), difference("/Description"))
    expecting = record(id="CHG-2", scope=(target(expected=(Expectation(path=CIDR, absent=True),)),))
    decision = judge(record(), expecting, drift_=both, events=[event()], sources=[source(None)])
    assert decode(Decision, decision.to_json()) == decision
