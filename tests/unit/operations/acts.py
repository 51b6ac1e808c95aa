"""What the tests of people's acts, clocks and promotions share: records that cover a resource of the World, and a drift to act on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from driftwatch.domain.authorization.policy import AutoPromote, Policy
from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.domain.change import Approval, ApprovalDecision, ChangeRecord, ChangeState, Target
from driftwatch.domain.finding import Finding, FindingState
from driftwatch.domain.resource import Cell, Json
from tests.world import GROUPS, World, settled_world

CLEO = Actor(person="cleo", method=Method.SSH, assurance=Assurance.SIGNED)


def covering(world: World, *ids: str, cell: Cell = GROUPS, at: datetime | None = None, **fields: Any) -> ChangeRecord:
    """A record for these resources, that dora asked for, eli makes, and ben (manager) approved at `at`; seen by the next scan."""
    time = at or world.now
    defaults: dict[str, Any] = {
        "id": f"CHG-{len(world.source.records) + 1}",
        "source": "tickets",
        "state": ChangeState.IMPLEMENTING,
        "requester": "dora",
        "implementers": ("eli",),
        "approvals": (Approval(who="ben", decision=ApprovalDecision.APPROVED, at=time),),
        "scope": (Target(resource_types=(cell.type,), ids=ids),),
        "created_at": time,
    }
    made = ChangeRecord(**{**defaults, **fields})
    world.source.records.append(made)
    return made


def drifted(size: int = 2, **overrides: object) -> tuple[World, Finding]:
    """A world in which one security group changed without a record."""
    world = settled_world(**overrides)
    world.put(GROUPS, "one", Size=size, Rules=["a", "b"])
    world.scan()
    (finding,) = world.live()
    return world, finding


def with_policy(world: World, **fields: Any) -> Policy:
    """Another policy in force from the next scan on."""
    policy = replace(world.installation.policy, **fields)
    world.change(policy=policy)
    return policy


def promoting(world: World) -> None:
    with_policy(world, baseline=replace(world.installation.policy.baseline, auto_promote=AutoPromote.AUTHORIZED_ONLY))


def finding(world: World, id_: str) -> Finding:
    with world.store.read() as uow:
        found = uow.findings.get(id_)
    assert found is not None
    return found


def entries(world: World, type_: str) -> list[Json]:
    """The bodies of the ledger's entries of a type."""
    with world.store.read() as uow:
        return [entry.body for entry in uow.ledger.entries() if entry.type == type_]


def later(world: World, **time: float) -> datetime:
    world.now += timedelta(**time)
    return world.now


def states(world: World) -> dict[str, FindingState]:
    """Of each resource's latest finding."""
    with world.store.read() as uow:
        return {item.resource: item.state for item in uow.findings.all()}


def restarted(former: World, url: str) -> World:
    """Another process on the same store, policy and cloud."""
    former.store.close()
    fresh = World(url=url)
    fresh.now, fresh.collector, fresh.source = former.now, former.collector, former.source
    fresh.collector.now = lambda: fresh.now
    made = former.installation
    fresh.change(collector=fresh.collector, sources=made.sources, policy=made.policy, new_id=lambda prefix: f"{prefix}-{uuid4()}")
    return fresh
