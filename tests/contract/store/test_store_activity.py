"""The logged calls: each stored once and whole, found by name, maker and time, and given one fate."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from driftwatch.domain.activity import Activity, Actor, ActorKind, Assumed, CallClass, Channel, Effect, Fate, RunRef, Touched
from driftwatch.domain.selection import ActivitySelection
from driftwatch.errors import StoreError
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import ODD, T0, activity, at, touched

ACCOUNT, BUCKET = "111111111111", "AWS::S3::Bucket"
UUID = "0968cbec-f8df-43f3-94ba-b451aad083ed"
FULL = activity(
    UUID,
    time=at(3.7),
    actor=Actor(
        principal="ana",
        kind=ActorKind.HUMAN,
        names=("ana", "arn:ana"),
        on_behalf_of="ben",
        channel=Channel.TERRAFORM,
        account="222222222222",
        source_ip="203.0.113.7",
        invoked_by="cloudformation.amazonaws.com",
        role="arn:role",
        access_key="ASIA1",
        run_ref=RunRef(change_id="CHG1", commit="abc", run_id="7"),
    ),
    resources=(
        Touched(type="AWS::EC2::Instance", ids=("i-1", "arn:i-1"), effect=Effect.DELETE, paths=("/A", "/B/*"), sure=False),
        Touched(type="AWS::EC2::Volume", ids=(), paths=()),
        touched("b"),
    ),
    error="AccessDenied",
    denied=True,
    read_only=False,
    assumed=Assumed(access_key="ASIA2", session="arn:session"),
)
SOURCES = count(1)


def add(store: SqlStore, *activities: Activity, source: str = "trail") -> list[str]:
    with store.write() as work:
        return [item.id for item in work.activity.add(source, activities, T0)]


def ids(found: Sequence[Activity]) -> list[str]:
    return [item.id for item in found]


@contextmanager
def statements(store: SqlStore) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store._engine, "before_cursor_execute", note)


# --- stored once and whole ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", [UUID, UUID.upper(), "e1", "", ODD, "e" * 2**20])
def test_a_call_comes_back_as_it_was(store: SqlStore, id_: str) -> None:
    call = replace(FULL, id=id_)
    assert add(store, call) == [id_]
    with store.read() as work:
        assert work.activity.get(id_) == call
        assert work.activity.get(id_ + "x") is None


@pytest.mark.parametrize("text", [ODD, "", "x" * 2**20], ids=["odd", "empty", "long"])
def test_texts_of_any_characters_and_length_come_back_and_are_found(store: SqlStore, text: str) -> None:
    call = activity(
        region=text,
        event_name=text,
        account=text,
        error=text,
        actor=Actor(principal=text, names=(text,), on_behalf_of=text, source_ip=text, access_key=text, run_ref=RunRef(run_id=text)),
        resources=(touched(text, type_=text),),
        assumed=Assumed(access_key=text, session=text),
    )
    add(store, call, source=text)
    with store.read() as work:
        assert list(work.activity.naming(text, text, [text])) == [call]
        assert list(work.activity.find(name=text, principal=text, account=text)) == [call]
        assert work.activity.began(text) == call


plain = st.text(alphabet=st.sampled_from("ab\x00\x01\ud800\ue000\U0001f600"), max_size=3)
some = st.none() | plain
calls = st.builds(
    Activity,
    id=plain,
    time=st.integers(-(10**9), 10**9).map(lambda micros: T0 + timedelta(microseconds=micros)),
    account=plain,
    region=plain,
    event_source=plain,
    event_name=plain,
    call=st.sampled_from([call for call in CallClass if call is not CallClass.READ]),
    actor=st.builds(Actor, principal=some, names=st.lists(plain, max_size=2).map(tuple), access_key=some, source_ip=some, role=some),
    resources=st.lists(st.builds(Touched, type=plain, ids=st.lists(plain, max_size=3).map(tuple)), max_size=3).map(tuple),
    error=some,
    denied=st.booleans(),
    read_only=st.none() | st.booleans(),
    assumed=st.none() | st.builds(Assumed, access_key=some, session=some),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logged=st.lists(calls, max_size=6))
def test_of_any_calls_the_first_of_each_id_is_stored_and_found_by_what_it_names(store: SqlStore, logged: list[Activity]) -> None:
    run = f"{next(SOURCES)}-"
    logged = [replace(call, id=run + call.id, account=run + call.account) for call in logged]
    first = {call.id: call for call in reversed(logged)}
    assert add(store, *logged) == list(dict.fromkeys(call.id for call in logged))
    assert not add(store, *reversed(logged))
    with store.read() as work:
        for call in first.values():
            assert work.activity.get(call.id) == call
        for account, resource in {(call.account, resource) for call in first.values() for resource in call.resources}:
            expected = [
                call.id
                for call in sorted(first.values(), key=lambda call: (call.time, call.id))
                if call.account == account
                and any(other.type == resource.type and set(other.ids) & set(resource.ids) for other in call.resources)
            ]
            assert ids(work.activity.naming(account, resource.type, resource.ids)) == expected


def test_the_first_of_two_calls_with_one_id_counts(store: SqlStore) -> None:
    """Within one batch, and over batches: a log that was tampered with must not rewrite what was told before."""
    assert add(store, activity("a", event_name="One"), activity("a", event_name="Two"), activity("b")) == ["a", "b"]
    assert add(store, activity("a", event_name="Three"), activity("c"), source="other") == ["c"]
    with store.read() as work:
        assert [work.activity.get(id_).event_name for id_ in "abc"] == ["One", "PutBucketTagging", "PutBucketTagging"]  # type: ignore[union-attr]
        assert len(work.activity.naming(ACCOUNT, BUCKET, ["b"])) == 3


def test_duplicates_cost_no_write(store: SqlStore) -> None:
    logged = [activity(str(uuid.UUID(int=number))) for number in range(700)]
    add(store, *logged)
    with store.write() as work, statements(store) as sent:
        assert not work.activity.add("trail", logged * 3, at(5))
    assert {statement.split(maxsplit=1)[0] for statement in sent} == {"SELECT"}
    assert len(sent) <= 5


def test_what_a_batch_has_in_common_is_written_once(store: SqlStore) -> None:
    with store.write() as work, statements(store) as sent:
        work.activity.add("trail", [activity(f"e{number}") for number in range(500)], T0)
    assert len(sent) <= 20


def test_a_log_in_which_nothing_is_repeated_is_stored_and_told_all_the_same(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept in memory of it is bounded."""
    monkeypatch.setattr("driftwatch.stores.activity_values._MOST", 3)
    logged = [activity(f"e{number}", event_name=f"call {number}", actor=Actor(principal=f"p{number}")) for number in range(1_200)]
    with store.write() as work:
        assert len(work.activity.add("trail", logged[:700], T0)) + len(work.activity.add("trail", logged[100:], T0)) == 1_200
        assert list(work.activity.naming(ACCOUNT, BUCKET, ["b"])) == sorted(logged, key=lambda call: call.id)
        assert work.activity.get("e7") == logged[7]


def test_reads_are_left_out_but_for_those_that_began_a_session(store: SqlStore) -> None:
    read = activity("r", call=CallClass.READ)
    session = replace(read, id="s", assumed=Assumed(access_key="ASIA2"))
    assert add(store, read, session) == ["s"]
    with store.read() as work:
        assert work.activity.began("ASIA2") == session
        assert work.activity.get("r") is None
        assert not work.activity.population("2026-03-01", "2026-03-01")


def test_a_time_without_a_zone_is_refused(store: SqlStore) -> None:
    with pytest.raises(StoreError, match="no time zone"):
        add(store, activity(time=datetime(2026, 3, 1)))  # noqa: DTZ001 - the point of the test


def test_a_call_that_names_very_much_is_found_by_each_name(store: SqlStore) -> None:
    names = [f"i-{number}" for number in range(5_000)]
    add(store, activity(resources=(touched(*names, type_="T"),)))
    with store.read() as work:
        assert ids(work.activity.naming(ACCOUNT, "T", ["i-4999"])) == ["e1"]
        assert ids(work.activity.naming(ACCOUNT, "T", names)) == ["e1"]


# --- found -------------------------------------------------------------------------------------------------------------------------------


def test_naming_is_by_account_type_name_and_time(store: SqlStore) -> None:
    add(
        store,
        activity("late", time=at(9)),
        activity("early", time=at(1)),
        activity("b-tie", time=at(5)),
        activity("a-tie", time=at(5), error="AccessDenied", denied=True),
        activity("other-account", account="222222222222"),
        activity("other-type", resources=(touched("b", type_="AWS::KMS::Key"),)),
        activity("other-name", resources=(touched("c"),)),
        activity("nothing", resources=()),
    )
    with store.read() as work:
        assert ids(work.activity.naming(ACCOUNT, BUCKET, ["b", "b2"])) == ["early", "a-tie", "b-tie", "late"]
        assert ids(work.activity.naming(ACCOUNT, BUCKET, ["arn:aws:s3:::b", "b"], since=at(5), until=at(9))) == ["a-tie", "b-tie", "late"]
        assert ids(work.activity.naming(ACCOUNT, BUCKET, ["b"], until=at(5) - timedelta(microseconds=1))) == ["early"]
        assert ids(work.activity.naming(ACCOUNT, BUCKET, ["b"], since=at(9) + timedelta(microseconds=1))) == []
        assert ids(work.activity.naming(ACCOUNT, BUCKET, [])) == ids(work.activity.naming("9", BUCKET, ["b"])) == []


def test_names_with_one_hash_are_told_apart(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 bits of a hash find the candidates; the names themselves decide."""
    for module in ("activity_rows", "activity"):
        monkeypatch.setattr(f"driftwatch.stores.{module}.name_hash", lambda _name: 7)
    add(store, activity("a", resources=(touched("a"),), assumed=Assumed(access_key="A")), activity("b", actor=Actor(names=("ben",))))
    with store.read() as work:
        assert ids(work.activity.naming(ACCOUNT, BUCKET, ["a"])) == ids(work.activity.find(name="a")) == ["a"]
        assert ids(work.activity.find(principal="ben")) == ["b"]
        assert work.activity.began("B") is None


def test_a_session_leads_to_the_call_that_knows_its_maker_best(store: SqlStore) -> None:
    """A role that is assumed across accounts is logged in both; the role's account knows little of who it was."""
    began = activity(call=CallClass.SESSION, assumed=Assumed(access_key="ASIA2"))
    add(store, replace(began, id="theirs", actor=Actor(names=("222222222222",))))
    add(store, replace(began, id="ours", actor=Actor(names=("ana", "arn:ana"), access_key="ASIA1")), replace(began, id="again"))
    with store.read() as work:
        assert work.activity.began("ASIA2").id == "ours"  # type: ignore[union-attr]
        assert work.activity.began("ASIA1") is None


def test_find_answers_with_the_newest_that_fit_everything(store: SqlStore) -> None:
    by_ben = Actor(principal="ben", names=("ben-session",), on_behalf_of="eva")
    add(
        store,
        activity("plain", time=at(1)),
        activity("ben", time=at(2), actor=by_ben),
        activity("denied", time=at(3), error="AccessDenied", denied=True),
        activity("failed", time=at(4), error="Throttling"),
        activity("session", time=at(5), call=CallClass.SESSION, actor=by_ben, resources=()),
        activity("other", time=at(6), account="222222222222"),
    )
    with store.read() as work:
        find = work.activity.find
        assert ids(find()) == ["other", "session", "failed", "denied", "ben", "plain"]
        assert ids(find(limit=2)) == ["other", "session"]
        assert ids(find(limit=0)) == ids(find(limit=-1)) == ids(find(account="9")) == ids(find(principal="nobody")) == []
        assert ids(find(since=at(2), until=at(4))) == ["failed", "denied", "ben"]
        assert ids(find(account="222222222222")) == ["other"]
        assert ids(find(changes_only=True)) == ["other", "ben", "plain"]
        assert ids(find(denied_only=True)) == ["denied"]
        assert ids(find(denied_only=True, changes_only=True)) == []
        assert ids(find(name="arn:aws:s3:::b", account=ACCOUNT)) == ["failed", "denied", "ben", "plain"]
        assert ids(find(principal="ben-session")) == ids(find(principal="eva")) == ids(find(principal="ben")) == ["session", "ben"]
        assert ids(find(principal="eva", name="b", account=ACCOUNT, changes_only=True, since=T0, until=at(9))) == ["ben"]


# --- fates -------------------------------------------------------------------------------------------------------------------------------


def test_each_change_has_one_fate_and_nothing_else_has_any(store: SqlStore) -> None:
    add(store, activity("c"), activity("f", error="AccessDenied"), activity("s", call=CallClass.SESSION))
    with store.write() as work:
        assert [work.activity.fate(id_) for id_ in ("c", "f", "s", "none")] == [(Fate.PENDING, None)] + [(None, None)] * 3
        work.activity.settle(dict.fromkeys(["c", "f", "s", "none"], Fate.MATCHED), {"c": "finding-1"})
        assert [work.activity.fate(id_) for id_ in "cfs"] == [(Fate.MATCHED, "finding-1"), (None, None), (None, None)]


def test_a_fate_may_change_and_the_finding_stays_until_another_is_given(store: SqlStore) -> None:
    add(store, activity(UUID))
    with store.write() as work:
        for fate, findings, expected in (
            (Fate.MATCHED, {UUID: "f1"}, "f1"),
            (Fate.BASELINED, None, "f1"),
            (Fate.TRANSIENT, {UUID: "f2"}, "f2"),
        ):
            work.activity.settle({UUID: fate}, findings)
            assert work.activity.fate(UUID) == (fate, expected)
        assert (work.activity.explaining("f1"), work.activity.explaining("f2")) == ([], [UUID])


def test_pending_ones_come_oldest_first_until_they_are_settled(store: SqlStore) -> None:
    add(store, *(activity(f"e{number}", time=at(9 - number)) for number in range(9)), activity("x", account="222222222222"))
    with store.write() as work:
        assert ids(work.activity.pending(ACCOUNT, 3)) == ["e8", "e7", "e6"]
        work.activity.settle({"e8": Fate.UNWATCHED, "e6": Fate.UNRESOLVED})
        assert ids(work.activity.pending(ACCOUNT, 3)) == ["e7", "e5", "e4"]
        work.activity.settle({"e8": Fate.PENDING})
        assert ids(work.activity.pending(ACCOUNT, 100))[:2] == ["e8", "e7"]
        assert ids(work.activity.pending("9", 3)) == ids(work.activity.pending(ACCOUNT, 0)) == []


def test_a_finding_knows_its_events(store: SqlStore) -> None:
    add(store, activity("a", time=at(3)), activity("b", time=at(1)), activity("c"))
    with store.write() as work:
        work.activity.settle({}, {"a": "f1", "b": "f1", "c": "f2"})
        assert work.activity.explaining("f1") == ["b", "a"]
        assert work.activity.explained(["f1", "f2", "f3"]) == {"f1", "f2"}
        assert work.activity.fate("a") == (Fate.PENDING, "f1")


def test_changes_are_counted_by_principal(store: SqlStore) -> None:
    nobody, ben = Actor(), Actor(principal="ben", access_key="A")
    add(
        store,
        activity("old", time=at(-1)),
        activity("a", time=T0),
        activity("n", actor=nobody),
        activity("b1", actor=ben),
        activity("b2", actor=replace(ben, channel=Channel.CLI)),
        activity("failed", error="AccessDenied"),
        activity("data", call=CallClass.DATA),
    )
    with store.read() as work:
        assert dict(work.activity.principals(T0)) == {"ana": 1, "": 1, "ben": 2}


# --- the population ----------------------------------------------------------------------------------------------------------------------

kinds = st.tuples(
    *(st.sampled_from(CallClass), st.sampled_from(["1", "2"]), st.integers(0, 3)),
    *(st.sampled_from([None, "E"]), st.booleans(), st.none() | st.sampled_from(Fate)),
)


def day_of(call: Activity) -> str:
    return call.time.astimezone(UTC).strftime("%Y-%m-%d")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logged=st.lists(kinds, max_size=30))
def test_the_population_is_what_counting_by_hand_finds_and_adds_up(store: SqlStore, logged: list[tuple]) -> None:  # type: ignore[type-arg]
    run = next(SOURCES)
    day = datetime(1000 + run, 2, 27, 23, 30, tzinfo=timezone(timedelta(hours=-1)))
    calls = [
        (activity(f"{run}-{number}", call=call, account=account, time=day + timedelta(days=later), error=error, denied=denied), fate)
        for number, (call, account, later, error, denied, fate) in enumerate(logged)
    ]
    add(store, *(call for call, _ in calls))
    with store.write() as work:
        work.activity.settle({call.id: fate for call, fate in calls if fate})
        found = work.activity.population(f"{1000 + run}-02-28", f"{1000 + run}-12-31")
    writes = [(call, fate or Fate.PENDING) for call, fate in calls if call.is_write]
    expected = {(day_of(call), call.account) for call, _ in writes}
    assert [(item.day, item.account) for item in found] == sorted(expected)
    for item in found:
        here = [(call, fate) for call, fate in writes if (day_of(call), call.account) == (item.day, item.account)]
        assert item.writes == len(here) == item.failed + sum(item.others.values()) + item.changes
        assert item.changes == sum(item.fates.values()) == sum(call.is_config_change for call, _ in here)
        assert item.failed == sum(call.failed for call, _ in here)
        assert item.denied == sum(call.failed and call.denied and call.call is CallClass.CONFIG for call, _ in here)
        assert all(number == sum(fate is wanted and call.is_config_change for call, fate in here) for wanted, number in item.fates.items())
        assert all(number == sum(call.call is wanted and not call.failed for call, _ in here) for wanted, number in item.others.items())


def test_the_population_has_both_days_named_and_no_other(store: SqlStore) -> None:
    add(store, *(activity(f"e{day}", time=T0 + timedelta(days=day)) for day in range(4)))
    with store.read() as work:
        assert [item.day for item in work.activity.population("2026-03-02", "2026-03-03")] == ["2026-03-02", "2026-03-03"]
        with pytest.raises(ValueError, match="day"):
            work.activity.population("2026-02-30", "2026-03-03")


# --- pages


def test_calls_come_page_by_page_the_newest_first(store: SqlStore) -> None:
    """Whatever they are asked for by, and where several are of one time."""
    calls = [activity(f"e{number}", time=at(number // 2), account=f"{number % 2:012d}") for number in range(9)]
    with store.write() as work:
        work.activity.add("trail", calls, T0)
    every = [call.id for call in reversed(calls)]
    for wanted, found in [
        (ActivitySelection(), every),
        (ActivitySelection(name="b"), every),
        (ActivitySelection(name="b", principal="ana", changes_only=True), every),
        (ActivitySelection(accounts=("000000000001",)), every[1::2]),
        (ActivitySelection(accounts=("000000000001",), name="b"), every[1::2]),
        (ActivitySelection(accounts=("000000000001", "000000000000", "9")), every),
        (ActivitySelection(accounts=()), []),
        (ActivitySelection(accounts=("9",), name="b"), []),
        (ActivitySelection(since=at(1), until=at(2)), every[3:7]),
    ]:
        seen: list[str] = []
        after = None
        while True:
            with store.read() as work:
                page, after = work.activity.page(wanted, after, 2)
            seen += [call.id for call in page]
            if after is None:
                break
        assert seen == found, wanted
