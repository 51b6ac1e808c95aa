"""Which change records name a resource, and which of their targets cover a change of it (authorisation specification, section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftwatch.domain import pointer
from driftwatch.domain.authorization.glob import any_matches, glob_matches, is_exact
from driftwatch.domain.authorization.moment import Moment
from driftwatch.domain.authorization.policy import MachineActor, Policy
from driftwatch.domain.change import ChangeRecord, Target
from driftwatch.domain.drift import Drift, DriftKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A change record that names the resource, with those of its targets that do."""

    record: ChangeRecord
    targets: tuple[Target, ...]


def matching_targets(record: ChangeRecord, drift: Drift, policy: Policy) -> tuple[Target, ...]:
    """The targets of the record that name the resource."""
    return tuple(target for target in record.scope if names_resource(target, drift, policy))


def names_resource(target: Target, drift: Drift, policy: Policy) -> bool:
    """Whether all fields that the target gives match the resource; a target that gives too few matches nothing."""
    return (
        _specific_enough(target, policy)
        and (target.accounts is None or any_matches(target.accounts, drift.account))
        and (target.regions is None or any_matches(target.regions, drift.region))
        and (target.resource_types is None or any_matches(target.resource_types, drift.resource_type))
        and (target.ids is None or any(id_matches(pattern, drift) for pattern in target.ids))
        and (not target.tags or _tags_match(target, drift))
    )


def id_matches(pattern: str, drift: Drift) -> bool:
    """A pattern with a colon is a glob over the resource_id; one without is the exact id or label (settled point 1)."""
    if ":" in pattern:
        return glob_matches(pattern, drift.resource_id)
    return bool(pattern) and pattern in (drift.resource, drift.label)


def _specific_enough(target: Target, policy: Policy) -> bool:
    if target.ids is not None or target.tags or target.resource_types is not None:
        return True
    return policy.allow_account_wide and (target.accounts is not None or target.regions is not None)


def _tags_match(target: Target, drift: Drift) -> bool:
    """Tags come from the baseline's side: re-tagging cannot pull a resource into a record's scope."""
    tags = tags_of(drift)
    return all(key in tags and ("*" in values or tags[key] in values) for key, values in (target.tags or {}).items())


def tags_of(drift: Drift) -> dict[str, str]:
    """The tags by which a resource is matched: those it had before, or, where it is new, those it was created with."""
    return dict(drift.tags_after if drift.kind is DriftKind.CREATED else drift.tags_before)


def operation_of(drift: Drift) -> DriftKind:
    """What was done to the resource; a transient change is an update."""
    return DriftKind.UPDATED if drift.kind is DriftKind.TRANSIENT else drift.kind


def covers_operation(operations: tuple[DriftKind, ...] | None, drift: Drift, policy: Policy) -> bool:
    """Whether the operation is among those given; where none are, creating and updating are, deleting only if the policy says so."""
    operation = operation_of(drift)
    if operations is not None:
        return operation in operations
    return operation is not DriftKind.DELETED or not policy.delete_requires_explicit


def needs_paths(drift: Drift, policy: Policy) -> bool:
    """Whether a target must name the attribute paths that may be updated, for a resource of this type."""
    return operation_of(drift) is DriftKind.UPDATED and any_matches(policy.require_attribute_paths_for, drift.resource_type)


def covers_path(target: Target, path: str, drift: Drift, policy: Policy) -> bool:
    """Whether the target covers the path or an ancestor of it; one that names no paths covers all, where the policy lets it."""
    if target.attribute_paths is None:
        return not needs_paths(drift, policy)
    return paths_cover(target.attribute_paths, path)


def touches(target: Target, drift: Drift, path: str) -> bool:
    """Whether a restriction (a freeze, a resource that only pipelines may change) holds for this path; it holds for all it does not
    rule out: what is left unsaid restricts everything, while of a permission it would allow nothing."""
    operation = operation_of(drift)
    return (
        (target.accounts is None or any_matches(target.accounts, drift.account))
        and (target.regions is None or any_matches(target.regions, drift.region))
        and (target.resource_types is None or any_matches(target.resource_types, drift.resource_type))
        and (target.ids is None or any(id_matches(pattern, drift) for pattern in target.ids))
        and (not target.tags or _tags_match(target, drift))
        and (target.operations is None or operation in target.operations)
        and (target.attribute_paths is None or any(pointer.reaches(pattern, path) for pattern in target.attribute_paths))
    )


def paths_cover(patterns: Iterable[str], path: str) -> bool:
    return any(pointer.matches(pattern, path) for pattern in patterns)


def covers(target: Target, path: str, drift: Drift, policy: Policy) -> bool:
    """Whether the target covers this operation on this path."""
    return covers_operation(target.operations, drift, policy) and covers_path(target, path, drift, policy)


def machine_matches(machine: MachineActor, drift: Drift, path: str, policy: Policy) -> bool:
    """Whether a machine policy covers this resource, operation and path; who did it is asked elsewhere."""
    return (
        (machine.resource_types is None or any_matches(machine.resource_types, drift.resource_type))
        and (machine.ids is None or any(id_matches(pattern, drift) for pattern in machine.ids))
        and covers_operation(machine.operations, drift, policy)
        and (machine.attribute_paths is None or paths_cover(machine.attribute_paths, path))
    )


def specificity(targets: Sequence[Target], drift: Drift) -> int:
    """How closely the targets name the resource: twice (3 exact id, 2 id glob, 1 tags, 0), plus 1 for attribute paths; the best one's."""
    return max((_specificity(target, drift) for target in targets), default=0)


def _specificity(target: Target, drift: Drift) -> int:
    patterns = [pattern for pattern in target.ids or () if id_matches(pattern, drift)]
    named = 3 if any(":" not in item or is_exact(item) for item in patterns) else 2 if patterns else 1 if target.tags else 0
    return 2 * named + (target.attribute_paths is not None)


def active_span(record: ChangeRecord) -> tuple[datetime, datetime | None]:
    """From when to when a record was of use: from its creation or first window, to its end and its last window (None: not ended)."""
    start = min([record.created_at, *(window.start for window in record.windows)])
    ends = [time for time in (record.closed_at, record.cancelled_at, record.rejected_at) if time]
    return start, max([*ends, *(window.end for window in record.windows)]) if ends else None


def away(record: ChangeRecord, moment: Moment) -> timedelta:
    """How far the moment lies outside the record's active span."""
    return moment.distance(*active_span(record))
