"""Policy: the rules in force with their modes and parameters, and the context that they are applied in.

Presets (`documents/presets/*.yaml`) and the user's policy file both become this one value; `documents.policies` builds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from driftwatch.domain.baseline import Assurance
from driftwatch.domain.change import ChangeType, Target, Window
from driftwatch.domain.drift import DriftKind
from driftwatch.errors import InputError


class Mode(StrEnum):
    ENFORCE = "enforce"
    WARN = "warn"
    OFF = "off"


class UnknownAs(StrEnum):
    """What a rule that cannot be judged counts as: accepted with a warning, left unknown, or a violation."""

    PASS = "pass"
    UNKNOWN = "unknown"
    FAIL = "fail"


class WindowMode(StrEnum):
    """Whether a change that is only known to lie in an interval may overlap the window, or has to lie inside it."""

    OVERLAP = "overlap"
    CONTAIN = "contain"


class AutoPromote(StrEnum):
    AUTHORIZED_ONLY = "authorized_only"
    OFF = "off"


class PriorApproval(StrEnum):
    """Whether an emergency change needs somebody's approval before it is made."""

    NONE = "none"
    ONE = "one"


class TemplateStatus(StrEnum):
    DRAFT = "draft"
    APPROVED = "approved"
    RETIRED = "retired"


RoleGroups = tuple[tuple[str, ...], ...]
"""Each group must be satisfied by one approver who holds any of its roles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequirement:
    min_count: int = 1
    role_groups: RoleGroups = ()
    high_risk_role_groups: RoleGroups = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequirement:
    """R6. With `distinct_from_approver` a reviewer must not have approved in a required role, too."""

    min_count: int = 1
    distinct_from_approver: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequirement:
    """R7: whether a test must be automated, and whether it must have run on the record's artifact."""

    __test__ = False  # not a test class, whatever its name

    automated: bool = False
    match_ref: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyRequirement:
    """R4 and R10: what an emergency change needs before, how soon it is declared and reviewed, and how long it lasts at most."""

    prior_approval: PriorApproval = PriorApproval.NONE
    declare_within_h: int = 72
    review_within_h: int = 120
    max_duration_h: int = 168


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRequirement:
    auto_promote: AutoPromote = AutoPromote.OFF
    min_count: int = 1
    role_groups: RoleGroups = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineActor:
    """An AWS service that may change these attributes by itself; None means any. Principals and ids are globs."""

    principals: tuple[str, ...]
    resource_types: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    attribute_paths: tuple[str, ...] | None = None
    operations: tuple[DriftKind, ...] | None = None
    allow_unattributed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A pre-approved standard change (R17): what it covers, who agreed to it; valid from `valid_from` up to before `valid_until`."""

    id: str
    status: TemplateStatus
    author: str
    approved_by: str | None
    valid_from: datetime
    valid_until: datetime
    scope: tuple[Target, ...]
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A time from `start` up to before `end` in which nothing in scope changes (R12), but for exempt types and overrides by a role."""

    id: str
    start: datetime
    end: datetime
    override_role: str
    scope: tuple[Target, ...] = ()
    """Empty: everything."""
    exempt_types: tuple[ChangeType, ...] = (ChangeType.EMERGENCY,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """Paths of these types that are not drift, each with the reason why."""

    resource_types: tuple[str, ...]
    attribute_paths: tuple[str, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A preset's rule or parameter that this policy loosens: who approved that, why, until when."""

    rule: str
    approved_by: str
    reason: str
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyContext:
    """What the rules need to know about this organisation."""

    production_accounts: tuple[str, ...] | None = None
    """None: every account is controlled."""
    identities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Canonical person -> other names of the same person."""
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Person -> roles."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """``group:<name>`` -> persons."""
    pipelines: tuple[str, ...] = ()
    """Globs over the principals of registered pipelines."""
    machine_actors: tuple[MachineActor, ...] = ()
    non_production_environments: tuple[str, ...] = ()
    """Where a test counts as made before production (R7)."""
    privileged_actors: tuple[str, ...] = ()
    """Globs over principals such as root and break-glass roles (R15)."""
    pipeline_only: tuple[Target, ...] = ()
    """Resources that only a registered pipeline may change (R18)."""
    templates: tuple[Template, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    ignore: tuple[Ignore, ...] = ()

    def __post_init__(self) -> None:
        if self.production_accounts is not None and not self.production_accounts:
            raise InputError(
                "production_accounts is empty, so nothing would be controlled", expected="at least one account, or no such key"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An effective policy: the preset with the file's changes applied. `version` is its content hash (hex)."""

    version: str
    extends: str
    rules: Mapping[str, Mode]
    unknown_as: UnknownAs
    clock_tolerance_s: int
    candidate_horizon_h: int
    window_mode: WindowMode
    derive_window: bool
    derived_window_max_h: int
    evaluate_all_writers: bool
    allow_account_wide: bool
    delete_requires_explicit: bool
    require_attribute_paths_for: tuple[str, ...]
    pipelines_require_link: bool
    report_transients: bool
    settle_s: int
    snapshot_interval_max_h: int
    acknowledge_target_h: int
    exceptions_max_days: int
    """How long an exception may last at most (R14)."""
    min_assurance: Assurance
    """The least identification with which an approval of a baseline counts."""
    approvals: ApprovalRequirement
    reviews: ReviewRequirement
    tests: TestRequirement
    emergency: EmergencyRequirement
    baseline: BaselineRequirement
    context: PolicyContext = field(default_factory=PolicyContext)
    deviations: tuple[Deviation, ...] = ()

    def mode(self, rule: str) -> Mode:
        """The mode of a rule; a rule that the policy does not name is off."""
        return self.rules.get(rule, Mode.OFF)
