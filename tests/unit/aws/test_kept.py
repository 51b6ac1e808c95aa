"""Details that an entry reads every now and then: how long an answer stands, and what a reading that used one vouches for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftwatch.aws.catalog import DetailCall
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import Every
from driftwatch.aws.kept import MAX_AGE, ON_CHANGE_READINGS, Kept
from driftwatch.aws.sessions import Account
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.scan import Reading, ReadUnit
from tests.fakes import TEST_KEY, TEST_KEY_ID, FakeCaller
from tests.unit.aws.test_reading import ACCOUNT, REGION, Read, cell, entry, failure

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def collector(every: Every, *accounts: str, clock: Callable[[], datetime]) -> AwsCollector:
    policy = DetailCall(into="Policy", op="GetPolicy", params={"Name": "$item.Name"}, take="Policy", every=every)
    catalog = {cell().type: entry(detail=(policy,))}
    return AwsCollector(catalog, [Account(id=account) for account in accounts], TEST_KEY, TEST_KEY_ID, clock=clock)


def unit(of: Cell) -> ReadUnit:
    return ReadUnit(id="unit", account=of.account, region=of.region, service="demo", cells=(of,))


class Scans:
    """One collector, scanned an hour after the other. `answers` is what AWS says."""

    def __init__(self, every: Every) -> None:
        self.now = START
        self.answers: dict[str, Any] = {"demo:ListThings": {"Things": [{"Name": "a", "Rev": 1}]}, "demo:GetPolicy": {"Policy": "one"}}
        self._collector = collector(every, ACCOUNT, clock=lambda: self.now)
        self.caller = FakeCaller(answers=self.answers)

    def scan(self, *, may_keep: bool = True, after: timedelta = HOUR) -> Read:
        self.now += after
        return Read(self._collector.read_with(self.caller, unit(cell()), Reading(may_keep=may_keep)))

    def policy(self, read: Read) -> Any:
        return read.resources[cell()]["a"].config["Policy"]

    @property
    def asked(self) -> int:
        return self.caller.count("demo:GetPolicy")


def test_every_third_scan_asks() -> None:
    scans = Scans(3)
    asked = []
    for _ in range(7):
        scans.scan()
        asked.append(scans.asked)
    assert asked == [1, 1, 1, 2, 2, 2, 3]


def test_a_reading_with_a_kept_detail_vouches_for_the_time_since_that_was_read() -> None:
    scans = Scans(3)
    first = scans.scan().ends[cell()]
    assert first.known_since == first.started_at == START + HOUR
    second = scans.scan().ends[cell()]
    assert (second.started_at, second.known_since) == (START + 2 * HOUR, START + HOUR)
    scans.scan()
    fourth = scans.scan().ends[cell()]
    assert fourth.known_since == fourth.started_at


def test_a_scan_that_somebody_asked_for_reads_anew_and_what_it_read_is_kept() -> None:
    scans = Scans(3)
    scans.scan()
    scans.answers["demo:GetPolicy"] = {"Policy": "two"}
    assert scans.policy(scans.scan()) == "one"
    assert scans.policy(scans.scan(may_keep=False)) == "two"
    assert scans.policy(scans.scan()) == "two"
    assert scans.asked == 2


def test_on_change_a_changed_item_is_read_anew_at_once() -> None:
    scans = Scans("on-change")
    scans.scan()
    scans.answers["demo:GetPolicy"] = {"Policy": "two"}
    assert scans.policy(scans.scan()) == "one"
    scans.answers["demo:ListThings"] = {"Things": [{"Name": "a", "Rev": 2}]}
    assert scans.policy(scans.scan()) == "two"
    assert scans.asked == 2


def test_on_change_is_not_believed_for_ever() -> None:
    scans = Scans("on-change")
    for _ in range(ON_CHANGE_READINGS + 1):
        scans.scan(after=timedelta(minutes=1))
    assert scans.asked == 2


@pytest.mark.parametrize("every", [100, "on-change"])
def test_an_answer_that_grew_old_is_read_anew(every: Every) -> None:
    scans = Scans(every)
    scans.scan()
    scans.scan(after=MAX_AGE)
    assert scans.asked == 1
    scans.scan(after=timedelta(seconds=1))
    assert scans.asked == 2


def test_a_failure_is_not_kept() -> None:
    scans = Scans(9)
    scans.answers["demo:GetPolicy"] = failure()
    assert not scans.scan().ends[cell()].complete
    scans.answers["demo:GetPolicy"] = {"Policy": "one"}
    assert scans.scan().ends[cell()].complete
    assert scans.asked == 2


def test_a_reader_may_change_what_it_got() -> None:
    kept = Kept()
    kept.put("key", 9, b"", {"a": [1]}, START)
    for _ in range(2):
        found = kept.take("key", 9, b"", START)
        assert found
        assert found[0] == {"a": [1]}
        found[0]["a"].append(2)


def test_the_space_is_bounded_and_the_least_recently_used_leaves_first() -> None:
    kept = Kept(max_bytes=2500)
    for name in ("a", "b"):
        kept.put(name, 99, b"", name * 1000, START)
    assert kept.take("a", 99, b"", START)
    kept.put("c", 99, b"", "c" * 1000, START)
    assert kept.take("b", 99, b"", START) is None
    assert kept.take("a", 99, b"", START)
    kept.put("huge", 99, b"", "h" * 5000, START)
    assert kept.take("huge", 99, b"", START) is None


def test_one_account_is_never_told_the_answer_of_another() -> None:
    policies = {ACCOUNT: "one", "222222222222": "other"}
    reader = collector(9, *policies, clock=lambda: START)
    for _ in range(2):
        for account, policy in policies.items():
            caller = FakeCaller(answers={"demo:ListThings": {"Things": [{"Name": "a"}]}, "demo:GetPolicy": {"Policy": policy}})
            own = Cell(scope=Scope(account=account, region=REGION), type=cell().type)
            seen = Read(reader.read_with(caller, unit(own), Reading(may_keep=True)))
            assert seen.resources[own]["a"].config["Policy"] == policy
