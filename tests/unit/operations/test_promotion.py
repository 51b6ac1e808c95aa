"""auto_promote: what change records cover enters the baseline without people, and nothing else ever does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from driftwatch.domain.authorization.exception_lifecycle import content_hash
from driftwatch.domain.authorization.policy import AutoPromote, Mode
from driftwatch.domain.baseline import BaselineState, BaselineVersion
from driftwatch.domain.change import Target
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.domain.report import CellJudged, Event
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import CellState, GapReason
from driftwatch.operations import approvals, baselines, exceptions
from driftwatch.operations.scan import ScanOrder, scan
from tests.unit.operations.acts import covering, entries, later, promoting, restarted, states, with_policy
from tests.world import ANA, BEN, BUCKETS, GROUPS, World, settled_world

S = FindingState


def contents(world: World, cell: Cell) -> dict[str, str]:
    """What the active version says of each resource of a cell."""
    with world.store.read() as uow:
        active = uow.baselines.active("production")
        assert active is not None
        return {entry.id: entry.fingerprint for entry in uow.baselines.entries(active.id, cell)}


def present(world: World, cell: Cell) -> dict[str, str]:
    with world.store.read() as uow:
        return {item.id: item.fingerprint for item in uow.observations.present(cell)}


def active(world: World) -> BaselineVersion:
    with world.store.read() as uow:
        found = uow.baselines.active("production")
    assert found is not None
    return found


def promising() -> World:
    world = settled_world()
    promoting(world)
    return world


def test_a_covered_change_becomes_the_baseline_in_the_scan_that_judged_it() -> None:
    world = promising()
    former = active(world)
    covering(world, "one")
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    assert world.scan().exit_code == 0
    version = active(world)
    assert (version.parent, version.author, version.bootstrap, version.records) == (former.id, "driftwatch", False, ("CHG-1",))
    assert [part.cell for part in version.cells] == [GROUPS], "only the cell that changed is written"
    assert contents(world, GROUPS) == present(world, GROUPS)
    assert states(world) == {"one": S.BASELINED}
    assert world.state(GROUPS).state is CellState.CLEAN
    (entry,) = entries(world, "baseline_promoted")
    assert (entry["version"], entry["parent"], entry["content_hash"]) == (version.id, former.id, version.content_hash)
    assert (entry["records"], [verdict for _, verdict in entry["findings"]]) == (["CHG-1"], ["authorized"])
    assert len(entries(world, "finding_baselined")) == 1
    assert world.scan().exit_code == 0
    assert not world.live()


def test_a_later_way_back_to_the_old_value_is_a_drift_against_the_promoted_one() -> None:
    world = promising()
    covering(world, "one")
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    later(world, days=30)
    world.source.records.clear()
    world.scan()
    world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    assert world.scan().exit_code == 2


def test_an_uncovered_change_beside_it_keeps_what_the_baseline_says() -> None:
    world = promising()
    before = contents(world, GROUPS)
    covering(world, "one")
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.put(GROUPS, "two", Size=666, Rules=["a", "b"])
    assert world.scan().exit_code == 2
    assert contents(world, GROUPS) == {"one": present(world, GROUPS)["one"], "two": before["two"]}
    assert states(world) == {"one": S.BASELINED, "two": S.OPEN}
    assert world.state(GROUPS).state is CellState.DRIFTED
    assert world.scan().exit_code == 2


def test_created_and_deleted_resources_are_promoted_as_such() -> None:
    world = promising()
    covering(world, "one", "three")
    world.put(GROUPS, "three", Size=1, Rules=[])
    world.remove(GROUPS, "one")
    world.scan()
    assert world.state(GROUPS).state is CellState.UNKNOWN, "one is missing for the first time"
    assert set(contents(world, GROUPS)) == {"one", "two"}, "nothing of a cell that is not completely known is promoted"
    world.scan()
    assert contents(world, GROUPS) == present(world, GROUPS)
    assert set(contents(world, GROUPS)) == {"two", "three"}
    assert world.scan().exit_code == 0


def test_several_findings_of_one_scan_make_one_version() -> None:
    world = promising()
    number = len(_versions(world))
    covering(world, "one")
    covering(world, "one", cell=BUCKETS)
    for cell in (GROUPS, BUCKETS):
        world.put(cell, "one", Size=2, Rules=["a", "b"])
    world.scan()
    assert len(_versions(world)) == number + 1
    assert {part.cell for part in active(world).cells} == {GROUPS, BUCKETS}
    assert len(entries(world, "baseline_promoted")) == 1
    assert active(world).records == ("CHG-1", "CHG-2")


def _versions(world: World) -> list[BaselineVersion]:
    with world.store.read() as uow:
        return list(uow.baselines.versions("production"))


class TestNever:
    def changed(self, world: World) -> None:
        covering(world, "one")
        world.put(GROUPS, "one", Size=2, Rules=["a", "b"])

    def unpromoted(self, world: World, version: str) -> None:
        assert active(world).id == version
        assert not entries(world, "baseline_promoted")

    def test_where_the_policy_has_it_off_as_at_enterprise(self) -> None:
        world = settled_world()
        former = active(world).id
        self.changed(world)
        world.scan()
        self.unpromoted(world, former)
        assert states(world) == {"one": S.AWAITING_BASELINE}

    def test_before_the_finding_is_settled(self) -> None:
        world = promising()
        former = active(world).id
        with_policy(world, settle_s=1200)
        self.changed(world)
        world.scan()
        self.unpromoted(world, former)
        world.scan(minutes=30)
        assert states(world) == {"one": S.BASELINED}

    def test_from_a_cell_that_was_not_read_in_full(self) -> None:
        world = promising()
        former = active(world).id
        self.changed(world)
        world.put(GROUPS, "two", Size=3, Rules=["a", "b"])
        world.collector.failing_items[GROUPS] = {"two": GapReason.THROTTLED}
        world.scan()
        assert states(world) == {"one": S.AWAITING_BASELINE}
        self.unpromoted(world, former)

    def test_as_a_first_baseline(self) -> None:
        world = World()
        promoting(world)
        covering(world, "one")
        world.put(GROUPS, "one", Size=1)
        world.scan()
        with world.store.read() as uow:
            assert uow.baselines.active("production") is None

    def test_of_which_one_path_is_only_excepted(self) -> None:
        """Its verdict is `authorized` as a whole, and yet it would make a state for ever out of one for a while."""
        world = promising()
        former = active(world).id
        world.put(GROUPS, "one", Size=1, Rules=["a", "b", "c"])
        world.scan()
        (first,) = world.live()
        asked = exceptions.request(world.installation, first.id, ANA, until=world.now + timedelta(days=3), reason="for now")
        exceptions.approve(world.installation, asked.id, BEN, seen_hash=content_hash(asked))
        covering(world, "one", scope=(Target(ids=("one",), attribute_paths=("/Size",)),))
        world.put(GROUPS, "one", Size=2, Rules=["a", "b", "c"])
        assert world.scan().exit_code == 0
        (both,) = world.live()
        assert (both.state, both.verdict_current, both.handling.exception) == (S.AWAITING_BASELINE, Verdict.AUTHORIZED, asked.id)
        self.unpromoted(world, former)
        later(world, days=3)
        assert world.scan().exit_code == 2
        assert states(world) == {"one": S.OPEN}

    def test_what_is_ratified_excepted_or_only_authorised_after_it_was_open(self) -> None:
        world = promising()
        former = active(world).id
        world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
        world.scan()
        late = covering(world, "one", at=world.now - timedelta(hours=1))
        world.scan()
        (item,) = world.live()
        assert (item.state, item.verdict_current, late.id) == (S.OPEN, Verdict.AUTHORIZED, "CHG-1")
        self.unpromoted(world, former)

    def test_against_another_baseline_than_the_scan_compared_with(self) -> None:
        """While it runs, a person approves a version that changes the same cell: the cell waits for the next scan."""
        world = promising()
        world.put(GROUPS, "two", Size=5, Rules=["a", "b"])
        world.scan()
        version = baselines.capture(world.installation, "production", ANA)
        baselines.propose(world.installation, version.id, ANA)
        self.changed(world)
        fetch, before = world.source.fetch, contents(world, GROUPS)["one"]

        def meanwhile():
            accepted = {item.drift: "looked at" for item in version.included}
            approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash, accept_risk=accepted)
            return fetch()

        world.source.fetch = meanwhile  # type: ignore[method-assign]
        world.scan()
        world.source.fetch = fetch  # type: ignore[method-assign]
        assert (active(world).id, contents(world, GROUPS)["one"]) == (version.id, before)
        world.scan()
        assert contents(world, GROUPS) == present(world, GROUPS)
        assert states(world)["one"] is S.BASELINED

    def test_what_was_stored_after_it_was_judged(self) -> None:
        """Nobody but the holder of the lease stores readings; and yet only what was judged is promoted."""
        world = promising()
        former = active(world).id
        self.changed(world)
        resource = world.collector.resource(GROUPS, "one", {"Name": "one", "Size": 666})

        def meanwhile(event: Event) -> None:
            if isinstance(event, CellJudged) and event.cell == GROUPS:
                with world.store.write() as uow:
                    uow.observations.put(GROUPS, [resource], known_at=None, now=world.now)

        later(world, minutes=10)
        scan(world.installation, ScanOrder(trigger="test"), holder="test", report=meanwhile)
        self.unpromoted(world, former)
        assert states(world) == {"one": S.AWAITING_BASELINE}

    def test_onto_a_version_that_became_active_after_it_was_judged(self) -> None:
        world = promising()
        world.put(GROUPS, "two", Size=5, Rules=["a", "b"])
        world.scan()
        version = baselines.capture(world.installation, "production", ANA)
        baselines.propose(world.installation, version.id, ANA)
        self.changed(world)

        def meanwhile(event: Event) -> None:
            if isinstance(event, CellJudged) and event.cell == GROUPS:
                accepted = {item.drift: "looked at" for item in version.included}
                approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash, accept_risk=accepted)

        later(world, minutes=10)
        scan(world.installation, ScanOrder(trigger="test"), holder="test", report=meanwhile)
        self.unpromoted(world, version.id)
        world.scan()
        assert states(world) == {"one": S.BASELINED, "two": S.BASELINED}


def test_the_implementers_of_the_record_may_not_approve_the_baseline_that_holds_their_change() -> None:
    world = World(preset="scaleup")
    for id_ in ("one", "two"):
        world.put(GROUPS, id_, Size=1)
    world.scan()
    world.baseline()
    with_policy(world, rules={**world.installation.policy.rules, "R6": Mode.OFF, "R7": Mode.OFF})
    covering(world, "one", implementers=("cleo",))
    world.put(GROUPS, "one", Size=2)
    world.scan()
    version = baselines.capture(world.installation, "production", ANA)
    assert [item.actors for item in version.included] == [("cleo",)]
    baselines.propose(world.installation, version.id, ANA)
    hers = approvals.approve(world.installation, version.id, replace(BEN, person="cleo"), seen_hash=version.content_hash)
    assert not hers.active
    assert "cleo made a change that it includes" in hers.results[0].explanation
    assert approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash).active


IDS = ("r0", "r1", "r2", "r3", "r4")
moves = st.lists(
    st.tuples(
        st.sampled_from([GROUPS, BUCKETS]),
        st.sampled_from([*IDS, "new"]),
        st.sampled_from(["change", "change both", "remove", "revert"]),
        st.sampled_from(["none", "whole", "partly", "late"]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=5, deadline=None, phases=[Phase.generate])  # making a failure shorter takes minutes
@given(rounds=st.lists(st.tuples(moves, st.sampled_from([None, GROUPS, BUCKETS])), min_size=1, max_size=3))
@pytest.mark.slow
def test_only_what_a_record_covers_in_full_ever_changes_the_baseline(rounds: list) -> None:
    """Whatever changes, covered in whole, in part, too late or not at all, in cells that are read or not: after each scan every resource
    of the baseline is what a person approved or what a record covered in full, and whatever else differs has a live finding."""
    world = World()
    for cell in (GROUPS, BUCKETS):
        for id_ in IDS:
            world.put(cell, id_, Size=0, Rules=["a"])
    world.scan()
    world.baseline()
    promoting(world)
    allowed: set[tuple[Cell, str]] = set()  # of earlier rounds, too: a cell that was not read then is judged now
    for size, (steps, broken) in enumerate(rounds, start=1):
        world.source.records.clear()
        world.scan()  # a record that is gone allows nothing that happens later
        before = {cell: contents(world, cell) for cell in (GROUPS, BUCKETS)}
        allowed |= _play(world, steps, size)
        world.collector.failing = {broken: GapReason.DENIED} if broken else {}
        for _ in range(3):  # a resource that is gone takes two listings
            world.scan()
        world.collector.failing = {}
        _check(world, before, allowed, broken)


def _play(world: World, steps: list, size: int) -> set[tuple[Cell, str]]:
    """Makes the changes; answers with the resources that a record covers in full, and in time."""
    covers: dict[tuple[Cell, str], set[str]] = {}
    for cell, id_, change, cover in steps:
        held = world.collector.world[cell]
        if change == "remove":
            if len(held) > 4:
                held.pop(id_, None)
        elif change != "revert":
            world.put(cell, id_, Size=size, Rules=["a", "b"] if change == "change both" else ["a"])
        covers.setdefault((cell, id_), set()).add(cover)
    for (cell, id_), kinds in covers.items():
        for kind in sorted(kinds - {"none", "late"}):
            paths = ("/Size",) if kind == "partly" else None
            covering(world, id_, cell=cell, scope=(Target(resource_types=(cell.type,), ids=(id_,), attribute_paths=paths),))
        if "late" in kinds:
            covering(world, id_, cell=cell, at=world.now + timedelta(days=1))
    return {key for key, kinds in covers.items() if "whole" in kinds or "partly" in kinds}


def _check(world: World, before: dict, allowed: set, broken: Cell | None) -> None:
    live = {(item.cell, item.resource): item for item in world.live()}
    for cell in (GROUPS, BUCKETS):
        now, there = contents(world, cell), present(world, cell)
        for id_ in {*before[cell], *now, *there}:
            if now.get(id_) != before[cell].get(id_):
                assert cell != broken
                assert (cell, id_) in allowed, "no record allowed this"
                assert now.get(id_) == there.get(id_)
                assert (cell, id_) not in live
            elif now.get(id_) != there.get(id_):
                assert (cell, id_) in live, "what differs and was not promoted has a finding"
        if any(where == cell for where, _ in live):
            assert world.state(cell).state is not CellState.CLEAN
    with world.store.read() as uow:
        for item in uow.findings.all((S.BASELINED,)):
            made = uow.findings.decisions(item.id)[-1]
            assert {path["verdict"] for path in made["paths"]} == {"authorized"}
        versions = uow.baselines.versions("production")
    assert [version.state for version in versions].count(BaselineState.ACTIVE) == 1
    assert world.installation.policy.baseline.auto_promote is AutoPromote.AUTHORIZED_ONLY


@pytest.mark.parametrize("restart", [True, False])
def test_the_promoted_version_is_a_baseline_like_any_other(tmp_path, restart: bool) -> None:
    """It can be captured upon, and a restart finds it."""
    url = f"sqlite:///{tmp_path / 'driftwatch.db'}"
    world = settled_world(url=url)
    promoting(world)
    covering(world, "one")
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    promoted = active(world)
    if restart:
        world = restarted(world, url)
    version = baselines.capture(world.installation, "production", ANA)
    assert (version.parent, version.cells) == (promoted.id, ()), "it is what is there"
