"""By whose credentials a source reads, and its calls: with the retries, deadlines and doubts of every other call to AWS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Annotated, Any, Final

from botocore.exceptions import IncompleteReadError
from pydantic import Field

from driftwatch.aws.calls import AwsCaller, Traffic
from driftwatch.aws.failures import CallFailed
from driftwatch.aws.sessions import Account, Sessions
from driftwatch.aws.traffic import Limits, Place
from driftwatch.documents.models import Section, Word
from driftwatch.domain.snapshot import GapReason
from driftwatch.errors import SourceError

AccountId = Annotated[str, Word(r"[0-9]{12}", "an account id: twelve digits in quotes")]
Region = Annotated[str, Word(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}", "a region such as eu-west-1")]
Bucket = Annotated[str, Word(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket")]
RoleArn = Annotated[str, Word(r"arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/[^\s]{1,512}", "the ARN of a role")]

SELF: Final = "self"
"""The account of a source's own credentials, where no id is known for it."""

_PASSING: Final = frozenset(
    {GapReason.THROTTLED, GapReason.UNAVAILABLE, GapReason.CREDENTIALS, GapReason.NOT_AWS, GapReason.TIMEOUT, GapReason.ABORTED}
)
_GONE: Final = frozenset({"NoSuchKey", "404", "NoSuchVersion"})


class Access(Section):
    """Settings of a source that reads in one place: as whom, in which region, and files of what size."""

    region: Region = Field(description="The region of the bucket or queue.")
    account: AccountId | None = Field(default=None, description="A watched account whose credentials are used; default: boto3's search.")
    role_arn: RoleArn | None = Field(default=None, description="A role to assume, for instance in a log archive account.")
    external_id: str | None = Field(default=None, min_length=2, max_length=1224, description="The external id the role's trust asks for.")
    profile: str | None = Field(default=None, min_length=1, description="A profile of the AWS configuration.")

    max_object_bytes: int = Field(default=64 << 20, ge=1 << 20, le=512 << 20, description="A larger file (as it is stored) is set aside.")

    def reader(self, accounts: Iterable[Account]) -> Account:
        """The account to read as. One that is watched lends its credentials, unless the settings name others."""
        watched = next((account for account in accounts if account.id == self.account), None)
        if watched is not None and not (self.role_arn or self.profile):
            return replace(watched, regions=(self.region,))
        return Account(
            id=self.account or (self.role_arn.split(":")[4] if self.role_arn else SELF),
            role_arn=self.role_arn,
            external_id=self.external_id,
            profile=self.profile,
            regions=(self.region,),
        )


class LogCaller(AwsCaller):
    """An AwsCaller to whose deadline and retries the body of an object belongs as well; `before` is called before each attempt."""

    def __init__(
        self,
        sessions: Sessions,
        traffic: Traffic,
        account: str,
        stopped: Callable[[], bool] = lambda: False,
        before: Callable[[Place], None] = lambda _place: None,
    ) -> None:
        super().__init__(sessions, traffic, account, stopped)
        self._before = before
        self._most = traffic.limits.max_reply_bytes

    def _method(self, place: Place, operation: str) -> Callable[..., Any]:
        method = super()._method(place, operation)
        self._before(place)
        return self._with_body(method) if operation == "GetObject" else method

    def _with_body(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def whole(**params: Any) -> Any:
            reply = method(**params)
            body = reply["Body"]
            try:
                reply["Body"] = body.read(self._most + 1)
            except IncompleteReadError as error:
                raise CallFailed(GapReason.TRUNCATED, operation="s3:GetObject", detail="the object was cut", retryable=True) from error
            finally:
                body.close()
            if len(reply["Body"]) > self._most:
                raise CallFailed(GapReason.OVERSIZE, operation="s3:GetObject", detail=f"the object exceeds {self._most} bytes")
            return reply

        return whole


class Calls:
    """The clients of a source, kept over its fetches."""

    def __init__(self, accounts: Iterable[Account], limits: Limits) -> None:
        self._sessions = Sessions(accounts, limits)
        self._traffic = Traffic(limits)

    def close(self) -> None:
        """Calls on their way are ended."""
        self._traffic.watchdog.close()

    def by(
        self, account: str, stopped: Callable[[], bool] = lambda: False, before: Callable[[Place], None] = lambda _place: None
    ) -> LogCaller:
        """Calls by an account's credentials, until `stopped`."""
        return LogCaller(self._sessions, self._traffic, account, stopped, before)


class Rate:
    """At most so many calls a second for each account and region, over all threads."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._apart = 1 / per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[tuple[str, str], float] = {}

    def delay(self, account: str, region: str) -> float:
        """Takes the next turn, and answers how many seconds it is away."""
        now = self._clock()
        with self._lock:
            turn = max(now, self._next.get((account, region), now))
            self._next[account, region] = turn + self._apart
        return turn - now


def is_passing(failed: CallFailed) -> bool:
    """Whether a failure says nothing of the one thing asked for: the same call may work later."""
    return failed.reason in _PASSING


def is_general(failed: CallFailed) -> bool:
    """Whether a failure would befall every other call as well, so that there is no use in going on."""
    return (is_passing(failed) and failed.reason is not GapReason.TIMEOUT) or failed.code == "NoSuchBucket"


def is_gone(failed: CallFailed) -> bool:
    """Whether the object that was asked for is not there."""
    return failed.code in _GONE and failed.operation in ("s3:GetObject", "s3:HeadObject")


def as_source_error(name: str, failed: CallFailed) -> SourceError:
    """The error of a source as a whole."""
    retryable = is_passing(failed) or failed.reason is GapReason.DENIED
    return SourceError(f"the activity source {name} cannot be read: {failed.operation}: {failed.detail}", retryable=retryable)
