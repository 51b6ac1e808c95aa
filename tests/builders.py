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
    MachineActor,
    Mode,
    Policy,
    PolicyContext,
    UnknownAs,
    WindowMode,
)
from driftwatch.domain.baseline import Assurance, BaselineApproval, BaselineState, BaselineVersion, IncludedDrift
from driftwatch.domain.change import Approval, ApprovalDecision, ChangeRecord, ChangeState, SourceStatus, Target, Window
from driftwatch.domain.drift import Difference, Drift, DriftKind, Interval, Op
from driftwatch.domain.report import Measures, ScopeMeasure, SourceMeasure

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


def window(start: str = "03-10 10:00", end: str = "03-10 12:00") -> Window:
    return Window(start=at(start), end=at(end))


def record(**fields: Any) -> ChangeRecord:
    """A normal change of the group's ingress rules: asked by alice, approved by mia the day before, done by bob in a window."""
    defaults: dict[str, Any] = {
        "id": "CHG-1",
        "source": "tickets",
        "state": ChangeState.IMPLEMENTING,
        "requester": "alice",
        "implementers": ("bob",),
        "approvals": (approval(),),
        "windows": (window(),),
        "scope": (target(),),
        "created_at": at("03-09 09:00"),
    }
    return ChangeRecord(**{**defaults, **fields})


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


_ALL = ("R1", "R2", "R3", "R4", "R5", "R9", "R11", "R13")
_ENFORCED = dict.fromkeys(_ALL, Mode.ENFORCE)

_STARTUP = Policy(
    version="startup-preset",
    extends="startup",
    rules={**_ENFORCED, "R3": Mode.WARN, "R5": Mode.WARN, "R13": Mode.WARN},
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
    settle_s=1200,
    snapshot_interval_max_h=24,
    min_assurance=Assurance.LOCAL,
    approvals=ApprovalRequirement(),
    baseline=BaselineRequirement(auto_promote=AutoPromote.AUTHORIZED_ONLY),
)
_SCALEUP = replace(
    _STARTUP,
    version="scaleup-preset",
    extends="scaleup",
    rules=_ENFORCED,
    unknown_as=UnknownAs.UNKNOWN,
    clock_tolerance_s=300,
    allow_account_wide=False,
    delete_requires_explicit=True,
    snapshot_interval_max_h=4,
    min_assurance=Assurance.SIGNED,
    approvals=ApprovalRequirement(role_groups=(MANAGERS,)),
    baseline=BaselineRequirement(auto_promote=AutoPromote.AUTHORIZED_ONLY, role_groups=(("manager", "change_manager", "security"),)),
)
_ENTERPRISE = replace(
    _SCALEUP,
    version="enterprise-preset",
    extends="enterprise",
    unknown_as=UnknownAs.FAIL,
    clock_tolerance_s=120,
    window_mode=WindowMode.CONTAIN,
    derive_window=False,
    evaluate_all_writers=True,
    require_attribute_paths_for=("AWS::IAM::*", "AWS::KMS::Key"),
    snapshot_interval_max_h=1,
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
        scopes={
            (account, region): ScopeMeasure(
                states={state: number for number, state in enumerate(states, start=1)},
                past_freshness=1,
                oldest_completion=at("03-10 09:00") if region == "eu-west-1" else None,
            )
            for account in ids
            for region in ("eu-west-1", "global")
        },
    )
