"""What a gap needs so that it closes: in words, and where permission is lacking the IAM actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from driftwatch.domain.resource import Json
from driftwatch.domain.snapshot import Gap, GapReason

Actions = Callable[[str, str], tuple[str, ...]]
"""The IAM actions that a call (``service:Operation``) for a resource type needs."""

_REMEDIES: Final[Mapping[GapReason, str]] = MappingProxyType(
    {
        GapReason.DENIED: "allow {needs}",
        GapReason.CREDENTIALS: "give credentials that work for this account (profile, role_arn, external_id)",
        GapReason.THROTTLED: "nothing: it is read again; lower scan.per_service when it stays",
        GapReason.UNCONFIRMED_ABSENCE: "nothing: the next listing decides",
        GapReason.SETTLING: "nothing: it is read again once the service has done its work",
        GapReason.SUSPECTED_MASS_DELETE: "look whether it was really deleted, then `driftwatch scan --confirm-absence {cell} --reason ...`",
        GapReason.UNSUPPORTED: "a newer boto3",
    }
)


def needs(gap: Gap, actions: Actions) -> str | None:
    """The IAM actions that a denied call needs; None for any other gap."""
    if gap.reason is not GapReason.DENIED or gap.operation is None:
        return None
    return ", ".join(actions(gap.cell.type, gap.operation))


def remedy(gap: Gap, actions: Actions) -> str:
    """What closes the gap; empty where nobody can say."""
    return _REMEDIES.get(gap.reason, "").format(needs=needs(gap, actions) or "the call to the role that reads", cell=gap.cell)


def gap_document(gap: Gap, actions: Actions) -> Json:
    """One gap of a cell, or of one resource in it."""
    return {
        "reason": gap.reason.value,
        "operation": gap.operation,
        "needs": needs(gap, actions),
        "detail": gap.detail,
        "resource": gap.resource_id,
    }
