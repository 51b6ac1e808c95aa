"""Question: the one thing that every rule is asked, and the Answer it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftwatch.domain.activity import ActorEvent, ActorKind
from driftwatch.domain.authorization.approvals import Approvals
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.matching import covers
from driftwatch.domain.authorization.moment import Cutoff, Moment
from driftwatch.domain.authorization.policy import Mode, Policy, PriorApproval, Template
from driftwatch.domain.change import ChangeRecord, ChangeType, Target
from driftwatch.domain.decision import RuleOutcome
from driftwatch.domain.drift import Difference, Drift

PASS, FAIL, UNKNOWN = RuleOutcome.PASS, RuleOutcome.FAIL, RuleOutcome.UNKNOWN
PENDING, NOT_APPLICABLE = RuleOutcome.PENDING, RuleOutcome.NOT_APPLICABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One time that a path was changed: by this event, or by nobody known (None) at some time in the interval.

    `last` tells the last writer, whose value is the one that is there now.
    """

    event: ActorEvent | None
    moment: Moment
    last: bool = True

    @property
    def humans(self) -> tuple[str | None, ...]:
        """The people who actually made the change, as far as the log names them."""
        if self.event is None:
            return ()
        return (self.event.actor if self.event.actor_kind is ActorKind.HUMAN else None, self.event.on_behalf_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May this record have allowed this change of this path at this time? `targets` are those of the record that name the resource."""

    drift: Drift
    change: Difference
    instance: Instance
    record: ChangeRecord
    targets: tuple[Target, ...]
    policy: Policy
    people: Identities
    now: datetime

    @property
    def moment(self) -> Moment:
        return self.instance.moment

    @property
    def tolerance(self) -> timedelta:
        """By how much clocks may differ; it widens windows and cutoffs."""
        return timedelta(seconds=self.policy.clock_tolerance_s)

    @property
    def kind(self) -> ChangeType:
        """As what the record is judged: a standard change whose template no rule enforces is a normal one (R17: no loophole)."""
        if self.record.type is ChangeType.STANDARD and self.policy.mode("R17") is not Mode.ENFORCE:
            return ChangeType.NORMAL
        return self.record.type

    @property
    def needs_approval(self) -> bool:
        """Whether the change had to be approved before it was made: a normal one, and an emergency where the policy says so."""
        emergency = self.kind is ChangeType.EMERGENCY and self.policy.emergency.prior_approval is PriorApproval.ONE
        return self.kind is ChangeType.NORMAL or emergency

    @property
    def template(self) -> Template | None:
        """The template that a standard change names."""
        return next((item for item in self.policy.context.templates if item.id == self.record.template_id), None)

    @property
    def review_deadline(self) -> datetime:
        """D: by when an emergency change must have been reviewed."""
        return self.moment.latest + timedelta(hours=self.policy.emergency.review_within_h)

    @property
    def approvals(self) -> Approvals:
        return self.approvals_by(self.now)

    def approvals_by(self, visible: datetime) -> Approvals:
        """The approvals that were given by `visible`; later ones are not seen."""
        return Approvals(record=self.record, required=self.policy.approvals, people=self.people, now=min(visible, self.now))

    @property
    def covering(self) -> tuple[Target, ...]:
        """The targets that cover the operation and the path."""
        return tuple(target for target in self.targets if covers(target, self.change.path, self.drift, self.policy))

    @property
    def doers(self) -> frozenset[str]:
        """F: requester, authors, implementers and the people who actually made the change."""
        record = self.record
        return self.people.people([record.requester, *record.authors, *record.implementers, *self.instance.humans])

    @property
    def makers(self) -> frozenset[str]:
        """F_rev: the authors (the requester where none is named), implementers and the people who actually made the change."""
        record = self.record
        return self.people.people([*(record.authors or (record.requester,)), *record.implementers, *self.instance.humans])

    def says(self, predicate: Callable[[Cutoff], bool]) -> RuleOutcome:
        return self.moment.says(predicate, self.tolerance)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule found, one word of a closed set for programs, and one sentence for people."""

    outcome: RuleOutcome
    explanation: str
    detail: str = ""
