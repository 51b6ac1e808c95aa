"""Ratifying: what a retroactive change record has to show before it makes an uncovered drift a deviation with a disposition (9.1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from driftwatch.domain.activity import ActorEvent, ActorKind
from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.approvals import Approvals
from driftwatch.domain.authorization.expectations import unmet
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.matching import covers, matching_targets
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.change import ChangeOutcome, ChangeRecord, ChangeState
from driftwatch.domain.decision import UNCOVERED, Decision
from driftwatch.domain.drift import Difference, Drift
from driftwatch.errors import RefusedError

_NO_PERMISSION = frozenset({ChangeState.CANCELLED, ChangeState.REJECTED})


def check(
    drift: Drift, decision: Decision, record: ChangeRecord, *, by: str, policy: Policy, events: Iterable[ActorEvent], now: datetime
) -> None:
    """Raises RefusedError with everything that is missing for `by` to ratify this drift by this record.

    `decision` is the last one on the drift: every path that it leaves uncovered has to be covered by the record (R2) with the value that
    is there (R9). The record has to stand, approved by somebody who holds a required role and is none of the doers (its requester,
    authors and implementers, and the people who made the change); nor may `by` be one of them.
    """
    people = Identities(policy.context)
    doers = people.people([record.requester, *record.authors, *record.implementers, *_humans(events)])
    missing = [
        *_uncovered(drift, decision, record, policy),
        *_not_standing(record),
        *_not_approved(record, doers, policy, people, now),
    ]
    if people.resolve(by) in doers:
        missing.append(f"{by} took part in {record.id}: nobody ratifies their own change")
    if missing:
        raise RefusedError(f"{record.id} cannot ratify the drift of {drift.resource_id}: {'; '.join(missing)}")


def _uncovered(drift: Drift, decision: Decision, record: ChangeRecord, policy: Policy) -> Iterable[str]:
    open_paths = {path.path for path in decision.paths if path.verdict in UNCOVERED}
    if not open_paths:
        yield f"its verdict is {decision.verdict.value}, so there is nothing to ratify"
    targets = matching_targets(record, drift, policy)
    for change in drift.changes:
        if change.path in open_paths:
            yield from _amiss(change, drift, record, policy, len(targets))


def _amiss(change: Difference, drift: Drift, record: ChangeRecord, policy: Policy, named: int) -> Iterable[str]:
    covering = [target for target in matching_targets(record, drift, policy) if covers(target, change.path, drift, policy)]
    if not covering:
        why = "none of its targets covers the operation on it" if named else "none of its targets names the resource"
        yield f"R2: {words.place(change.path)}: {why}"
        return
    values = [unmet(target, change, drift) for target in covering]
    if all(values):
        yield f"R9: {'; '.join(values[0])}"


def _not_standing(record: ChangeRecord) -> Iterable[str]:
    if record.state in _NO_PERMISSION:
        yield f"it is {record.state.value}"
    if record.outcome is ChangeOutcome.BACKED_OUT:
        yield "it was backed out, and yet the change is there"
    if record.stale_since is not None:
        yield f"its source {record.source} no longer shows it"


def _not_approved(record: ChangeRecord, doers: frozenset[str], policy: Policy, people: Identities, now: datetime) -> Iterable[str]:
    approvals = Approvals(record=record, required=policy.approvals, people=people, now=now)
    if rejecters := approvals.rejecters(now):
        yield f"{words.listed(rejecters)} rejected it"
    outside = approvals.approvers(now, doers)
    roles = frozenset(role for group in approvals.role_groups() for role in group)
    if not outside:
        yield "nobody outside those who took part approved it"
    elif roles and not any(people.roles(who) & roles for who in outside):
        yield f"none of its approvers outside those who took part is {words.listed(sorted(roles), 'or')}"


def _humans(events: Iterable[ActorEvent]) -> Iterable[str | None]:
    for event in events:
        yield event.actor if event.actor_kind is ActorKind.HUMAN else None
        yield event.on_behalf_of
