"""Pages of findings, the beginnings of their ids, and their last decisions: what a list asks for, whatever its length."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.domain.baseline import Assurance, Method
from driftwatch.domain.credential import Answer, Session, Token
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import LIVE, FindingState
from driftwatch.domain.selection import FindingSelection
from driftwatch.stores.store import SqlStore, open_store
from tests.contract.store.samples import T0, at, cell, decision, finding

ALL = FindingSelection()


def fill(store: SqlStore) -> None:
    """Four findings, of which two were first seen at one instant."""
    with store.write() as work:
        work.findings.save(finding("f-a", resource_id="ra", first_seen=at(1)))
        work.findings.save(finding("f-c", resource_id="rc", first_seen=at(2), verdict_current=Verdict.AUTHORIZED))
        work.findings.save(finding("f-b", resource_id="rb", first_seen=at(2), where=cell("AWS::KMS::Key", "222222222222", "us-east-1")))
        work.findings.save(
            finding("f-d", resource_id="rd", first_seen=at(3), state=FindingState.REVERTED, closed_at=at(9), baseline="other")
        )


def ids(store: SqlStore, wanted: FindingSelection = ALL, after: tuple[datetime, str] | None = None, limit: int = 10) -> list[str]:
    with store.read() as work:
        return [item.id for item in work.findings.page(wanted, after, limit)]


def test_the_most_recent_first_and_of_one_instant_the_greater_id(store: SqlStore) -> None:
    fill(store)
    assert ids(store) == ["f-d", "f-c", "f-b", "f-a"]
    assert ids(store, limit=2) == ["f-d", "f-c"]
    assert ids(store, after=(at(2), "f-c")) == ["f-b", "f-a"]
    assert ids(store, after=(at(2), "f-b")) == ["f-a"]
    assert ids(store, after=(at(0), "f")) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FindingSelection(states=tuple(LIVE)), ["f-c", "f-b", "f-a"]),
        (FindingSelection(states=(FindingState.REVERTED,)), ["f-d"]),
        (FindingSelection(verdicts=(Verdict.AUTHORIZED,)), ["f-c"]),
        (FindingSelection(accounts=("222222222222",)), ["f-b"]),
        (FindingSelection(accounts=()), []),
        (FindingSelection(regions=("us-east-1", "us-east-2")), ["f-b"]),
        (FindingSelection(types=("AWS::KMS::Key",)), ["f-b"]),
        (FindingSelection(baselines=("other",)), ["f-d"]),
        (FindingSelection(since=at(2)), ["f-d", "f-c", "f-b"]),
        (FindingSelection(states=tuple(LIVE), since=at(2), types=("AWS::KMS::Key",)), ["f-b"]),
    ],
)
def test_each_criterion_holds(store: SqlStore, wanted: FindingSelection, expected: list[str]) -> None:
    fill(store)
    assert ids(store, wanted) == expected


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 7))
def test_pages_hold_every_finding_once(minutes: list[int], size: int) -> None:
    """Whatever falls on one instant, and wherever pages end."""
    store = open_store("sqlite://")
    with store.write() as work:
        for number, minute in enumerate(minutes):
            work.findings.save(finding(f"f{number:02}", resource_id=f"r{number}", first_seen=at(minute)))
    whole = ids(store, limit=100)
    paged: list[str] = []
    after = None
    while page := ids(store, after=after, limit=size):
        paged += page
        after = (at(minutes[int(page[-1][1:])]), page[-1])
    assert paged == whole
    assert len(set(whole)) == len(minutes)


def test_findings_by_the_beginning_of_their_ids(store: SqlStore) -> None:
    fill(store)
    with store.write() as work:
        work.findings.save(finding("f-ab", resource_id="rab"))
        assert [item.id for item in work.findings.beginning_with("f-a", 10)] == ["f-a", "f-ab"]
        assert [item.id for item in work.findings.beginning_with("f-", 2)] == ["f-a", "f-ab"]
        assert list(work.findings.beginning_with("%", 10)) == []


def test_the_last_decision_of_each(store: SqlStore) -> None:
    fill(store)
    later = replace(decision(verdict=Verdict.AUTHORIZED), decided_at=at(7))
    with store.write() as work:
        work.findings.add_decision("f-a", decision())
        work.findings.add_decision("f-b", decision())
        work.findings.add_decision("f-a", later)
        last = work.findings.last_decisions(["f-a", "f-b", "f-c", "f-z"])
    assert {name: made["verdict"] for name, made in last.items()} == {"f-a": "authorized", "f-b": "unauthorized"}


TOKEN = Token(id="token-1", person="ana", label="ci", hash="a" * 64, created_at=at(1), expires_at=at(60))
SESSION = Session(
    hash="b" * 64, person="ana", method=Method.OIDC, assurance=Assurance.SIGNED, created_at=at(1), used_at=at(2), until=at(60)
)


def test_a_token_is_kept_as_it_is_and_found_by_its_hash(store: SqlStore) -> None:
    with store.write() as work:
        work.tokens.save(TOKEN)
        work.tokens.save(replace(TOKEN, id="token-2", person="ben", hash="c" * 64, created_at=at(2)))
        assert work.tokens.get("token-1") == work.tokens.by_hash("a" * 64) == TOKEN
        assert work.tokens.get("token-3") is work.tokens.by_hash("d" * 64) is None
        assert [item.id for item in work.tokens.all()] == ["token-2", "token-1"]
        assert [item.id for item in work.tokens.all("ana")] == ["token-1"]
        work.tokens.save(replace(TOKEN, revoked_at=at(3), revoked_by="ben"))
        kept = work.tokens.get("token-1")
    assert kept is not None
    assert (kept.revoked_at, kept.works(at(3)), TOKEN.works(at(3)), TOKEN.works(at(60))) == (at(3), False, True, False)


def test_a_session_ends_with_all_of_its_person_and_is_forgotten_in_time(store: SqlStore) -> None:
    with store.write() as work:
        work.sessions.save(SESSION)
        assert work.sessions.get("b" * 64) == SESSION
        assert (work.sessions.end_all("ben", at(5)), work.sessions.end_all("ana", at(5)), work.sessions.end_all("ana", at(6))) == (0, 1, 0)
        ended = work.sessions.get("b" * 64)
        assert ended is not None
        assert ended.ended_at == at(5)
        assert (work.sessions.forget(at(60)), work.sessions.forget(at(61)), work.sessions.get("b" * 64)) == (0, 1, None)


def test_a_session_works_until_it_idled_or_is_over() -> None:
    idle = timedelta(minutes=30)
    assert SESSION.works(at(31), idle)
    assert not SESSION.works(at(32), idle)
    assert not replace(SESSION, used_at=at(59)).works(at(60), idle)
    assert SESSION.works(at(31).astimezone(timezone(timedelta(hours=5))), idle)
    assert T0.tzinfo is UTC


def test_an_answer_is_kept_byte_for_byte_until_it_is_forgotten(store: SqlStore) -> None:
    began = Answer(key="d" * 64, asked="e" * 64, at=at(1))
    done = replace(began, status=201, body=b'{"a":"\xff"}', headers={"etag": '"x"'})
    with store.write() as work:
        work.answers.save(began)
        assert work.answers.get("d" * 64) == began
        work.answers.save(done)
        assert work.answers.get("d" * 64) == done
        assert work.answers.forget(at(1)) == 0
        assert work.answers.forget(at(2)) == 1
        work.answers.save(began)
        work.answers.remove("d" * 64)
        assert work.answers.get("d" * 64) is None
