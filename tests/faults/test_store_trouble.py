"""A store that is locked, or a disk that is full: the scan says so in one sentence, and what was there before is there (F22, F23)."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from driftwatch.domain.change import Fetched
from driftwatch.domain.finding import FindingState
from driftwatch.errors import StoreError
from tests.world import BUCKETS, GROUPS, World

HOLDER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE" if sys.argv[2] == "write" else "BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


def world_at(path: Path, prefix: str, size: int = 1) -> World:
    world = World(url=f"sqlite:///{path}")
    count = iter(range(1_000_000))
    world.change(new_id=lambda name: f"{name}-{prefix}-{next(count):06d}")
    for cell in (GROUPS, BUCKETS):
        for id_ in ("one", "two", "three"):
            world.put(cell, id_, Size=size if id_ == "one" else 1)
    return world


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The store of a world that was baselined and found clean."""
    path = tmp_path / "driftwatch.db"
    world = world_at(path, "first")
    world.scan()
    world.baseline()
    assert world.scan().exit_code == 0
    world.store.close()
    return path


@contextmanager
def locked(path: Path, how: str = "write") -> Iterator[subprocess.Popen[str]]:
    """Another process holds the store's lock until its standard input ends."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdout is not None
        assert held.stdin is not None
        assert held.stdout.readline() == "held\n"
        try:
            yield held
        finally:
            held.stdin.close()


@contextmanager
def impatient(world: World) -> Iterator[None]:
    """The store waits for a lock for a fifth of a second, instead of ten."""

    def checkout(connection: Any, *_rest: object) -> None:
        connection.execute("PRAGMA busy_timeout=200")

    event.listen(world.store._engine, "checkout", checkout)
    try:
        yield
    finally:
        event.remove(world.store._engine, "checkout", checkout)


def expect_both_drifts(world: World) -> None:
    assert sorted((finding.cell, finding.resource, finding.state) for finding in world.live()) == [
        (GROUPS, "one", FindingState.OPEN),
        (BUCKETS, "one", FindingState.OPEN),
    ]
    assert world.ledger().count("finding_opened") == 2


@pytest.mark.parametrize("how", ["write", "exclusive"])
def test_a_scan_waits_for_a_lock_of_seconds(path: Path, how: str) -> None:
    world = world_at(path, "second", size=2)
    with locked(path, how) as held:
        assert held.stdin is not None
        threading.Timer(2.0, held.stdin.close).start()
        begun = time.monotonic()
        assert world.scan(minutes=30).exit_code == 2
        assert time.monotonic() - begun > 1.5
    expect_both_drifts(world)


def test_a_lock_that_stays_is_one_clear_error_and_costs_nothing(path: Path) -> None:
    world = world_at(path, "second", size=2)
    with locked(path), impatient(world), pytest.raises(StoreError, match="locked by another process"):
        world.scan(minutes=30)
    assert not world.live()
    assert world.scan().exit_code == 2
    expect_both_drifts(world)


def test_a_lock_that_comes_in_the_middle_of_a_scan_costs_nothing(path: Path) -> None:
    """It comes after everything was read and stays over the rest, the scan's own end included."""
    world = world_at(path, "second", size=2)
    plain = world.source.fetch
    with impatient(world), pytest.raises(StoreError, match="locked by another process"), locked_on_call(world, path):
        world.scan(minutes=30)
    assert {world.state(cell).reason for cell in (GROUPS, BUCKETS)} == {"not_judged"}
    world.source.fetch = plain  # type: ignore[method-assign]
    world.now = world.now.replace(day=11)  # the lease of the scan that could not even end has run out
    assert world.scan().exit_code == 2
    expect_both_drifts(world)
    with world.store.read() as uow:
        assert [scan.status.value for scan in uow.scans.latest(2)] == ["complete", "aborted"]


@contextmanager
def locked_on_call(world: World, path: Path) -> Iterator[None]:
    """The lock is taken when the change source is read, and held until the block ends."""
    holders: list[sqlite3.Connection] = []
    plain = world.source.fetch

    def fetch() -> Fetched:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        holders.append(holder)
        return plain()

    world.source.fetch = fetch  # type: ignore[method-assign]
    try:
        yield
    finally:
        for holder in holders:
            holder.close()


# --- a full disk -------------------------------------------------------------------------------------------------------------------------


NEW = 60
FULL = """
import json, sys
from tests.faults.test_store_trouble import scan_on_a_full_disk
print(json.dumps(scan_on_a_full_disk(*sys.argv[1:])))
"""


def scan_on_a_full_disk(path: str, room: str) -> dict[str, object]:
    """In a process whose files may grow by `room` bytes only: a scan that has much to store; then what can be read, and a smaller scan."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as on a full disk: the write fails, the process goes on
    world = world_at(Path(path), "full", size=2)
    fill(world)
    limit = Path(path).stat().st_size + int(room)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    error = ""
    try:
        world.scan(minutes=30)
    except StoreError as failure:
        error = str(failure)
    readable = {"live": len(world.live()), "states": sorted(world.state(cell).state.value for cell in (GROUPS, BUCKETS))}
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    world.now = world.now.replace(day=11)
    return {"error": error, **readable, "after": world.scan().exit_code, "found": len(world.live())}


def fill(world: World) -> None:
    """A megabyte of new resources in the groups, in text that hardly compresses."""
    for number in range(NEW):
        noise = "".join(hashlib.sha256(f"{number}/{part}".encode()).hexdigest() for part in range(250))
        world.put(GROUPS, f"new-{number:03d}", Noise=noise)


@pytest.mark.parametrize("room", [0, 40_000, 400_000])
def test_a_full_disk_fails_the_scan_and_leaves_the_old_state_readable(path: Path, room: int) -> None:
    """Space that comes back is used by the same process, without a restart."""
    done = subprocess.run([sys.executable, "-c", FULL, str(path), str(room)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert "disk" in said["error"]
    assert said["live"] == 0
    assert "drifted" not in said["states"]
    assert (said["after"], said["found"]) == (2, NEW + 2)
    world = world_at(path, "after", size=2)
    fill(world)
    world.now = world.now.replace(day=12)
    assert world.scan().exit_code == 2
    assert len(world.live()) == NEW + 2
    assert world.ledger().count("finding_opened") == NEW + 2
