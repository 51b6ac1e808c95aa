"""Role chains: from a session back to whoever began it, as far as the log holds the calls that did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from driftwatch.domain.activity import Activity, Actor, ActorKind

LIMIT: Final = 10
"""AWS lets sessions begin sessions; longer chains than this are cut."""
_ENDS: Final = frozenset({ActorKind.HUMAN, ActorKind.PIPELINE, ActorKind.AWS_SERVICE})


def origin(actor: Actor, began: Callable[[str], Activity | None], limit: int = LIMIT) -> tuple[Actor, tuple[str, ...]]:
    """Who stands behind an actor, and the ids of the calls that led there, the latest session first.

    `began` finds the call that began the session with a key. The way ends at a human, a pipeline or an AWS service, at a session whose
    beginning the log does not hold, at a loop, and after `limit` calls; what is known until then stands. The rule: a person who assumed a
    role is the actor, and the role's names stay among the actor's names, so that a policy may still speak of the role. A pipeline, or a
    session that is itself known to be one, stays the actor, and a person at its root is on whose behalf it acts.
    """
    links: list[str] = []
    seen: set[str] = set()
    root = actor
    while len(links) < limit and root.access_key and root.access_key not in seen:
        seen.add(root.access_key)
        call = began(root.access_key)
        if call is None:
            break
        links.append(call.id)
        root = call.actor
        if root.kind in _ENDS and root.role is None:
            break
    if not links or root.principal is None:
        return actor, tuple(links)
    return _joined(actor, root), tuple(links)


def _joined(actor: Actor, root: Actor) -> Actor:
    """The actor as it is known once its root is."""
    run = actor.run_ref or root.run_ref
    if actor.kind is ActorKind.AWS_SERVICE:
        return actor
    if ActorKind.PIPELINE in (actor.kind, root.kind):
        behalf = actor.on_behalf_of or root.on_behalf_of or (root.principal if root.kind is ActorKind.HUMAN else None)
        if actor.kind is ActorKind.PIPELINE:
            return replace(actor, on_behalf_of=behalf, run_ref=run, names=_both(actor, root))
        return replace(actor, principal=root.principal, kind=root.kind, on_behalf_of=behalf, run_ref=run, names=_both(root, actor))
    if root.kind is ActorKind.HUMAN:
        return replace(
            actor, principal=root.principal, kind=root.kind, on_behalf_of=root.on_behalf_of, run_ref=run, names=_both(root, actor)
        )
    return replace(actor, names=_both(actor, root), run_ref=run)


def _both(first: Actor, second: Actor) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first.names, *second.names)))
