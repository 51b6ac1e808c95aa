"""What every activity source keeps; an adapter is found by being a module, and has to say here how to stage it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

import pytest
from pydantic import BaseModel

from driftwatch import plugins
from driftwatch.aws.sessions import Account
from driftwatch.domain.activity import ActivityBatch, ActivityOrder, Unexplained
from driftwatch.domain.resource import Json
from driftwatch.errors import SourceError
from driftwatch.ports import ActivitySource
from tests.contract.activity_sources.conftest import Cloud
from tests.contract.activity_sources.trail import ACCOUNT, BUCKET, NOW, REGION, event, log_file, log_key, parsed

PACKAGE = "driftwatch.aws.cloudtrail"
ACCOUNTS = (Account(id=ACCOUNT, regions=(REGION,)),)
HIDDEN_S = 1


@dataclass
class Stage:
    """A source with what it reads. `start` makes it (again, as after a restart); `give` adds events, `spoil` something that is none.

    `repeats`: events come again with every later question about the same resource. `again` waits until what was not done may come again.
    """

    start: Callable[[], ActivitySource]
    give: Callable[[Sequence[str]], None]
    spoil: Callable[[], None]
    lose: Callable[[], None]
    repeats: bool = False
    again: Callable[[], None] = lambda: None
    unexplained: tuple[Unexplained, ...] = ()
    now: datetime = NOW
    given: list[str] = field(default_factory=list)

    def order(self, position: Json) -> ActivityOrder:
        return ActivityOrder(position=position, now=self.now, unexplained=self.unexplained)

    def later(self) -> None:
        """Time enough that a source would ask again."""
        self.now += timedelta(minutes=10)


def stage_s3(cloud: Cloud) -> Stage:
    adapter = plugins.load(PACKAGE, "s3")
    settings = adapter.Settings(bucket=BUCKET, region=REGION, batch_objects=1)
    files = iter(range(1000))

    def put(data: bytes) -> None:
        cloud.s3.put_object(Bucket=BUCKET, Key=log_key(NOW - timedelta(hours=1), f"{next(files):05}"), Body=data)

    def give(ids: Sequence[str]) -> None:
        for id_ in ids:
            put(log_file([event(id_)]))

    def lose() -> None:
        for item in cloud.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            cloud.s3.delete_object(Bucket=BUCKET, Key=item["Key"])
        cloud.s3.delete_bucket(Bucket=BUCKET)

    return Stage(
        start=lambda: adapter.create("log", settings, accounts=ACCOUNTS, parse=parsed),
        give=give,
        spoil=lambda: put(b"no log file"),
        lose=lose,
    )


def stage_sqs(cloud: Cloud) -> Stage:
    adapter = plugins.load(PACKAGE, "sqs")
    url = cloud.sqs.create_queue(QueueName="events")["QueueUrl"]
    settings = adapter.Settings(queue_url=url, region=REGION, wait_s=1, visibility_s=HIDDEN_S)

    def send(body: str) -> None:
        cloud.sqs.send_message(QueueUrl=url, MessageBody=body)

    def give(ids: Sequence[str]) -> None:
        for id_ in ids:
            send(json.dumps({"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "detail": event(id_)}))

    return Stage(
        start=lambda: adapter.create("log", settings, accounts=ACCOUNTS, parse=parsed),
        give=give,
        spoil=lambda: send("no message of AWS"),
        lose=lambda: cloud.sqs.delete_queue(QueueUrl=url),
        again=lambda: time.sleep(HIDDEN_S + 0.2),
    )


def stage_lookup(cloud: Cloud) -> Stage:
    adapter = plugins.load(PACKAGE, "lookup")
    cloud.trail.now = NOW

    def give(ids: Sequence[str]) -> None:
        cloud.trail.events += [(event(id_), ["sg-0a1"]) for id_ in ids]

    def spoil() -> None:
        nameless = event("x")
        cloud.trail.events.append(({**nameless, "recipientAccountId": None} | {"eventTime": nameless["eventTime"]}, ["sg-0a1"]))

    wanted = Unexplained(account=ACCOUNT, region=REGION, type="AWS::EC2::SecurityGroup", names=("sg-0a1",), since=None, until=NOW)
    return Stage(
        start=lambda: adapter.create("log", adapter.Settings(), accounts=ACCOUNTS, parse=strictly),
        give=give,
        spoil=spoil,
        lose=lambda: cloud.trail.denied.add(REGION),
        repeats=True,
        unexplained=(wanted,),
    )


def strictly(record: object, *, where: str = "", now: datetime | None = None) -> object:
    """A parser that stumbles: LookupEvents itself never gives anything but events."""
    assert isinstance(record, Mapping)
    assert record["recipientAccountId"]
    return parsed(record, where=where, now=now)


STAGES: Mapping[str, Callable[[Cloud], Stage]] = {"s3": stage_s3, "sqs": stage_sqs, "lookup": stage_lookup}


@pytest.fixture(params=plugins.words(PACKAGE))
def stage(request: pytest.FixtureRequest, cloud: Cloud) -> Stage:
    assert request.param in STAGES, f"say in STAGES how the source {request.param} is staged"
    return STAGES[request.param](cloud)


@dataclass
class Store:
    """Commits batches as the real one does: what they hold, with the position after it."""

    position: Json = None
    ids: list[str] = field(default_factory=list)
    batches: list[ActivityBatch] = field(default_factory=list)

    def take(self, source: ActivitySource, stage: Stage) -> None:
        for batch in source.fetch(stage.order(self.position), lambda: False):
            self.commit(batch)
            source.done(batch)

    def commit_all(self, batches: Iterable[ActivityBatch]) -> None:
        for batch in batches:
            self.commit(batch)

    def commit(self, batch: ActivityBatch) -> None:
        json.dumps(batch.position)
        self.batches.append(batch)
        self.position = batch.position
        self.ids += [activity.id for activity in batch.activities]


def test_an_adapter_has_settings_and_create() -> None:
    for word in plugins.words(PACKAGE):
        module = plugins.load(PACKAGE, word)
        assert issubclass(module.Settings, BaseModel)
        assert all(field.description for field in module.Settings.model_fields.values())
        assert callable(module.create)


def test_nothing_is_no_failure(stage: Stage) -> None:
    store = Store()
    store.take(stage.start(), stage)
    assert not store.ids
    assert not any(batch.refused for batch in store.batches)


def test_every_event_comes_once(stage: Stage) -> None:
    ids = [f"event-{number:03}" for number in range(25)]
    stage.give(ids)
    store, source = Store(), stage.start()
    store.take(source, stage)
    store.take(source, stage)
    assert sorted(store.ids) == ids
    assert sum(batch.calls for batch in store.batches) > 0


def test_a_restart_loses_nothing_and_doubles_nothing(stage: Stage) -> None:
    stage.give(["a", "b"])
    store = Store()
    store.take(stage.start(), stage)
    stage.give(["c"])
    stage.later()
    store.take(stage.start(), stage)
    assert set(store.ids) == {"a", "b", "c"}
    assert stage.repeats or sorted(store.ids) == ["a", "b", "c"]


def test_a_crash_after_any_batch_loses_nothing(stage: Stage) -> None:
    ids = [f"event-{number:03}" for number in range(60)]
    stage.give(ids)
    store = Store()
    for _ in range(2):
        store.commit_all(islice(stage.start().fetch(stage.order(store.position), lambda: False), 1))
        stage.again()
    store.take(stage.start(), stage)
    assert sorted(set(store.ids)) == ids


def test_a_batch_that_was_not_committed_comes_again(stage: Stage) -> None:
    stage.give(["a"])
    first = [activity.id for batch in stage.start().fetch(stage.order(None), lambda: False) for activity in batch.activities]
    stage.again()
    store = Store()
    store.take(stage.start(), stage)
    assert first == store.ids == ["a"]


def test_what_is_refused_does_not_stop_the_rest(stage: Stage) -> None:
    stage.give(["a"])
    stage.spoil()
    stage.give(["b"])
    store, source = Store(), stage.start()
    store.take(source, stage)
    stage.again()
    store.take(source, stage)
    refused = [refused for batch in store.batches for refused in batch.refused]
    assert (sorted(store.ids), len(refused)) == (["a", "b"], 1)
    assert refused[0].where
    assert refused[0].detail


def test_a_stop_ends_it_early_and_nothing_is_lost(stage: Stage) -> None:
    ids = [f"event-{number:03}" for number in range(60)]
    stage.give(ids)
    store, source = Store(), stage.start()
    for batch in source.fetch(stage.order(None), lambda: bool(store.batches)):
        store.commit(batch)
        source.done(batch)
    assert 0 < len(store.ids) < len(ids)
    store.take(source, stage)
    assert sorted(set(store.ids)) == ids


def test_a_source_that_is_gone_is_an_error_and_what_came_before_stands(stage: Stage) -> None:
    stage.give([f"event-{number:03}" for number in range(60)])
    store, source = Store(), stage.start()
    fetched = source.fetch(stage.order(None), lambda: False)
    store.commit(next(fetched))
    stage.lose()
    with pytest.raises(SourceError, match="log"):
        store.commit_all(fetched)
    assert 0 < len(store.ids) < 60


def test_an_account_is_complete_up_to_before_the_fetch_and_never_past_it(stage: Stage) -> None:
    stage.give(["a"])
    store = Store()
    store.take(stage.start(), stage)
    told = [batch.complete_until for batch in store.batches if batch.complete_until]
    assert told == ([] if stage.repeats else [{ACCOUNT: NOW - timedelta(minutes=15)}])
    assert store.batches[0].complete_until == {}


def test_positions_of_others_are_not_read_as_its_own(stage: Stage) -> None:
    stage.give(["a"])
    store = replace(Store(), position={"version": 0, "what": ["is", "this"]})
    store.take(stage.start(), stage)
    assert store.ids == ["a"]


def test_by_itself_a_source_reads_records_as_driftwatch_does(cloud: Cloud) -> None:
    adapter = plugins.load(PACKAGE, "s3")
    person = {"type": "IAMUser", "userName": "bob", "accountId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/bob"}
    wanted = event("a", userIdentity=person, requestParameters={"groupId": "sg-0a1"})
    cloud.s3.put_object(Bucket=BUCKET, Key=log_key(NOW - timedelta(hours=1), "aaaa"), Body=log_file([wanted, {"eventName": "x"}]))
    source = adapter.create("log", adapter.Settings(bucket=BUCKET, region=REGION), accounts=ACCOUNTS)
    first = next(iter(source.fetch(ActivityOrder(position=None, now=NOW), lambda: False)))
    assert [(activity.id, activity.event_name) for activity in first.activities] == [("a", "AuthorizeSecurityGroupIngress")]
    assert [refused.where.rpartition("#")[2] for refused in first.refused] == ["2"]
