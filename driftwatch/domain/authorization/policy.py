"""Policy: the rules in force with their modes and parameters, and the context that they are applied in.

Presets (`documents/presets/*.yaml`) and the user's policy file both become this one value; `documents.policies` builds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from driftwatch.domain.baseline import Assurance
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


RoleGroups = tuple[tuple[str, ...], ...]
"""Each group must be satisfied by one approver who holds any of its roles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequirement:
    min_count: int = 1
    role_groups: RoleGroups = ()
    high_risk_role_groups: RoleGroups = ()


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
    settle_s: int
    snapshot_interval_max_h: int
    min_assurance: Assurance
    """The least identification with which an approval of a baseline counts."""
    approvals: ApprovalRequirement
    baseline: BaselineRequirement
    context: PolicyContext = field(default_factory=PolicyContext)
    deviations: tuple[Deviation, ...] = ()

    def mode(self, rule: str) -> Mode:
        """The mode of a rule; a rule that the policy does not name is off."""
        return self.rules.get(rule, Mode.OFF)
