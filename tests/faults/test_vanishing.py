"""Listings of an eventually consistent service: what is missing once is not deleted, what is deleted is found (promise P2, F8, F9)."""

from __future__ import annotations

import os
import random

import pytest

from driftwatch.domain.drift import DriftKind
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.snapshot import CellState
from tests.world import ACCOUNT, World

SEED = int(os.environ.get("DRIFTWATCH_TEST_SEED", "20260310"))
SCANS = int(os.environ.get("DRIFTWATCH_TEST_SCANS", "150"))
VANISHES, DELETED = 0.1, 0.02
LATEST = 2
"""Further scans within which a deletion is found."""
CELLS = [
    Cell(scope=Scope(account=ACCOUNT, region="eu-west-1"), type="AWS::EC2::SecurityGroup"),
    Cell(scope=Scope(account=ACCOUNT, region="us-east-1"), type="AWS::KMS::Alias"),
]
HELD_FOR = 10
"""Scans that a vanished population stays vanished."""


class Flickering:
    """A world in which resources leave out single listings, never two in a row, and some are really deleted."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.world = World()
        self.really: dict[Cell, dict[str, dict[str, object]]] = {
            cell: {f"r{number:02d}": {"Name": f"r{number:02d}", "Size": number} for number in range(24)} for cell in CELLS
        }
        self.absent: dict[Cell, set[str]] = {cell: set() for cell in CELLS}
        self.deleted: dict[tuple[Cell, str], int] = {}
        """When each was deleted: the number of the scan."""

    def show(self, *, flicker: bool = True) -> None:
        """Settles what the next listing leaves out: few enough at once that the guard against mass disappearance stays aside."""
        for cell in CELLS:
            there = [id_ for id_ in self.really[cell] if id_ not in self.absent[cell]]
            gone = {id_ for id_ in there if self.chance.random() < VANISHES} if flicker else set()
            self.absent[cell] = set(sorted(gone)[:2])
            self.world.collector.world[cell] = {
                id_: dict(self.really[cell][id_]) for id_ in self._order(cell) if id_ not in self.absent[cell]
            }

    def delete(self, number: int) -> None:
        """Deletes at most one, so that the guard stays aside; deleted resources were seen last time."""
        cell = self.chance.choice(CELLS)
        there = [id_ for id_ in self.really[cell] if id_ not in self.absent[cell]]
        if len(there) > 12 and self.chance.random() < DELETED * len(there):
            id_ = self.chance.choice(there)
            del self.really[cell][id_]
            self.deleted[cell, id_] = number

    def found(self) -> set[tuple[Cell, str]]:
        live = self.world.live()
        assert all(finding.drift.kind is DriftKind.DELETED for finding in live)
        return {(finding.cell, finding.resource) for finding in live}

    def _order(self, cell: Cell) -> list[str]:
        ids = list(self.really[cell])
        self.chance.shuffle(ids)
        return ids


@pytest.mark.slow
def test_nothing_that_only_left_out_single_listings_is_deleted_and_every_deletion_is_found() -> None:
    print("seed", SEED)
    flickering = Flickering(random.Random(SEED))
    world = flickering.world
    flickering.show(flicker=False)
    world.scan()
    world.baseline()
    missed = late = 0
    for number in range(SCANS):
        flickering.delete(number)
        flickering.show()
        done = world.scan()
        missed += sum(map(len, flickering.absent.values()))
        found = flickering.found()
        assert found <= flickering.deleted.keys(), "a resource that exists was called deleted"
        due = {key for key, since in flickering.deleted.items() if number - since >= LATEST}
        late += len(due - found)
        for cell in CELLS:
            if flickering.absent[cell]:
                assert world.state(cell).state is CellState.UNKNOWN, "a listing that lacks a resource is no complete one"
        assert done.exit_code == (2 if found else 3 if any(flickering.absent.values()) or flickering.deleted else 0)
    assert late == 0
    assert missed > SCANS
    assert len(flickering.deleted) >= 20
    flickering.show(flicker=False)
    world.scan()
    world.scan()
    assert flickering.found() == flickering.deleted.keys()


def test_a_population_that_vanishes_is_held_for_as_long_as_it_stays_away_and_then_is_there_again() -> None:
    """Wholly, or more than a fifth and at least five of it; flickering all the while, in every order."""
    chance = random.Random(SEED)
    for kept in (0, 1, 12, 18):
        flickering = Flickering(chance)
        world = flickering.world
        flickering.show(flicker=False)
        world.scan()
        world.baseline()
        whole = dict(flickering.really[CELLS[0]])
        flickering.really[CELLS[0]] = dict(list(whole.items())[:kept])
        for _ in range(HELD_FOR):
            flickering.show()
            assert world.scan().exit_code == 3
            assert world.state(CELLS[0]).reason == "suspected_mass_delete"
            assert not world.live()
        flickering.really[CELLS[0]] = whole
        flickering.show(flicker=False)
        assert world.scan().exit_code == 0
        assert world.state(CELLS[0]).state is CellState.CLEAN
