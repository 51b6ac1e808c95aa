"""Attribution: the logged calls that name a drifted resource, and who stands behind them.

The log says what it saw; who that is, the policy's identities say. What they do not know keeps the name that the log gave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.activity import Activity, Actor, ActorEvent, ActorKind, CallClass, Fate
from driftwatch.domain.attribute import Attribution, attribute, names_in, names_of
from driftwatch.domain.authorization.glob import any_matches
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.drift import Drift, DriftKind, Interval
from driftwatch.domain.finding import Finding
from driftwatch.domain.resource import GLOBAL, Cell, Scope
from driftwatch.domain.role_chain import origin
from driftwatch.ports import UnitOfWork

EVENTS_AT_MOST: Final = 500
"""The latest calls on one resource that a decision looks at."""
FOUND_ANYWHERE: Final = frozenset({"AWS::S3::Bucket"})
"""Types whose ids are unique in the world, and whose calls may be logged in another region than the resource's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The attribution of a drift, with the calls as they were logged, by id."""

    attribution: Attribution
    activities: dict[str, Activity]


def explain(uow: UnitOfWork, drift: Drift, policy: Policy, people: Identities, now: datetime) -> Explained:
    """Every call that names the resource, weighed against each difference."""
    activities = {activity.id: activity for activity in naming(uow, drift, policy)}
    known = names(drift)
    events = [actor_event(uow, activity, drift, policy, people, known) for activity in activities.values()]
    tolerance = timedelta(seconds=policy.clock_tolerance_s)
    return Explained(attribution=attribute(drift, events, tolerance=tolerance, now=now), activities=activities)


def events(uow: UnitOfWork, drift: Drift, policy: Policy, people: Identities) -> list[ActorEvent]:
    """The calls that a decision on the drift is to look at."""
    known = names(drift)
    return [actor_event(uow, activity, drift, policy, people, known) for activity in naming(uow, drift, policy)]


def writers(uow: UnitOfWork, drift: Drift, policy: Policy, people: Identities, now: datetime) -> list[ActorEvent]:
    """The calls that explain a part of the drift."""
    return [call.event for call in explain(uow, drift, policy, people, now).attribution.writers]


def claim(uow: UnitOfWork, finding: Finding, policy: Policy, people: Identities, now: datetime) -> datetime | None:
    """Notes which calls explain a new finding, whatever was thought of them before; answers with when the last of them was made."""
    made = writers(uow, finding.drift, policy, people, now)
    if finding.drift.kind is not DriftKind.TRANSIENT:
        uow.activity.settle({event.id: Fate.MATCHED for event in made}, {event.id: finding.id for event in made})
    return max((event.time for event in made), default=None)


def wrote(event: ActorEvent, drift: Drift, policy: Policy, now: datetime) -> bool:
    """Whether the call explains a part of the drift."""
    return bool(attribute(drift, [event], tolerance=timedelta(seconds=policy.clock_tolerance_s), now=now).writers)


def naming(uow: UnitOfWork, drift: Drift, policy: Policy) -> list[Activity]:
    """The calls on the drifted resource from shortly before it was last known to be good until it was detected; the latest of them
    where there are very many."""
    tolerance = timedelta(seconds=policy.clock_tolerance_s)
    since = min((interval.last_good for interval in _intervals(drift) if interval.last_good), default=None)
    if any(interval.last_good is None for interval in _intervals(drift)):
        since = None
    until = max(interval.detected for interval in _intervals(drift)) + tolerance
    found = uow.activity.naming(drift.account, drift.resource_type, names(drift), since=since - tolerance if since else None, until=until)
    return [activity for activity in found if _here(activity, drift)][-EVENTS_AT_MOST:]


def _intervals(drift: Drift) -> Iterator[Interval]:
    yield drift.interval
    yield from (change.interval for change in drift.changes if change.interval)


def names(drift: Drift) -> frozenset[str]:
    """The names by which a call may mean the drifted resource."""
    arn = drift.resource_id if drift.resource_id.startswith("arn:") else None
    return names_of(_cell(drift), drift.resource, arn, drift.label) | names_in(drift.changes)


def _cell(drift: Drift) -> Cell:
    return Cell(scope=Scope(account=drift.account, region=drift.region), type=drift.resource_type)


def _here(activity: Activity, drift: Drift) -> bool:
    """Whether a call worked in the resource's region, where a name alone does not say which region's resource it is."""
    if drift.region in (GLOBAL, activity.region) or drift.resource_type in FOUND_ANYWHERE:
        return True
    return any(drift.resource_id in touched.ids for touched in activity.resources if touched.type == drift.resource_type)


def actor_event(
    uow: UnitOfWork, activity: Activity, drift: Drift, policy: Policy, people: Identities, known: frozenset[str] | None = None
) -> ActorEvent:
    """A logged call as a decision sees it: its actor resolved through the role sessions of the log and the policy's identities.
    `known` are the `names` of the drift, for whoever asks about many calls.

    An identity that is kept for emergencies (rule R15) stays the actor; who used it is on whose behalf it acted.
    """
    actor, _ = origin(activity.actor, uow.activity.began)
    principal, kind = resolved(actor, people)
    behalf = people.resolve(actor.on_behalf_of) if actor.on_behalf_of else None
    privileged = next((name for name in actor.names if any_matches(policy.context.privileged_actors, name)), None)
    if privileged and privileged != principal:
        principal, behalf = privileged, behalf or principal
    return ActorEvent(
        id=activity.id,
        time=activity.time,
        event_name=activity.event_name,
        actor=principal,
        actor_kind=kind,
        on_behalf_of=behalf,
        invoked_by=actor.invoked_by,
        paths=_paths(activity, drift, names(drift) if known is None else known),
        run_ref=actor.run_ref,
        read_only=activity.call is not CallClass.CONFIG,
        failed=activity.failed,
    )


def resolved(actor: Actor, people: Identities) -> tuple[str | None, ActorKind]:
    """The name that a policy knows an actor by, and what it is: a registered pipeline, a person of the identities, or what the log says."""
    pipeline = next((name for name in actor.names if people.is_pipeline(name)), None)
    if pipeline:
        return pipeline, ActorKind.PIPELINE
    known = next((name for name in actor.names if people.knows(name)), None)
    if known and actor.kind is not ActorKind.AWS_SERVICE:
        person = people.resolve(known)
        return person, ActorKind.HUMAN if people.is_person(person) else actor.kind
    return actor.principal, actor.kind


def _paths(activity: Activity, drift: Drift, known: frozenset[str]) -> tuple[str, ...] | None:
    """The paths that the call can have touched in this resource; None where somebody has yet to say so, or for what only events saw."""
    here = (touched for touched in activity.resources if touched.type == drift.resource_type)
    mine = [touched.paths for touched in here if not known.isdisjoint(touched.ids)]
    if drift.kind is DriftKind.TRANSIENT or not mine or any(paths is None for paths in mine):
        return None
    return tuple(dict.fromkeys(path for paths in mine for path in paths or ()))


def humans(found: Iterable[ActorEvent]) -> tuple[str, ...]:
    """The people who made the calls or stand behind them."""
    people = (who for event in found for who in (event.actor if event.actor_kind is ActorKind.HUMAN else None, event.on_behalf_of))
    return tuple(dict.fromkeys(who for who in people if who))
