"""Change records, as the API takes and gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StringConstraints

from driftwatch.api.schemas.base import Anything, Body, Given, Moment, Text, When
from driftwatch.domain.authorization.unobserved import Observed
from driftwatch.domain.change import (
    ApprovalDecision,
    ApprovalKind,
    ChangeOutcome,
    ChangeState,
    ChangeType,
    ReviewDecision,
    Risk,
    TestResult,
)
from driftwatch.domain.drift import DriftKind

Line = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
"""A name, an id or a pattern; what it may consist of is checked where records are read."""
Lines = list[Line] | None
Some = Annotated[list[Line], Field(min_length=1)] | None


class WindowOf(Given):
    start: Moment
    end: Moment


class ChangeApproval(Given):
    who: str
    decision: ApprovalDecision
    at: Moment
    role: str | None
    kind: ApprovalKind


class ChangeReview(Given):
    who: str
    decision: ReviewDecision
    at: Moment
    ref: str | None


class TestRunOf(Given):
    __test__ = False

    environment: str
    kind: str
    automated: bool
    result: TestResult
    finished_at: Moment
    ref: str | None
    url: str | None


class ExpectationOf(Given):
    """What the value at a path has to be after the change."""

    path: str
    equals: Anything
    equals_given: bool = Field(description="Whether `equals` counts: null is a value, too.")
    one_of: list[Anything] | None
    matches: str | None
    min: int | float | None
    max: int | float | None
    absent: bool


class TargetOf(Given):
    """What a change covers: all that is given has to match; null means any."""

    accounts: list[str] | None
    regions: list[str] | None
    resource_types: list[str] | None
    ids: list[str] | None
    tags: dict[str, list[str]] | None
    operations: list[DriftKind] | None
    attribute_paths: list[str] | None
    expected: list[ExpectationOf]


class ObservationOf(Given):
    at: Moment
    approved: bool
    content_hash: str | None


class RecordOf(Given):
    """Permission to change, as driftwatch understood it."""

    id: str
    source: str
    url: str | None
    title: str | None
    type: ChangeType
    state: ChangeState
    outcome: ChangeOutcome | None
    risk: Risk | None
    requester: str | None
    authors: list[str]
    implementers: list[str]
    rollback_plan: str | None
    incident_id: str | None
    template_id: str | None
    artifact_ref: str | None
    run_ids: list[str]
    approvals: list[ChangeApproval]
    reviews: list[ChangeReview]
    tests: list[TestRunOf]
    windows: list[WindowOf]
    scope: list[TargetOf]
    created_at: Moment
    material_changed_at: Moment | None
    implemented_at: Moment | None
    closed_at: Moment | None
    cancelled_at: Moment | None
    rejected_at: Moment | None
    observations: list[ObservationOf]
    raw_hash: str | None
    stale_since: Moment | None = Field(description="Since when its source no longer shows it: it allows nothing from then on.")


class HeldOf(RecordOf):
    """A record of the built-in register."""

    content_hash: str = Field(description="What a decision is bound to: the ETag of the record.")
    notes: list[str] = Field(description="What it lacks, and what is worth knowing.")


class RecordPage(Given):
    records: list[RecordOf] = Field(description="May be fewer than asked for, and more may come all the same: `next` tells.")
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class SetAsideOf(Given):
    place: str
    id: str | None
    problem: str


class ChangeSourceOf(Given):
    """A change source and how its last reading went."""

    name: str
    last_success: Moment | None
    last_attempt: Moment | None
    records: int
    error: str | None
    set_aside_total: int
    set_aside: list[SetAsideOf] = Field(description="Refused records; only for those who may read every account.")


class ChangeSourceList(Given):
    sources: list[ChangeSourceOf]


class UnobservedPart(Given):
    target: int = Field(description="The number of the target in the record, from 1.")
    id: str | None
    path: str | None


class UnobservedOf(Given):
    """A record that was approved, and whose change was not seen, or only in part."""

    record: str
    source: str
    title: str | None
    state: ChangeState
    observed: Observed
    windows: list[WindowOf]
    missing: list[UnobservedPart]


class UnobservedPage(Given):
    unobserved: list[UnobservedOf]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class ChangeWindow(Body):
    start: When
    end: When


class ChangeTestRun(Body):
    __test__ = False

    environment: Line
    kind: Line
    automated: StrictBool
    result: TestResult
    finished_at: When
    ref: Line | None = None
    url: Line | None = None


class ChangeExpectation(Body):
    """Exactly one of equals, one_of, matches, absent, or min and max."""

    path: Annotated[str, StringConstraints(max_length=1000)]
    equals: Anything = None
    one_of: list[Anything] | None = None
    matches: Line | None = None
    min: StrictInt | StrictFloat | None = None
    max: StrictInt | StrictFloat | None = None
    absent: StrictBool | None = None


class ChangeTarget(Body):
    """Leaving a key out covers everything; an empty list is refused."""

    accounts: Some = None
    regions: Some = None
    resource_types: Some = None
    ids: Some = None
    tags: Annotated[dict[Line, Annotated[list[Line], Field(min_length=1)]], Field(min_length=1)] | None = None
    operations: Annotated[list[Literal["created", "updated", "deleted"]], Field(min_length=1)] | None = None
    attribute_paths: Annotated[list[Annotated[str, StringConstraints(max_length=1000)]], Field(min_length=1)] | None = None
    expected: list[ChangeExpectation] | None = None


class WrittenChange(Body):
    """What a record's author writes. Who asks, its id, its state and every time come from the register."""

    url: Line | None = None
    type: ChangeType | None = None
    risk: Risk | None = None
    authors: Lines = None
    implementers: Lines = Field(default=None, description="People, group:NAME or role/NAME.")
    rollback_plan: Text | None = None
    incident_id: Line | None = None
    template_id: Line | None = None
    artifact_ref: Line | None = None
    run_ids: Lines = None
    tests: list[ChangeTestRun] | None = None
    windows: list[ChangeWindow] | None = None


class NewChange(WrittenChange):
    title: Text
    scope: Annotated[list[ChangeTarget], Field(min_length=1)]
    request: StrictBool = Field(default=False, description="Put it up for approval in the same step.")


class ChangeOfFinding(WrittenChange):
    title: Text | None = Field(default=None, description="Default: what the finding is about.")


class AmendChange(WrittenChange):
    """What is given replaces what was there; null takes it away."""

    title: Text | None = None
    scope: list[ChangeTarget] | None = None


class ApproveChange(Body):
    kind: ApprovalKind = Field(default=ApprovalKind.CHANGE, description="freeze_override allows it during a freeze.")


class ReviewChange(Body):
    decision: Literal[ReviewDecision.APPROVED, ReviewDecision.CHANGES_REQUESTED] = ReviewDecision.APPROVED


class CloseChange(Body):
    outcome: ChangeOutcome = ChangeOutcome.SUCCESSFUL
