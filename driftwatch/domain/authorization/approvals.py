"""Who approved, as far as it can be seen at a cutoff, and whether that is enough: the predicate Sat(S)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.moment import Cutoff
from driftwatch.domain.authorization.policy import ApprovalRequirement, RoleGroups
from driftwatch.domain.change import Approval, ApprovalDecision, ApprovalKind, ChangeRecord, Risk

_HIGH = frozenset({Risk.HIGH, Risk.CRITICAL})
_WORST_LAST = (ApprovalDecision.APPROVED, ApprovalDecision.WITHDRAWN, ApprovalDecision.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """The approvals of one record, judged by what the policy requires; nothing dated after `now` is visible."""

    record: ChangeRecord
    required: ApprovalRequirement
    people: Identities
    now: datetime

    def latest(self, cutoff: Cutoff) -> dict[str, Approval]:
        """The latest decision of each person on the change itself, at or before the cutoff; of two at one instant the worse."""
        return self._latest(ApprovalKind.CHANGE, cutoff)

    def _latest(self, kind: ApprovalKind, cutoff: Cutoff) -> dict[str, Approval]:
        if cutoff is None:
            return {}
        seen = [item for item in self.record.approvals if item.kind is kind and item.at <= cutoff and item.at <= self.now]
        return {self.people.resolve(item.who): item for item in sorted(seen, key=_in_order)}

    def approvers(self, cutoff: Cutoff, outside: Collection[str] = ()) -> dict[str, Approval]:
        """The people who approve at the cutoff and are not among `outside`."""
        return {
            who: item
            for who, item in self.latest(cutoff).items()
            if item.decision is ApprovalDecision.APPROVED and who not in outside and self.people.is_person(who)
        }

    def rejecters(self, cutoff: Cutoff) -> list[str]:
        return sorted(who for who, item in self.latest(cutoff).items() if item.decision is ApprovalDecision.REJECTED)

    def role_groups(self) -> RoleGroups:
        """The groups of roles that this record needs an approver of; more of them where its risk is high or critical."""
        high = self.required.high_risk_role_groups if self.record.risk in _HIGH else ()
        return (*self.required.role_groups, *high)

    def satisfied(self, cutoff: Cutoff, outside: Collection[str] = ()) -> bool:
        """Sat(S): enough people outside `outside` approve, each group of roles has one of them, and nobody's latest word is a rejection."""
        approvers = self.approvers(cutoff, outside)
        return not self.rejecters(cutoff) and not shortfall(approvers, self.required.min_count, self.role_groups(), self.people)

    def anybody(self, cutoff: Cutoff, outside: Collection[str] = ()) -> bool:
        """Whether anyone outside `outside` approves at the cutoff: what an emergency change may need before it is made."""
        return bool(self.approvers(cutoff, outside))

    def overridden(self, role: str, cutoff: Cutoff, outside: Collection[str]) -> bool:
        """Whether somebody who holds the role and is not among `outside` allowed the change during a freeze, by the cutoff."""
        latest = self._latest(ApprovalKind.FREEZE_OVERRIDE, cutoff)
        return any(
            item.decision is ApprovalDecision.APPROVED and who not in outside and role in self.people.roles(who)
            for who, item in latest.items()
        )

    def since(self, time: datetime) -> Approvals:
        """Only the approvals that were given at or after `time`."""
        return replace(self, record=replace(self.record, approvals=tuple(item for item in self.record.approvals if item.at >= time)))

    def outside(self, people: Collection[str]) -> Callable[[Cutoff], bool]:
        return lambda cutoff: self.satisfied(cutoff, people)

    def first_satisfied(self, after: Cutoff = None) -> datetime | None:
        """The first time (later than `after`) at which the approvals became enough; None where they never did."""
        times = sorted({item.at for item in self.record.approvals if item.at <= self.now and (after is None or item.at > after)})
        return next((time for time in times if self.satisfied(time)), None)

    def missing(self, cutoff: Cutoff, outside: Collection[str] = ()) -> str:
        """What is missing, in words."""
        return words.listed(shortfall(self.approvers(cutoff, outside), self.required.min_count, self.role_groups(), self.people))

    def with_roles(self, who: str) -> str:
        """A person with the roles that the policy gives them, in words."""
        roles = sorted(self.people.roles(who))
        return f"{who} ({', '.join(roles)})" if roles else who


def shortfall(approvers: Collection[str], min_count: int, groups: RoleGroups, people: Identities) -> list[str]:
    """What the approvers fall short of: their number, then each group of roles that none of them holds. Empty: they are enough."""
    short = []
    if len(approvers) < min_count:
        short.append(f"{len(approvers)} of {min_count} required approvals given")
    held = [people.roles(who) for who in approvers]
    short.extend(f"no approver is {words.listed(group, 'or')}" for group in groups if not any(roles & set(group) for roles in held))
    return short


def _in_order(item: Approval) -> tuple[datetime, int]:
    return item.at, _WORST_LAST.index(item.decision)
