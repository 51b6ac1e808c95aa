"""A process that is killed in the middle of a scan loses no finding, doubles none, and leaves a store that goes on (promise P4)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from driftwatch.domain.finding import FindingState
from driftwatch.domain.scan import ScanStatus
from tests.world import BUCKETS, GROUPS, World

SEED = int(os.environ.get("DRIFTWATCH_TEST_SEED", "20260310"))
CHILD = """
import os, signal, sys
from tests.faults.test_kill import play
play(sys.argv[1], sys.argv[2], int(sys.argv[3]))
"""
DRIFTED = {"one", "four", "seven"}


def world_at(url: str, prefix: str) -> World:
    world = World(url=url)
    count = iter(range(1, 1_000_000))
    world.change(new_id=lambda name: f"{name}-{prefix}-{next(count):06d}")
    for cell in (GROUPS, BUCKETS):
        for id_ in ("one", "two", "three", "four", "five", "six", "seven"):
            world.put(cell, id_, Size=2 if id_ in DRIFTED and prefix != "first" else 1)
    return world


def play(url: str, event: str, nth: int) -> None:
    """A scan that kills its own process at the nth event of a kind; events are told right after their transaction."""
    world = world_at(url, "killed")
    world.now = world.now.replace(hour=12)
    seen = 0

    def report(told: object) -> None:
        nonlocal seen
        seen += type(told).__name__ == event
        if seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    world.events = type("Events", (), {"append": staticmethod(report)})()  # type: ignore[assignment]
    world.scan()


def recovered(url: str, prefix: str) -> World:
    """The next process on the store, after the dead one's lease has run out."""
    world = world_at(url, prefix)
    world.now = world.now.replace(hour=14)
    world.scan()
    return world


def expect_every_finding_once(world: World) -> None:
    live = world.live()
    assert sorted((finding.cell.type, finding.resource) for finding in live) == sorted(
        (cell.type, id_) for cell in (GROUPS, BUCKETS) for id_ in DRIFTED
    )
    assert {finding.state for finding in live} == {FindingState.OPEN}
    with world.store.read() as uow:
        opened = [entry.body["finding"] for entry in uow.ledger.entries() if entry.type == "finding_opened"]
        assert not [scan for scan in uow.scans.latest(20) if scan.status is ScanStatus.RUNNING]
    assert len(opened) == len(set(opened)) == 6


@pytest.fixture
def baselined(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/driftwatch.db"
    world = world_at(url, "first")
    world.scan()
    world.baseline()
    world.store.close()
    return url


@pytest.mark.parametrize(
    ("event", "nth"),
    [("ScanPlanned", 1), ("SourceSynced", 1), ("FindingChanged", 1), ("FindingChanged", 4), ("CellJudged", 1), ("ScanDone", 1)],
)
def test_killed_after_a_step(baselined: str, event: str, nth: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, baselined, event, str(nth)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    expect_every_finding_once(recovered(baselined, "after"))


def test_killed_at_random_moments(baselined: str) -> None:
    """Five kills of five processes in a row, each at a random moment of its scan; the seed is printed."""
    print("seed", SEED)
    chance = random.Random(SEED)
    for _ in range(5):
        child = subprocess.Popen([sys.executable, "-c", CHILD, baselined, "never", "0"])
        time.sleep(chance.uniform(0.5, 1.6))
        child.send_signal(signal.SIGKILL)
        child.wait()
        with World(url=baselined).store.write() as uow:
            lease = uow.leases.get("scan")
            if lease:
                uow.leases.release(lease)
    expect_every_finding_once(recovered(baselined, "after"))
