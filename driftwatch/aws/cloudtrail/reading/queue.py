"""A queue: messages received, kept hidden while they are worked on, and deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from driftwatch.aws.cloudtrail.reading.access import LogCaller
from driftwatch.domain.resource import Json

T = TypeVar("T")

AT_ONCE: Final = 10
"""The most that SQS gives, changes or deletes in one call."""
_LONGEST_WAIT_S: Final = 5
"""A call that waits cannot be ended early: a longer wait is made of several."""
_COUNTS: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message. `receives` counts how often it was given out, this time included; `handle` is what deletes it."""

    id: str
    handle: str
    body: str
    receives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The queue at `url`. All of it raises CallFailed."""

    caller: LogCaller
    url: str
    region: str
    visibility_s: int

    @property
    def name(self) -> str:
        return self.url.rstrip("/").rpartition("/")[2]

    def receive(self, wait_s: int, stopped: Callable[[], bool]) -> Sequence[Message]:
        """Up to ten messages; none when none came within the wait, or `stopped` turned true."""
        left = wait_s
        while not stopped():
            params = {
                "QueueUrl": self.url,
                "MaxNumberOfMessages": AT_ONCE,
                "WaitTimeSeconds": min(left, _LONGEST_WAIT_S),
                "VisibilityTimeout": self.visibility_s,
                "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
            }
            reply = self.caller.call("sqs", "ReceiveMessage", params, self.region)
            messages = [_message(item) for item in reply.get("Messages") or ()]
            left -= _LONGEST_WAIT_S
            if messages or left <= 0:
                return messages
        return ()

    def hide(self, messages: Sequence[Message], seconds: int) -> None:
        """Nobody gets these messages for so many seconds from now. One that is not there any more needs no hiding."""
        for some in _tens(messages):
            entries = [{"Id": str(n), "ReceiptHandle": one.handle, "VisibilityTimeout": seconds} for n, one in enumerate(some)]
            self.caller.call("sqs", "ChangeMessageVisibilityBatch", {"QueueUrl": self.url, "Entries": entries}, self.region)

    def delete(self, handles: Sequence[str]) -> Sequence[str]:
        """Deletes messages; answers with the error codes of those that are still there."""
        codes: list[str] = []
        for some in _tens(handles):
            entries = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(some)]
            reply = self.caller.call("sqs", "DeleteMessageBatch", {"QueueUrl": self.url, "Entries": entries}, self.region)
            codes += [str(failed.get("Code")) for failed in reply.get("Failed") or ()]
        return codes

    def is_empty(self) -> bool:
        """Whether the queue holds no message at all: none to be given out, none hidden, none delayed."""
        params = {"QueueUrl": self.url, "AttributeNames": list(_COUNTS)}
        counts = self.caller.call("sqs", "GetQueueAttributes", params, self.region).get("Attributes") or {}
        return all(counts.get(name) == "0" for name in _COUNTS)


class Work:
    """The messages that are worked on together: they stay hidden for as long as it takes."""

    def __init__(self, queue: Queue, messages: Sequence[Message], clock: Callable[[], float] = time.monotonic) -> None:
        self.left: list[Message] = []
        self._queue = queue
        self._messages = messages
        self._clock = clock
        self._hidden_at = clock()
        self._finished: list[Message] = []

    def keep_hidden(self) -> None:
        """Hides them anew once half of the time is over."""
        now = self._clock()
        if now - self._hidden_at > self._queue.visibility_s / 2:
            self._queue.hide([message for message in self._messages if message not in self.left], self._queue.visibility_s)
            self._hidden_at = now

    def finish(self, message: Message) -> None:
        """The message may go once its batch is committed."""
        self._finished.append(message)

    def leave(self, message: Message) -> None:
        """The message is to come again."""
        self.left.append(message)

    @property
    def receipt(self) -> Json:
        return [message.handle for message in self._finished]


def _message(item: dict[str, Any]) -> Message:
    attributes = item.get("Attributes") or {}
    return Message(
        id=str(item["MessageId"]),
        handle=str(item["ReceiptHandle"]),
        body=str(item.get("Body") or ""),
        receives=int(attributes.get("ApproximateReceiveCount") or 1),
    )


def _tens(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]
