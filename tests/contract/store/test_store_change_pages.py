"""Pages of change records: each once, the newest first, whatever is equal; also of a store that was filled before there were pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from driftwatch.domain import codec
from driftwatch.domain.change import ChangeRecord, ChangeState, Fetched, RecordPlace, place_of
from driftwatch.stores.columns import JsonBytes
from driftwatch.stores.migrate import migration_config
from driftwatch.stores.store import SqlStore, _engine
from tests.contract.store.conftest import Backend
from tests.contract.store.samples import ODD, T0

Page = Callable[[RecordPlace | None, int], Sequence[ChangeRecord]]


def record(id_: str, source: str = "files", days: float = 0, **fields: Any) -> ChangeRecord:
    return ChangeRecord(id=id_, source=source, created_at=T0 + timedelta(days=days), **fields)


RECORDS = (
    record("a"),
    record("b", days=1, state=ChangeState.CLOSED),
    record("a", "tickets"),
    record("a", "other"),
    record(ODD, days=-400),
    record("c", days=1 / 86_400_000_000),
)
NEWEST_FIRST = sorted(RECORDS, key=place_of, reverse=True)


def walked(page: Page, size: int) -> list[ChangeRecord]:
    found: list[ChangeRecord] = []
    after = None
    while part := page(after, size):
        assert len(part) <= size
        found += part
        after = place_of(part[-1])
    return found


@pytest.fixture
def filled(store: SqlStore) -> SqlStore:
    with store.write() as work:
        for source in ("files", "tickets", "other"):
            work.changes.sync(source, Fetched(records=tuple(item for item in RECORDS if item.source == source)), T0)
    return store


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
def test_pages_hold_every_record_once(filled: SqlStore, size: int) -> None:
    with filled.read() as work:
        assert walked(lambda after, limit: work.changes.page((), (), after, limit), size) == NEWEST_FIRST


def test_pages_are_of_the_sources_and_states_that_are_asked_for(filled: SqlStore) -> None:
    with filled.read() as work:
        page = work.changes.page
        assert list(page(("other", "tickets"), (), None, 9)) == [record("a", "tickets"), record("a", "other")]
        assert [item.id for item in page((), (ChangeState.CLOSED,), None, 9)] == ["b"]
        assert list(page(("tickets",), (ChangeState.CLOSED,), None, 9)) == []
        assert list(page(("none",), (), None, 9)) == []


def test_a_record_that_changes_or_vanishes_is_paged_as_it_is_now(filled: SqlStore) -> None:
    later, now = record("a", "tickets", days=9, state=ChangeState.CANCELLED), T0 + timedelta(days=10)
    with filled.write() as work:
        work.changes.sync("tickets", Fetched(records=(later,)), now)
        work.changes.sync("other", Fetched(records=()), now)
    with filled.read() as work:
        assert work.changes.page((), (), None, 1) == [later]
        assert list(work.changes.page(("tickets",), (ChangeState.REQUESTED,), None, 9)) == []
        assert [item.stale_since for item in work.changes.page(("other",), (), None, 9)] == [now]


def test_what_the_register_holds_comes_from_there(filled: SqlStore) -> None:
    with filled.write() as work:
        work.register.save(record("a", "tickets", title="as it stands"), 1, T0)
    with filled.read() as work:
        others = [item for item in NEWEST_FIRST if item.source != "tickets"]
        assert list(work.changes.page((), (), None, 9, registered="tickets")) == others
        assert list(work.changes.page((), (), None, 9, registered="files")) == [item for item in NEWEST_FIRST if item not in RECORDS[:1]]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_of_the_register(store: SqlStore, size: int) -> None:
    held = [record("a", ""), record("b", "", days=1), record(ODD, "", days=1), record("c", "", days=-1)]
    with store.write() as work:
        for item in held:
            work.register.save(item, 1, T0)
        work.register.save(replace(held[0], state=ChangeState.APPROVED), 2, T0)
    shown = [replace(item, source="register") for item in (replace(held[0], state=ChangeState.APPROVED), *held[1:])]
    with store.read() as work:
        page = work.register.page
        assert walked(lambda after, limit: page("register", (), after, limit), size) == sorted(shown, key=place_of, reverse=True)
        assert [item.id for item in page("register", (ChangeState.APPROVED,), None, 9)] == ["a"]
        beside: tuple[datetime, str, str] = (held[0].created_at, "a", "q")
        assert [item.id for item in page("register", (), beside, 9)] == ["c"], "register comes after q in the alphabet"


def test_records_from_before_there_were_pages_are_on_them(empty_backend: Backend) -> None:
    """More than one portion of them, so that the way through them is walked, too."""
    if empty_backend.kind == "memory":
        pytest.skip("a store in memory is always made by this driftwatch")
    former = SqlStore(_engine(empty_backend.url, wal={"wal": True, "truncate": False}.get(empty_backend.kind)))
    held = [*RECORDS, *(record(f"n-{number:04}", "many", days=number % 7) for number in range(1100))]
    body = JsonBytes()
    dialect = former._engine.dialect
    with former._engine.connect().execution_options(driftwatch_write=True) as connection, connection.begin():
        command.upgrade(migration_config(connection), "0006")
        for item in held:
            row = {"s": item.source, "i": item.id if item.id != ODD else "odd", "c": b"0" * 32}
            written = replace(item, id=row["i"])
            row["b"] = body.process_bind_param(codec.encode(written), dialect)
            connection.execute(text("INSERT INTO change_records (source, id, content, body) VALUES (:s, :i, :c, :b)"), row)
        kept = {"i": "REG-1", "at": "2026-01-01 00:00:00.000000", "b": body.process_bind_param(codec.encode(record("REG-1", "")), dialect)}
        connection.execute(text("INSERT INTO register (id, revision, changed_at, body) VALUES (:i, 1, :at, :b)"), kept)
    former.close()
    store = empty_backend.open()
    with store.read() as work:
        found = walked(lambda after, limit: work.changes.page((), (), after, limit), 200)
        assert len(found) == len(held)
        assert found == sorted(found, key=place_of, reverse=True)
        assert [item.id for item in work.changes.page((), (ChangeState.CLOSED,), None, 9)] == ["b"]
        assert [item.id for item in work.register.page("register", (ChangeState.REQUESTED,), None, 9)] == ["REG-1"]
    store.close()
