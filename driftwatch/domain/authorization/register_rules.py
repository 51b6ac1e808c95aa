"""Who may do what to a record of the built-in change register, and when.

draft -> requested -> approved -> implementing -> closed, or rejected, or cancelled. Each step is a function of the record, the person
and the time: it answers with the record after it, or raises RefusedError with the reason and the remedy. The time is always the
register's own clock: nobody can date an approval. What a record allows is not decided here: `decide` judges it like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.approvals import Approvals, shortfall
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.policy import Mode, Policy, PriorApproval, TemplateStatus
from driftwatch.domain.baseline import Actor, Assurance
from driftwatch.domain.canonical import canonical_json, sha256_hex, utc_text
from driftwatch.domain.change import (
    Approval,
    ApprovalDecision,
    ApprovalKind,
    ChangeOutcome,
    ChangeRecord,
    ChangeState,
    ChangeType,
    Review,
    ReviewDecision,
    Target,
)
from driftwatch.domain.codec import encode
from driftwatch.errors import RefusedError

MATERIAL: Final = (
    *("id", "url", "title", "type", "risk", "requester", "authors", "implementers", "rollback_plan", "incident_id", "template_id"),
    *("artifact_ref", "run_ids", "tests", "windows", "scope"),
)
"""What an approver agrees to. Where the record stands, when, and who decided what about it are no part of that."""

_AMENDABLE: Final = tuple(name for name in MATERIAL if name not in ("id", "requester"))
_TICK: Final = timedelta(microseconds=1)

DRAFT, REQUESTED, APPROVED = ChangeState.DRAFT, ChangeState.REQUESTED, ChangeState.APPROVED
IMPLEMENTING, CLOSED = ChangeState.IMPLEMENTING, ChangeState.CLOSED


def content_hash(record: ChangeRecord) -> str:
    """SHA-256 (hex) of the record's material: what an approval is bound to."""
    return sha256_hex(canonical_json({name: encode(getattr(record, name)) for name in MATERIAL}))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRules:
    """The rules under one policy at one time."""

    policy: Policy
    people: Identities
    now: datetime

    def draft(self, record: ChangeRecord, who: str) -> ChangeRecord:
        """A new record, as its requester wrote it."""
        if record.requester and not self._same(record.requester, who):
            raise RefusedError(f"{who} makes the record, but it names {record.requester} as its requester: whoever asks makes the record")
        made = replace(record, state=DRAFT, requester=self.people.resolve(who), created_at=self.now)
        self._refuse_unusable(made)
        return made

    def amend(self, record: ChangeRecord, wanted: ChangeRecord, who: str) -> ChangeRecord:
        """The record with the material of `wanted`. Once it was requested, `material_changed_at` says since when it is another one."""
        self.may_amend(record, who)
        made = replace(record, **{name: getattr(wanted, name) for name in _AMENDABLE})
        if content_hash(made) == content_hash(record):
            raise RefusedError(f"{record.id} says all of that already: nothing was changed")
        self._refuse_unusable(made)
        if record.state is DRAFT:
            return made
        self._refuse_empty(made)
        changed = max([self.now, *(item.at + _TICK for item in record.approvals)])  # later than every approval of what it was before
        return replace(made, state=REQUESTED, material_changed_at=changed)

    def may_amend(self, record: ChangeRecord, who: str) -> None:
        """Raises RefusedError unless this person can change what the record says now."""
        self._step(record, "amended", DRAFT, REQUESTED, APPROVED, IMPLEMENTING)
        self._require_asker(record, who, "amends")

    def request(self, record: ChangeRecord, who: str) -> ChangeRecord:
        """Puts the record up for approval by others."""
        self._step(record, "requested", DRAFT)
        self._require_asker(record, who, "requests")
        self._refuse_empty(record)
        return replace(record, state=REQUESTED)

    def approve(self, record: ChangeRecord, actor: Actor, kind: ApprovalKind = ApprovalKind.CHANGE) -> ChangeRecord:
        """One more approval; with it the record is approved where the policy asks for no more."""
        late = (CLOSED,) if record.type is ChangeType.EMERGENCY else ()  # the review of an emergency comes after it
        self._step(record, "approved", REQUESTED, APPROVED, IMPLEMENTING, *late)
        self._refuse_taking_part(record, actor.person)
        self._refuse_unsure(actor)
        if kind is ApprovalKind.FREEZE_OVERRIDE:
            self._require_override(actor.person)
        given = Approval(who=self.people.resolve(actor.person), decision=ApprovalDecision.APPROVED, at=self.now, kind=kind)
        made = replace(record, approvals=(*record.approvals, given))
        return replace(made, state=APPROVED) if made.state is REQUESTED and not self.missing(made) else made

    def reject(self, record: ChangeRecord, who: str) -> ChangeRecord:
        """Rejects it for good: a record that was ever rejected allows nothing."""
        late = (CLOSED,) if record.type is ChangeType.EMERGENCY else ()
        self._step(record, "rejected", REQUESTED, APPROVED, IMPLEMENTING, *late)
        if self._same(record.requester or "", who):
            raise RefusedError(f"{who} asked for {record.id}: nobody decides on their own request; `changes cancel` takes it back")
        given = Approval(who=self.people.resolve(who), decision=ApprovalDecision.REJECTED, at=self.now)
        return replace(record, approvals=(*record.approvals, given), state=ChangeState.REJECTED, rejected_at=self.now)

    def review(self, record: ChangeRecord, who: str, decision: ReviewDecision) -> ChangeRecord:
        """A peer's review of the record's artifact; by nobody who takes part in the change."""
        self._step(record, "reviewed", DRAFT, REQUESTED, APPROVED, IMPLEMENTING, CLOSED)
        if self._takes_part(record, who):
            raise RefusedError(f"{who} takes part in {record.id}: nobody reviews their own work")
        given = Review(who=self.people.resolve(who), decision=decision, at=self.now, ref=record.artifact_ref)
        return replace(record, reviews=(*record.reviews, given))

    def start(self, record: ChangeRecord, who: str) -> ChangeRecord:
        """The work begins: approved, unless the policy lets this type of record begin without."""
        self._step(record, "started", REQUESTED, APPROVED)
        self._require_part(record, who, "starts")
        if record.state is REQUESTED and (why := self._needs_approval(record)):
            raise RefusedError(f"{record.id} is {record.state.value} and cannot be started: {why}")
        return replace(record, state=IMPLEMENTING, implemented_at=self.now)

    def close(self, record: ChangeRecord, who: str, outcome: ChangeOutcome) -> ChangeRecord:
        """The work is over; what is changed from now on is not covered by the record any more."""
        self._step(record, "closed", IMPLEMENTING)
        self._require_part(record, who, "closes")
        return replace(record, state=CLOSED, outcome=outcome, closed_at=self.now)

    def cancel(self, record: ChangeRecord, who: str) -> ChangeRecord:
        """Taken back before the work began."""
        self._step(record, "cancelled", DRAFT, REQUESTED, APPROVED)
        self._require_asker(record, who, "cancels")
        return replace(record, state=ChangeState.CANCELLED, cancelled_at=self.now)

    def missing(self, record: ChangeRecord) -> list[str]:
        """What the approvals of the present content fall short of, in words. The requester never counts; nobody who takes part counts
        where R5 is enforced."""
        given = Approvals(record=record, required=self.policy.approvals, people=self.people, now=self.now)
        if record.material_changed_at:
            given = given.since(record.material_changed_at)
        approvers = given.approvers(self.now, self._not_counted(record))
        return shortfall(approvers, self.policy.approvals.min_count, given.role_groups(), self.people)

    # --- guards ------------------------------------------------------------------------------------------------------------------------

    def _step(self, record: ChangeRecord, done: str, *allowed: ChangeState) -> None:
        if record.state not in allowed:
            wanted = words.listed([state.value for state in allowed], "or")
            raise RefusedError(f"{record.id} is {record.state.value}, and only a record that is {wanted} can be {done}")
        times = (record.created_at, record.material_changed_at, record.implemented_at, *(item.at for item in record.approvals))
        latest = max(time for time in times if time)
        if self.now < latest - _TICK:
            raise RefusedError(
                f"the clock says {utc_text(self.now)}, but {record.id} was changed at {utc_text(latest)}: set the clock right"
            )

    def _same(self, one: str, other: str) -> bool:
        return self.people.resolve(one) == self.people.resolve(other)

    def _takes_part(self, record: ChangeRecord, who: str) -> bool:
        return self.people.resolve(who) in self.people.people([record.requester, *record.authors, *record.implementers])

    def _not_counted(self, record: ChangeRecord) -> frozenset[str]:
        others = (*record.authors, *record.implementers) if self.policy.mode("R5") is Mode.ENFORCE else ()
        return self.people.people([record.requester, *others])

    def _refuse_taking_part(self, record: ChangeRecord, who: str) -> None:
        if self._same(record.requester or "", who):
            raise RefusedError(f"{who} asked for {record.id}: nobody approves their own request")
        if self.people.resolve(who) in self._not_counted(record):
            part = "an author" if self.people.resolve(who) in self.people.people(record.authors) else "an implementer"
            raise RefusedError(f"{who} is {part} of {record.id}: nobody approves a change that they take part in (R5)")

    def _refuse_unsure(self, actor: Actor) -> None:
        if self.policy.min_assurance is Assurance.SIGNED and actor.assurance is not Assurance.SIGNED:
            raise RefusedError("this policy counts signed approvals only (min_assurance): approve with `--as PERSON --key FILE`")

    def _require_override(self, who: str) -> None:
        roles = sorted({freeze.override_role for freeze in self.policy.context.freezes})
        if not self.people.roles(who) & set(roles):
            wanted = words.listed(roles, "or") if roles else "a role that a freeze of the policy names"
            raise RefusedError(f"{who} may not lift a freeze: that takes {wanted}")

    def _require_asker(self, record: ChangeRecord, who: str, does: str) -> None:
        if self.people.resolve(who) not in self.people.people([record.requester, *record.authors]):
            raise RefusedError(f"only the requester ({record.requester}) or an author {does} {record.id}; {who} is neither")

    def _require_part(self, record: ChangeRecord, who: str, does: str) -> None:
        named = [name for name in (record.requester, *record.authors, *record.implementers) if name]
        if not self.people.among(who, named):
            raise RefusedError(f"only somebody who takes part ({', '.join(dict.fromkeys(named))}) {does} {record.id}; {who} does not")

    def _needs_approval(self, record: ChangeRecord) -> str | None:
        """Why a requested record may not be started yet; None where its type needs no approval before."""
        if record.type is ChangeType.EMERGENCY:
            given = Approvals(record=record, required=self.policy.approvals, people=self.people, now=self.now)
            enough = self.policy.emergency.prior_approval is PriorApproval.NONE or given.anybody(self.now, self._not_counted(record))
            return None if enough else "this policy asks for one approval before an emergency change"
        if record.type is ChangeType.STANDARD and self.policy.mode("R17") is Mode.ENFORCE:
            return None if self._template_holds(record) else f"its template {record.template_id} is not approved for now"
        return f"{words.listed(self.missing(record)) or 'it was changed since it was approved'}; it has to be approved first"

    def _template_holds(self, record: ChangeRecord) -> bool:
        found = next((item for item in self.policy.context.templates if item.id == record.template_id), None)
        return bool(found and found.status is TemplateStatus.APPROVED and found.valid_from <= self.now < found.valid_until)

    # --- what a record may say ---------------------------------------------------------------------------------------------------------

    def _refuse_unusable(self, record: ChangeRecord) -> None:
        named = (*record.authors, *record.implementers)
        if unknown := (*self.people.unresolved(named), *self._unknown_groups(named)):
            remedy = "name them as people.yaml or the policy does, or add them there"
            raise RefusedError(f"nobody knows {words.listed(unknown)}, whom {record.id} names: {remedy}")
        if late := [item for item in record.tests if item.finished_at > self.now]:
            raise RefusedError(f"a test of {record.id} ended at {utc_text(late[0].finished_at)}, which is still to come")

    def _unknown_groups(self, named: Iterable[str]) -> list[str]:
        return sorted(name for name in named if name.startswith("group:") and name not in self.policy.context.groups)

    def _refuse_empty(self, record: ChangeRecord) -> None:
        if not record.scope:
            raise RefusedError(f"{record.id} has no scope, so it would cover nothing: name what is to be changed first")
        for number, target in enumerate(record.scope, start=1):
            if not self._names_something(target):
                raise RefusedError(f"target {number} of {record.id} names no resource: it needs ids, tags or resource_types")
        if record.type is ChangeType.STANDARD and not record.template_id:
            raise RefusedError(f"{record.id} is a standard change without a template: name the template that allows it")

    def _names_something(self, target: Target) -> bool:
        wide = self.policy.allow_account_wide and (target.accounts is not None or target.regions is not None)
        return bool(target.ids or target.tags or target.resource_types) or wide
