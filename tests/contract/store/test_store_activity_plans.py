"""With very many calls every question is answered by an index: what it costs must not grow with the log."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from driftwatch.domain.activity import Activity, Actor, Assumed, CallClass, Fate
from driftwatch.ports import UnitOfWork
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import T0, activity, touched

CALLS, PORTION = 20_000, 5_000
ENGINES = pytest.mark.parametrize("backend", ["memory", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
CLASSES = (CallClass.CONFIG, CallClass.DATA, CallClass.SESSION, CallClass.CONFIG)


def call(number: int) -> Activity:
    """Thirty days of twenty accounts with four hundred resources in each, and 97 people."""
    began = Assumed(access_key=f"ASIA{number}") if number % 10 == 2 else None
    return activity(
        str(uuid.UUID(int=number)),
        time=T0 + timedelta(seconds=number * 7_919 % (30 * 86_400)),
        account=f"{number % 20:012}",
        call=CLASSES[number % 4],
        actor=Actor(principal=f"person-{number % 97}", names=(f"person-{number % 97}", "everyone")),
        resources=(touched(f"i-{number // 20 % 400}", f"arn:i-{number // 20 % 400}", type_="AWS::EC2::Instance"),),
        denied=number % 499 == 0,
        error="AccessDenied" if number % 499 == 0 else None,
        assumed=began,
    )


@pytest.fixture
def filled(store: SqlStore) -> SqlStore:
    for start in range(0, CALLS, PORTION):
        with store.write() as work:
            work.activity.add("trail", [call(number) for number in range(start, start + PORTION)], T0)
    with store.write() as work:
        settled = [call(number) for number in range(CALLS - 1_000)]
        work.activity.settle({item.id: Fate.UNWATCHED for item in settled if item.is_config_change}, {settled[0].id: "finding-1"})
    if store._engine.dialect.name == "postgresql":
        with store._engine.connect() as connection, connection.begin():
            connection.execute(text("ANALYZE"))
    return store


QUESTIONS: dict[str, tuple[Callable[[UnitOfWork], Any], int | None]] = {
    "naming": (lambda work: work.activity.naming(f"{7:012}", "AWS::EC2::Instance", ["i-17", "arn:i-17", "i-none"]), 3),
    "naming_between": (
        lambda work: work.activity.naming(f"{7:012}", "AWS::EC2::Instance", ["i-17"], since=T0, until=T0 + timedelta(days=31)),
        3,
    ),
    "pending": (lambda work: work.activity.pending(f"{7:012}", 10), 10),
    "population": (lambda work: work.activity.population("2026-03-05", "2026-03-05"), 20),
    "get": (lambda work: [work.activity.get(str(uuid.UUID(int=7)))], 1),
    "began": (lambda work: [work.activity.began("ASIA12")], 1),
    "explaining": (lambda work: work.activity.explaining("finding-1"), 1),
    "explained": (lambda work: work.activity.explained(["finding-1", "finding-2"]), 1),
    "principals": (lambda work: work.activity.principals(T0 + timedelta(days=29, hours=23)), None),
    "find": (lambda work: work.activity.find(limit=10), 10),
    "find_between": (lambda work: work.activity.find(since=T0 + timedelta(days=3), until=T0 + timedelta(days=4), limit=10), 10),
    "find_account": (lambda work: work.activity.find(account=f"{7:012}", limit=10), 10),
    "find_name": (lambda work: work.activity.find(name="i-17", limit=10), 10),
    "find_principal": (lambda work: work.activity.find(principal="person-7", limit=10), 10),
    "find_denied": (lambda work: work.activity.find(denied_only=True, limit=10), 10),
    "find_changes": (lambda work: work.activity.find(changes_only=True, limit=10), 10),
    "find_all": (
        lambda work: work.activity.find(principal="person-7", account=f"{7:012}", name="i-0", changes_only=True, limit=10),
        None,
    ),
}


STEPS = {
    "sqlite": {
        "naming": ["SEARCH activity_names USING PRIMARY KEY (name=? AND account=? AND type=?)"],
        "naming_between": ["SEARCH activity_names USING PRIMARY KEY (name=? AND account=? AND type=? AND time>? AND time<?)"],
        "pending": ["SEARCH activities USING INDEX ix_activities_pending (account=?)"],
        "population": ["SEARCH activities USING COVERING INDEX ix_activities_population (day>? AND day<?)"],
        "explained": ["SEARCH activities USING COVERING INDEX ix_activities_explaining (finding=?)"],
        "principals": ["SEARCH activities USING INDEX ix_activities_changes (time>?)"],
        "find": ["SCAN activities USING COVERING INDEX ix_activities_time"],
        "find_account": ["SEARCH activities USING COVERING INDEX ix_activities_account_time (account=?)"],
        "find_name": ["SEARCH activity_names USING PRIMARY KEY (name=?)", "SEARCH activities USING INTEGER PRIMARY KEY (rowid=?)"],
        "find_principal": ["SEARCH activities USING COVERING INDEX ix_activities_actor_time (actor=?)"],
        "find_denied": ["SCAN activities USING INDEX ix_activities_denied"],
        "find_changes": ["SCAN activities USING INDEX ix_activities_changes"],
        "find_all": ["SEARCH activity_names USING PRIMARY KEY (name=? AND account=?)"],
    },
    "postgresql": {
        "naming": ["pk_activity_names"],
        "naming_between": ["pk_activity_names"],
        "pending": ["ix_activities_pending"],
        "population": ["ix_activities_population"],
        "explained": ["ix_activities_explaining"],
        "principals": ["ix_activities_changes"],
        "find_account": ["ix_activities_account_time"],
        "find_name": ["pk_activity_names"],
        "find_denied": ["ix_activities_denied"],
        "find_changes": ["ix_activities_changes"],
    },
}
"""Steps that must be in the plan of a question. A server that knows the numbers of things chooses more freely."""


def asked(store: SqlStore, question: Callable[[UnitOfWork], Any]) -> tuple[Any, list[tuple[str, Any]]]:
    """The answer, and the statements that it took, with their values."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, values))

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        with store.read() as work:
            answer = question(work)
    finally:
        event.remove(store._engine, "before_cursor_execute", note)
    return answer, sent


def plan(store: SqlStore, statement: str, values: Any) -> Iterator[str]:
    explain = "EXPLAIN" if store._engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with store._engine.connect() as connection:
        for row in connection.exec_driver_sql(f"{explain} {statement}", values):
            yield str(row[-1])


LARGE = ("activities", "activity_names", "activity_sessions")


def whole_scans(lines: list[str]) -> list[str]:
    """The steps that read a whole table of calls. Going backwards through an index until enough was found is none."""
    on_sqlite = [line for line in lines if line in {f"SCAN {table}" for table in LARGE}]
    return on_sqlite + [line for line in lines for table in LARGE if f"Seq Scan on {table} " in line]


@pytest.mark.slow
@ENGINES
def test_no_question_reads_the_whole_log(filled: SqlStore) -> None:
    trouble = {}
    steps = STEPS[filled._engine.dialect.name]
    for name, (question, expected) in QUESTIONS.items():
        answer, sent = asked(filled, question)
        assert expected is None or len(answer) == expected, name
        plans = [line for statement, values in sent for line in plan(filled, statement, values)]
        if whole_scans(plans) or any(all(step not in line for line in plans) for step in steps.get(name, ())):
            trouble[name] = plans
    assert not trouble
