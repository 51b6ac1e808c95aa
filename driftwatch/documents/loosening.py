"""What a policy loosens against its preset: a tier may be tightened freely, but loosening it takes a deviation that somebody approved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from driftwatch.domain.authorization.policy import AutoPromote, Mode, Policy, RoleGroups, UnknownAs, WindowMode
from driftwatch.domain.baseline import Assurance

NEVER_SOFTENED: Final = frozenset({"R1", "R13"})
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
    "snapshot_interval_max_h": lambda old, new: new.snapshot_interval_max_h > old.snapshot_interval_max_h,
    "min_assurance": lambda old, new: old.min_assurance is Assurance.SIGNED and new.min_assurance is not Assurance.SIGNED,
    "approvals.min_count": lambda old, new: new.approvals.min_count < old.approvals.min_count,
    "approvals.role_groups": lambda old, new: _weaker(old.approvals.role_groups, new.approvals.role_groups),
    "approvals.high_risk_role_groups": lambda old, new: _weaker(
        old.approvals.high_risk_role_groups, (*new.approvals.high_risk_role_groups, *new.approvals.role_groups)
    ),
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


def _weaker(old: RoleGroups, new: RoleGroups) -> bool:
    """Whether approvers who satisfy the new groups might fail an old one: each old group needs a new one inside it."""
    return not all(any(set(group) <= set(former) for group in new) for former in old)
