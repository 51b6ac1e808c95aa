"""Situations that an auditor would ask about, each with the decision it must come to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.activity import ActorKind
from driftwatch.domain.authorization.baseline_rules import promotable
from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.authorization.trace import trace
from driftwatch.domain.baseline import Disposition
from driftwatch.domain.change import ChangeRecord, ChangeType, Expectation
from driftwatch.domain.decision import Decision, Verdict
from driftwatch.domain.drift import DriftKind, Op
from driftwatch.domain.finding import FindingState
from tests.builders import (
    approval,
    at,
    baseline_approval,
    difference,
    drift,
    event,
    exception,
    included,
    interval,
    policy,
    record,
    source,
    target,
    version,
)

NOW = at("03-10 12:30")
BUCKET = "arn:aws:s3:::acme-prod-logs"
ORDERS = "arn:aws:rds:eu-west-1:111111111111:db:orders"


def rules(results: tuple) -> set[str]:
    return {result.rule for result in results}


def judge(drift_, preset, *records: ChangeRecord, events=(), now=NOW, sources=None, exceptions=()) -> Decision:
    return decide(
        drift_,
        events=events,
        records=records,
        sources=[source("03-10 13:30")] if sources is None else sources,
        policy=policy(preset),
        now=now,
        exceptions=exceptions,
    )


def test_startup_accepts_an_own_ticket_approved_before_and_warns_of_the_self_approval_and_of_no_tests() -> None:
    own = record(approvals=(approval("alice"),), reviews=(), tests=(), rollback_plan=None, artifact_ref=None, windows=())
    decision = judge(drift(), "startup", own, events=[event()])
    assert decision.verdict is Verdict.AUTHORIZED
    assert (decision.record, decision.violations, decision.unknowns) == ("CHG-1", (), ())
    assert rules(decision.warnings) == {"R5", "R7"}


def test_one_of_two_changed_attributes_is_outside_the_ticket() -> None:
    both = drift(difference(), difference("/Description", before="web", after="x"))
    decision = judge(both, "scaleup", record(), events=[event()])
    assert decision.verdict is Verdict.PARTIALLY_AUTHORIZED
    assert rules(decision.violations) == {"R2"}
    assert [(path.path, path.verdict, path.record) for path in decision.paths] == [
        ("/IngressRules/sgr-01/CidrIpv4", Verdict.AUTHORIZED, "CHG-1"),
        ("/Description", Verdict.UNAUTHORIZED, "CHG-1"),
    ]


def test_without_an_event_an_interval_that_straddles_the_end_of_the_window_overlaps_it() -> None:
    straddling = drift(interval=interval("03-10 11:30", "03-10 12:30"))
    decision = judge(straddling, "scaleup", record(), now=at("03-10 13:00"))
    assert (decision.verdict, decision.record, decision.unknowns) == (Verdict.AUTHORIZED, "CHG-1", ())
    assert rules(decision.warnings) == {"R8"}


@pytest.mark.parametrize(("blocked", "verdict"), [(False, Verdict.UNAUTHORIZED), (True, Verdict.AUTHORIZED)])
def test_a_created_bucket_must_have_every_expected_setting_deep_inside_the_new_document(blocked: bool, verdict: Verdict) -> None:
    document = {"PublicAccessBlock": {"BlockPublicAcls": blocked}, "Encryption": {"Algorithm": "aws:kms"}}
    created = drift(
        difference("", Op.ADD, before=None, after=document),
        resource_type="AWS::S3::Bucket",
        resource_id=BUCKET,
        kind=DriftKind.CREATED,
        tags_before={},
        tags_after={"app": "logs"},
    )
    expected = (
        Expectation(path="/Encryption/Algorithm", one_of=("aws:kms", "AES256")),
        Expectation(path="/PublicAccessBlock/BlockPublicAcls", equals=True, equals_given=True),
    )
    scope = (target(ids=(BUCKET,), attribute_paths=None, operations=(DriftKind.CREATED,), expected=expected),)
    decision = judge(created, "scaleup", record(scope=scope), events=[event(event_name="CreateBucket")])
    assert (decision.verdict, decision.record) == (verdict, "CHG-1")
    assert rules(decision.violations) == (set() if blocked else {"R9"})


def test_an_emergency_change_waits_for_its_review_until_the_deadline() -> None:
    """Declared 20 minutes after the change, nothing approved, reviewed or tested yet."""
    declared = record(
        type=ChangeType.EMERGENCY, approvals=(), reviews=(), tests=(), rollback_plan=None, windows=(), created_at=at("03-10 10:50")
    )
    decision = judge(drift(), "scaleup", declared, events=[event()], now=at("03-11 10:30"))
    assert (decision.verdict, decision.record) == (Verdict.EMERGENCY_PENDING_REVIEW, "CHG-1")
    assert (decision.violations, decision.unknowns, decision.due_at) == ((), (), at("03-13 10:30"))
    late = judge(drift(), "scaleup", declared, events=[event()], now=at("03-13 10:30:01"), sources=[source("03-13 10:30")])
    assert (late.verdict, rules(late.violations), late.due_at) == (Verdict.UNAUTHORIZED, {"R10"}, None)


def test_one_path_under_a_live_exception_and_the_other_under_a_ticket() -> None:
    both = drift(difference(), difference("/Description", before="web", after="x"))
    excepted = exception(scope=(target(attribute_paths=("/Description",)),))
    decision = judge(both, "scaleup", record(), events=[event()], exceptions=[excepted])
    assert (decision.verdict, decision.record, decision.violations, decision.unknowns) == (Verdict.AUTHORIZED, None, (), ())
    assert [(path.verdict, path.record) for path in decision.paths] == [(Verdict.AUTHORIZED, "CHG-1"), (Verdict.EXCEPTED, "EX-1")]


def test_an_unauthorised_change_that_is_undone_is_reverted_and_stays_unauthorised() -> None:
    told = trace([{"event": "detect", "verdict": "unauthorized"}, {"event": "ack"}, {"event": "snapshot_clean"}])
    assert (told.state, told.verdict_initial, told.verdict_current) == (
        FindingState.REVERTED,
        Verdict.UNAUTHORIZED,
        Verdict.UNAUTHORIZED,
    )


def test_aws_publishes_a_new_version_of_its_own_managed_policy() -> None:
    published = drift(
        difference("/DefaultVersionId", before="v101", after="v102"),
        region="global",
        resource_type="AWS::IAM::ManagedPolicy",
        resource_id="arn:aws:iam::aws:policy/ReadOnlyAccess",
    )
    decision = judge(published, "enterprise")
    assert (decision.verdict, decision.record, decision.violations) == (Verdict.AUTHORIZED_MACHINE, None, ())


def test_a_deletion_needs_a_ticket_that_names_deletion() -> None:
    gone = drift(
        difference("", Op.REMOVE, before={"Class": "db.r6g.large"}, after=None),
        resource_type="AWS::RDS::DBInstance",
        resource_id=ORDERS,
        kind=DriftKind.DELETED,
        tags_after={},
    )
    silent = record(scope=(target(ids=(ORDERS,), attribute_paths=None),))
    decision = judge(gone, "scaleup", silent, events=[event(event_name="DeleteDBInstance")])
    assert (decision.verdict, decision.record, rules(decision.violations)) == (Verdict.UNAUTHORIZED, "CHG-1", {"R2"})
    explicit = replace(silent, scope=(replace(silent.scope[0], operations=(DriftKind.DELETED,)),))
    assert judge(gone, "scaleup", explicit, events=[event()]).verdict is Verdict.AUTHORIZED
    assert judge(gone, "startup", silent, events=[event()]).verdict is Verdict.AUTHORIZED


def test_opened_and_reverted_between_two_snapshots_is_judged_like_any_other() -> None:
    transient = drift(difference(after="10.0.0.0/16"), kind=DriftKind.TRANSIENT)
    writer = event("03-10 10:20", actor="mallory")
    decision = judge(transient, "enterprise", events=[writer])
    assert (decision.verdict, decision.record, rules(decision.violations)) == (Verdict.UNAUTHORIZED, None, {"R1"})
    wrong = Expectation(path="/IngressRules/sgr-01/CidrIpv4", equals="x", equals_given=True)
    wrong_value = record(scope=(target(expected=(wrong,)),), implementers=("mallory",))
    assert judge(transient, "enterprise", wrong_value, events=[writer]).verdict is Verdict.AUTHORIZED


def test_the_actor_of_an_absorbed_drift_cannot_approve_the_baseline_that_legitimises_it() -> None:
    absorbed = included(verdict="unauthorized", actors=("mia",), disposition=Disposition(kind="ratified", by="sam"))
    allowed, results = promotable(version(included=(absorbed,), approvals=(baseline_approval("mia"),)), policy("scaleup"), NOW)
    assert not allowed
    assert rules(results) == {"R13"}


def test_an_unknown_account_is_not_controlled_and_no_account_list_controls_all() -> None:
    elsewhere = drift(account="222222222222")
    assert judge(elsewhere, "enterprise").verdict is Verdict.NOT_CONTROLLED
    everywhere = policy("enterprise")
    everywhere = replace(everywhere, context=replace(everywhere.context, production_accounts=None))
    decision = decide(elsewhere, events=[], records=[], sources=[], policy=everywhere, now=NOW)
    assert decision.verdict is Verdict.UNAUTHORIZED


def test_a_human_who_calls_through_a_service_is_no_machine() -> None:
    scaled = drift(
        difference("/DesiredCapacity", before=2, after=4),
        resource_type="AWS::AutoScaling::AutoScalingGroup",
        resource_id="arn:aws:autoscaling:eu-west-1:111111111111:autoScalingGroup:x",
    )
    by_service = event(actor="autoscaling.amazonaws.com", actor_kind=ActorKind.AWS_SERVICE)
    assert judge(scaled, "enterprise", events=[by_service]).verdict is Verdict.AUTHORIZED_MACHINE
    by_human = event(actor="bob", invoked_by="autoscaling.amazonaws.com")
    assert judge(scaled, "enterprise", events=[by_human]).verdict is Verdict.UNAUTHORIZED
    assert judge(scaled, "enterprise").verdict is Verdict.UNAUTHORIZED
    other_path = replace(scaled, changes=(difference("/LaunchTemplate"),))
    assert judge(other_path, "enterprise", events=[by_service]).verdict is Verdict.UNAUTHORIZED
