"""The queue: every kind of message that reaches one, what is set aside, what comes again, and when it is empty."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest

from driftwatch.aws.cloudtrail import sqs
from driftwatch.aws.cloudtrail.reading.access import Calls
from driftwatch.aws.cloudtrail.reading.queue import Message, Queue, Work
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.activity import ActivityBatch, ActivityOrder, Refusal
from driftwatch.errors import SourceError
from tests.contract.activity_sources.conftest import Cloud
from tests.contract.activity_sources.trail import ACCOUNT, BUCKET, NOW, REGION, event, log_file, log_key, parsed

WATCHED = (Account(id=ACCOUNT, regions=(REGION,)),)
KEY = log_key(NOW, "aaaa")


class Messages:
    """A queue with its source; a message that was left is there again at once."""

    def __init__(self, cloud: Cloud, **settings: Any) -> None:
        self.sqs, self.s3 = cloud.sqs, cloud.s3
        self.url = cloud.sqs.create_queue(QueueName="events")["QueueUrl"]
        given = {"queue_url": self.url, "region": REGION, "bucket": BUCKET, "wait_s": 1, "visibility_s": 30, "retry_s": 0, **settings}
        self.source = sqs.create("log", sqs.Settings.model_validate(given), accounts=WATCHED, parse=parsed)
        self.batches: list[ActivityBatch] = []

    def send(self, body: Mapping[str, Any] | str) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body if isinstance(body, str) else json.dumps(body))

    def put(self, id_: str, key: str = KEY) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=log_file([event(id_)]))

    def fetch(self) -> list[str]:
        """The ids of the events that came, all committed."""
        self.batches = []
        for batch in self.source.fetch(ActivityOrder(position=None, now=NOW), lambda: False):
            self.batches.append(batch)
            self.source.done(batch)
        return [activity.id for batch in self.batches for activity in batch.activities]

    @property
    def refused(self) -> list[Refusal]:
        return [refused.reason for batch in self.batches for refused in batch.refused]

    @property
    def complete(self) -> list[Mapping[str, datetime]]:
        return [batch.complete_until for batch in self.batches if batch.complete_until]

    @property
    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(int(n) for n in self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"].values())


@pytest.fixture
def queue(cloud: Cloud) -> Messages:
    return Messages(cloud)


def by_sns(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:eu-west-1:111111111111:t", "Message": json.dumps(body)}


def of_s3(key: str, bucket: str = BUCKET, name: str = "ObjectCreated:Put") -> Mapping[str, Any]:
    described = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/"), "size": 1}}
    return {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name, "s3": described}]}


BRIDGED = {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": BUCKET}, "object": {"key": KEY}}}
OF_CLOUDTRAIL = {"s3Bucket": BUCKET, "s3ObjectKey": [KEY]}
ENVELOPE = {"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "detail": event("a")}


@pytest.mark.parametrize(
    "body",
    [ENVELOPE, by_sns(ENVELOPE), event("a"), {"Records": [event("a")]}, of_s3(KEY), by_sns(of_s3(KEY)), BRIDGED, OF_CLOUDTRAIL],
    ids=["bridge", "sns", "event", "log", "s3", "s3-sns", "s3-bridge", "cloudtrail"],
)
def test_every_kind_of_message_gives_its_events_and_is_deleted(queue: Messages, body: Mapping[str, Any]) -> None:
    queue.put("a")
    queue.send(body)
    assert (queue.fetch(), queue.refused, queue.left) == (["a"], [], 0)


@pytest.mark.parametrize(
    "body",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET},
        of_s3(KEY.replace("/CloudTrail/", "/CloudTrail-Digest/")),
        of_s3("elsewhere/file.json.gz"),
        of_s3(KEY, name="ObjectRemoved:Delete"),
        {"source": "aws.s3", "detail-type": "Object Deleted", "detail": BRIDGED["detail"]},
    ],
    ids=["test-event", "digest", "other-object", "removed", "removed-bridge"],
)
def test_messages_that_concern_no_log_go_in_silence(queue: Messages, body: Mapping[str, Any]) -> None:
    queue.put("a")
    queue.send(body)
    assert (queue.fetch(), queue.refused, queue.left) == ([], [], 0)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no JSON", Refusal.NOT_JSON),
        ("{}", Refusal.NO_RECORDS),
        ('"text"', Refusal.NOT_AN_EVENT),
        ('{"detail": {"eventName": "x"}}', Refusal.NO_ID),
        (json.dumps(by_sns(by_sns(by_sns(by_sns(by_sns({})))))), Refusal.NO_RECORDS),
    ],
)
def test_a_message_that_never_can_be_read_is_set_aside_and_deleted(queue: Messages, body: str, reason: Refusal) -> None:
    queue.send(body)
    assert (queue.fetch(), queue.refused, queue.left) == ([], [reason], 0)


def test_a_file_of_another_bucket_is_not_fetched(queue: Messages) -> None:
    """Whoever may send to the queue must not choose what driftwatch reads."""
    queue.s3.create_bucket(Bucket="foreign", CreateBucketConfiguration={"LocationConstraint": REGION})
    queue.s3.put_object(Bucket="foreign", Key=KEY, Body=log_file([event("a")]))
    queue.send(of_s3(KEY, bucket="foreign"))
    assert (queue.fetch(), queue.refused, queue.left) == ([], [Refusal.UNREADABLE], 0)


def test_a_key_with_odd_letters(queue: Messages) -> None:
    key = KEY.replace("AWSLogs", "a b+ü/AWSLogs")
    queue.put("a", key)
    queue.send(of_s3(key))
    assert queue.fetch() == ["a"]


def test_a_file_that_is_not_there_yet_is_waited_for(queue: Messages) -> None:
    queue.send(of_s3(KEY))
    assert (queue.fetch(), queue.refused, queue.left) == ([], [], 1)
    assert queue.complete == []
    queue.put("a")
    assert (queue.fetch(), queue.left) == (["a"], 0)


def test_a_file_that_never_comes_is_set_aside_in_the_end(cloud: Cloud) -> None:
    queue = Messages(cloud, retry_s=600)
    queue.send(of_s3(KEY))
    for _ in range(3):
        assert (queue.fetch(), queue.refused, queue.left) == ([], [], 1)
        make_visible(queue)
    assert (queue.fetch(), queue.refused, queue.left) == ([], [Refusal.UNREADABLE], 0)


def test_a_file_that_may_not_be_read_stays_in_the_queue_and_is_the_sources_trouble(queue: Messages) -> None:
    """Also where the message comes again within the same fetch, which must not go round for ever."""
    refuse_objects(queue)
    queue.send(of_s3(KEY))
    for _ in range(5):
        with pytest.raises(SourceError, match="GetObject"):
            queue.fetch()
        assert (queue.refused, queue.complete, queue.left) == ([], [], 1)


def refuse_objects(queue: Messages) -> None:
    from botocore.awsrequest import AWSResponse

    class Raw:
        def stream(self, *_: Any, **__: Any) -> Any:
            return iter((b"<Error><Code>AccessDenied</Code><RequestId>r</RequestId></Error>",))

    client = queue.source._calls._sessions.client("self", REGION, "s3")
    client.meta.events.register(
        "before-send.s3.GetObject", lambda request, **_: AWSResponse(request.url, 403, {"x-amz-request-id": "r"}, Raw())
    )


def make_visible(queue: Messages) -> None:
    """What a message's time would do, without waiting for it."""
    from moto.backends import get_backend
    from moto.core.models import DEFAULT_ACCOUNT_ID

    for message in get_backend("sqs")[DEFAULT_ACCOUNT_ID][REGION].queues["events"]._messages:
        message.visible_at = 0


def test_an_empty_queue_makes_the_accounts_complete(queue: Messages) -> None:
    queue.send(ENVELOPE)
    queue.fetch()
    assert queue.complete == [{ACCOUNT: NOW - timedelta(minutes=15)}]


def test_a_queue_with_hidden_messages_is_not_empty(queue: Messages) -> None:
    """A message that was left, or that another reader holds, may tell of any time."""
    queue.send(of_s3(KEY))
    queue.sqs.receive_message(QueueUrl=queue.url, VisibilityTimeout=600)
    assert (queue.fetch(), queue.complete) == ([], [])


def test_more_messages_than_one_call_gives(queue: Messages) -> None:
    for number in range(35):
        queue.send(event(f"event-{number:02}"))
    assert sorted(queue.fetch()) == [f"event-{number:02}" for number in range(35)]
    assert queue.left == 0
    assert all(len(batch.activities) <= 10 for batch in queue.batches)


def test_a_fetch_ends_at_its_limit(cloud: Cloud) -> None:
    queue = Messages(cloud, max_messages=20)
    for number in range(35):
        queue.send(event(str(number)))
    assert (len(queue.fetch()), len(queue.fetch())) == (20, 15)


def test_what_could_not_be_deleted_is_told(queue: Messages) -> None:
    queue.send(ENVELOPE)
    (batch, *_) = queue.source.fetch(ActivityOrder(position=None, now=NOW), lambda: False)
    assert isinstance(batch.receipt, list)
    forged = ActivityBatch(receipt=[*batch.receipt, "no handle"])
    with pytest.raises(SourceError, match="1 of 2 messages"):
        queue.source.done(forged)
    assert queue.left == 0


def test_messages_stay_hidden_for_as_long_as_they_are_worked_on(cloud: Cloud) -> None:
    """Half of the visibility timeout is over: it begins anew, except for what was left."""
    url = cloud.sqs.create_queue(QueueName="slow")["QueueUrl"]
    for number in range(2):
        cloud.sqs.send_message(QueueUrl=url, MessageBody=str(number))
    calls = Calls([Account(id=ACCOUNT, regions=(REGION,))], Limits())
    queue = Queue(caller=calls.by(ACCOUNT), url=url, region=REGION, visibility_s=3)
    now = 0.0
    messages = queue.receive(1, lambda: False)
    work = Work(queue, messages, clock=lambda: now)
    time.sleep(1.6)
    now = 1.6
    work.keep_hidden()
    time.sleep(1.7)
    assert not queue.receive(1, lambda: False)
    assert sorted(message.body for message in messages) == ["0", "1"]


def test_a_message_tells_how_often_it_was_received(cloud: Cloud) -> None:
    url = cloud.sqs.create_queue(QueueName="again")["QueueUrl"]
    cloud.sqs.send_message(QueueUrl=url, MessageBody="x")
    calls = Calls([Account(id=ACCOUNT, regions=(REGION,))], Limits())
    queue = Queue(caller=calls.by(ACCOUNT), url=url, region=REGION, visibility_s=600)
    seen: list[Message] = []
    for _ in range(3):
        seen += queue.receive(1, lambda: False)
        queue.hide(seen[-1:], 0)
    assert [message.receives for message in seen] == [1, 2, 3]
