"""ChangeRecord and Target: permission to change, and what it covers (authorisation specification, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from driftwatch.domain.drift import DriftKind
from driftwatch.domain.resource import Json


class ChangeType(StrEnum):
    STANDARD = "standard"
    NORMAL = "normal"
    EMERGENCY = "emergency"


class ChangeState(StrEnum):
    DRAFT = "draft"
    REQUESTED = "requested"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    IMPLEMENTING = "implementing"
    REVIEW = "review"
    CLOSED = "closed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class ChangeOutcome(StrEnum):
    SUCCESSFUL = "successful"
    SUCCESSFUL_ISSUES = "successful_issues"
    UNSUCCESSFUL = "unsuccessful"
    BACKED_OUT = "backed_out"


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ApprovalDecision(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class ApprovalKind(StrEnum):
    CHANGE = "change"
    FREEZE_OVERRIDE = "freeze_override"


class ReviewDecision(StrEnum):
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    WITHDRAWN = "withdrawn"


class TestResult(StrEnum):
    __test__ = False  # not a test class, whatever its name

    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When the change may be made: from `start` up to `end`, UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    who: str
    decision: ApprovalDecision
    at: datetime
    role: str | None = None
    kind: ApprovalKind = ApprovalKind.CHANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    who: str
    decision: ReviewDecision
    at: datetime
    ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    __test__ = False

    environment: str
    kind: str
    automated: bool
    result: TestResult
    finished_at: datetime
    ref: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What our own poller saw of the record and when: an approval that was not there then cannot have been given before."""

    at: datetime
    approved: bool
    content_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the value at `path` must be after the change. Exactly one of the other fields is given.

    `equals_given` tells ``equals: null`` from no `equals` at all. `min` and `max` are inclusive and may stand together.
    """

    path: str
    equals: Json = None
    equals_given: bool = False
    one_of: tuple[Json, ...] | None = None
    matches: str | None = None
    min: int | float | None = None
    max: int | float | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a change covers: the given fields all have to match; None means any. Patterns are case-sensitive globs (``*``, ``?``)."""

    accounts: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    resource_types: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    tags: Mapping[str, tuple[str, ...]] | None = None
    operations: tuple[DriftKind, ...] | None = None
    attribute_paths: tuple[str, ...] | None = None
    expected: tuple[Expectation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecord:
    """Permission to change: who asked, who approved when, what it covers, when it may be done. Times are UTC.

    `stale` marks a record that its source no longer shows or no longer can read: its last accepted version still explains the past,
    but does not authorise what happened after `stale_since`.
    """

    id: str
    source: str
    url: str | None = None
    title: str | None = None
    type: ChangeType = ChangeType.NORMAL
    state: ChangeState = ChangeState.REQUESTED
    outcome: ChangeOutcome | None = None
    risk: Risk | None = None
    requester: str | None = None
    authors: tuple[str, ...] = ()
    implementers: tuple[str, ...] = ()
    rollback_plan: str | None = None
    incident_id: str | None = None
    template_id: str | None = None
    artifact_ref: str | None = None
    run_ids: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    reviews: tuple[Review, ...] = ()
    tests: tuple[TestRun, ...] = ()
    windows: tuple[Window, ...] = ()
    scope: tuple[Target, ...] = ()
    created_at: datetime
    material_changed_at: datetime | None = None
    implemented_at: datetime | None = None
    closed_at: datetime | None = None
    cancelled_at: datetime | None = None
    rejected_at: datetime | None = None
    observations: tuple[Observation, ...] = field(default=())
    raw_hash: str | None = None
    stale_since: datetime | None = None


RecordPlace = tuple[datetime, str, str]
"""Where a record stands in the order of all: when it was created, its id, its source."""


def place_of(record: ChangeRecord) -> RecordPlace:
    return record.created_at, record.id, record.source


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A change record that is refused: where it stands and why. `id` where it could be read."""

    place: str
    problem: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Everything a source holds now: good records, and those set aside."""

    records: tuple[ChangeRecord, ...]
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """When a change source was last read with success, and what was set aside then."""

    name: str
    last_success_at: datetime | None
    last_attempt_at: datetime | None
    records: int = 0
    set_aside: tuple[SetAside, ...] = ()
    error: str | None = None
