"""`policy replay`: stored drifts under another policy, nothing else changed and nothing written; and which policies may be put in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from driftwatch.documents.policies import policy_document, versioned
from driftwatch.domain.authorization.policy import Deviation, Mode, Policy
from driftwatch.domain.change import ChangeType
from driftwatch.domain.decision import Verdict
from driftwatch.errors import RefusedError
from driftwatch.operations import policies, policy_replay
from driftwatch.operations.policy_replay import Replayed
from tests.builders import approval, record, target
from tests.world import GROUPS, START, World, settled_world


def world_with_drifts() -> World:
    """One drift under a record that its requester approved alone, and one without a record."""
    world = settled_world()
    scope = (target(ids=("*AWS::EC2::SecurityGroup/one",), attribute_paths=None),)
    approved = (replace(approval("alice"), at=START),)
    world.source.records.append(record(requester="alice", approvals=approved, scope=scope, windows=(), created_at=START))
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.put(GROUPS, "two", Size=2, Rules=["a", "b"])
    world.scan()
    return world


def changed(policy: Policy, **rules: Mode) -> Policy:
    return versioned(replace(policy, rules={**policy.rules, **rules}))


def replayed(world: World, policy: Policy, since_minutes: float = 600) -> dict[str, Replayed]:
    since = world.now - timedelta(minutes=since_minutes)
    return {item.finding.resource: item for item in policy_replay.replay(world.installation, policy, since)}


def test_only_what_the_other_policy_judges_otherwise_changes() -> None:
    world = world_with_drifts()
    assert {item.resource: item.verdict_current for item in world.live()} == {"one": Verdict.AUTHORIZED, "two": Verdict.UNAUTHORIZED}
    found = replayed(world, changed(world.installation.policy, R5=Mode.ENFORCE))
    assert {name: item.changed for name, item in found.items()} == {"one": True, "two": False}
    one = found["one"]
    assert (one.old.verdict, one.new.verdict, one.rules) == (Verdict.AUTHORIZED, Verdict.UNAUTHORIZED, ("R5",))
    assert one.old.policy_version == world.installation.policy.version
    document = policy_replay.document(one)
    assert (document["old"]["warnings"], document["new"]["violations"]) == (["R5"], ["R5"])
    assert document["stored"] == "authorized"


def test_the_same_policy_changes_nothing() -> None:
    world = world_with_drifts()
    assert not any(item.changed or item.rules for item in replayed(world, world.installation.policy).values())


def test_nothing_is_written() -> None:
    world = world_with_drifts()
    before, live = world.ledger(), world.live()
    replayed(world, changed(world.installation.policy, R3=Mode.ENFORCE))
    with world.store.read() as uow:
        decisions = [len(uow.findings.decisions(item.id)) for item in live]
        active = uow.policies.active()
    assert (world.ledger(), world.live(), decisions) == (before, live, [1, 1])
    assert active is not None
    assert active[0] == world.installation.policy.version


def test_time_that_passed_since_the_last_decision_makes_no_difference() -> None:
    """Judged a year later, an emergency whose deadline is over would differ from what was decided, whatever the policy."""
    world = settled_world()
    scope = (target(ids=("*AWS::EC2::SecurityGroup/one",), attribute_paths=None),)
    world.source.records.append(record(type=ChangeType.EMERGENCY, approvals=(), scope=scope, windows=(), created_at=START))
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    world.now += timedelta(days=365)
    one = replayed(world, changed(world.installation.policy, R5=Mode.ENFORCE), 366 * 24 * 60)["one"]
    assert (one.old.verdict, one.changed) == (Verdict.EMERGENCY_PENDING_REVIEW, False)


def test_older_drifts_are_left_out() -> None:
    world = world_with_drifts()
    world.now += timedelta(hours=2)
    assert replayed(world, world.installation.policy, since_minutes=119) == {}
    assert replayed(world, world.installation.policy, since_minutes=120).keys() == {"one", "two"}


def test_a_closed_finding_is_replayed_under_the_policy_of_its_time() -> None:
    world = world_with_drifts()
    first = world.installation.policy
    world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    world.scan()
    later = changed(first, R5=Mode.ENFORCE)
    world.change(policy=later, policy_document=policy_document(later))
    world.scan()
    one = replayed(world, later)["one"]
    assert one.finding.state.value == "reverted"
    assert (one.old.policy_version, one.new.policy_version, one.changed) == (first.version, later.version, True)


def loosened(world: World, until: date) -> None:
    deviation = Deviation(rule="R3", approved_by="sam", reason="agreed", until=until)
    policy = versioned(replace(world.installation.policy, deviations=(deviation,)))
    world.change(policy=policy, policy_document=policy_document(policy))


def test_a_policy_whose_deviation_is_over_is_not_put_in_force() -> None:
    world = World()
    loosened(world, START.date() - timedelta(days=1))
    with pytest.raises(RefusedError, match=r"loosens R3 \(until 2026-03-09\) by a deviation that is over"):
        policies.activate(world.installation)
    with world.store.read() as uow:
        assert uow.policies.active() is None


def test_a_deviation_that_ends_stops_nothing_that_runs_and_is_told() -> None:
    world = World()
    loosened(world, START.date())
    assert policies.activate(world.installation)
    assert policies.expired(world.installation) == ()
    world.now += timedelta(days=1)
    assert [item.rule for item in policies.expired(world.installation)] == ["R3"]
    assert not policies.activate(world.installation)
    context = replace(world.installation.policy.context, roles={"zoe": ("manager",)})  # somebody joins
    joined = versioned(replace(world.installation.policy, context=context))
    world.change(policy=joined, policy_document=policy_document(joined))
    assert policies.activate(world.installation)
