"""Whatever happens to the world, in whatever order: driftwatch says of it what an independent model says (promises P1, P2, P3, P18).

After every step: the state of every cell, the live findings with their kind and paths, and the exit code are the model's (so that no
incomplete cell is clean); no resource has two live findings; every change of a finding has its entry in a ledger that verifies from
its first entry; closed findings stay closed and first verdicts stay as they were; notifiers are owed what the findings demand.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from driftwatch.domain.diff import diff
from driftwatch.domain.finding import LIVE, Finding
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.notification import Phase as Telling
from driftwatch.domain.notification import Route, Routing
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.snapshot import Batch, GapReason
from driftwatch.errors import RefusedError
from driftwatch.operations import approvals, baselines, status
from driftwatch.operations.scan import ScanOrder
from driftwatch.operations.serving import scan_order
from tests.faults.oracle import DROPPED, CellModel, Document, Fault, Model, kind, paths
from tests.world import ACCOUNT, ANA, BEN, World

SEED = int(os.environ.get("DRIFTWATCH_TEST_SEED", "20260310"))
EXAMPLES = int(os.environ.get("DRIFTWATCH_TEST_EXAMPLES", "6"))
"""Worlds in each of the tests below."""
SHRINK = "DRIFTWATCH_TEST_SHRINK" in os.environ
"""Whether a failure is made as short as possible, which takes minutes."""
STEPS = 22

REGIONS = ("eu-west-1", "us-east-1")
TYPES = ("AWS::EC2::SecurityGroup", "AWS::S3::Bucket")
"""Of two services, so that each cell is a unit of its own."""
CELLS = [Cell(scope=Scope(account=ACCOUNT, region=region), type=type_) for region in REGIONS for type_ in TYPES]
IDS = [f"r{number}" for number in range(8)]
ENTRIES = {"reverted": "finding_reverted", "superseded": "finding_superseded", "baselined": "finding_baselined"}

ROUTING = Routing(notifiers=("all", "buckets"), routes=(Route(to=("all",)), Route(types=("AWS::S3::*",), to=("buckets",))))

cells = st.sampled_from(CELLS)
ids = st.sampled_from(IDS)
places = st.integers(0, 7)
documents = st.fixed_dictionaries(
    {"/Size": st.integers(1, 2)},
    optional={
        "/Noise": st.integers(1, 2),
        "/New": st.just("n"),
        "/Rules/a": st.just("a"),
        "/Rules/b~1c": st.just("b/c"),
        "/Tags/owner": st.sampled_from(["x", "y"]),
    },
)
scans = st.sampled_from([0, 1, 1, 1, 2])
"""How many scans follow at once."""
kinds_of_fault = st.builds(Fault, kind=st.sampled_from(["denied", "cut", "item", "off"]), number=st.integers(0, 6))


class Died(BaseException):
    """The process ends here, as far as the scan is concerned."""


def reply(document: Document) -> dict[str, Any]:
    """What the API answers for a flat document: lists in another order than last time."""
    rules = [str(value) for path, value in document.items() if path.startswith("/Rules/")]
    plain = {path[1:]: value for path, value in document.items() if path.count("/") == 1}
    tags = {path.removeprefix("/Tags/"): value for path, value in document.items() if path.startswith("/Tags/")}
    return {**plain, "Rules": rules[::-1], "Tags": tags}


class Watched(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="driftwatch-model-"))
        self.world = World(url=f"sqlite:///{self.folder}/driftwatch.db")
        self.numbers = itertools.count(1)
        self.world.change(new_id=self.new_id, routing=ROUTING)
        self.model = Model()
        self.faults: dict[Cell, Fault] = {}
        self.hidden: dict[Cell, set[str]] = {}
        self.catalogue: dict[Cell, int] = {}
        self.proposal: str | None = None
        self.findings: dict[str, Finding] = {}
        self.entries = 0

    def new_id(self, prefix: str) -> str:
        return f"{prefix}-{next(self.numbers):06d}"

    def teardown(self) -> None:
        self.world.store.close()
        shutil.rmtree(self.folder)

    # --- what happens to the world -----------------------------------------------------------------------------------------------------

    @initialize(
        chosen=st.lists(cells, min_size=2, max_size=3, unique=True),
        document=documents,
        number=st.integers(1, 8),
        baselined=st.sampled_from([True, True, True, False]),
    )
    def begin(self, chosen: list[Cell], document: Document, number: int, baselined: bool) -> None:
        for cell in chosen:
            for id_ in IDS[:number]:
                self.put(cell, id_, document)
        self.scan()
        if baselined:
            self.capture()
            self.approve()
            self.scan()

    @rule(cell=cells, id_=ids, document=documents, then=scans)
    def add(self, cell: Cell, id_: str, document: Document, then: int) -> None:
        self.put(cell, id_, document)
        self.scan_again(then)

    def put(self, cell: Cell, id_: str, document: Document) -> None:
        one = self.model.cells.setdefault(cell, CellModel(catalogue=self.catalogue.get(cell, 0)))
        one.world[id_] = {"/Name": id_, **document}
        self.show(cell)

    @rule(
        place=places, which=places, member=st.sampled_from(["/Size", "/Size", "/Noise", "/Tags/owner"]), value=st.integers(1, 3), then=scans
    )
    def change(self, place: int, which: int, member: str, value: int, then: int) -> None:
        self.touch(place, which, member, str(value) if member.startswith("/Tags") else value)
        self.scan_again(then)

    def touch(self, place: int, which: int, member: str, value: str | int) -> None:
        cell, one = self.populated(place)
        id_ = list(one.world)[which % len(one.world)] if one.world else IDS[0]
        one.world[id_] = {**one.world.get(id_, {"/Name": id_}), member: value}
        self.show(cell)

    @precondition(lambda self: self.model.baseline)
    @rule(place=places, which=st.one_of(st.none(), places), then=scans)
    def revert(self, place: int, which: int | None, then: int) -> None:
        """One resource, or the whole cell, is again what the baseline says."""
        self.revert_cell(place, which)
        self.scan_again(then)

    def revert_cell(self, place: int, which: int | None) -> None:
        cell, part = list((self.model.baseline or {}).items())[place % len(self.model.baseline or {})]
        world = self.model.cells[cell].world
        for id_ in IDS if which is None else [IDS[which]]:
            if id_ in part.documents:
                world[id_] = part.documents[id_]
            else:
                world.pop(id_, None)
        self.show(cell)

    def populated(self, place: int) -> tuple[Cell, CellModel]:
        return list(self.model.cells.items())[place % len(self.model.cells)]

    @rule(place=places, gone=st.sets(ids, min_size=1, max_size=2), then=scans)
    def remove(self, place: int, gone: set[str], then: int) -> None:
        cell, one = self.populated(place)
        for id_ in gone & one.world.keys():
            del one.world[id_]
        self.show(cell)
        self.scan_again(then)

    @rule(place=places, kept=st.integers(0, 2), then=scans)
    def remove_most(self, place: int, kept: int, then: int) -> None:
        self.remove(place, set(list(self.populated(place)[1].world)[kept:]), then)

    @rule(place=places, fault=kinds_of_fault, changed=st.one_of(st.none(), places), then=scans)
    def break_(self, place: int, fault: Fault, changed: int | None, then: int) -> None:
        """A cell fails from now on; a resource of it may change at the same time."""
        self.faults[self.populated(place)[0]] = fault
        if changed is not None:
            self.touch(place, changed, "/Size", 3)
        self.scan_again(then)

    @rule(then=scans)
    def heal(self, then: int) -> None:
        self.faults.clear()
        self.scan_again(then)

    @rule(place=places, gone=st.sets(ids, min_size=1, max_size=3), then=scans)
    def hide_from_one_listing(self, place: int, gone: set[str], then: int) -> None:
        self.hidden[self.populated(place)[0]] = gone
        self.scan_again(then)

    @rule(type_=st.sampled_from(TYPES), shape=st.integers(0, len(DROPPED) - 1), then=scans)
    def upgrade(self, type_: str, shape: int, then: int) -> None:
        drop = tuple(path[1:] for path in DROPPED[shape])
        self.world.collector.normalisations[type_] = Normalisation(tags="Tags", drop=drop)
        for cell in CELLS:
            if cell.type == type_:
                self.catalogue[cell] = shape
                if cell in self.model.cells:
                    self.model.cells[cell].catalogue = shape
        self.scan_again(then)

    @rule()
    def time_passes(self) -> None:
        self.world.now += timedelta(minutes=61)

    def show(self, cell: Cell) -> None:
        self.world.collector.world[cell] = {id_: reply(document) for id_, document in self.model.cells[cell].world.items()}

    # --- what driftwatch is asked ------------------------------------------------------------------------------------------------------

    @rule()
    def scan(self) -> None:
        self.scanned(list(self.model.cells), ScanOrder(trigger="test"))

    def scan_again(self, times: int) -> None:
        for _ in range(times):
            self.scan()

    @rule(place=places)
    def scan_one_cell(self, place: int) -> None:
        cell, _ = self.populated(place)
        self.scanned([cell], ScanOrder(trigger="test", wanted=lambda other: other == cell, whole=False))

    @rule()
    def release(self) -> None:
        held = [cell for cell, one in self.model.cells.items() if one.held is not None]
        if held:
            order = scan_order(self.world.installation, (), "test", {str(held[0]): "it was torn down"}, "ana")
            self.scanned([held[0]], order, release=True)

    @rule(place=places, batches=st.integers(1, 3), changed=st.one_of(st.none(), st.integers(0, 3)), then=scans)
    def die_while_reading(self, place: int, batches: int, changed: int | None, then: int) -> None:
        """The scan ends after so many batches of a cell were stored; the other cells are read, and nothing is judged."""
        cell, one = self.populated(place)
        self.faults.pop(cell, None)
        if changed is not None:
            self.touch(place, changed, "/Size", 3)
        whole, size = self.world.collector.read, self.world.collector.batch_size
        stored = min(batches * size, sum(id_ not in self.hidden.get(cell, ()) for id_ in one.world))

        def read(*given: Any) -> Iterator[Any]:
            count = 0
            for event in whole(*given):
                if event.cell == cell and not (isinstance(event, Batch) and count < batches):
                    raise Died
                count += event.cell == cell
                yield event

        self.world.collector.read = read  # type: ignore[method-assign]
        try:
            with self.as_it_is_shown(), pytest.raises(Died):
                self.world.scan()
        finally:
            del self.world.collector.read
        self.model.scan(self.world.now, self.faults, self.hidden, wanted=list(self.model.cells), dies_in=cell, after=stored)
        self.hidden.clear()
        self.scan_again(then)

    @rule()
    def baseline(self) -> None:
        self.capture()
        self.approve()

    @rule()
    def capture(self) -> None:
        possible = self.model.capture(self.world.now)
        try:
            version = baselines.capture(self.world.installation, "production", ANA)
        except RefusedError:
            assert not possible
        else:
            assert possible, "a partial snapshot became a proposal"
            baselines.propose(self.world.installation, version.id, ANA)
            self.proposal = version.id

    @precondition(lambda self: self.proposal is not None)
    @rule()
    def approve(self) -> None:
        if self.proposal is None:
            return
        possible = self.model.approve()
        with self.world.store.read() as uow:
            version = uow.baselines.get(self.proposal)
        assert version is not None
        accepted = {item.drift: "part of the story" for item in version.included}
        try:
            done = approvals.approve(self.world.installation, version.id, BEN, seen_hash=version.content_hash, accept_risk=accepted)
        except RefusedError:
            assert not possible
        else:
            assert (done.active, possible) == (True, True)
            self.proposal = None

    @rule(place=places, which=st.one_of(st.none(), places), value=st.integers(1, 3), then=scans)
    def approve_later(self, place: int, which: int | None, value: int, then: int) -> None:
        """The world goes on between the capture and its approval: a change, or back to the baseline."""
        self.capture()
        if which is not None:
            self.touch(place, which, "/Size", value)
        elif self.model.baseline:
            self.revert_cell(place, None)
        self.scan_again(then)
        if self.proposal:
            self.approve()

    @rule()
    def restart(self) -> None:
        former = self.world
        former.store.close()
        self.world = World(url=f"sqlite:///{self.folder}/driftwatch.db")
        self.world.now, self.world.collector = former.now, former.collector
        self.world.collector.now = lambda: self.world.now
        self.world.change(collector=former.collector, new_id=self.new_id, routing=ROUTING)

    def scanned(self, wanted: list[Cell], order: ScanOrder, *, release: bool = False) -> None:
        with self.as_it_is_shown():
            done = self.world.scan(order=order)
        self.model.scan(self.world.now, self.faults, self.hidden, wanted=wanted, release=release)
        for cell in wanted:
            self.hidden.pop(cell, None)
        assert done.exit_code == self.model.exit_code(self.world.now, wanted)

    def expect_evidence(self, finding: Finding) -> None:
        """The finding can be made again from what is stored: its two documents, and what the decision says of it."""
        with self.world.store.read() as uow:
            sides = (finding.before_fingerprint, finding.after_fingerprint)
            before, after = (uow.documents.get(side) if side else None for side in sides)
            decisions = uow.findings.decisions(finding.id)
        again = diff(before, after, Normalisation(tags="Tags"))
        assert [change.identity for change in again] == [change.identity for change in finding.drift.changes]
        assert finding.drift_version == replace(finding.drift, changes=again).version
        assert decisions[0]["verdict"] == finding.verdict_initial == finding.verdict_current

    def as_it_is_shown(self) -> Any:
        return _Shown(self)

    # --- what must hold after every step -----------------------------------------------------------------------------------------------

    @invariant()
    def every_cell_is_in_the_state_of_the_model(self) -> None:
        now = self.world.now
        found = {item.cell: (item.state.value, item.reason) for item in status.statuses(self.world.installation)}
        assert found == {cell: one.aged(now) for cell, one in self.model.cells.items() if one.state}
        known = [cell for cell, one in self.model.cells.items() if one.state]
        assert status.exit_code(self.world.installation, status.statuses(self.world.installation)) == self.model.exit_code(now, known)

    @invariant()
    def live_findings_are_those_of_the_model_and_one_for_each_resource(self) -> None:
        live = self.world.live()
        found = Counter(
            (str(item.cell), item.resource, item.drift.kind.value, frozenset(change.path for change in item.drift.changes)) for item in live
        )
        assert found == Counter(
            (str(cell), id_, kind(one.before, one.after), paths(one.before, one.after))
            for cell, model in self.model.cells.items()
            for id_, one in model.live.items()
        )
        assert len({(item.baseline, item.cell, item.resource_id) for item in live}) == len(live)

    @invariant()
    def every_change_of_a_finding_is_in_a_ledger_that_verifies(self) -> None:
        with self.world.store.read() as uow:
            entries = list(uow.ledger.entries())
            findings = {finding.id: finding for finding in uow.findings.all()}
        former = "0" * 64
        for number, entry in enumerate(entries, start=1):
            assert entry.prev_hash == former
            former = hashlib.sha256(former.encode() + b"\n" + entry.hashed).hexdigest()
            assert entry.hash == former
            assert (said := json.loads(entry.hashed))["seq"] == number
            assert (said["type"], said["body"]) == (entry.type, entry.body)
        told = Counter((entry.type, entry.body["finding"]) for entry in entries[self.entries :] if entry.type.startswith("finding_"))
        for id_, finding in findings.items():
            before = self.findings.get(id_)
            if before is None or finding.state in LIVE:
                self.expect_evidence(finding)
            if before is None:
                assert told[("finding_opened", id_)] == 1
            if before is not None and before.state not in LIVE:
                assert finding == before, "a closed finding is not changed"
            if before is not None and before.verdict_initial is not None:
                assert finding.verdict_initial is before.verdict_initial
            if (before is None or before.state is not finding.state) and finding.state not in LIVE:
                assert told[(ENTRIES[finding.state.value], id_)] == 1
        assert self.findings.keys() <= findings.keys(), "a finding is never lost"
        self.findings, self.entries = findings, len(entries)

    @invariant()
    def every_notifier_is_owed_what_the_findings_demand(self) -> None:
        """Nobody tells anything here: all that there ever was to tell is still owed. Every drift in this world is unauthorised."""
        with self.world.store.read() as uow:
            findings = {finding.id: finding for finding in uow.findings.all()}
            rows = {(item.finding, item.notifier): item for item in uow.deliveries.of(list(findings))}
        wanted = {(id_, "all") for id_ in findings} | {(id_, "buckets") for id_, item in findings.items() if "S3" in item.cell.type}
        assert rows.keys() == wanted
        for (id_, _), row in rows.items():
            assert row.phase is (Telling.FIRING if findings[id_].state in LIVE else Telling.RESOLVED)
            assert row.due_at is not None


class _Shown:
    """While it lasts, the collector meets the faults and does not list what is hidden."""

    def __init__(self, machine: Watched) -> None:
        self._machine = machine

    def __enter__(self) -> None:
        collector = self._machine.world.collector
        for cell, gone in self._machine.hidden.items():
            if cell in collector.world:
                collector.world[cell] = {id_: reply_ for id_, reply_ in collector.world[cell].items() if id_ not in gone}
        for cell, fault in self._machine.faults.items():
            if cell not in self._machine.model.cells:
                continue
            listed = list(collector.world.get(cell, {}))
            if fault.kind == "denied":
                collector.failing[cell] = GapReason.DENIED
            elif fault.kind == "cut":
                collector.cut[cell] = fault.number
            elif fault.kind == "off":
                collector.not_enabled.add(cell)
            elif fault.number < len(listed):
                collector.failing_items[cell] = {listed[fault.number]: GapReason.THROTTLED}

    def __exit__(self, *_: object) -> None:
        collector = self._machine.world.collector
        places: list[Callable[[], None]] = [collector.failing.clear, collector.cut.clear, collector.failing_items.clear]
        for clear in (*places, collector.not_enabled.clear):
            clear()
        for cell in self._machine.model.cells:
            self._machine.show(cell)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_driftwatch_says_what_the_model_says(number: int) -> None:
    print("seed", SEED + number, "examples", EXAMPLES)
    run_state_machine_as_test(
        seed(SEED + number)(Watched),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if SHRINK else [Phase.generate],
        ),
    )
