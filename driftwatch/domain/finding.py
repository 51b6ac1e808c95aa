"""Finding: the durable case of one resource off its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from driftwatch.domain.decision import Verdict
from driftwatch.domain.drift import Drift
from driftwatch.domain.resource import Cell


class FindingState(StrEnum):
    OPEN = "open"
    AWAITING_BASELINE = "awaiting_baseline"
    REVERTED = "reverted"
    BASELINED = "baselined"
    SUPERSEDED = "superseded"
    INFORMATIONAL = "informational"


LIVE = frozenset({FindingState.OPEN, FindingState.AWAITING_BASELINE, FindingState.INFORMATIONAL})
"""The states of a finding whose resource is still off its baseline: at most one live finding per key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One resource off its baseline, keyed by (baseline name, cell, resource_id).

    `verdict_initial` is None until the decision is settled, then never changes. `previous_id` names the finding whose drift this
    one's value change superseded.
    """

    id: str
    baseline: str
    cell: Cell
    resource_id: str
    resource: str
    """The resource's id in its cell."""
    state: FindingState
    drift: Drift
    drift_version: str
    before_fingerprint: str | None
    """The fingerprint in the baseline and the one that was read: while both stay, the drift is the same version."""
    after_fingerprint: str | None
    verdict_initial: Verdict | None
    verdict_current: Verdict
    settled: bool
    policy_version: str
    first_seen: datetime
    last_seen: datetime
    closed_at: datetime | None = None
    previous_id: str | None = None
