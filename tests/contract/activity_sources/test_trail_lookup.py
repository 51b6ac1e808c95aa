"""LookupEvents: what is asked, how often and how fast, over pages, throttling and refusals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from driftwatch.aws.cloudtrail import lookup
from driftwatch.aws.cloudtrail.reading.access import Rate
from driftwatch.aws.sessions import Account
from driftwatch.domain.activity import ActivityBatch, ActivityOrder, Refusal, Unexplained
from driftwatch.domain.resource import Json
from driftwatch.errors import SourceError
from tests.contract.activity_sources.conftest import Cloud
from tests.contract.activity_sources.trail import ACCOUNT, NOW, OTHER, REGION, event, parsed

WATCHED = (Account(id=ACCOUNT, regions=(REGION,)), Account(id=OTHER, regions=("us-west-2",)))
MINUTE = timedelta(minutes=1)


def wanted(*names: str, account: str = ACCOUNT, region: str = REGION, until: datetime = NOW, **rest: Any) -> Unexplained:
    given = {"type": "AWS::EC2::SecurityGroup", "since": until - timedelta(hours=2), **rest}
    return Unexplained(account=account, region=region, names=names, until=until, **given)


class Asker:
    """The source, and the CloudTrail that it asks."""

    def __init__(self, cloud: Cloud, **settings: Any) -> None:
        self.trail = cloud.trail
        self.trail.now = NOW
        self.now = NOW
        self.position: Json = None
        self.batches: list[ActivityBatch] = []
        self.source = lookup.create("log", lookup.Settings(**settings), accounts=WATCHED, parse=parsed)

    def fetch(self, *unexplained: Unexplained) -> list[str]:
        """The ids of the events that came."""
        self.batches = []
        for batch in self.source.fetch(ActivityOrder(position=self.position, now=self.now, unexplained=unexplained), lambda: False):
            self.batches.append(batch)
            self.position = batch.position
        return [activity.id for batch in self.batches for activity in batch.activities]

    @property
    def asked(self) -> list[str]:
        """The names that were asked about, with the pages."""
        return [asked.body["LookupAttributes"][0]["AttributeValue"] for asked in self.trail.asked]

    def knows(self, name: str, ids: Iterable[str], **rest: Any) -> None:
        self.trail.events += [(event(id_, **rest), [name]) for id_ in ids]


@pytest.fixture
def asker(cloud: Cloud) -> Asker:
    return Asker(cloud)


def test_only_what_is_unexplained_is_asked_about(asker: Asker) -> None:
    asker.knows("sg-1", ["a"])
    asker.knows("sg-2", ["b"])
    assert asker.fetch() == []
    assert asker.fetch(wanted("sg-1", "arn:aws:ec2:eu-west-1:111111111111:security-group/sg-1")) == ["a"]
    assert sorted(asker.asked) == ["arn:aws:ec2:eu-west-1:111111111111:security-group/sg-1", "sg-1"]


def test_the_time_that_is_asked_about_is_that_of_the_drift(asker: Asker) -> None:
    asker.fetch(wanted("sg-1"))
    body = asker.trail.asked[0].body
    assert [datetime.fromtimestamp(body[name], UTC) for name in ("StartTime", "EndTime")] == [NOW - timedelta(hours=2), NOW]
    assert body["MaxResults"] == 50


@pytest.mark.parametrize("since", [None, NOW - timedelta(days=200)])
def test_nothing_is_asked_that_lies_further_back_than_ninety_days(asker: Asker, since: datetime | None) -> None:
    asker.fetch(wanted("sg-1", since=since), wanted("sg-2", until=NOW - timedelta(days=91)))
    assert asker.asked == ["sg-1"]
    assert datetime.fromtimestamp(asker.trail.asked[0].body["StartTime"], UTC) == NOW - timedelta(days=90)


def test_a_drift_without_length_is_asked_about_all_the_same(asker: Asker) -> None:
    asker.fetch(wanted("sg-1", since=NOW))
    assert asker.asked == ["sg-1"]


def test_a_global_resource_is_asked_about_where_global_services_log(asker: Asker) -> None:
    asker.fetch(wanted("role", region="global"), wanted("other", account=OTHER, region="us-west-2"), wanted("x", account="333333333333"))
    assert sorted((asked.region, asked.body["LookupAttributes"][0]["AttributeValue"]) for asked in asker.trail.asked) == [
        ("us-east-1", "role"),
        ("us-west-2", "other"),
    ]


def test_all_pages_are_read(asker: Asker) -> None:
    ids = [f"event-{number:03}" for number in range(120)]
    asker.knows("sg-1", ids)
    assert sorted(asker.fetch(wanted("sg-1"))) == ids
    assert len(asker.asked) == 3


def test_an_answer_of_very_many_pages_is_cut_and_that_is_told(cloud: Cloud) -> None:
    asker = Asker(cloud, max_pages=2)
    asker.knows("sg-1", [str(number) for number in range(120)])
    assert len(asker.fetch(wanted("sg-1"))) == 100
    assert [refused.reason for batch in asker.batches for refused in batch.refused] == [Refusal.UNREADABLE]


def test_a_question_is_not_asked_again_at_once_and_never_once_it_is_settled(asker: Asker) -> None:
    times = []
    for minute in range(40):
        asker.now = NOW + minute * MINUTE
        before = len(asker.asked)
        asker.fetch(wanted("sg-1"))
        times += [minute] * (len(asker.asked) - before)
    assert times == [0, 5, 10, 15]


def test_an_event_that_comes_late_is_found(asker: Asker) -> None:
    assert asker.fetch(wanted("sg-1")) == []
    asker.knows("sg-1", ["late"])
    asker.now += 6 * MINUTE
    assert asker.fetch(wanted("sg-1")) == ["late"]


def test_the_position_holds_open_questions_only(asker: Asker) -> None:
    asker.fetch(*(wanted(f"sg-{number}") for number in range(4)))
    assert isinstance(asker.position, dict)
    assert len(asker.position) == 4
    asker.fetch(wanted("sg-1"))
    assert len(asker.position) == 1


def test_a_fetch_ends_at_its_limit_and_the_next_asks_what_is_left(cloud: Cloud) -> None:
    asker = Asker(cloud, max_questions=2)
    all_of_them = [wanted(f"sg-{number}") for number in range(4)]
    asker.fetch(*all_of_them)
    asker.fetch(*all_of_them)
    assert sorted(asker.asked) == ["sg-0", "sg-1", "sg-2", "sg-3"]


def test_no_more_than_two_questions_a_second_for_each_account_and_region(asker: Asker) -> None:
    asker.fetch(*(wanted(f"sg-{number}") for number in range(4)), wanted("x", account=OTHER, region="us-west-2"))
    times = sorted(asked.at for asked in asker.trail.asked if asked.region == REGION)
    assert all(later - earlier > 0.4 for earlier, later in pairwise(times))


def test_turns_are_taken_over_all_threads_and_apart_for_each_place() -> None:
    now = 100.0
    rate = Rate(2, lambda: now)
    assert [rate.delay("a", "r") for _ in range(3)] == [0, 0.5, 1]
    assert rate.delay("a", "other") == rate.delay("b", "r") == 0
    now = 200.0
    assert rate.delay("a", "r") == 0


def test_throttling_is_waited_out(asker: Asker) -> None:
    asker.knows("sg-1", ["a"])
    asker.trail.throttled = 2
    assert asker.fetch(wanted("sg-1")) == ["a"]
    assert sum(batch.calls for batch in asker.batches) == 3


def test_an_account_that_may_not_be_asked_does_not_keep_others_from_being_asked(asker: Asker) -> None:
    asker.knows("x", ["a"], awsRegion="us-west-2")
    asker.trail.denied.add(REGION)
    both = (wanted("sg-1"), wanted("sg-2"), wanted("x", account=OTHER, region="us-west-2"))
    with pytest.raises(SourceError, match="LookupEvents"):
        asker.fetch(*both)
    assert [activity.id for batch in asker.batches for activity in batch.activities] == ["a"]
    assert len(asker.trail.asked) == 2
    asker.knows("sg-1", ["b"])
    asker.trail.denied.clear()
    assert asker.fetch(*both) == ["b"]


def test_a_stop_ends_the_wait_for_a_turn(asker: Asker) -> None:
    stops = iter([False] * 6 + [True] * 1000)
    names = [wanted(f"sg-{number}") for number in range(50)]
    list(asker.source.fetch(ActivityOrder(position=None, now=NOW, unexplained=tuple(names)), lambda: next(stops)))
    assert len(asker.asked) < 5
