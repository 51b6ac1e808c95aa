"""The main job on PostgreSQL: the same answers as on SQLite, and a server that cuts its clients off costs nothing (F17, F19)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from sqlalchemy import Engine, create_engine

from driftwatch.domain.drift import DriftKind
from driftwatch.domain.finding import FindingState
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.scan import ScanStatus
from driftwatch.domain.snapshot import CellState, GapReason
from driftwatch.errors import StoreError
from tests.world import BUCKETS, GROUPS, World

pytestmark = pytest.mark.postgres

IDS = ("one", "two", "three", "four", "five", "six")


@pytest.fixture
def url(emptied_database: Callable[[], str]) -> str:
    return emptied_database()


@pytest.fixture
def world(url: str) -> Iterator[World]:
    made = World(url=url)
    for cell in (GROUPS, BUCKETS):
        for id_ in IDS:
            made.put(cell, id_, Size=1, Rules=["a", "b"])
    made.scan()
    made.baseline()
    assert made.scan().exit_code == 0
    yield made
    made.store.close()


@pytest.fixture
def admin(url: str) -> Iterator[Engine]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def cut_all(admin: Engine) -> None:
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


def test_a_drift_is_found_once_and_reverted(world: World) -> None:
    world.put(GROUPS, "one", Size=2, Rules=["b", "a"])
    for _ in range(2):
        assert world.scan().exit_code == 2
    (finding,) = world.live()
    assert [(change.path, change.before, change.after) for change in finding.drift.changes] == [("/Size", 1, 2)]
    world.put(GROUPS, "one", Size=1, Rules=["b", "a"])
    assert world.scan().exit_code == 0
    with world.store.read() as uow:
        closed = uow.findings.get(finding.id)
    assert closed is not None
    assert closed.state is FindingState.REVERTED


def test_an_unreadable_cell_is_unknown_and_a_confirmed_absence_a_deletion(world: World) -> None:
    world.collector.failing[BUCKETS] = GapReason.DENIED
    world.remove(GROUPS, "one")
    assert world.scan().exit_code == 3
    assert (world.state(GROUPS).reason, world.state(BUCKETS).reason) == ("unconfirmed_absence", "denied")
    assert world.scan().exit_code == 2
    (finding,) = world.live()
    assert (finding.resource, finding.drift.kind) == ("one", DriftKind.DELETED)
    world.collector.world[GROUPS].clear()
    world.scan()
    assert world.state(GROUPS).reason == "suspected_mass_delete"
    assert len(world.live()) == 1


def test_a_new_baseline_takes_the_drift_in(world: World) -> None:
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.put(BUCKETS, "seven", Size=1)
    world.scan()
    assert len(world.live()) == 2
    world.baseline()
    assert not world.live()
    assert world.scan().exit_code == 0
    assert {world.state(cell).state for cell in (GROUPS, BUCKETS)} == {CellState.CLEAN}


def test_an_upgraded_entry_is_no_drift_and_loses_none(world: World) -> None:
    world.put(BUCKETS, "one", Size=9, Rules=["a", "b"])
    upgraded = Normalisation(tags="Tags", drop=("Rules",))
    world.collector.normalisations = {GROUPS.type: upgraded, BUCKETS.type: upgraded}
    assert world.scan().exit_code == 2
    assert [(finding.cell, finding.resource) for finding in world.live()] == [(BUCKETS, "one")]
    world.put(GROUPS, "two", Size=3, Rules=[])
    world.scan()
    assert {(finding.resource, finding.drift.changes[0].path) for finding in world.live()} == {("one", "/Size"), ("two", "/Size")}
    assert world.ledger().count("baseline_reshaped") == 1


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "\x01\x1b", "\U0001f600"], ids=ascii)
def test_odd_text_is_stored_whole(world: World, text: str) -> None:
    world.put(GROUPS, "one", Size=1, Rules=[text])
    world.scan()
    (finding,) = world.live()
    assert text in [change.after for change in finding.drift.changes]
    world.baseline()
    assert world.scan().exit_code == 0
    with world.store.read() as uow:
        stored = next(item for item in uow.observations.present(GROUPS) if item.id == "one")
        assert uow.documents.get(stored.fingerprint)["config"]["Rules"] == [text]


@pytest.mark.parametrize("asked", range(6, 30, 4))
def test_a_server_that_cuts_off_a_scan_loses_and_doubles_nothing(world: World, admin: Engine, asked: int) -> None:
    """All connections die at one moment after another: the nth time that anything asks for the time, mostly within a transaction."""
    for cell in (GROUPS, BUCKETS):
        for id_ in ("one", "four"):
            world.put(cell, id_, Size=2, Rules=["a", "b"])
    count = 0

    def clock() -> datetime:
        nonlocal count
        count += 1
        if count == asked:
            cut_all(admin)
        return world.now

    world.change(clock=clock)
    failed = ""
    try:
        world.scan()
    except StoreError as error:
        failed = str(error)
    with world.store.read() as uow:
        (last,) = uow.scans.latest()
    assert last.status is (ScanStatus.FAILED if failed else ScanStatus.COMPLETE)
    assert not failed or "rolled back" in failed
    assert count >= asked
    assert world.scan().exit_code == 2
    expected = [(cell, id_) for cell in (GROUPS, BUCKETS) for id_ in ("four", "one")]
    assert sorted((finding.cell, finding.resource) for finding in world.live()) == sorted(expected)
    with world.store.read() as uow:
        opened = [entry.body["finding"] for entry in uow.ledger.entries() if entry.type == "finding_opened"]
    assert sorted(opened) == sorted(finding.id for finding in world.live())


@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_server_that_cuts_off_a_finding_halfway_leaves_no_half(world: World, admin: Engine, nth: int) -> None:
    """The connections die between a decision and the finding that it is about."""
    for cell in (GROUPS, BUCKETS):
        for id_ in ("one", "four"):
            world.put(cell, id_, Size=2, Rules=["a", "b"])
    made, plain = 0, world.installation.new_id

    def new_id(prefix: str) -> str:
        nonlocal made
        made += prefix == "finding"
        if prefix == "finding" and made == nth:
            cut_all(admin)
        return plain(prefix)

    world.change(new_id=new_id)
    with pytest.raises(StoreError, match="rolled back"):
        world.scan()
    assert len(world.live()) == (nth - 1) // 2 * 2, "a cell's findings are one transaction"
    assert world.scan().exit_code == 2
    assert len(world.live()) == 4
    assert world.ledger().count("finding_opened") == 4
