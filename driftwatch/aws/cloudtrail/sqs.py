"""Logged calls from a queue that EventBridge feeds, or the notifications of the trail's bucket do.

A message is deleted once its batch is committed. Needs sqs:ReceiveMessage, ChangeMessageVisibility, DeleteMessage and GetQueueAttributes,
and s3:GetObject where the queue announces files. No other reader should take from the queue: what it takes is never seen here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.cloudtrail.reading import access
from driftwatch.aws.cloudtrail.reading.access import Access, Bucket, LogCaller, Region
from driftwatch.aws.cloudtrail.reading.intake import Intake, Parse, parser
from driftwatch.aws.cloudtrail.reading.notices import Located, notice
from driftwatch.aws.cloudtrail.reading.objects import Objects
from driftwatch.aws.cloudtrail.reading.queue import Message, Queue, Work
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.documents.models import Word
from driftwatch.domain.activity import ActivityBatch, ActivityOrder, Refusal
from driftwatch.domain.snapshot import GapReason
from driftwatch.errors import SourceError

QueueUrl = Annotated[str, Word(r"https?://[^\s/@]+/[^\s@]+", "the URL of a queue")]


class Settings(Access):
    """The settings of an `sqs` source."""

    queue_url: QueueUrl = Field(description="The URL of the queue.")
    bucket: Bucket | None = Field(default=None, description="The trail's bucket, where the queue announces its files; no other is read.")
    bucket_region: Region | None = Field(default=None, description="The bucket's region; default: that of the queue.")
    rule: str | None = Field(default=None, min_length=1, max_length=64, description="The EventBridge rule that feeds the queue.")
    wait_s: int = Field(default=10, ge=1, le=20, description="Seconds that a fetch waits for a message before the queue counts as empty.")
    visibility_s: int = Field(default=120, ge=1, le=43_200, description="Seconds that messages are hidden while they are worked on.")
    retry_s: int = Field(default=60, ge=0, le=43_200, description="Seconds until a message that could not be worked on comes again.")
    max_receives: int = Field(default=3, ge=1, le=1000, description="A message whose file is not there is set aside after so many times.")
    max_messages: int = Field(default=10_000, ge=1, le=1_000_000, description="Messages that one fetch takes.")
    delivery_lag_s: int = Field(default=900, ge=0, le=86_400, description="Seconds until an event has certainly reached the queue.")


class SqsSource:
    """Takes messages until none is left. Its position means nothing: what was not deleted is still in the queue.

    A message that can never be read is set aside, and deleted as if it had been. One whose file cannot be had now (denied, throttled,
    unreachable) stays in the queue; one whose file is not there stays until it was received more than `max_receives` times.
    """

    def __init__(self, name: str, settings: Settings, accounts: Sequence[Account], parse: Parse) -> None:
        self.name = name
        self._settings = settings
        self._parse = parse
        self._accounts = [account.id for account in accounts]
        self._reader = settings.reader(accounts)
        self._calls = access.Calls([self._reader], Limits(call_deadline_s=120.0, max_reply_bytes=settings.max_object_bytes))

    @property
    def accounts(self) -> Sequence[str]:
        """All that are watched: the queue is to bring the calls of each."""
        return self._accounts

    @property
    def reads_from(self) -> Sequence[str]:
        """The queue, the bucket whose files it announces, and the rule that feeds it."""
        return [name for name in (self._settings.queue_url, self._settings.bucket, self._settings.rule) if name]

    @property
    def poll_s(self) -> float:
        """None: a fetch waits for messages by itself."""
        return 0.0

    def close(self) -> None:
        """Ends its calls, and the thread that watches over them."""
        self._calls.close()

    def fetch(self, order: ActivityOrder, stopped: Callable[[], bool]) -> Iterator[ActivityBatch]:
        """Batches of up to ten messages; an account is told complete when the queue was found empty."""
        caller = self._calls.by(self._reader.id, stopped)
        working = _Fetch(self._settings, self._queue(caller), caller, Intake(self._parse, order.now), order)
        try:
            yield from working.batches(stopped)
            if working.drained and working.queue.is_empty():
                until = order.now - timedelta(seconds=self._settings.delivery_lag_s)
                yield working.batch(complete_until=dict.fromkeys(self._accounts, until))
        except CallFailed as failed:
            working.trouble = failed
        if working.trouble is not None and not stopped():
            raise access.as_source_error(self.name, working.trouble)

    def done(self, batch: ActivityBatch) -> None:
        """Deletes the batch's messages; raises SourceError when some could not be."""
        handles = [str(handle) for handle in batch.receipt] if isinstance(batch.receipt, list) else []
        if not handles:
            return
        try:
            codes = self._queue(self._calls.by(self._reader.id)).delete(handles)
        except CallFailed as failed:
            raise access.as_source_error(self.name, failed) from failed
        if codes:
            told = ", ".join(sorted(set(codes)))
            raise SourceError(f"{len(codes)} of {len(handles)} messages of the activity source {self.name} could not be deleted: {told}")

    def _queue(self, caller: LogCaller) -> Queue:
        settings = self._settings
        return Queue(caller=caller, url=settings.queue_url, region=settings.region, visibility_s=settings.visibility_s)


class _Fetch:
    """One fetch. `drained` says that the queue gave nothing more, `trouble` what the fetch as a whole has to tell of."""

    def __init__(self, settings: Settings, queue: Queue, caller: LogCaller, intake: Intake, order: ActivityOrder) -> None:
        self.queue = queue
        self.drained = False
        self.trouble: CallFailed | None = None
        self._settings = settings
        self._caller = caller
        self._intake = intake
        self._order = order
        self._calls_told = 0
        self._objects = Objects(caller=caller, bucket=settings.bucket or "", region=settings.bucket_region or settings.region)

    def batches(self, stopped: Callable[[], bool]) -> Iterator[ActivityBatch]:
        received, left = 0, set[str]()
        while not stopped() and received < self._settings.max_messages:
            messages = self.queue.receive(self._settings.wait_s, stopped)
            if not messages:
                self.drained = not stopped()
                return
            if left.issuperset(message.id for message in messages):  # nothing but what was left before: this fetch gets no further
                self.queue.hide(messages, self._settings.retry_s)
                return
            received += len(messages)
            work = Work(self.queue, messages)
            for message in messages:
                work.keep_hidden()
                yield from self._message(message, work)
            work.keep_hidden()
            yield self.batch(receipt=work.receipt)
            left.update(message.id for message in work.left)
            self.queue.hide(work.left, self._settings.retry_s)

    def batch(self, **rest: Any) -> ActivityBatch:
        calls, self._calls_told = self._caller.calls - self._calls_told, self._caller.calls
        return self._intake.batch(position=self._order.position, calls=calls, **rest)

    def _message(self, message: Message, work: Work) -> Iterator[ActivityBatch]:
        """One message; gives a batch only when it holds more than a batch should, and nothing is deleted with that."""
        where = f"{self.queue.name}/{message.id}"
        said = notice(message.body)
        for file in said.files:
            work.keep_hidden()
            try:
                data = self._file(file, where)
            except CallFailed as failed:
                if not self._is_hopeless(failed, message):
                    work.leave(message)
                    return
                self._intake.refuse(Refusal.UNREADABLE, f"s3://{file.bucket}/{file.key}", f"{failed.detail} (announced by {where})")
                continue
            for _ in self._intake.take(data, f"s3://{file.bucket}/{file.key}"):
                yield self.batch()
        if not said.files and not said.idle:
            for _ in self._intake.take(said.body, where):
                yield self.batch()
        work.finish(message)

    def _file(self, file: Located, where: str) -> bytes:
        if file.bucket != self._settings.bucket:
            self._intake.refuse(Refusal.UNREADABLE, where, f"it announces a file of {file.bucket[:63]!r}, which is not the source's bucket")
            return b'{"Records": []}'
        return self._objects.get(file.key).data

    def _is_hopeless(self, failed: CallFailed, message: Message) -> bool:
        """Whether the file will not be had by waiting longer. That it may not be read, or not now, is told as the source's trouble."""
        if failed.reason is GapReason.OVERSIZE:
            return True
        if access.is_passing(failed) or failed.reason is GapReason.DENIED or failed.code == "NoSuchBucket":
            self.trouble = self.trouble or failed
            return False
        return message.receives > self._settings.max_receives


def create(name: str, settings: Settings, *, accounts: Sequence[Account], parse: Parse | None = None) -> SqsSource:
    return SqsSource(name, settings, accounts, parse or parser())
