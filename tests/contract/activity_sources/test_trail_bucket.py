"""The bucket of a trail: which files are read, late ones, many, and those that cannot be fetched."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from driftwatch.aws.cloudtrail import s3
from driftwatch.aws.sessions import Account
from driftwatch.domain.activity import ActivityBatch, ActivityOrder, Refusal
from driftwatch.domain.resource import Json
from driftwatch.errors import SourceError
from tests.contract.activity_sources.conftest import Cloud
from tests.contract.activity_sources.trail import ACCOUNT, BUCKET, NOW, OTHER, REGION, event, log_file, log_key, parsed

WATCHED = (Account(id=ACCOUNT, regions=(REGION,)), Account(id=OTHER, regions=(REGION,)))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Bucket:
    """The bucket, and one source that reads it from where it was."""

    def __init__(self, cloud: Cloud, **settings: Any) -> None:
        self.s3 = cloud.s3
        self.now = NOW
        self.position: Json = None
        self.batches: list[ActivityBatch] = []
        self.source = s3.create("log", s3.Settings(bucket=BUCKET, region=REGION, **settings), accounts=WATCHED, parse=parsed)

    def put(self, id_: str, at: datetime, random: str = "aaaa", **where: str) -> str:
        key = log_key(at, random, **where)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=log_file([event(id_, at)]))
        return key

    def fetch(self) -> list[str]:
        """The ids of the events that came."""
        new = []
        self.batches = []
        for batch in self.source.fetch(ActivityOrder(position=self.position, now=self.now), lambda: False):
            self.batches.append(batch)
            self.position = batch.position
            new += [activity.id for activity in batch.activities]
        return new

    @property
    def refused(self) -> list[tuple[Refusal, str]]:
        return [(refused.reason, refused.where) for batch in self.batches for refused in batch.refused]

    @property
    def complete(self) -> dict[str, datetime]:
        return {account: until for batch in self.batches for account, until in batch.complete_until.items()}


@pytest.fixture
def bucket(cloud: Cloud) -> Bucket:
    return Bucket(cloud)


def test_the_watched_accounts_and_regions_and_where_global_services_log(bucket: Bucket) -> None:
    at = NOW - HOUR
    bucket.put("mine", at)
    bucket.put("global", at, region="us-east-1")
    bucket.put("elsewhere", at, region="ap-south-1")
    bucket.put("other", at, account=OTHER)
    bucket.put("stranger", at, account="333333333333")
    assert sorted(bucket.fetch()) == ["global", "mine", "other"]


def test_prefix_and_organization_are_part_of_the_place(cloud: Cloud) -> None:
    bucket = Bucket(cloud, prefix="trails/main/", organization="o-abcdefghij")
    bucket.put("mine", NOW - HOUR, root="trails/main/AWSLogs/o-abcdefghij")
    bucket.put("another trail's", NOW - HOUR)
    assert bucket.fetch() == ["mine"]


def test_only_log_files_are_read(bucket: Bucket) -> None:
    key = bucket.put("mine", NOW - HOUR)
    folder = key.rpartition("/")[0]
    for name in (f"{folder}/", f"{folder}/note.txt", key.replace("/CloudTrail/", "/CloudTrail-Insight/")):
        bucket.s3.put_object(Bucket=BUCKET, Key=name, Body=b"no log")
    assert (bucket.fetch(), bucket.refused) == (["mine"], [])


def test_the_first_reading_begins_at_the_start(cloud: Cloud) -> None:
    bucket = Bucket(cloud, start_h=3)
    bucket.put("old", NOW - 4 * HOUR)
    bucket.put("new", NOW - 2 * HOUR)
    assert bucket.fetch() == ["new"]


def test_reading_calls_are_counted_and_left_out(bucket: Bucket) -> None:
    data = log_file([event("a"), event("r", eventName="GetUser"), event("b")])
    bucket.s3.put_object(Bucket=BUCKET, Key=log_key(NOW - HOUR, "aaaa"), Body=data)
    assert bucket.fetch() == ["a", "b"]
    assert sum(batch.reads for batch in bucket.batches) == 1


def test_files_come_in_order_and_midnight_is_no_border(bucket: Bucket) -> None:
    midnight = NOW.replace(hour=0)
    times = [midnight - HOUR, midnight - MINUTE, midnight, midnight + MINUTE]
    for number, at in enumerate(reversed(times)):
        bucket.put(f"{len(times) - number}", at)
    assert bucket.fetch() == ["1", "2", "3", "4"]


@pytest.mark.slow
def test_more_files_than_a_page_of_the_listing(cloud: Cloud) -> None:
    bucket = Bucket(cloud, batch_objects=100)
    ids = [f"event-{number:04}" for number in range(1050)]
    for number, id_ in enumerate(ids):
        bucket.put(id_, NOW - HOUR, f"{number:05}")
    assert (bucket.fetch(), bucket.fetch()) == (ids, [])


def test_a_fetch_ends_at_its_limit_and_the_next_goes_on(cloud: Cloud) -> None:
    bucket = Bucket(cloud, max_objects=4, batch_objects=2)
    for number in range(7):
        bucket.put(str(number), NOW - HOUR, f"{number:05}")
    assert bucket.fetch() == ["0", "1", "2", "3"]
    assert not bucket.complete
    assert bucket.fetch() == ["4", "5", "6"]
    assert bucket.complete


@pytest.mark.parametrize("late", [timedelta(0), HOUR, 7 * HOUR, 40 * HOUR])
def test_a_file_that_comes_late_is_read_however_its_name_sorts(cloud: Cloud, late: timedelta) -> None:
    """Its name says when it should have come; those with later names were read before."""
    bucket = Bucket(cloud, start_h=72)
    bucket.put("first", NOW - 2 * MINUTE, "mmmm")
    bucket.fetch()
    bucket.now += 2 * HOUR
    bucket.put("late", bucket.now - 2 * HOUR - late - 2 * MINUTE, "aaaa")
    assert (bucket.fetch(), bucket.fetch()) == (["late"], [])


def test_between_whole_listings_the_last_two_hours_are_looked_at(bucket: Bucket) -> None:
    bucket.put("first", NOW - 10 * MINUTE)
    bucket.fetch()
    bucket.now += 10 * MINUTE
    bucket.put("late", NOW - HOUR)
    bucket.put("later", NOW - 20 * HOUR)
    assert bucket.fetch() == ["late"]
    bucket.now += HOUR
    assert bucket.fetch() == ["later"]


def test_nothing_is_lost_over_days_of_standstill(bucket: Bucket) -> None:
    bucket.put("before", NOW - HOUR)
    bucket.fetch()
    for days in range(1, 8):
        bucket.put(f"day-{days}", NOW + days * DAY)
    bucket.now += 8 * DAY
    assert bucket.fetch() == [f"day-{days}" for days in range(1, 8)]


def test_what_is_remembered_stays_bounded(bucket: Bucket) -> None:
    sizes = []
    for days in range(8):
        bucket.now = NOW + days * DAY
        for number in range(5):
            bucket.put(f"{days}-{number}", bucket.now - HOUR, f"{number:05}")
        assert len(bucket.fetch()) == 5
        sizes.append(len(str(bucket.position)))
    assert sizes[-1] == sizes[-2] == sizes[-3]


# --- what cannot be fetched --------------------------------------------------------------------------------------------------------------


class Refusing:
    """Objects that moto does not give: the SDK's own road to them ends in what S3 answers."""

    def __init__(self, bucket: Bucket, keys: Iterable[str], code: str = "AccessDenied", status: int = 403) -> None:
        self.keys = set(keys)
        client = bucket.source._calls._sessions.client("self", REGION, "s3")
        client.meta.events.register("before-send.s3.GetObject", self._answer)
        self._body = f"<Error><Code>{code}</Code><Message>no</Message><RequestId>r</RequestId></Error>".encode()
        self._status = status

    def _answer(self, request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        if not any(request.url.endswith(key) for key in self.keys):
            return None

        class Raw:
            def stream(self, *_: Any, **__: Any) -> Iterable[bytes]:
                return iter((body,))

        body = self._body
        return AWSResponse(request.url, self._status, {"x-amz-request-id": "r"}, Raw())


def test_a_file_that_may_not_be_read_is_told_and_tried_again_while_others_go_on(bucket: Bucket) -> None:
    keys = [bucket.put(str(number), NOW - HOUR, f"{number:05}") for number in range(3)]
    refusing = Refusing(bucket, [keys[1]])
    assert bucket.fetch() == ["0", "2"]
    assert bucket.refused == [(Refusal.UNREADABLE, f"s3://{BUCKET}/{keys[1]}")]
    assert not bucket.complete
    assert (bucket.fetch(), bucket.refused) == ([], [])
    refusing.keys.clear()
    bucket.now += 2 * MINUTE
    assert bucket.fetch() == ["1"]
    assert bucket.complete == {ACCOUNT: bucket.now - 15 * MINUTE}


def test_a_file_that_never_can_be_read_is_given_up_after_days(bucket: Bucket) -> None:
    keys = [bucket.put(str(number), NOW - HOUR, f"{number:05}") for number in range(2)]
    refusing = Refusing(bucket, [keys[1]])
    bucket.fetch()
    refused, hours = 0, 0
    while not bucket.complete:
        hours += 4
        bucket.now += 4 * HOUR
        bucket.put(f"hour-{hours}", bucket.now - MINUTE)
        bucket.fetch()
        refused += len(bucket.refused)
    assert 48 < hours < 120
    assert refused == 1
    refusing.keys.clear()
    bucket.now += HOUR
    assert bucket.fetch() == []


def test_that_no_file_at_all_may_be_read_is_a_failure_and_nothing_is_lost(bucket: Bucket) -> None:
    keys = [bucket.put(str(number), NOW - HOUR, f"{number:05}") for number in range(3)]
    refusing = Refusing(bucket, keys)
    with pytest.raises(SourceError, match="AccessDenied"):
        bucket.fetch()
    refusing.keys.clear()
    bucket.now += 2 * MINUTE
    assert sorted(bucket.fetch()) == ["0", "1", "2"]


def test_a_file_that_is_too_large_is_told_once(cloud: Cloud) -> None:
    bucket = Bucket(cloud, max_object_bytes=1 << 20)
    key = bucket.put("small", NOW - HOUR)
    large = key.replace("aaaa", "bbbb")
    bucket.s3.put_object(Bucket=BUCKET, Key=large, Body=bytes((1 << 20) + 1))
    assert (bucket.fetch(), bucket.refused) == (["small"], [(Refusal.TOO_LARGE, f"s3://{BUCKET}/{large}")])
    bucket.now += HOUR
    assert (bucket.fetch(), bucket.refused) == ([], [])


def test_an_account_without_any_file_is_not_called_complete(bucket: Bucket) -> None:
    """Nothing was seen of it: perhaps its trail delivers somewhere else."""
    bucket.put("mine", NOW - HOUR)
    bucket.fetch()
    assert set(bucket.complete) == {ACCOUNT}


def test_a_file_with_very_many_events_comes_in_several_batches(bucket: Bucket) -> None:
    ids = [f"event-{number:05}" for number in range(12_000)]
    bucket.s3.put_object(Bucket=BUCKET, Key=log_key(NOW - HOUR, "aaaa"), Body=log_file([event(id_) for id_ in ids]))
    assert bucket.fetch() == ids
    assert max(len(batch.activities) for batch in bucket.batches) == 5000


def test_a_crash_within_a_large_file_reads_it_again(bucket: Bucket) -> None:
    ids = [f"event-{number:05}" for number in range(6000)]
    bucket.s3.put_object(Bucket=BUCKET, Key=log_key(NOW - HOUR, "aaaa"), Body=log_file([event(id_) for id_ in ids]))
    first = next(iter(bucket.source.fetch(ActivityOrder(position=None, now=NOW), lambda: False)))
    bucket.position = first.position
    assert set(bucket.fetch()) == set(ids)
