"""Facts beside the configuration: as they were last read, rewritten in place, gone with their resource; and what is said of a cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from driftwatch.domain.resource import Json, Resource
from driftwatch.domain.snapshot import CellState
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import ODD, T0, at, cell, resource

C = cell()


def told(id_: str, value: Json = 0, **facts: Json) -> Resource:
    return replace(resource(C, id_, value), facts=facts)


def put(store: SqlStore, minutes: float, *resources: Resource) -> list[int]:
    with store.write() as work:
        return list(work.observations.put(C, resources, known_at=T0, now=at(minutes)).rows)


def facts(store: SqlStore, id_: str) -> tuple[Json, object] | None:
    with store.read() as work:
        return work.observations.facts(C, id_)


def test_facts_are_as_they_were_last_read(store: SqlStore) -> None:
    put(store, 0, told("a", Running=1), told("b", Running=5))
    put(store, 5, told("a", Running=2), told("b", Running=5))
    assert facts(store, "a") == ({"Running": 2}, at(5))
    assert facts(store, "b") == ({"Running": 5}, at(0)), "since when they are so"
    assert facts(store, "none") is None


def test_facts_move_no_observation(store: SqlStore) -> None:
    rows = put(store, 0, told("a", Running=1))
    with store.write() as work:
        answer = work.observations.put(C, [told("a", Running=2)], known_at=T0, now=at(1))
    assert (answer.changed, list(answer.rows)) == (0, rows)


def test_facts_end_with_their_resource(store: SqlStore) -> None:
    rows = put(store, 0, told("a", Running=1), told("b", Running=1))
    with store.write() as work:
        work.observations.end(C, rows[:1], known_at=at(0), now=at(1))
    assert facts(store, "a") is None
    assert facts(store, "b") is not None


def test_facts_of_any_characters_come_back_as_they_were(store: SqlStore) -> None:
    strange: Mapping[str, Json] = {"Some.Path": [1, None, True, "text"], "Odd": ODD.replace("\ud800", "")}
    put(store, 0, replace(resource(C, ODD, 0), facts=strange))
    assert facts(store, ODD) == (dict(strange), at(0))


def test_a_cell_says_when_it_was_left_out_until_it_is_read_again(store: SqlStore) -> None:
    with store.write() as work:
        work.cells.set_state(C, CellState.CLEAN, None)
        work.cells.mark_skipped([C, cell(region="nowhere-1")], at(3))
    with store.read() as work:
        (known,) = work.cells.all()
    assert (known.state, known.skipped_at, known.empty_readings) == (CellState.CLEAN, at(3), 0)
