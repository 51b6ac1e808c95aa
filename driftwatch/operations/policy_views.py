"""The effective policy as plain JSON, with where each value comes from."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from driftwatch.documents import policies
from driftwatch.documents.loosening import expired_deviations
from driftwatch.documents.origins import Origin, Traced
from driftwatch.domain.authorization.policy import Deviation, Policy
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError
from driftwatch.operations.installation import Installation


def shown(traced: Traced, today: date) -> Json:
    """What `policy show --json` prints of the files as they are."""
    return policy_document(traced.policy, today) | {"values": [_origin(item) for item in traced.origins()]}


def in_force(installation: Installation, file: Path) -> Json:
    """The policy that is in force, people included. `values` is null where the file no longer says what is in force, or cannot be read:
    whoever changed it has not had it reloaded."""
    policy = installation.policy
    try:
        traced: Traced | None = Traced(file, installation.people)
    except InputError:
        traced = None
    same = traced is not None and traced.policy.version == policy.version
    values = [_origin(item) for item in traced.origins()] if traced and same else None
    return policy_document(policy, installation.clock().date()) | {"values": values}


def policy_document(policy: Policy, today: date) -> Json:
    """A policy with its deviations, and which of these are over."""
    over = expired_deviations(policy, today)
    return {
        "extends": policy.extends,
        "version": policy.version,
        "deviations": [_deviation(item, over=item in over) for item in policy.deviations],
        "policy": policies.policy_document(policy),
    }


def _origin(item: Origin) -> Json:
    return {"key": ".".join(item.key), "value": item.value, "source": item.source, "place": str(item.place) if item.place else None}


def _deviation(item: Deviation, *, over: bool) -> Json:
    return {"rule": item.rule, "approved_by": item.approved_by, "reason": item.reason, "until": item.until.isoformat(), "expired": over}
