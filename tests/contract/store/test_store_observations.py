"""History by change, and the comparison with a baseline that the store does by itself."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from driftwatch.domain.baseline import Mismatch
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import cell_digest
from driftwatch.errors import StoreError
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import ODD, T0, add, at, cell, entries, fingerprint, prints, put, resource, version

C = cell()
OTHER = cell(region="us-east-1")
NUMBERS = count(1)

ids = st.text(alphabet=st.sampled_from("ab\x00\x01\ud7ff\ud800\udfff\ue000\U0001f600"), min_size=0, max_size=3)
worlds = st.dictionaries(ids, st.integers(0, 2), max_size=6)


@contextmanager
def statements(store: SqlStore) -> Iterator[list[str]]:
    """The words of SQL that were sent, transactions apart."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.split(maxsplit=1)[0] not in ("PRAGMA", "BEGIN", "SET"):
            seen.append(statement.split(maxsplit=1)[0])

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store._engine, "before_cursor_execute", note)


def test_two_different_resources_of_one_id_are_refused(store: SqlStore) -> None:
    with pytest.raises(StoreError, match="two different resources"), store.write() as work:
        work.observations.put(C, [resource(C, "a", 1), resource(C, "a", 2)], known_at=None, now=T0)
    with store.read() as work:
        assert not list(work.observations.present(C))


def test_a_fingerprint_that_is_not_the_documents_is_refused(store: SqlStore) -> None:
    """Whatever an adapter claims, the store keeps no document under a wrong hash."""
    wrong = resource(C, "a", 1)
    object.__setattr__(wrong, "fingerprint", fingerprint(2))
    with pytest.raises(StoreError, match="another hash"), store.write() as work:
        work.observations.put(C, [wrong], known_at=None, now=T0)


def test_a_reading_answers_with_the_row_of_each_resource_in_its_order(store: SqlStore) -> None:
    with store.write() as work:
        first = put(work, C, {"b": 1, "a": 1})
        answer = work.observations.put(C, [resource(C, id_, 1) for id_ in ("a", "c", "b", "a")], known_at=T0, now=at(1))
        rows = {stored.id: stored.row for stored in work.observations.present(C)}
    assert list(answer.rows) == [rows["a"], rows["c"], rows["b"], rows["a"]]
    assert (rows["b"], rows["a"]) == tuple(first)
    assert answer.changed == 1


def test_a_change_starts_a_new_row_and_dates_it(store: SqlStore) -> None:
    with store.write() as work:
        old = put(work, C, {"a": 1}, now=at(1))
    with store.write() as work:
        new = put(work, C, {"a": 2}, now=at(11), known_at=at(10))
    with store.read() as work:
        (stored,) = work.observations.present(C)
    assert new != old
    assert (stored.since, stored.fingerprint, stored.arn, stored.label) == ((at(10), at(11)), fingerprint(2), "arn:a", "label a")


def test_what_did_not_change_costs_no_write(store: SqlStore) -> None:
    world = {f"id-{number:03}": number for number in range(500)}
    with store.write() as work:
        put(work, C, world)
    with store.write() as work:
        resources = [resource(C, id_, value) for id_, value in world.items()]
        with statements(store) as sent:
            answer = work.observations.put(C, resources, known_at=T0, now=at(1))
    assert answer.changed == 0
    assert sent == ["SELECT", "SELECT"]  # the cell's number, and the rows by id


def test_a_batch_costs_few_statements_however_many_changed(store: SqlStore) -> None:
    with store.write() as work:
        put(work, C, {f"id-{number:03}": number for number in range(500)})
    with store.write() as work:
        resources = [resource(C, f"id-{number:03}", -number - 1) for number in range(500)]
        with statements(store) as sent:
            assert work.observations.put(C, resources, known_at=T0, now=at(1)).changed == 500
    assert len(sent) <= 20


def test_the_document_of_every_stored_fingerprint_is_there(store: SqlStore) -> None:
    with store.write() as work:
        put(work, C, {"a": ODD, "b": 2**70, "c": None})
    with store.read() as work:
        found = {stored.id: work.documents.get(stored.fingerprint)["config"]["Value"] for stored in work.observations.present(C)}
    assert found == {"a": ODD, "b": 2**70, "c": None}


def test_absent_are_the_present_ones_that_were_not_seen(store: SqlStore) -> None:
    with store.write() as work:
        rows = dict(zip("abcd", put(work, C, dict.fromkeys("abcd", 1)), strict=True))
        put(work, OTHER, {"x": 1})
        work.observations.end(C, [rows["d"]], known_at=T0, now=at(1))
        absent = [stored.id for stored in work.observations.absent(C, array("q", [rows["c"], rows["a"]]))]
        assert absent == ["b"]
        assert [stored.id for stored in work.observations.absent(C, array("q"))] == ["a", "b", "c"]


def test_the_first_absence_is_remembered_until_it_is_seen_again(store: SqlStore) -> None:
    with store.write() as work:
        (row,) = put(work, C, {"a": 1})
        work.observations.mark_missing(C, [row], at(1))
        work.observations.mark_missing(C, [row], at(2))
        (stored,) = work.observations.present(C)
        assert stored.missing_since == at(1)
        assert put(work, C, {"a": 1}, now=at(3)) == [row]
        (stored,) = work.observations.present(C)
    assert stored.missing_since is None
    assert stored.since == (None, T0)


def test_the_rows_of_another_cell_are_never_touched(store: SqlStore) -> None:
    with store.write() as work:
        (row,) = put(work, OTHER, {"a": 1})
        put(work, C, {"a": 1})
        work.observations.mark_missing(C, [row], at(1))
        work.observations.end(C, [row], known_at=None, now=at(1))
        (stored,) = work.observations.present(OTHER)
    assert stored.missing_since is None


def test_another_shape_rewrites_in_place_and_keeps_since(store: SqlStore) -> None:
    """An upgrade is not drift: the history goes on as if the resource had not changed."""
    with store.write() as work:
        rows = put(work, C, {"a": 1}, now=at(1))
        answer = work.observations.put(C, [resource(C, "a", 2)], known_at=at(5), now=at(6), same_shape=False)
        (stored,) = work.observations.present(C)
    assert list(answer.rows) == rows
    assert (stored.fingerprint, stored.since) == (fingerprint(2), (None, at(1)))


def test_the_coming_shape_is_kept_beside_and_adopted_later(store: SqlStore) -> None:
    with store.write() as work:
        put(work, C, {"a": 1, "b": 1})
        both = [resource(C, "a", 1), resource(C, "b", 1)]
        coming = [resource(C, "a", 10), resource(C, "b", 11)]
        assert work.observations.put(C, both, known_at=T0, now=at(1), reshaped=coming).changed == 0
        assert set(prints(work.observations.present(C)).values()) == {fingerprint(1)}
        work.observations.adopt_reshaped(C)
        stored = list(work.observations.present(C))
        assert work.documents.get(fingerprint(10))
    assert prints(stored) == {"a": fingerprint(10), "b": fingerprint(11)}
    assert {item.since for item in stored} == {(None, T0)}


def test_a_coming_fingerprint_that_was_not_read_again_is_never_adopted(store: SqlStore) -> None:
    """What an earlier scan held beside a resource says nothing about what it is now."""
    with store.write() as work:
        work.observations.put(C, [resource(C, "a", 1)], known_at=None, now=T0, reshaped=[resource(C, "a", 10)])
        put(work, C, {"a": 1}, now=at(1))
        work.observations.adopt_reshaped(C)
        assert prints(work.observations.present(C)) == {"a": fingerprint(1)}


def test_ids_and_names_of_any_characters_come_back_as_they_were(store: SqlStore) -> None:
    odd = resource(C, ODD, 1)
    with store.write() as work:
        work.observations.put(C, [odd], known_at=None, now=T0)
    with store.read() as work:
        (stored,) = work.observations.present(C)
    assert (stored.id, stored.arn, stored.label) == (odd.id, odd.arn, odd.label)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds)
def test_the_digest_is_the_cell_digest_over_what_is_present(store: SqlStore, world: dict[str, int]) -> None:
    """Both databases sort ids as Python does, whatever characters are in them."""
    where = cell(account=f"digest-{next(NUMBERS)}")
    with store.write() as work:
        put(work, where, world)
        present = list(work.observations.present(where))
        assert [stored.id for stored in present] == sorted(world)
        expected = cell_digest((id_, fingerprint(world[id_])) for id_ in sorted(world))
        assert work.observations.digest(where) == (expected, len(world))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(approved=worlds, former=worlds, now=worlds)
def test_mismatches_are_what_a_comparison_by_hand_finds(
    store: SqlStore, approved: dict[str, int], former: dict[str, int], now: dict[str, int]
) -> None:
    """Changed, new, gone (with the date of its end) and never seen, in the order of ids, for any history."""
    number = next(NUMBERS)
    where, beside = cell(account=f"mismatch-{number}"), cell(account=f"beside-{number}")
    with store.write() as work:
        new = version(f"v{number}", {where: approved, beside: {"z": 1}}, name=f"name-{number}")
        add(work, new, {where: approved, beside: {"z": 1}})
        put(work, beside, {"a": 5})
        rows = dict(zip(former, put(work, where, former, now=at(1)), strict=True))
        work.observations.end(where, [row for id_, row in rows.items() if id_ not in now], known_at=at(1), now=at(2))
        put(work, where, now, now=at(2), known_at=at(1))
        found = list(work.observations.mismatches(where, new.name))
        present = {stored.id: stored for stored in work.observations.present(where)}
    baseline = {entry.id: entry for entry in entries(approved)}
    expected = [
        Mismatch(
            id=id_,
            current=present.get(id_),
            baseline=baseline.get(id_),
            gone=(at(1), at(2)) if id_ in former and id_ not in now else None,
        )
        for id_ in sorted(approved.keys() | now.keys())
        if approved.get(id_) != now.get(id_)
    ]
    assert found == expected


def test_the_end_of_a_gone_resource_is_its_last_one(store: SqlStore) -> None:
    with store.write() as work:
        add(work, version("v1", {C: {"a": 1}}), {C: {"a": 1}})
        for start in (0, 10):
            (row,) = put(work, C, {"a": 1}, now=at(start))
            work.observations.end(C, [row], known_at=at(start + 1), now=at(start + 2))
        (gone,) = work.observations.mismatches(C, "main")
    assert gone.gone == (at(11), at(12))
    assert gone.current is None


@pytest.mark.parametrize("name", ["main", "nobody"])
def test_a_cell_without_active_contents_has_no_mismatches(store: SqlStore, name: str) -> None:
    """It is unbaselined: the caller knows that, and must not take every resource for new."""
    with store.write() as work:
        put(work, C, {"a": 1})
        add(work, version("v1", {OTHER: {}}), {OTHER: {}})
        add(work, version("v2", {C: {}}, parent="v1"), {C: {}}, activate=False)
        assert not list(work.observations.mismatches(C, name))


def test_an_empty_approved_cell_makes_everything_new(store: SqlStore) -> None:
    with store.write() as work:
        put(work, C, {"a": 1})
        add(work, version("v1", {C: {}}), {C: {}})
        (new,) = work.observations.mismatches(C, "main")
    assert (new.baseline, new.current and new.current.id) == (None, "a")


def test_an_unknown_cell_is_empty(store: SqlStore) -> None:
    nowhere: Cell = cell(account="999999999999")
    with store.read() as work:
        assert work.observations.digest(nowhere) == (cell_digest([]), 0)
        assert not list(work.observations.present(nowhere))
        assert not list(work.observations.mismatches(nowhere, "main"))
