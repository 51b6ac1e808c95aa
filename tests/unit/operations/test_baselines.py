"""Baselines: complete, bound to content, approved by somebody else, and never widened by accident."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from driftwatch.domain.baseline import Actor, BaselinePattern, BaselineState, Method, baseline_of
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.domain.snapshot import CellState, GapReason
from driftwatch.errors import InputError, NotFoundError, RefusedError
from driftwatch.operations import approvals, baseline_views, baselines, exchange
from driftwatch.operations.baselines import LeftOut
from tests.world import ANA, BEN, BUCKETS, GROUPS, World, settled_world


def test_a_partial_scan_can_never_become_a_baseline() -> None:
    world = World()
    world.put(GROUPS, "one", Size=1)
    world.put(BUCKETS, "one", Size=1)
    world.collector.failing[BUCKETS] = GapReason.DENIED
    world.scan()
    with pytest.raises(RefusedError, match=r"1 cells are not completely read(.|\n)*AWS::S3::Bucket: unknown \(denied\)"):
        baselines.capture(world.installation, "production", ANA)


def test_a_cell_left_out_by_name_stays_unbaselined_and_is_never_clean() -> None:
    world = World()
    world.put(GROUPS, "one", Size=1)
    world.put(BUCKETS, "one", Size=1)
    world.collector.failing[BUCKETS] = GapReason.DENIED
    world.scan()
    version = baselines.capture(world.installation, "production", ANA, [LeftOut(pattern="*/AWS::S3::Bucket", reason="no permission yet")])
    assert [(item.cell, item.reason, item.by) for item in version.omissions] == [(BUCKETS, "no permission yet", "ana")]
    baselines.propose(world.installation, version.id, ANA)
    approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash)
    world.collector.failing.clear()
    assert world.scan().exit_code == 3
    assert world.state(BUCKETS).state is CellState.UNBASELINED


def test_a_stale_reading_is_no_baseline() -> None:
    world = World()
    world.put(GROUPS, "one", Size=1)
    world.scan()
    world.now = world.now.replace(hour=23)
    with pytest.raises(RefusedError, match="stale"):
        baselines.capture(world.installation, "production", ANA)


@pytest.mark.parametrize("who", ["ana", "ana@corp.example"])
def test_nobody_approves_their_own_proposal_under_any_of_their_names(who: str) -> None:
    world = World()
    context = replace(world.installation.policy.context, identities={"ana": ("ana@corp.example",)})
    world.change(policy=replace(world.installation.policy, context=context))
    world.put(GROUPS, "one", Size=1)
    world.scan()
    version = baselines.capture(world.installation, "production", ANA)
    baselines.propose(world.installation, version.id, ANA)
    with pytest.raises(RefusedError, match="nobody approves their own proposal"):
        approvals.approve(world.installation, version.id, Actor(person=who, method=Method.OS_USER), seen_hash=version.content_hash)
    assert "baseline_approval_refused" in world.ledger()
    with world.store.read() as uow:
        assert uow.baselines.active("production") is None


@pytest.mark.parametrize("seen", ["", "deadbeef", "0" * 64])
def test_an_approval_is_bound_to_the_content_that_was_seen(seen: str) -> None:
    world = World()
    world.put(GROUPS, "one", Size=1)
    world.scan()
    version = baselines.capture(world.installation, "production", ANA)
    baselines.propose(world.installation, version.id, ANA)
    with pytest.raises(RefusedError, match="bound to the content"):
        approvals.approve(world.installation, version.id, BEN, seen_hash=seen)


def test_only_a_proposal_can_be_approved() -> None:
    world = World()
    world.put(GROUPS, "one", Size=1)
    world.scan()
    version = baselines.capture(world.installation, "production", ANA)
    with pytest.raises(RefusedError, match="is captured"):
        approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash)


def test_a_proposal_whose_parent_is_no_longer_active_is_stale() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    first = baselines.capture(world.installation, "production", ANA)
    second = baselines.capture(world.installation, "production", ANA)
    for version in (first, second):
        baselines.propose(world.installation, version.id, ANA)
    included = {item.drift: "accepted" for item in first.included}
    assert included
    approvals.approve(world.installation, first.id, BEN, seen_hash=first.content_hash, accept_risk=included)
    with pytest.raises(RefusedError, match="stale_parent"):
        approvals.approve(world.installation, second.id, BEN, seen_hash=second.content_hash, accept_risk=included)


def test_activation_closes_what_it_contains_and_nothing_else() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    (finding,) = world.live()
    version = baselines.capture(world.installation, "production", ANA)
    baselines.propose(world.installation, version.id, ANA)
    world.put(BUCKETS, "two", Size=7, Rules=["a", "b"])
    world.scan()
    done = approvals.approve(
        world.installation, version.id, BEN, seen_hash=version.content_hash, accept_risk={finding.id: "harmless, reviewed"}
    )
    assert done.active
    assert done.baselined == 1
    with world.store.read() as uow:
        closed = uow.findings.get(finding.id)
    assert closed is not None
    assert (closed.state, closed.verdict_current) == (FindingState.BASELINED, Verdict.UNAUTHORIZED)
    assert [item.cell for item in world.live()] == [BUCKETS]
    assert world.scan().exit_code == 2


def test_an_uncovered_drift_needs_a_disposition_to_enter_a_baseline() -> None:
    world = settled_world(preset="scaleup")
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    version = baselines.capture(world.installation, "production", ANA)
    baselines.propose(world.installation, version.id, ANA)
    done = approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash)
    assert not done.active
    assert [result.detail for result in done.results] == ["disposition"]


def test_a_version_holds_only_the_cells_that_changed() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    version = baselines.capture(world.installation, "production", ANA)
    assert [part.cell for part in version.cells] == [GROUPS]
    _, cells = baseline_views.show(world.installation, version.id)
    assert set(cells) == {GROUPS, BUCKETS}


def test_a_rejected_proposal_ends_and_an_own_one_is_withdrawn() -> None:
    world = settled_world()
    first = baselines.capture(world.installation, "production", ANA)
    baselines.propose(world.installation, first.id, ANA)
    assert approvals.reject(world.installation, first.id, BEN, "not now").state is BaselineState.REJECTED
    second = baselines.capture(world.installation, "production", ANA)
    assert approvals.reject(world.installation, second.id, ANA, "mistake").state is BaselineState.WITHDRAWN


def test_a_cell_belongs_to_one_baseline() -> None:
    patterns = [BaselinePattern(name="all"), BaselinePattern(name="buckets", types=("AWS::S3::*",))]
    assert baseline_of(GROUPS, patterns) == "all"
    with pytest.raises(RefusedError, match="all and buckets"):
        baseline_of(BUCKETS, patterns)


def test_the_diff_of_versions_names_each_path() -> None:
    world = settled_world()
    before = baseline_views.history(world.installation, "production")[0]
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.put(GROUPS, "three", Size=1)
    world.scan()
    (one, three) = baseline_views.differences(world.installation, before.id)
    assert [change.path for change in one.differences] == ["/Size"]
    assert [change.path for change in three.differences] == [""]


def test_export_and_import_are_the_same_content(tmp_path: Path) -> None:
    world = settled_world()
    exported = exchange.export(world.installation, "production", tmp_path / "production")
    again = exchange.import_baseline(world.installation, tmp_path / "production", ANA)
    assert again.known
    assert again.version.content_hash == exported.content_hash


def test_an_import_is_a_proposal_and_activates_nothing_by_itself(tmp_path: Path) -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    version = baselines.capture(world.installation, "production", ANA)
    exchange.export(world.installation, "production", tmp_path / "production", version.id)
    approvals.reject(world.installation, version.id, ANA, "it shall come through git")
    other = World()
    other.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    with pytest.raises(RefusedError, match="stale_parent"):
        exchange.import_baseline(other.installation, tmp_path / "production", ANA)
    fresh = settled_world()
    exchange.export(fresh.installation, "production", tmp_path / "first")
    imported = exchange.import_baseline(other.installation, tmp_path / "first", ANA)
    assert not imported.active
    assert imported.version.state is BaselineState.PROPOSED
    done = approvals.approve(other.installation, imported.version.id, BEN, seen_hash=imported.version.content_hash)
    assert done.active
    other.scan()
    assert other.state(GROUPS).state is not CellState.CLEAN, "the imported baseline has a resource that this world lacks"


def test_a_changed_file_is_refused_with_its_place(tmp_path: Path) -> None:
    world = settled_world()
    exchange.export(world.installation, "production", tmp_path / "production")
    file = next((tmp_path / "production").rglob("AWS-EC2-SecurityGroup.json"))
    file.write_text(file.read_text().replace('"Size":1', '"Size":2', 1))
    with pytest.raises(InputError, match=r"AWS-EC2-SecurityGroup\.json"):
        exchange.import_baseline(world.installation, tmp_path / "production", ANA)


def test_an_unknown_baseline_is_named() -> None:
    with pytest.raises(NotFoundError, match="production"):
        baselines.capture(settled_world().installation, "staging", ANA)


def test_a_page_of_differences_looks_into_so_many_cells_and_says_that_more_may_come() -> None:
    world = settled_world()
    version = baseline_views.history(world.installation, "production")[0].id
    world.put(BUCKETS, "new", Size=1)
    world.scan()
    first, following = baseline_views.page_of_differences(world.installation, version, most_cells=1)
    assert (first, following) == ([], (BUCKETS, ""))
    second, last = baseline_views.page_of_differences(world.installation, version, after=following, most_cells=1)
    assert [item.id for item in second] == ["new"]
    assert last is None
