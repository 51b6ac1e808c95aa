"""Small builders of domain values for tests: each makes a plain valid value, of which a test changes only what it is about.

The people: alice asks, bob does it, carol reviews, mia (manager), dan (change_manager), eve (cab) and sam (security) approve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from driftwatch.domain.activity import ActorEvent, ActorKind
from driftwatch.domain.authorization.policy import (
    ApprovalRequirement,
    AutoPromote,
    BaselineRequirement,
    EmergencyRequirement,
    Freeze,
    MachineActor,
    Mode,
    Policy,
    PolicyContext,
    PriorApproval,
    ReviewRequirement,
    Template,
    TemplateStatus,
    TestRequirement,
    UnknownAs,
    WindowMode,
)
from driftwatch.domain.baseline import Assurance, BaselineApproval, BaselineState, BaselineVersion, IncludedDrift
from driftwatch.domain.change import (
    Approval,
    ApprovalDecision,
    ChangeRecord,
    ChangeState,
    Review,
    ReviewDecision,
    SourceStatus,
    Target,
    TestResult,
    TestRun,
    Window,
)
from driftwatch.domain.drift import Difference, Drift, DriftKind, Interval, Op
from driftwatch.domain.exception import ExceptionRecord
from driftwatch.domain.notification import DeliveryMeasure
from driftwatch.domain.report import HandledMeasure, Measures, ScopeMeasure, SourceMeasure

ACCOUNT = "111111111111"
GROUP = "arn:aws:ec2:eu-west-1:111111111111:security-group/sg-0a1"
CIDR = "/IngressRules/sgr-01/CidrIpv4"
MANAGERS = ("manager", "change_manager", "cab")


def at(text: str) -> datetime:
    """A time of 2026, as "03-10 12:30" or "03-10 12:30:05", in UTC."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def interval(last_good: str | None = "03-10 10:00", detected: str = "03-10 11:00") -> Interval:
    return Interval(last_good=at(last_good) if last_good else None, detected=at(detected))


def difference(path: str = CIDR, op: Op = Op.REPLACE, before: Any = "10.0.0.0/16", after: Any = "10.1.0.0/16", **fields: Any) -> Difference:
    return Difference(path=path, op=op, before=before, after=after, **fields)


def drift(*changes: Difference, **fields: Any) -> Drift:
    """An updated security group; one changed rule where no differences are given."""
    defaults: dict[str, Any] = {
        "id": "D-1",
        "account": ACCOUNT,
        "region": "eu-west-1",
        "resource_type": "AWS::EC2::SecurityGroup",
        "resource_id": GROUP,
        "resource": "sg-0a1",
        "label": "web",
        "kind": DriftKind.UPDATED,
        "tags_before": {"app": "web", "env": "prod"},
        "tags_after": {"app": "web", "env": "prod"},
        "changes": changes or (difference(),),
        "interval": interval(),
    }
    return Drift(**{**defaults, **fields})


def event(time: str = "03-10 10:30", **fields: Any) -> ActorEvent:
    """bob changed the group's rules."""
    defaults: dict[str, Any] = {
        "id": "ev-1",
        "time": at(time),
        "event_name": "ModifySecurityGroupRules",
        "actor": "bob",
        "actor_kind": ActorKind.HUMAN,
    }
    return ActorEvent(**{**defaults, **fields})


def target(**fields: Any) -> Target:
    """The ingress rules of the group."""
    return Target(**{"ids": (GROUP,), "attribute_paths": ("/IngressRules",), **fields})


def approval(
    who: str = "mia", time: str = "03-09 15:00", decision: ApprovalDecision = ApprovalDecision.APPROVED, **fields: Any
) -> Approval:
    return Approval(who=who, at=at(time), decision=decision, **fields)


def review(who: str = "carol", time: str = "03-09 14:00", decision: ReviewDecision = ReviewDecision.APPROVED, **fields: Any) -> Review:
    return Review(who=who, at=at(time), decision=decision, **{"ref": "abc123", **fields})


def run(time: str = "03-09 13:00", **fields: Any) -> TestRun:
    """A passed, automated test in staging."""
    defaults: dict[str, Any] = {"environment": "staging", "kind": "integration", "automated": True, "result": TestResult.PASSED}
    return TestRun(**{**defaults, "finished_at": at(time), "ref": "abc123", **fields})


def window(start: str = "03-10 10:00", end: str = "03-10 12:00") -> Window:
    return Window(start=at(start), end=at(end))


def record(**fields: Any) -> ChangeRecord:
    """A normal change of the group's ingress rules: asked by alice, approved by mia and reviewed by carol
    the day before, tested, done by bob in a window."""
    defaults: dict[str, Any] = {
        "id": "CHG-1",
        "source": "tickets",
        "state": ChangeState.IMPLEMENTING,
        "requester": "alice",
        "implementers": ("bob",),
        "approvals": (approval(),),
        "reviews": (review(),),
        "tests": (run(),),
        "rollback_plan": "re-apply the previous rules",
        "artifact_ref": "abc123",
        "windows": (window(),),
        "scope": (target(),),
        "created_at": at("03-09 09:00"),
    }
    return ChangeRecord(**{**defaults, **fields})


def exception(**fields: Any) -> ExceptionRecord:
    """Two months in which the group's ingress rules may be as they are: bob asked, sam approved."""
    defaults: dict[str, Any] = {
        "id": "EX-1",
        "requested_by": "bob",
        "approved_by": "sam",
        "approved_at": at("02-27 09:00"),
        "reason": "vendor constraint",
        "scope": (target(),),
        "starts_at": at("03-01 00:00"),
        "expires_at": at("05-01 00:00"),
    }
    return ExceptionRecord(**{**defaults, **fields})


def template(**fields: Any) -> Template:
    """A standard change of the group's ingress rules: dana wrote it, mia approved it."""
    defaults: dict[str, Any] = {
        "id": "STD-RULES",
        "status": TemplateStatus.APPROVED,
        "author": "dana",
        "approved_by": "mia",
        "valid_from": at("01-01 00:00"),
        "valid_until": at("07-01 00:00"),
        "scope": (target(),),
    }
    return Template(**{**defaults, **fields})


def freeze(start: str = "03-10 10:00", end: str = "03-10 12:00", **fields: Any) -> Freeze:
    """Two hours in which only a change_manager may let things change."""
    return Freeze(**{"id": "FRZ-1", "start": at(start), "end": at(end), "override_role": "change_manager", **fields})


def source(last_success: str | None = "03-10 12:00", **fields: Any) -> SourceStatus:
    time = at(last_success) if last_success else None
    return SourceStatus(**{"name": "tickets", "last_success_at": time, "last_attempt_at": time, **fields})


def context(**fields: Any) -> PolicyContext:
    defaults: dict[str, Any] = {
        "production_accounts": (ACCOUNT,),
        "identities": {"mia": ("mia@corp.example", "AWSReservedSSO_Admin/mia"), "bob": ("bob@corp.example",)},
        "roles": {"mia": ("manager",), "dan": ("change_manager",), "eve": ("cab",), "sam": ("security",), "alice": ("engineer",)},
        "groups": {"group:netops": ("bob", "carol")},
        "pipelines": ("role/terraform-prod",),
        "non_production_environments": ("dev", "test", "staging"),
        "privileged_actors": ("root", "role/BreakGlass"),
        "pipeline_only": (Target(resource_types=("AWS::IAM::*",)),),
        "machine_actors": (
            MachineActor(
                principals=("autoscaling.amazonaws.com",),
                resource_types=("AWS::AutoScaling::AutoScalingGroup",),
                attribute_paths=("/DesiredCapacity", "/Instances"),
            ),
            MachineActor(
                principals=("*",), resource_types=("AWS::IAM::ManagedPolicy",), ids=("arn:aws:iam::aws:policy/*",), allow_unattributed=True
            ),
        ),
    }
    return PolicyContext(**{**defaults, **fields})


def policy(preset: str = "scaleup", *, rules: Mapping[str, Mode] | None = None, **fields: Any) -> Policy:
    """A preset with the given rules and parameters changed, in the context above."""
    made = replace(_PRESETS[preset], context=context(), **fields)
    return replace(made, rules={**made.rules, **(rules or {})})


def version(**fields: Any) -> BaselineVersion:
    """dana's proposal with one covered drift, which mia approved."""
    defaults: dict[str, Any] = {
        "id": "BL-7",
        "name": "production",
        "state": BaselineState.PROPOSED,
        "author": "dana",
        "created_at": at("03-10 11:00"),
        "content_hash": "new",
        "included": (included(),),
        "approvals": (baseline_approval(),),
    }
    return BaselineVersion(**{**defaults, **fields})


def included(drift_id: str = "D-9", verdict: str = "authorized", actors: tuple[str, ...] = ("bob",), **fields: Any) -> IncludedDrift:
    return IncludedDrift(drift=drift_id, verdict=verdict, actors=actors, **fields)


def baseline_approval(
    who: str = "mia", time: str = "03-10 12:00", decision: ApprovalDecision = ApprovalDecision.APPROVED, content_hash: str = "new"
) -> BaselineApproval:
    return BaselineApproval(who=who, at=at(time), decision=decision, content_hash=content_hash, assurance=Assurance.SIGNED)


_ENFORCED = {f"R{number}": Mode.ENFORCE for number in range(1, 20)}
_STARTUP_RULES = {
    **_ENFORCED,
    **dict.fromkeys(("R3", "R5", "R7", "R13", "R17"), Mode.WARN),
    **dict.fromkeys(("R6", "R8", "R12", "R15", "R16", "R18", "R19"), Mode.OFF),
}
_SCALEUP_RULES = {**_ENFORCED, **dict.fromkeys(("R8", "R12", "R15", "R16", "R18", "R19"), Mode.WARN)}

_STARTUP = Policy(
    version="startup-preset",
    extends="startup",
    rules=_STARTUP_RULES,
    unknown_as=UnknownAs.PASS,
    clock_tolerance_s=900,
    candidate_horizon_h=168,
    window_mode=WindowMode.OVERLAP,
    derive_window=True,
    derived_window_max_h=168,
    evaluate_all_writers=False,
    allow_account_wide=True,
    delete_requires_explicit=False,
    require_attribute_paths_for=(),
    pipelines_require_link=False,
    report_transients=False,
    settle_s=1200,
    snapshot_interval_max_h=24,
    acknowledge_target_h=72,
    exceptions_max_days=365,
    min_assurance=Assurance.LOCAL,
    approvals=ApprovalRequirement(),
    reviews=ReviewRequirement(),
    tests=TestRequirement(),
    emergency=EmergencyRequirement(),
    baseline=BaselineRequirement(auto_promote=AutoPromote.AUTHORIZED_ONLY),
)
_SCALEUP = replace(
    _STARTUP,
    version="scaleup-preset",
    extends="scaleup",
    rules=_SCALEUP_RULES,
    unknown_as=UnknownAs.UNKNOWN,
    clock_tolerance_s=300,
    allow_account_wide=False,
    delete_requires_explicit=True,
    report_transients=True,
    snapshot_interval_max_h=4,
    acknowledge_target_h=24,
    exceptions_max_days=180,
    emergency=EmergencyRequirement(declare_within_h=24, review_within_h=72, max_duration_h=72),
    min_assurance=Assurance.SIGNED,
    approvals=ApprovalRequirement(role_groups=(MANAGERS,)),
    baseline=BaselineRequirement(auto_promote=AutoPromote.AUTHORIZED_ONLY, role_groups=(("manager", "change_manager", "security"),)),
)
_ENTERPRISE = replace(
    _SCALEUP,
    version="enterprise-preset",
    extends="enterprise",
    rules=_ENFORCED,
    unknown_as=UnknownAs.FAIL,
    clock_tolerance_s=120,
    window_mode=WindowMode.CONTAIN,
    derive_window=False,
    evaluate_all_writers=True,
    require_attribute_paths_for=("AWS::IAM::*", "AWS::KMS::Key"),
    pipelines_require_link=True,
    snapshot_interval_max_h=1,
    acknowledge_target_h=4,
    exceptions_max_days=90,
    reviews=ReviewRequirement(distinct_from_approver=True),
    tests=TestRequirement(automated=True, match_ref=True),
    emergency=EmergencyRequirement(prior_approval=PriorApproval.ONE, declare_within_h=4, review_within_h=24, max_duration_h=24),
    min_assurance=Assurance.SIGNED,
    approvals=ApprovalRequirement(role_groups=(MANAGERS,), high_risk_role_groups=(("cab",),)),
    baseline=BaselineRequirement(min_count=2, role_groups=(("manager", "change_manager"), ("security",))),
)
_PRESETS = {"startup": _STARTUP, "scaleup": _SCALEUP, "enterprise": _ENTERPRISE}


def measures(accounts: int = 3) -> Measures:
    """The state of an installation with every number filled: so many accounts of two regions each, one drift, one gap, one late cell."""
    now = at("03-10 12:00")
    ids = [f"{number:012d}" for number in range(1, accounts + 1)]
    states = ("clean", "drifted", "unknown", "stale", "unbaselined", "not_enabled")
    return Measures(
        at=now,
        cells={(account, state): number for account in ids for number, state in enumerate(states, start=1)},
        gaps={"denied": 2, "throttled": 1},
        findings={("open", "unauthorized", True): 2, ("awaiting_baseline", "authorized", True): 1, ("open", "indeterminate", False): 1},
        first_seen=(at("03-10 11:30"), at("03-10 06:00"), at("03-01 00:00"), at("03-10 11:59")),
        oldest_completion=at("03-10 09:00"),
        last_scan_ended_at=at("03-10 11:55"),
        last_complete_scan_ended_at=at("03-10 11:40"),
        baselines={"production": at("03-01 12:00")},
        sources={"tickets": SourceMeasure(last_success_at=at("03-10 11:55"), set_aside=1)},
        store_bytes=40_960,
        unread_accounts=1,
        scopes={
            (account, region): ScopeMeasure(
                states={state: number for number, state in enumerate(states, start=1)},
                past_freshness=1,
                oldest_completion=at("03-10 09:00") if region == "eu-west-1" else None,
            )
            for account in ids
            for region in ("eu-west-1", "global")
        },
        handled=HandledMeasure(
            acknowledged=(600.0, 90_000.0),
            disposed=(7200.0,),
            acknowledge_late=1,
            review_due=at("03-10 18:00"),
            reviews={"running": 2, "last_quarter": 1},
            exceptions={"active": 2, "requested": 1},
            exception_expiry=at("03-20 12:00"),
        ),
        deliveries={"ops": DeliveryMeasure(owed=3, oldest_owed=at("03-10 11:58"), quarantined=1), "chat": DeliveryMeasure()},
    )
