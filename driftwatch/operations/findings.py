"""Findings: listed, shown, explained in words, acknowledged and ratified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from driftwatch.domain.authorization import lifecycle, ratification
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.baseline import Actor, Assurance
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import Decision
from driftwatch.domain.finding import LIVE, Finding, FindingState
from driftwatch.domain.resource import Json
from driftwatch.domain.selection import FindingSelection
from driftwatch.errors import NotFoundError, RefusedError
from driftwatch.operations import attribution, changes, decisions, outbox
from driftwatch.operations.attribution import Explained
from driftwatch.operations.denials import denials
from driftwatch.operations.installation import Installation
from driftwatch.operations.policies import PolicyVersions
from driftwatch.ports import UnitOfWork

AMBIGUOUS: Final = 100
"""Of more findings with one beginning of their ids nobody needs the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A finding with every decision that was made about it, oldest first."""

    finding: Finding
    decisions: tuple[Json, ...]
    explained: Explained | None = None
    """The logged calls that name the resource; None where no log of calls is read."""
    facts: tuple[Json, datetime] | None = None
    """What moves by itself beside the resource's configuration, and since when it is known; only of one finding that is asked for."""


def listed(installation: Installation, states: tuple[FindingState, ...] = tuple(LIVE)) -> list[Finding]:
    """Findings in these states, the most recent first."""
    with installation.store.read() as uow:
        return sorted(uow.findings.all(states), key=lambda finding: (finding.first_seen, finding.id), reverse=True)


def page(
    installation: Installation, wanted: FindingSelection, after: tuple[datetime, str] | None = None, limit: int = 50
) -> tuple[Sequence[Finding], tuple[datetime, str] | None]:
    """One page of findings, the most recent first, and after which the next one begins (None: this is the last)."""
    with installation.store.read() as uow:
        found = uow.findings.page(wanted, after, limit + 1)
    more = len(found) > limit
    shown = found[:limit]
    return shown, (shown[-1].first_seen, shown[-1].id) if more else None


def case(installation: Installation, finding_id: str) -> Case:
    """A finding by its id or an unambiguous beginning of it."""
    with installation.store.read() as uow:
        finding = uow.findings.get(finding_id) or _by_prefix(uow.findings.beginning_with(finding_id, AMBIGUOUS), finding_id)
        beside = uow.observations.facts(finding.cell, finding.resource)
        made = tuple(uow.findings.decisions(finding.id))
        return Case(finding=finding, decisions=made, facts=beside, explained=explained(uow, installation, finding))


def explained(uow: UnitOfWork, installation: Installation, finding: Finding) -> Explained | None:
    """The logged calls that name the finding's resource, and which of them explain what; None where no log of calls is read."""
    return all_explained(uow, installation, [finding])[0]


def all_explained(uow: UnitOfWork, installation: Installation, found: Sequence[Finding]) -> list[Explained | None]:
    """As `explained`, of many findings, in their order."""
    if not installation.activity_sources and not uow.activity.sources():
        return [None] * len(found)
    versions, now = PolicyVersions(installation.policy), installation.clock()
    people: dict[str, Identities] = {}
    made: list[Explained | None] = []
    for finding in found:
        policy = versions.get(uow, finding.policy_version, installation.policy)
        if finding.policy_version not in people:
            people[finding.policy_version] = Identities(policy.context)
        made.append(attribution.explain(uow, finding.drift, policy, people[finding.policy_version], now))
    return made


def ack(installation: Installation, finding_id: str, actor: Actor, ticket: str | None = None) -> Finding:
    """Somebody has seen it and deals with it. Raises NotFoundError, or RefusedError unless the finding is open."""
    with denials(installation, "finding_ack", finding_id, actor), installation.store.write() as uow:
        now = installation.clock()
        after = lifecycle.ack(finding_of(uow, finding_id), actor.person, now, ticket)
        outbox.save(uow, installation.routing, after, now)
        record_act(uow, "finding_acknowledged", after, actor, now, ticket=ticket)
        return after


def ratify(installation: Installation, finding_id: str, record_id: str, actor: Actor) -> Finding:
    """Agrees to an uncovered drift afterwards, by a retroactive change record: its verdict stays.

    Raises NotFoundError for an unknown finding or record, and RefusedError unless the record covers every uncovered path with its value,
    was approved by somebody outside those who took part, and the finding is open. The policy that it was detected under decides. Change
    sources are read first: the record was made a moment ago, as a rule.
    """
    changes.sync(installation)
    with denials(installation, "finding_ratify", finding_id, actor), installation.store.write() as uow:
        now = installation.clock()
        finding = finding_of(uow, finding_id)
        change = uow.changes.get(record_id)
        if change is None:
            raise NotFoundError(f"no change record {record_id} is known; `driftwatch changes list` names those that are")
        require_assurance(installation, actor)
        after = lifecycle.ratify(finding, change.id, actor.person, now)
        policy = PolicyVersions(installation.policy).get(uow, finding.policy_version, installation.policy)
        decision = decode(Decision, uow.findings.decisions(finding.id)[-1])
        events = attribution.events(uow, finding.drift, policy, Identities(policy.context))
        ratification.check(finding.drift, decision, change, by=actor.person, policy=policy, events=events, now=now)
        outbox.save(uow, installation.routing, after, now)
        record_act(uow, "finding_ratified", after, actor, now, record=change.id, record_hash=change.raw_hash)
        return after


def finding_of(uow: UnitOfWork, finding_id: str) -> Finding:
    finding = uow.findings.get(finding_id)
    if finding is None:
        raise NotFoundError(f"no finding {finding_id}; `driftwatch findings list` names them")
    return finding


def require_assurance(installation: Installation, actor: Actor) -> None:
    """Raises RefusedError where the policy asks for a signature, and the act is not signed."""
    if installation.policy.min_assurance is Assurance.SIGNED and actor.assurance is not Assurance.SIGNED:
        raise RefusedError(
            f"this policy asks for a signature (min_assurance), and {actor.person} is known by {actor.method.value} only: "
            f"`--as {actor.person} --key FILE`"
        )


def record_act(uow: UnitOfWork, what: str, finding: Finding, actor: Actor, now: datetime, **more: Json) -> None:
    """The ledger entry for what a person did about a finding, and how that person was identified."""
    who: dict[str, Json] = {"person": actor.person, "method": actor.method.value, "assurance": actor.assurance.value}
    decisions.record(uow, what, finding, now, **who, **more)


def _by_prefix(matching: Sequence[Finding], prefix: str) -> Finding:
    if not matching or not prefix:
        raise NotFoundError(f"no finding {prefix}; `driftwatch findings list` names them")
    if len(matching) > 1:
        many = f"{len(matching)} findings" if len(matching) < AMBIGUOUS else f"{AMBIGUOUS} findings or more"
        raise NotFoundError(f"{many} begin with {prefix!r}")
    return matching[0]
