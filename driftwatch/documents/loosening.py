"""What a policy loosens against its preset: a tier may be tightened freely, but loosening it takes a deviation that somebody approved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from fnmatch import fnmatchcase
from typing import Final

from driftwatch.domain.authorization.policy import (
    AutoPromote,
    Deviation,
    Mode,
    Policy,
    PriorApproval,
    RoleGroups,
    UnknownAs,
    WindowMode,
)
from driftwatch.domain.baseline import Assurance

NEVER_SOFTENED: Final = frozenset({"R1", "R13", "R14"})
"""Rules that no deviation may bring below the preset (authorisation specification, section 6)."""

_STRENGTH: Final = {Mode.OFF: 0, Mode.WARN: 1, Mode.ENFORCE: 2}
_DOUBT: Final = {UnknownAs.PASS: 0, UnknownAs.UNKNOWN: 1, UnknownAs.FAIL: 2}

_LOOSER: Final[Mapping[str, Callable[[Policy, Policy], bool]]] = {
    "unknown_as": lambda old, new: _DOUBT[new.unknown_as] < _DOUBT[old.unknown_as],
    "clock_tolerance_s": lambda old, new: new.clock_tolerance_s > old.clock_tolerance_s,
    "candidate_horizon_h": lambda old, new: new.candidate_horizon_h > old.candidate_horizon_h,
    "window_mode": lambda old, new: old.window_mode is WindowMode.CONTAIN and new.window_mode is not WindowMode.CONTAIN,
    "derive_window": lambda old, new: new.derive_window and not old.derive_window,
    "derived_window_max_h": lambda old, new: new.derive_window and new.derived_window_max_h > old.derived_window_max_h,
    "evaluate_all_writers": lambda old, new: old.evaluate_all_writers and not new.evaluate_all_writers,
    "allow_account_wide": lambda old, new: new.allow_account_wide and not old.allow_account_wide,
    "delete_requires_explicit": lambda old, new: old.delete_requires_explicit and not new.delete_requires_explicit,
    "require_attribute_paths_for": lambda old, new: (
        not all(any(fnmatchcase(kept, wider) for wider in new.require_attribute_paths_for) for kept in old.require_attribute_paths_for)
    ),
    "pipelines_require_link": lambda old, new: old.pipelines_require_link and not new.pipelines_require_link,
    "report_transients": lambda old, new: old.report_transients and not new.report_transients,
    "snapshot_interval_max_h": lambda old, new: new.snapshot_interval_max_h > old.snapshot_interval_max_h,
    "acknowledge_target_h": lambda old, new: new.acknowledge_target_h > old.acknowledge_target_h,
    "exceptions.max_days": lambda old, new: new.exceptions_max_days > old.exceptions_max_days,
    "min_assurance": lambda old, new: old.min_assurance is Assurance.SIGNED and new.min_assurance is not Assurance.SIGNED,
    "approvals.min_count": lambda old, new: new.approvals.min_count < old.approvals.min_count,
    "approvals.role_groups": lambda old, new: _weaker(old.approvals.role_groups, new.approvals.role_groups),
    "approvals.high_risk_role_groups": lambda old, new: _weaker(
        old.approvals.high_risk_role_groups, (*new.approvals.high_risk_role_groups, *new.approvals.role_groups)
    ),
    "reviews.min_count": lambda old, new: new.reviews.min_count < old.reviews.min_count,
    "reviews.distinct_from_approver": lambda old, new: old.reviews.distinct_from_approver and not new.reviews.distinct_from_approver,
    "tests.automated": lambda old, new: old.tests.automated and not new.tests.automated,
    "tests.match_ref": lambda old, new: old.tests.match_ref and not new.tests.match_ref,
    "emergency.prior_approval": lambda old, new: (
        old.emergency.prior_approval is PriorApproval.ONE and new.emergency.prior_approval is not PriorApproval.ONE
    ),
    "emergency.declare_within_h": lambda old, new: new.emergency.declare_within_h > old.emergency.declare_within_h,
    "emergency.review_within_h": lambda old, new: new.emergency.review_within_h > old.emergency.review_within_h,
    "emergency.max_duration_h": lambda old, new: new.emergency.max_duration_h > old.emergency.max_duration_h,
    "baseline.auto_promote": lambda old, new: (
        old.baseline.auto_promote is AutoPromote.OFF and new.baseline.auto_promote is not AutoPromote.OFF
    ),
    "baseline.min_count": lambda old, new: new.baseline.min_count < old.baseline.min_count,
    "baseline.role_groups": lambda old, new: _weaker(old.baseline.role_groups, new.baseline.role_groups),
}

PARAMETERS: Final = tuple(_LOOSER)
"""The parameters that a deviation can name; `settle_s` is none, since no value of it is stricter."""


def loosened(preset: Policy, policy: Policy) -> tuple[str, ...]:
    """The rules and parameters of `policy` that are looser than the preset's."""
    rules = [rule for rule in preset.rules if _STRENGTH[policy.mode(rule)] < _STRENGTH[preset.mode(rule)]]
    return (*rules, *(name for name, looser in _LOOSER.items() if looser(preset, policy)))


def expired_deviations(policy: Policy, today: date) -> tuple[Deviation, ...]:
    """The deviations whose last day is over on `today` (UTC): what they loosen is excused by nobody any more.

    The policy stays in force as it is: a decision rests on the version in force, which is the hash of its content, and not on a calendar,
    and monitoring that stops over a date would hide more than the loosened rule does. It is told everywhere until somebody acts.
    """
    return tuple(deviation for deviation in policy.deviations if deviation.until < today)


def _weaker(old: RoleGroups, new: RoleGroups) -> bool:
    """Whether approvers who satisfy the new groups might fail an old one: each old group needs a new one inside it."""
    return not all(any(set(group) <= set(former) for group in new) for former in old)
