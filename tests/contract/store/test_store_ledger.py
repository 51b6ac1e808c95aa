"""The ledger on every store: what is stored verifies, whatever is done to the tables is named, and checks read page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from driftwatch.domain.canonical import utc_text
from driftwatch.domain.ledger_check import FaultKind
from driftwatch.errors import StoreError
from driftwatch.operations import ledger, ledger_proof
from driftwatch.operations.installation import Installation
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import ODD, T0, at, checkpoint
from tests.contract.store.test_store_cases import ATTACKS, SQLITE_ATTACKS
from tests.fakes import FakeCheckpointSigner, FakePlace
from tests.world import World


@pytest.fixture
def installation(store: SqlStore) -> Iterator[Installation]:
    world = World()
    yield replace(world.installation, store=store, checkpoint_signer=FakeCheckpointSigner(), checkpoint_places=[FakePlace()])
    world.store.close()


def write(store: SqlStore, count: int = 6) -> None:
    with store.write() as work:
        for number in range(1, count + 1):
            work.ledger.append(at(number), "test" if number % 2 else ODD, {"n": number})


def tamper(store: SqlStore, *statements: str) -> None:
    """As somebody who owns the database and removes what refuses changes."""
    with store._engine.connect().execution_options(driftwatch_write=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            for what in ("update", "delete", "replace"):
                for table in ("ledger", "ledger_checkpoints"):
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{what}"))
        for statement in statements:
            connection.execute(text(statement))


def kinds(found: ledger_proof.Verification) -> list[tuple[FaultKind, int]]:
    return [(fault.kind, fault.seq) for fault in found.faults]


def test_a_row_is_what_was_hashed_to_the_last_character(store: SqlStore) -> None:
    """Times of every kind, types and bodies of every character."""
    moments = [
        T0,
        T0.replace(microsecond=0),
        T0.replace(microsecond=1),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
    ]
    with store.write() as work:
        entries = [
            work.ledger.append(moment, ODD, {"odd": ODD, "n": 2**70}) for moment in (*moments, T0.astimezone(timezone(timedelta(hours=-9))))
        ]
        rows = work.ledger.rows(0, 100)
        assert work.ledger.rows(2, 2) == rows[2:4]
    for entry, row in zip(entries, rows, strict=True):
        assert row == (
            entry.seq,
            utc_text(entry.ts),
            ODD,
            entry.hashed,
            bytes.fromhex(entry.prev_hash),
            bytes.fromhex(entry.hash),
        )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text(st.characters()),
    json_values,
    st.datetimes(timezones=st.timezones(), min_value=T0.replace(year=2, tzinfo=None), max_value=T0.replace(year=9998, tzinfo=None)),
)
def test_whatever_is_written_verifies(store: SqlStore, type_: str, body: Any, ts: datetime) -> None:
    with store.write() as work:
        work.ledger.append(ts, type_, body)
    world = World()
    assert ledger_proof.verify(replace(world.installation, store=store)).faults == ()
    world.store.close()


def test_checkpoints_come_back_in_their_order_and_none_is_written_twice(store: SqlStore) -> None:
    items = [checkpoint(1, time=at(9)), checkpoint(2, 5, previous="b" * 64), checkpoint(3, 5)]
    with store.write() as work:
        assert work.ledger.last_checkpoint() is None
        for item in items:
            work.ledger.add_checkpoint(item)
    with store.read() as work:
        assert list(work.ledger.checkpoints()) == items
        assert list(work.ledger.checkpoints(1, 1)) == items[1:2]
        assert work.ledger.last_checkpoint() == items[2]
    with pytest.raises(StoreError), store.write() as work:
        work.ledger.add_checkpoint(replace(items[2], signature="another"))
    with store.read() as work:
        assert work.ledger.last_checkpoint() == items[2]


@pytest.mark.parametrize(("table", "key", "column"), [("ledger", "seq", "type"), ("ledger_checkpoints", "number", "at")])
def test_the_database_itself_refuses_to_change_entries_and_checkpoints(store: SqlStore, table: str, key: str, column: str) -> None:
    with store.write() as work:
        for number in (1, 2):
            work.ledger.append(at(number), "test", {})
            work.ledger.add_checkpoint(checkpoint(number))
        before = (work.ledger.rows(0, 9), work.ledger.checkpoints())
    postgresql = store._engine.dialect.name == "postgresql"
    for attack in (*ATTACKS, *(["TRUNCATE {table} CASCADE"] if postgresql else SQLITE_ATTACKS)):
        statement = text(attack.format(table=table, key=key, column=column))
        with (
            pytest.raises(StoreError, match="append-only"),
            store._engine.connect().execution_options(driftwatch_write=True) as connection,
            connection.begin(),
        ):
            connection.execute(statement)
    with store.read() as work:
        assert (work.ledger.rows(0, 9), work.ledger.checkpoints()) == before


TAMPERING: list[tuple[str, FaultKind, int]] = [
    ("UPDATE ledger SET type = 'other' WHERE seq = 3", FaultKind.COLUMNS, 3),
    ("UPDATE ledger SET ts = (SELECT ts FROM ledger WHERE seq = 1) WHERE seq = 3", FaultKind.COLUMNS, 3),
    ("UPDATE ledger SET hashed = (SELECT hashed FROM ledger WHERE seq = 5) WHERE seq = 3", FaultKind.EDITED, 3),
    ("UPDATE ledger SET hash = (SELECT hash FROM ledger WHERE seq = 5) WHERE seq = 3", FaultKind.EDITED, 3),
    ("UPDATE ledger SET prev_hash = hash WHERE seq = 1", FaultKind.EDITED, 1),
    ("DELETE FROM ledger WHERE seq = 3", FaultKind.GAP, 3),
    ("DELETE FROM ledger WHERE seq = 1", FaultKind.GAP, 1),
    ("DELETE FROM ledger WHERE seq > 4", FaultKind.CUT, 5),
    ("DELETE FROM ledger", FaultKind.CUT, 1),
    ("INSERT INTO ledger SELECT -5, ts, type, hashed, prev_hash, hash FROM ledger WHERE seq = 3", FaultKind.ORDER, 1),
    ("INSERT INTO ledger SELECT 7, ts, type, hashed, prev_hash, hash FROM ledger WHERE seq = 6", FaultKind.UNLINKED, 7),
    ("INSERT INTO ledger SELECT 9, ts, type, hashed, prev_hash, hash FROM ledger WHERE seq = 6", FaultKind.GAP, 7),
]


@pytest.mark.parametrize(("statement", "kind", "seq"), TAMPERING)
def test_whatever_is_done_to_the_table_is_named(
    installation: Installation, store: SqlStore, statement: str, kind: FaultKind, seq: int
) -> None:
    write(store)
    ledger.checkpoint(installation)
    assert ledger_proof.verify(installation).faults == ()
    tamper(store, statement)
    assert kinds(ledger_proof.verify(installation))[0] == (kind, seq)


def test_two_entries_that_changed_places_are_named(installation: Installation, store: SqlStore) -> None:
    write(store)
    tamper(store, *(f"UPDATE ledger SET seq = {new} WHERE seq = {old}" for old, new in ((2, 99), (4, 2), (99, 4))))
    assert kinds(ledger_proof.verify(installation)) == [(FaultKind.UNLINKED, 2)]


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE ledger_checkpoints SET seq = 1 WHERE number = 2", FaultKind.CHECKPOINT),
        ("UPDATE ledger_checkpoints SET at = (SELECT at FROM ledger_checkpoints WHERE number = 1) WHERE number = 2", FaultKind.CHECKPOINT),
        (
            "UPDATE ledger_checkpoints SET body = (SELECT body FROM ledger_checkpoints WHERE number = 1) WHERE number = 2",
            FaultKind.CHECKPOINT,
        ),
        ("UPDATE ledger_checkpoints SET signature = 'odd' WHERE number = 2", FaultKind.SIGNATURE),
        ("UPDATE ledger_checkpoints SET key = 'odd' WHERE number = 2", FaultKind.SIGNATURE),
        ("DELETE FROM ledger_checkpoints WHERE number = 1", FaultKind.CHECKPOINT),
        ("DELETE FROM ledger_checkpoints WHERE number = 2", FaultKind.CHECKPOINT),
    ],
)
def test_whatever_is_done_to_checkpoints_is_named(installation: Installation, store: SqlStore, statement: str, kind: FaultKind) -> None:
    for number in range(3):
        write(store, 2)
        ledger.checkpoint(replace(installation, clock=lambda number=number: at(number)))  # type: ignore[misc]
    assert ledger_proof.verify(installation).faults == ()
    tamper(store, statement)
    assert [found for found, _ in kinds(ledger_proof.verify(installation))] == [kind]


def test_values_of_a_foreign_kind_are_named_too(installation: Installation, store: SqlStore) -> None:
    """SQLite lets any column hold anything."""
    if store._engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL refuses values of another type")
    write(store)
    for column, value in (
        ("ts", "'yesterday'"),
        ("ts", "7"),
        ("type", "x'00'"),
        ("hashed", "'text'"),
        ("hash", "'text'"),
        ("prev_hash", "9.5"),
    ):
        kept = f"CREATE TABLE kept AS SELECT {column} AS value FROM ledger WHERE seq = 3"
        tamper(store, kept, f"UPDATE ledger SET {column} = {value} WHERE seq = 3")
        assert [seq for _, seq in kinds(ledger_proof.verify(installation))] == [3], column
        tamper(store, f"UPDATE ledger SET {column} = (SELECT value FROM kept) WHERE seq = 3", "DROP TABLE kept")
        assert ledger_proof.verify(installation).faults == ()
    ledger.checkpoint(installation)
    tamper(store, "UPDATE ledger_checkpoints SET seq = 'many', at = 'yesterday', body = 'text'")
    assert [kind for kind, _ in kinds(ledger_proof.verify(installation))] == [FaultKind.CHECKPOINT]


def test_entries_written_while_it_is_verified_do_no_harm(
    installation: Installation, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page is a transaction of its own, so that writers, and their checkpoints, come in between."""
    monkeypatch.setattr(ledger_proof, "PAGE", 3)
    write(store, 7)
    ledger.checkpoint(installation)
    pages: list[int] = []

    def meanwhile(what: str, done: int, _whole: int) -> None:
        if what == "entries" and len(pages) < 4:
            pages.append(done)
            write(store, 1)
            ledger.checkpoint(installation)

    found = ledger_proof.verify(installation, progress=meanwhile)
    assert (found.faults, found.entries, found.confirmed, found.checkpoints) == ((), 11, 7, 1)
    assert len(pages) == 4


def test_what_is_exported_is_read_again_and_confirms_the_ledger(
    installation: Installation, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_proof, "PAGE", 2)
    place = FakePlace()
    for _ in range(3):
        write(store, 3)
        ledger.checkpoint(installation)
        ledger.deliver(installation, place)
    lines: list[bytes] = []
    done = ledger_proof.export(installation, lines.append)
    assert (done.first, done.last, done.checkpoints, len(lines)) == (1, 9, 3, 12)
    found = ledger_proof.verify(installation, lambda: place.held)
    assert (found.faults, found.confirmed, found.exported) == ((), 9, 3)
