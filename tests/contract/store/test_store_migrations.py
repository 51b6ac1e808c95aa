"""The schema comes up to date once, whoever starts first, and never half."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, text

from driftwatch.errors import StoreError
from driftwatch.stores.migrate import migration_config
from driftwatch.stores.postgres import refuse_unfit
from driftwatch.stores.store import SqlStore, _engine
from tests.contract.store.conftest import Backend
from tests.contract.store.samples import ODD, T0, activity, cell, finding, put, resource

OPEN = """
import sys
from driftwatch.stores.store import open_store
print(open_store(sys.argv[1]).describe()["schema"])
"""
KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from driftwatch.stores.store import open_store
left = int(sys.argv[2])
@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *_):
    global left
    left -= statement.startswith("\\nCREATE") or statement.startswith("CREATE") or statement.startswith("INSERT")
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
open_store(sys.argv[1])
"""


def test_a_store_can_be_opened_again_and_keeps_what_it_holds(empty_backend: Backend) -> None:
    store = empty_backend.open()
    with store.write() as work:
        work.ledger.append(T0, "test", {})
    if empty_backend.kind != "memory":
        store.close()
        store = empty_backend.open()
    with store.read() as work:
        assert work.ledger.head()
    store.close()


def test_a_newer_schema_is_refused_with_both_revisions_and_the_remedy(empty_backend: Backend) -> None:
    if empty_backend.kind == "memory":
        pytest.skip("a store in memory is always made by this driftwatch")
    store = empty_backend.open()
    known = store.describe()["schema"]
    with store._engine.connect().execution_options(driftwatch_write=True) as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=f"schema 9999.*up to {known}.*newer driftwatch.*backup"):
        empty_backend.open()
    store.close()


def test_models_and_migrations_describe_the_same_schema(store: SqlStore) -> None:
    with writing(store) as connection, connection.begin():
        command.check(migration_config(connection))


def writing(store: SqlStore) -> Connection:
    return store._engine.connect().execution_options(driftwatch_write=True)


def test_three_processes_that_start_at_once_agree(empty_backend: Backend) -> None:
    if empty_backend.kind == "memory":
        pytest.skip("a store in memory belongs to one process")
    started = [subprocess.Popen([sys.executable, "-c", OPEN, empty_backend.url], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {(process.communicate(timeout=30)[0], process.returncode) for process in started}
    assert len(answers) == 1
    assert answers.pop()[1] == 0


def test_a_store_of_the_former_schema_keeps_what_it_holds(empty_backend: Backend) -> None:
    """And what it held before is found by the indexes that came with the log of calls."""
    if empty_backend.kind == "memory":
        pytest.skip("a store in memory is always made by this driftwatch")
    former = SqlStore(_engine(empty_backend.url, wal={"wal": True, "truncate": False}.get(empty_backend.kind)))
    with writing(former) as connection, connection.begin():
        command.upgrade(migration_config(connection), "0003")
    with former.write() as work:
        put(work, cell(), {ODD: 1, "long": 1})
        work.observations.put(cell(), [replace(resource(cell(), "long"), label="x" * 2**20)], known_at=None, now=T0)
        work.findings.save(finding(resource=ODD))
    assert former.describe()["schema"] == "0003"
    former.close()
    store = empty_backend.open()
    with writing(store) as connection, connection.begin():
        command.check(migration_config(connection))
    with store.write() as work:
        assert work.activity.add("trail", [activity()], T0)
        assert [stored.id for _, stored in work.observations.named(cell().account, cell().type, [f"arn:{ODD}"])] == [ODD]
        assert [stored.id for _, stored in work.observations.named(cell().account, cell().type, ["x" * 2**20])] == ["long"]
        assert [item.id for item in work.findings.live_of("main", cell(), [ODD])] == ["f1"]
    store.close()


@pytest.mark.parametrize("step", [1, 20, 40])
def test_a_migration_that_is_killed_leaves_nothing_and_is_done_by_the_next(empty_backend: Backend, step: int) -> None:
    if empty_backend.kind == "memory":
        pytest.skip("a store in memory dies with its process")
    killed = subprocess.run([sys.executable, "-c", KILLED, empty_backend.url, str(step)], check=False, timeout=30)
    assert killed.returncode == -9
    store = empty_backend.open()
    with writing(store) as connection, connection.begin():
        command.check(migration_config(connection))
    with store.write() as work:
        work.ledger.append(T0, "test", {})
    store.close()


class FakeConnection:
    """A server that says what it is asked to say."""

    def __init__(self, **settings: str) -> None:
        self._settings = settings

    def exec_driver_sql(self, statement: str) -> Any:
        class Result:
            def scalar_one(_self) -> str:  # noqa: N805 - the outer self is meant below
                return self._settings[statement.removeprefix("SHOW ")]

        return Result()


@pytest.mark.parametrize(
    ("version", "encoding", "said"), [("140010", "UTF8", "PostgreSQL 14 is too old"), ("150001", "SQL_ASCII", "encoded in SQL_ASCII")]
)
def test_an_unfit_server_is_refused(version: str, encoding: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        refuse_unfit(FakeConnection(server_version_num=version, server_encoding=encoding))


def test_the_oldest_tested_server_is_taken_and_the_one_before_it_is_not() -> None:
    with pytest.raises(StoreError, match="too old"):
        refuse_unfit(FakeConnection(server_version_num="149999", server_encoding="UTF8"))
    refuse_unfit(FakeConnection(server_version_num="150000", server_encoding="UTF8"))
