"""Finding: the durable case of one resource off its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from driftwatch.domain.baseline import Disposition
from driftwatch.domain.decision import Verdict
from driftwatch.domain.drift import Drift
from driftwatch.domain.resource import Cell


class FindingState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    PENDING_REVIEW = "pending_review"
    """An emergency change whose review is due by `due_at`."""
    AWAITING_BASELINE = "awaiting_baseline"
    EXCEPTED = "excepted"
    RATIFIED = "ratified"
    """Unauthorised, and agreed to afterwards: it may enter a baseline, but stays a deviation."""
    REVERTED = "reverted"
    BASELINED = "baselined"
    SUPERSEDED = "superseded"
    INFORMATIONAL = "informational"


CLOSED = frozenset({FindingState.REVERTED, FindingState.BASELINED, FindingState.SUPERSEDED})
LIVE = frozenset(FindingState) - CLOSED
"""The states of a finding whose resource is still off its baseline: at most one live finding per key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """What people did about a finding, and how restless it is. `record` is the retroactive record that ratified it.

    `transitions` are the times of its latest changes of state, by which a flapping finding is known; `alerted` names the clocks that were
    told already (``review_75``, ``review_100``).
    """

    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    ticket: str | None = None
    disposition: Disposition | None = None
    disposed_at: datetime | None = None
    record: str | None = None
    exception: str | None = None
    transitions: tuple[datetime, ...] = ()
    flapping: bool = False
    alerted: tuple[str, ...] = ()


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
    handling: Handling = Handling()
    due_at: datetime | None = None
    """By when an emergency change has to be reviewed."""
    closed_at: datetime | None = None
    previous_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a finding stands, without its drift: what clocks, metrics and the count of transitions look at."""

    id: str
    baseline: str
    cell: Cell
    resource: str
    state: FindingState
    verdict_current: Verdict
    settled: bool
    policy_version: str
    first_seen: datetime
    due_at: datetime | None
    closed_at: datetime | None
    handling: Handling

    @property
    def entered_at(self) -> datetime:
        """When it came into its present state."""
        return self.handling.transitions[-1] if self.handling.transitions else self.first_seen
