"""Findings, decisions and the ledger: one live finding per resource, and nothing that was decided ever changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, text

from driftwatch.domain.decision import Verdict
from driftwatch.domain.drift import Difference, Op
from driftwatch.domain.finding import LIVE, Finding, FindingState
from driftwatch.domain.ledger import chain
from driftwatch.errors import StoreError
from driftwatch.stores import schema
from driftwatch.stores.store import SqlStore
from tests.contract.store.conftest import Backend
from tests.contract.store.samples import ODD, T0, at, cell, decision, drift, finding

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=8,
)


def test_a_finding_comes_back_as_it_was_saved(store: SqlStore) -> None:
    full = finding(
        "f2",
        baseline=ODD,
        resource_id=ODD,
        resource=ODD,
        state=FindingState.BASELINED,
        verdict_initial=Verdict.UNAUTHORIZED,
        settled=True,
        closed_at=at(5),
        previous_id="f1",
        before_fingerprint=None,
    )
    with store.write() as work:
        work.findings.save(finding())
        work.findings.save(full)
    with store.read() as work:
        assert work.findings.get("f1") == finding()
        assert work.findings.get("f2") == full
        assert work.findings.get("f3") is None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=json_values, after=json_values)
def test_a_drift_keeps_its_values_and_so_its_version(store: SqlStore, before: object, after: object) -> None:
    changed = replace(drift(), changes=(Difference(path="/x", op=Op.REPLACE, before=before, after=after),))
    with store.write() as work:
        work.findings.save(finding(drift=changed, drift_version=changed.version))
        found = work.findings.get("f1")
    assert found
    assert found.drift == changed
    assert found.drift.version == found.drift_version


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_second_live_finding_of_a_resource_is_refused(store: SqlStore, state: FindingState) -> None:
    with store.write() as work:
        work.findings.save(finding("f1", state=state))
        with pytest.raises(StoreError, match="f1"):
            work.findings.save(finding("f2"))
        work.findings.save(finding("f3", baseline="other"))
        work.findings.save(finding("f4", where=cell("B")))
        work.findings.save(finding("f5", resource_id="another"))
        work.findings.save(finding("f1", state=FindingState.REVERTED))
        work.findings.save(finding("f2"))
        with pytest.raises(StoreError, match="f2"):
            work.findings.save(finding("f1", state=state))
        states = {item.id: item.state for item in work.findings.all()}
    assert states == dict.fromkeys(("f2", "f3", "f4", "f5"), FindingState.OPEN) | {"f1": FindingState.REVERTED}


def test_the_database_itself_refuses_a_second_live_finding(store: SqlStore) -> None:
    with store.write() as work:
        work.findings.save(finding())
    with writing(store) as connection, connection.begin():
        row = dict(connection.execute(schema.findings.select()).one()._mapping) | {"id": "f2"}
    with pytest.raises(StoreError), writing(store) as connection, connection.begin():
        connection.execute(insert(schema.findings).values(row))


def writing(store: SqlStore) -> Connection:
    return store._engine.connect().execution_options(driftwatch_write=True)


def test_the_first_settled_verdict_never_changes(store: SqlStore) -> None:
    with store.write() as work:
        work.findings.save(finding())
        first = finding(verdict_initial=Verdict.UNAUTHORIZED, settled=True)
        work.findings.save(first)
        for verdict in (None, Verdict.AUTHORIZED):
            with pytest.raises(StoreError, match="never changes"):
                work.findings.save(replace(first, verdict_initial=verdict))
        now = replace(first, verdict_current=Verdict.AUTHORIZED)
        work.findings.save(now)
        assert work.findings.get("f1") == now


def test_findings_are_listed_by_cell_by_state_and_counted(store: SqlStore) -> None:
    def of(id_: str, state: FindingState, minutes: int, **changes: Any) -> Finding:
        return finding(id_, state=state, first_seen=at(minutes), resource=id_, resource_id=id_, **changes)

    saved = [
        of("z", FindingState.OPEN, 3),
        of("b", FindingState.OPEN, 2, settled=True, verdict_initial=Verdict.UNAUTHORIZED),
        of("c", FindingState.AWAITING_BASELINE, 1, verdict_current=Verdict.AUTHORIZED),
        of("d", FindingState.REVERTED, 0),
        of("e", FindingState.OPEN, 4, where=cell("B")),
    ]
    with store.write() as work:
        for item in saved:
            work.findings.save(item)
        assert [item.id for item in work.findings.live("main", cell())] == ["b", "c", "z"]
        assert not list(work.findings.live("other", cell()))
        assert [item.id for item in work.findings.all()] == ["d", "c", "b", "z", "e"]
        assert [item.id for item in work.findings.all([FindingState.REVERTED, FindingState.AWAITING_BASELINE])] == ["d", "c"]
        assert work.findings.counts() == {
            ("open", "unauthorized", False): 2,
            ("open", "unauthorized", True): 1,
            ("awaiting_baseline", "authorized", False): 1,
        }
        work.findings.touch(["z", "d"], at(60))
        assert {item.id for item in work.findings.all() if item.last_seen == at(60)} == {"z", "d"}


def test_decisions_are_kept_in_their_order(store: SqlStore) -> None:
    with store.write() as work:
        work.findings.save(finding())
        work.findings.add_decision("f1", decision())
        work.findings.add_decision("f1", decision(verdict=Verdict.AUTHORIZED))
    with store.read() as work:
        assert work.findings.decisions("f1") == [decision().to_json(), decision(verdict=Verdict.AUTHORIZED).to_json()]
        assert work.findings.decisions("f2") == []


def test_a_ledger_entry_keeps_the_exact_bytes_that_were_hashed(store: SqlStore) -> None:
    body = {"text": ODD, "number": 2**70, "list": [1, None, True], "ratio": 0.5}
    elsewhere = T0.astimezone(timezone(timedelta(hours=2)))
    with store.write() as work:
        first = work.ledger.append(elsewhere, "first", body)
        second = work.ledger.append(at(1), ODD, None)
    with store.read() as work:
        assert list(work.ledger.entries()) == [first, second]
        assert list(work.ledger.entries(after=1)) == [second]
        assert work.ledger.head() == second
    assert first.hashed == chain(1, T0, "first", body, "0" * 64).hashed
    assert second.prev_hash == first.hash


def sql(statement: str) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(text(statement))


ATTACKS = ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "DELETE FROM {table} WHERE {key} = 1"]
SQLITE_ATTACKS = [
    "INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE {key} = 1",
    "UPDATE OR REPLACE {table} SET {key} = 1 WHERE {key} = 2",
    "INSERT INTO {table} SELECT * FROM {table} WHERE {key} = 1 ON CONFLICT DO UPDATE SET {column} = excluded.{column}",
]


@pytest.mark.parametrize(("table", "key", "column"), [("ledger", "seq", "type"), ("decisions", "decision", "verdict")])
def test_the_database_itself_refuses_to_change_what_was_written(
    backend: Backend, store: SqlStore, table: str, key: str, column: str
) -> None:
    """Not only the code: also a person with a database shell, unless the person removes the triggers first."""
    with store.write() as work:
        work.findings.save(finding())
        for minute in (1, 2):
            work.ledger.append(at(minute), "test", {})
            work.findings.add_decision("f1", decision())
    for attack in (*ATTACKS, *(["TRUNCATE {table} CASCADE"] if backend.kind == "postgresql" else SQLITE_ATTACKS)):
        statement = text(attack.format(table=table, key=key, column=column))
        with pytest.raises(StoreError, match="append-only"), writing(store) as connection, connection.begin():
            connection.execute(statement)
    with store.read() as work:
        assert [entry.ts for entry in work.ledger.entries()] == [at(1), at(2)]
        assert len(work.findings.decisions("f1")) == 2
