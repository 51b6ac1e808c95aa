"""A whole installation in memory, for tests of operations: a fake cloud, an SQLite store, people, and a clock that stands still."""

from __future__ import annotations

import copy
import itertools
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from driftwatch.baseline_files.files import FileBaselines
from driftwatch.documents.people import People, Person
from driftwatch.documents.policies import policy_document, with_people
from driftwatch.domain.authorization.policy import AutoPromote, Policy
from driftwatch.domain.baseline import Actor, Assurance, BaselinePattern, Method
from driftwatch.domain.change import ChangeRecord, Fetched, SetAside
from driftwatch.domain.finding import LIVE, Finding
from driftwatch.domain.report import Event, ScanDone
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.scan import CellStatus
from driftwatch.engines.threads import ThreadEngine
from driftwatch.errors import SourceError
from driftwatch.operations import approvals, baselines, findings, status
from driftwatch.operations.installation import Installation
from driftwatch.operations.scan import ScanOrder, scan
from driftwatch.stores.sqlite import copy_into, image_of
from driftwatch.stores.store import SqlStore, empty_store, open_store
from tests.builders import policy
from tests.fakes import TEST_KEY_ID, FakeCollector

ACCOUNT = "111111111111"
START = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
GROUPS = Cell(scope=Scope(account=ACCOUNT, region="eu-west-1"), type="AWS::EC2::SecurityGroup")
BUCKETS = Cell(scope=Scope(account=ACCOUNT, region="eu-west-1"), type="AWS::S3::Bucket")
ANA = Actor(person="ana", method=Method.OS_USER, assurance=Assurance.LOCAL)
BEN = Actor(person="ben", method=Method.SSH, assurance=Assurance.SIGNED)
PEOPLE = People(
    persons=(
        Person(id="ana", os_users=("ana",), roles=("engineer",)),
        Person(id="ben", os_users=("ben",), roles=("manager",), ssh_principals=("ben@corp.example",)),
        Person(id="cleo", os_users=("cleo",), roles=("manager",), ssh_principals=("cleo@corp.example",)),
    )
)


@dataclass
class FakeSource:
    """A change source that holds what the test puts into it, or fails."""

    name: str = "tickets"
    records: list[ChangeRecord] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    broken: bool = False

    def fetch(self) -> Fetched:
        if self.broken:
            raise SourceError("the ticket system does not answer")
        return Fetched(records=tuple(self.records), set_aside=tuple(self.set_aside))


@dataclass
class StandingClock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


_FREE: list[Engine] = []
"""Engines of stores in memory that nobody holds any more: one that has compiled its statements once is worth half of a short test."""


def _memory_store(image: bytes | None) -> SqlStore:
    if _FREE:
        engine = _FREE.pop()
        copy_into(engine, image or empty_store())
        store = SqlStore(engine)
    else:
        store = open_store("sqlite://")
        engine = store._engine
        if image is not None:
            copy_into(engine, image)
    weakref.finalize(store, _FREE.append, engine)
    return store


class World:
    """One installation and its surroundings. `now` moves only when a test moves it. Baselines change by people, unless a test says so."""

    def __init__(self, *, url: str = "sqlite://", preset: str = "startup", image: bytes | None = None, **overrides: object) -> None:
        self.clock = StandingClock()
        self.collector = FakeCollector(now=self.clock)
        self.source = FakeSource()
        self.store = _memory_store(image) if url == "sqlite://" else open_store(url)
        self.events: list[Event] = []
        self.numbers = itertools.count(1)
        chosen = policy(preset)
        by_people = replace(chosen.baseline, auto_promote=AutoPromote.OFF)
        made: Policy = with_people(replace(chosen, settle_s=0, baseline=by_people), PEOPLE)
        self.installation = Installation(
            store=self.store,
            collector=self.collector,
            engine=ThreadEngine(4),
            sources=[self.source],
            baseline_files=FileBaselines(),
            signer=None,
            policy=made,
            policy_document=policy_document(made),
            people=PEOPLE,
            baselines=[BaselinePattern(name="production")],
            accounts=[ACCOUNT],
            freshness_s=3600.0,
            scan_deadline_s=600.0,
            key_id=TEST_KEY_ID,
            clock=self.clock,
            new_id=lambda prefix: f"{prefix}-{next(self.numbers):05d}",
        )
        if overrides:
            self.installation = replace(self.installation, **overrides)  # type: ignore[arg-type]

    @property
    def now(self) -> datetime:
        return self.clock.now

    @now.setter
    def now(self, value: datetime) -> None:
        self.clock.now = value

    def change(self, **fields: object) -> None:
        self.installation = replace(self.installation, **fields)  # type: ignore[arg-type]

    def put(self, cell: Cell, id_: str, **document: object) -> None:
        self.collector.world.setdefault(cell, {})[id_] = {"Name": id_, **document}

    def remove(self, cell: Cell, id_: str) -> None:
        del self.collector.world[cell][id_]

    def scan(self, minutes: float = 10, order: ScanOrder | None = None) -> ScanDone:
        """A scan `minutes` after whatever was before."""
        self.now += timedelta(minutes=minutes)
        return scan(self.installation, order or ScanOrder(trigger="test"), holder="test", report=self.events.append)

    def baseline(self, name: str = "production") -> str:
        """Captures, proposes and approves the world as last read; answers with the version's id."""
        version = baselines.capture(self.installation, name, ANA)
        baselines.propose(self.installation, version.id, ANA)
        accepted = {finding.id: "part of the test's story" for finding in self.live()}
        done = approvals.approve(self.installation, version.id, BEN, seen_hash=version.content_hash, accept_risk=accepted)
        assert done.active, done.results
        return version.id

    def live(self) -> list[Finding]:
        return findings.listed(self.installation, tuple(LIVE))

    def state(self, cell: Cell) -> CellStatus:
        return next(item for item in status.statuses(self.installation) if item.cell == cell)

    def ledger(self) -> list[str]:
        with self.store.read() as uow:
            return [entry.type for entry in uow.ledger.entries()]


_SETTLED: dict[str, tuple[bytes, World]] = {}
"""Settled worlds, once they were made, with their stores' images: hundreds of tests begin with one."""


def settled_world(**overrides: object) -> World:
    """Two cells with two resources each, scanned and baselined."""
    if not overrides.keys() <= {"preset", "register"}:
        return _settled(World(**overrides))  # type: ignore[arg-type]
    image, first = _SETTLED.get(key := repr(sorted(overrides.items()))) or _SETTLED.setdefault(key, _kept(overrides))
    world = World(image=image, **overrides)  # type: ignore[arg-type]
    world.now, world.events, world.collector = first.now, list(first.events), copy.deepcopy(first.collector)
    world.numbers = copy.copy(first.numbers)
    world.collector.now = world.clock
    world.change(collector=world.collector)
    return world


def _kept(overrides: Mapping[str, object]) -> tuple[bytes, World]:
    world = _settled(World(**overrides))  # type: ignore[arg-type]
    return image_of(world.store._engine), world


def _settled(world: World) -> World:
    for cell in (GROUPS, BUCKETS):
        for id_ in ("one", "two"):
            world.put(cell, id_, Size=1, Rules=["a", "b"])
    world.scan()
    world.baseline()
    return world
