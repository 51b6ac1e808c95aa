"""What one person's approval of a proposed baseline would come to, before it is given. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from driftwatch.domain.authorization.baseline_rules import promotable
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.baseline import Actor, BaselineState, BaselineVersion, IncludedDrift
from driftwatch.domain.change import ApprovalDecision
from driftwatch.domain.decision import AWAITING, Verdict
from driftwatch.operations.approvals import approval_of, as_disposed_of, same_person, with_dispositions
from driftwatch.operations.installation import Installation

MOST_FORESEEN: Final = 100
"""Drifts that a version takes up and that are looked at one by one for this."""
_NEEDS_NOBODY: Final = frozenset(verdict.value for verdict in (*AWAITING, Verdict.NOT_CONTROLLED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """`own`: this person proposed it. `decided`: they approved this content already. `stale`: another version became active since it was
    captured. `made`: drifts in it that this person made. `undisposed`: uncovered ones that nobody decided about.

    `lacks` is what R13 would still miss after their approval, given that they accept every undisposed one; None: too many drifts to
    foresee it.
    """

    own: bool
    decided: bool
    stale: bool
    active: str | None
    made: tuple[str, ...]
    undisposed: tuple[IncludedDrift, ...]
    lacks: tuple[str, ...] | None


def outlook(installation: Installation, version: BaselineVersion, actor: Actor) -> Outlook:
    """What it would come to if this person approved the version now."""
    people = Identities(installation.policy.context)
    me = people.resolve(actor.person)
    with installation.store.read() as uow:
        found = next(iter(uow.baselines.heads(version.name, (BaselineState.ACTIVE,), None, 1)), None)
        few = len(version.included) <= MOST_FORESEEN
        known = as_disposed_of(uow, version) if few else version
    active = found.id if found else None
    waiting = tuple(item for item in known.included if item.verdict not in _NEEDS_NOBODY and item.disposition is None)
    given = [item for item in version.approvals if item.content_hash == version.content_hash and people.resolve(item.who) == me]
    return Outlook(
        own=same_person(installation, version.author, actor.person),
        decided=bool(given) and given[-1].decision is ApprovalDecision.APPROVED,
        stale=active not in (version.parent, version.id),
        active=active,
        made=tuple(item.drift for item in known.included if me in people.people(item.actors)),
        undisposed=waiting,
        lacks=_lacks(installation, known, actor, waiting) if few else None,
    )


def _lacks(installation: Installation, version: BaselineVersion, actor: Actor, waiting: tuple[IncludedDrift, ...]) -> tuple[str, ...]:
    accepted = with_dispositions(version, actor, {item.drift: "" for item in waiting})
    mine = approval_of(installation, version, actor, ApprovalDecision.APPROVED)
    allowed, results = promotable(replace(accepted, approvals=(*version.approvals, mine)), installation.policy, installation.clock())
    return () if allowed else tuple(result.explanation for result in results)
