"""What a targeted reading asks of the store: a few resources of a cell, by their ids or by any of their names."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from driftwatch.domain.finding import LIVE, FindingState
from driftwatch.domain.resource import Cell, Json, Resource, Scope
from driftwatch.domain.snapshot import Put, Stored
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import ODD, T0, add, at, cell, finding, fingerprint, prints, put, resource, version

C = cell()
OTHER, GLOBAL = cell(region="us-east-1"), cell(region="global")
NUMBERS = count(1)
worlds = st.dictionaries(st.sampled_from(["a", "b", "\x00", "\ud800", "\U0001f600", ""]), st.integers(0, 2), max_size=6)


def read(store: SqlStore, *resources: Resource, began: datetime | None, ended: datetime, same_shape: bool = True) -> Put:
    with store.write() as work:
        return work.observations.put(C, resources, known_at=began, now=ended, read_at=began, same_shape=same_shape)


def present(store: SqlStore) -> dict[str, str]:
    with store.read() as work:
        return prints(work.observations.present(C))


# --- some resources of a cell ------------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(approved=worlds, now=worlds, asked=st.lists(st.sampled_from(["a", "b", "c", "\x00", "\ud800", "\U0001f600"]), max_size=6))
def test_some_are_told_as_all_are(store: SqlStore, approved: dict[str, Json], now: dict[str, Json], asked: list[str]) -> None:
    number = next(NUMBERS)
    where = cell(account=f"some-{number}")
    with store.write() as work:
        new = version(f"v{number}", {where: approved}, name=f"name-{number}")
        add(work, new, {where: approved})
        put(work, where, now)
        every, all_present = list(work.observations.mismatches(where, new.name)), list(work.observations.present(where))
        assert list(work.observations.mismatches(where, new.name, asked)) == [item for item in every if item.id in asked]
        assert list(work.observations.present(where, asked)) == [item for item in all_present if item.id in asked]
        assert not list(work.observations.present(where, []))
        assert not list(work.observations.mismatches(where, new.name, []))


def test_more_ids_than_one_statement_takes_come_in_order(store: SqlStore) -> None:
    world: dict[str, Json] = {f"id-{number:04}": number for number in range(1_201)}
    with store.write() as work:
        add(work, version("v1", {C: {}}), {C: {}})
        put(work, C, world)
        backwards = [*reversed(world)]
        assert [item.id for item in work.observations.present(C, backwards)] == list(world)
        assert [item.id for item in work.observations.mismatches(C, "main", backwards)] == list(world)


# --- a resource by any of its names ------------------------------------------------------------------------------------------------------


def named(store: SqlStore, *names: str, account: str = C.account, type_: str = C.type) -> list[tuple[Cell, str]]:
    with store.read() as work:
        return [(where, stored.id) for where, stored in work.observations.named(account, type_, names)]


def test_id_arn_and_label_lead_to_a_resource_in_any_region(store: SqlStore) -> None:
    with store.write() as work:
        put(work, OTHER, {"a": 1, "b": 1})
        put(work, GLOBAL, {"a": 1})
        put(work, cell("AWS::KMS::Key"), {"a": 1})
        put(work, cell(account="222222222222"), {"a": 1})
    both = [(GLOBAL, "a"), (OTHER, "a")]
    assert named(store, "a") == named(store, "arn:a") == named(store, "label a", "nothing") == named(store, "a", "arn:a", "label a") == both
    assert named(store, "arn:b", "a") == [*both, (OTHER, "b")]
    assert named(store) == named(store, "c") == named(store, "a", account="9") == named(store, "a", type_="T") == []


def test_names_of_any_characters_and_length_lead_to_their_resource(store: SqlStore) -> None:
    """What is too long for an index is found all the same."""
    for number, name in enumerate((ODD, "n" * 512, "m" * 513, "x" * 2**20)):
        given_name = replace(resource(C, f"id-{number}"), arn=f"arn:{name}", label=name)
        with store.write() as work:
            work.observations.put(C, [given_name], known_at=None, now=T0)
        assert named(store, name) == named(store, f"arn:{name}") == named(store, "c", name) == [(C, f"id-{number}")]


def test_what_is_gone_is_found_as_it_was_last_but_only_where_nothing_is_there(store: SqlStore) -> None:
    with store.write() as work:
        for where, start in ((OTHER, 0), (C, 10), (GLOBAL, 5)):
            (row,) = put(work, where, {"a": start}, now=at(start))
            work.observations.end(where, [row], known_at=at(start + 1), now=at(start + 2))
        ((where, stored),) = work.observations.named(C.account, C.type, ["label a", "b"])
        assert (where, stored.id, stored.fingerprint) == (C, "a", fingerprint(10))
        put(work, GLOBAL, {"b": 1})
    assert named(store, "arn:a", "b") == [(GLOBAL, "b")]


def test_what_is_gone_in_one_region_is_found_there_whatever_another_one_has(store: SqlStore) -> None:
    with store.write() as work:
        put(work, OTHER, {"a": 1})
        (row,) = put(work, C, {"a": 2}, now=at(1))
        work.observations.end(C, [row], known_at=at(1), now=at(2))
        ((where, stored),) = work.observations.named(C.account, C.type, ["a"], [C.region, "global"])
        assert (where, stored.fingerprint) == (C, fingerprint(2))
        assert work.observations.named(C.account, C.type, ["a"], ["nowhere"]) == []


def test_of_two_that_are_gone_the_last_one_is_found_whichever_name_leads_there(store: SqlStore) -> None:
    for names, last in (("a", "b"), "b"), (("b", "a"), "a"):
        with store.write() as work:
            for start, id_ in enumerate(names):
                (row,) = put(work, C, {id_: 1}, now=at(10 * start))
                work.observations.end(C, [row], known_at=at(10 * start), now=at(10 * start + 1))
        assert named(store, "a", "label b") == named(store, "label a", "b") == named(store, "arn:a", "label b") == [(C, last)]


def test_a_changed_resource_is_found_once_as_it_is_now(store: SqlStore) -> None:
    with store.write() as work:
        put(work, C, {"a": 1})
        put(work, C, {"a": 2}, now=at(1))
        ((_, stored),) = work.observations.named(C.account, C.type, ["a", "arn:a"])
    assert stored.fingerprint == fingerprint(2)


# --- two readings at once ----------------------------------------------------------------------------------------------------------------


def test_an_older_reading_changes_nothing_that_a_later_one_saw(store: SqlStore) -> None:
    read(store, resource(C, "a", 1), resource(C, "b", 1), began=at(0), ended=at(1))
    later = read(store, resource(C, "a", 2), began=at(11), ended=at(12))
    older = read(store, resource(C, "a", 1), resource(C, "b", 2), began=at(10), ended=at(20))
    assert (older.rows[0], older.changed) == (later.rows[0], 1)
    assert present(store) == {"a": fingerprint(2), "b": fingerprint(2)}
    with store.read() as work:
        assert next(work.observations.present(C, ["a"])).since == (at(11), at(12))


def test_a_reading_that_began_when_the_row_was_written_is_the_later_one(store: SqlStore) -> None:
    read(store, resource(C, "a", 1), began=None, ended=at(1))
    assert read(store, resource(C, "a", 2), began=at(1), ended=at(2)).changed == 1
    assert present(store) == {"a": fingerprint(2)}


@pytest.mark.parametrize("same_shape", [True, False])
def test_what_a_later_reading_saw_keeps_its_document_and_facts(store: SqlStore, same_shape: bool) -> None:
    read(store, replace(resource(C, "a", 2), facts={"Running": 2}), began=at(11), ended=at(12))
    stale = replace(resource(C, "a", 1), facts={"Running": 1})
    assert read(store, stale, began=at(10), ended=at(20), same_shape=same_shape).changed == 0
    with store.read() as work:
        assert work.observations.facts(C, "a") == ({"Running": 2}, at(12))
    assert present(store) == {"a": fingerprint(2)}


def test_an_older_reading_does_not_bring_back_what_a_later_one_missed(store: SqlStore) -> None:
    (row,) = read(store, resource(C, "a", 1), began=at(0), ended=at(1)).rows
    with store.write() as work:
        work.observations.end(C, [row], known_at=at(1), now=at(12))
    older = read(store, resource(C, "a", 1), resource(C, "b", 1), began=at(10), ended=at(20))
    assert (older.rows[0], older.changed) == (row, 1)
    assert present(store) == {"b": fingerprint(1)}
    newer = read(store, resource(C, "a", 1), began=at(12), ended=at(30))
    assert newer.changed == 1
    assert set(present(store)) == {"a", "b"}


def test_without_a_beginning_the_last_to_write_is_right(store: SqlStore) -> None:
    read(store, resource(C, "a", 2), began=at(11), ended=at(12))
    read(store, resource(C, "a", 1), began=None, ended=at(5))
    assert present(store) == {"a": fingerprint(1)}


def test_what_came_during_a_reading_is_not_absent_from_it(store: SqlStore) -> None:
    read(store, resource(C, "old", 1), began=at(0), ended=at(1))
    read(store, resource(C, "new", 1), began=at(11), ended=at(12))

    def absent(began: datetime | None) -> list[str]:
        with store.read() as work:
            found: Sequence[Stored] = list(work.observations.absent(C, array("q"), began))
        return [stored.id for stored in found]

    assert absent(at(10)) == ["old"]
    assert absent(at(12)) == absent(None) == ["new", "old"]


# --- findings ----------------------------------------------------------------------------------------------------------------------------


def test_the_live_findings_of_some_resources(store: SqlStore) -> None:
    with store.write() as work:
        for number, state in enumerate(FindingState):
            work.findings.save(finding(f"f{number:02}", resource=f"r{number:02}", resource_id=f"arn:{number}", state=state))
        work.findings.save(finding("other-cell", where=OTHER, resource="r00"))
        work.findings.save(finding("other-baseline", baseline="other", resource="r00"))
        names = [f"r{number:02}" for number in range(len(FindingState))]
        live = [f"f{number:02}" for number, state in enumerate(FindingState) if state in LIVE]
        assert [item.id for item in work.findings.live_of("main", C, [*reversed(names), "none"])] == live
        assert [item.id for item in work.findings.live_of("main", C, [f"r{live[0][1:]}"])] == live[:1]
        assert not list(work.findings.live_of("main", C, []))
        assert not list(work.findings.live_of("main", Cell(scope=Scope(account="9", region="x"), type="T"), names))


def test_the_history_of_a_resource_begins_when_it_is_asked_to_and_is_oldest_first(store: SqlStore) -> None:
    with store.write() as work:
        for number in range(4):
            closed = finding(f"f{number}", resource="r", state=FindingState.REVERTED, first_seen=at(number))
            work.findings.save(closed)
        work.findings.save(finding("live", resource="r", first_seen=at(3)))
        work.findings.save(finding("another", resource="s", resource_id="arn:s", first_seen=at(3)))
        assert [item.id for item in work.findings.of_resource("main", C, "r", at(2))] == ["f2", "f3", "live"]
        assert next(iter(work.findings.of_resource("main", C, "r", at(0)))).id == "f0"
        assert not list(work.findings.of_resource("main", C, "r", at(4)))


# --- costs -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["memory"], indirect=True)
def test_a_few_resources_of_a_large_cell_are_looked_up(store: SqlStore) -> None:
    """Neither the cell nor the table is gone through."""
    world: dict[str, Json] = {f"id-{number:04}": number for number in range(2_000)}
    with store.write() as work:
        add(work, version("v1", {C: world}), {C: world})
        put(work, C, world)
        work.findings.save(finding(resource="id-0007"))
    sent: list[tuple[str, tuple[object, ...]]] = []

    def note(_connection: object, _cursor: object, statement: str, values: tuple[object, ...], *_rest: object) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, values))

    event.listen(store._engine, "before_cursor_execute", note)
    with store.read() as work:
        assert len(work.observations.named(C.account, C.type, ["id-0007", "arn:id-0008", "label id-0009"])) == 3
        assert not work.observations.named(C.account, C.type, ["nothing"])
        assert len(list(work.observations.present(C, ["id-0007"]))) == 1
        assert not list(work.observations.mismatches(C, "main", ["id-0007", "none"]))
        assert len(list(work.findings.live_of("main", C, ["id-0007"]))) == 1
        assert len(list(work.findings.of_resource("main", C, "id-0007", at(0)))) == 1
    event.remove(store._engine, "before_cursor_execute", note)
    with store._engine.connect() as connection:
        plans = [
            str(row[-1]) for statement, values in sent for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    assert not [line for line in plans if line.startswith("SCAN") and line != "SCAN CONSTANT ROW"]
    for step in (
        *("ix_cells_account_type (account=? AND type=?)", "ix_observations_arn (cell=? AND arn=?)"),
        *("ix_observations_label (cell=? AND label=?)", "uq_observations_present (cell=? AND id=?)"),
        "ix_findings_resource (baseline=? AND cell=? AND resource=?)",
    ):
        assert any(step in line for line in plans), plans
    assert not [line for line in plans if line.endswith(" (cell=?)")]
