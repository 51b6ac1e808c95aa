"""The policy, cases that test it, and replays, as the API takes and gives them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from driftwatch.api.paging import MOST
from driftwatch.api.schemas.base import Anything, Body, Given, Moment, When
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState

MOST_CASES = 100
MOST_POLICY = 200_000
"""Characters of a policy file to try."""


class ValueOf(Given):
    """One value of the policy, and where it comes from."""

    key: str
    value: Anything
    source: Literal["preset", "file", "people", "file and people", "default"]
    place: str | None = Field(description="File, line and column.")


class DeviationOf(Given):
    rule: str
    approved_by: str
    reason: str
    until: str
    expired: bool


class PolicyOf(Given):
    """The policy in force."""

    extends: str
    version: str = Field(description="The hash of its content.")
    values: list[ValueOf] | None = Field(description="Null: the file says something else now, which was not reloaded.")
    deviations: list[DeviationOf]
    policy: Anything = Field(description="The effective policy as a whole.")


class Cases(Body):
    """A case file: docs/policies.md has the format."""

    cases: Annotated[list[Any], Field(min_length=1, max_length=MOST_CASES, description="Decision, baseline and lifecycle cases.")]
    presets: dict[str, Any] | None = Field(default=None, description="The file's own presets.")
    context: dict[str, Any] | None = Field(default=None, description="The context of all cases.")


class MismatchOf(Given):
    what: str
    expected: Anything
    found: Anything
    place: str


class CaseResultOf(Given):
    id: str
    title: str
    kind: Literal["decision", "baseline", "lifecycle"]
    place: str
    passed: bool
    mismatches: list[MismatchOf]
    explanation: list[str] = Field(description="How it was judged, in words.")


class Summary(Given):
    cases: int
    passed: int
    failed: int


class CasesResult(Given):
    cases: list[CaseResultOf]
    summary: Summary


class Replay(Body):
    policy: Annotated[str, StringConstraints(min_length=1, max_length=MOST_POLICY)] = Field(description="The policy file to try, as text.")
    since: When | None = Field(default=None, description="Findings that were first seen from then on; default: 30 days ago.")
    all: bool = Field(default=False, description="Drifts that would come to the same, too.")
    cursor: Annotated[str, StringConstraints(max_length=400, pattern="^[A-Za-z0-9_-]+$")] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST, strict=True)] = Field(default=50, description="Drifts that are judged for one page.")


class Outcome(Given):
    """What a drift comes to under one policy."""

    verdict: Verdict
    record: str | None
    violations: list[str]
    unknowns: list[str]
    warnings: list[str]
    policy_version: str


class ReplayedOf(Given):
    finding: str
    resource: str
    type: str
    detected: Moment
    state: FindingState
    stored: Verdict = Field(description="The verdict that the finding has now.")
    changed: bool
    rules: list[str] = Field(description="Rules that come to something else.")
    old: Outcome
    new: Outcome


class ReplayPage(Given):
    judged: int
    replayed: list[ReplayedOf]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")
