"""Findings, as the API takes and gives them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from driftwatch.api.schemas.base import Anything, Body, Given, Moment, Name, Text, When
from driftwatch.domain.decision import Verdict
from driftwatch.domain.drift import DriftKind, Op
from driftwatch.domain.finding import FindingState


class Difference(Given):
    path: str = Field(description="JSON pointer into the configuration; empty: the whole resource.")
    op: Op
    before: Anything
    after: Anything


class IntervalOf(Given):
    last_good: Moment | None = Field(description="When the state before was last seen; null: nobody knows.")
    detected: Moment


class Call(Given):
    """A logged call, as it was weighed against the differences."""

    event: str
    time: Moment
    call: str
    actor: str | None
    kind: str
    on_behalf_of: str | None
    channel: str
    source_ip: str | None
    invoked_by: str | None
    wrote: list[str]
    last_of: list[str]
    why_not: str | None


class AttributionOf(Given):
    actors: list[str]
    calls: list[Call]
    unattributed: list[str] = Field(description="Paths that no logged call explains.")


class HandlingOf(Given):
    acknowledged_by: str | None
    acknowledged: Moment | None
    ticket: str | None
    disposition: str | None
    disposed_by: str | None
    disposed: Moment | None
    record: str | None
    exception: str | None
    flapping: bool
    alerted: list[str]


class FindingOf(Given):
    """One resource off its baseline."""

    id: str
    resource: str
    label: str | None
    type: str
    account: str
    region: str
    kind: DriftKind
    differences: list[Difference]
    interval: IntervalOf
    verdict: Verdict
    verdict_initial: Verdict | None
    settled: bool
    violations: list[Anything]
    unknowns: list[Anything]
    warnings: list[Anything]
    record: str | None
    attribution: AttributionOf | None
    state: FindingState
    policy_version: str
    first_seen: Moment
    last_seen: Moment
    previous: str | None
    due: Moment | None
    closed: Moment | None
    handling: HandlingOf


class FindingPage(Given):
    findings: list[FindingOf]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class FactsOf(Given):
    read: Moment
    values: Anything


class FindingCase(FindingOf):
    decisions: list[Anything] = Field(description="Every decision that was made about it, oldest first.")
    facts: FactsOf | None


class Why(Given):
    finding: str
    lines: list[str] = Field(description="The last decision in words.")
    decision: Anything


class Moved(Given):
    """Something that happened to a finding or its resource."""

    at: Moment
    what: str
    who: str | None
    detail: str


class Timeline(Given):
    finding: str
    events: list[Moved]


class Acknowledge(Body):
    ticket: Name | None = Field(default=None, description="Where it is dealt with.")


class Ratify(Body):
    record: Name = Field(description="The change record that allows it afterwards.")


class Except(Body):
    until: When = Field(description="Up to when.")
    reason: Text
    paths: Annotated[list[Annotated[str, Field(max_length=4000, pattern=r"^(/[\s\S]*)?$")]], Field(max_length=200)] = Field(
        default=[], description="Only these paths; default: every uncovered one."
    )


class ExceptionOf(Given):
    """A time-boxed waiver."""

    id: str
    status: str
    content_hash: str
    requested_by: str | None
    requested: Moment | None
    reason: str
    scope: list[Anything]
    starts: Moment
    expires: Moment | None
    approved_by: str | None
    approved: Moment | None
    ended_by: str | None
    ended: Moment | None
    finding: str | None
