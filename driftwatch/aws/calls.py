"""One call to AWS: with slots, a deadline, retries, and a reply that can be trusted, or a CallFailed that says why not."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from botocore import xform_name
from botocore.exceptions import EndpointConnectionError

from driftwatch.aws.deadline import Watchdog
from driftwatch.aws.entry import Paging
from driftwatch.aws.failures import CallFailed, classify
from driftwatch.aws.paging import PageRule, page_rule
from driftwatch.aws.replies import has_request_id
from driftwatch.aws.sessions import Sessions
from driftwatch.aws.traffic import Counters, Limits, Place, RetryBudget, Slots, StoppedError
from driftwatch.domain.snapshot import GapReason

__all__ = ["AwsCaller", "CallFailed", "Caller", "Traffic"]

ATTEMPTS: Mapping[GapReason, int] = MappingProxyType(
    {
        GapReason.THROTTLED: 9,
        GapReason.UNAVAILABLE: 9,  # the waits add up to more than half a minute: an outage of 30 s is survived
        GapReason.TRUNCATED: 3,
        GapReason.NOT_AWS: 2,
        GapReason.TIMEOUT: 2,
        GapReason.CREDENTIALS: 3,
    }
)
"""How often a call is made at most when it fails for this reason (and its failure is retryable); others once."""

_NOBODY_THERE_ATTEMPTS = 3
"""Nobody listens, or the name does not resolve: that seldom mends itself within a minute."""
_PAUSE_STEP_S = 0.2


class Caller(Protocol):
    """Who answers the catalogue's questions: AWS, or recorded replies. Operation names are the API's (``DescribeInstances``)."""

    def call(self, service: str, operation: str, params: Mapping[str, Any], region: str) -> dict[str, Any]:
        """The reply without ResponseMetadata; raises CallFailed."""

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        """The replies page by page; raises CallFailed, also when the pages do not end."""


class Traffic:
    """What all callers of one collector share: slots, retry budget, counters, the watchdog."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.slots = Slots(limits.calls_in_flight, limits.calls_per_place)
        self.budget = RetryBudget(limits.retry_budget)
        self.counters = Counters()
        self.watchdog = Watchdog()


class AwsCaller:
    """Calls AWS for one account. `calls` counts the attempts that were sent."""

    def __init__(self, sessions: Sessions, traffic: Traffic, account: str, stopped: Callable[[], bool] = lambda: False) -> None:
        self._sessions = sessions
        self._traffic = traffic
        self._account = account
        self._stopped = stopped
        self._random = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self.calls = 0

    def call(self, service: str, operation: str, params: Mapping[str, Any], region: str) -> dict[str, Any]:
        place = (self._account, region, service)
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._attempt(place, operation, params)
            except CallFailed as failed:
                self._traffic.counters.count("throttles" if failed.reason is GapReason.THROTTLED else "failures", service)
                if not self._may_retry(failed, attempt, place):
                    raise
            self._pause(attempt, f"{service}:{operation}")  # holds no slot: others of the same service go on meanwhile
            self._traffic.counters.count("retries", service)

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        name = f"{service}:{operation}"
        rule = self._rule((self._account, region, service), operation, paging)
        seen: set[bytes] = set()
        token: dict[str, Any] = {}
        for _ in range(self._traffic.limits.max_pages):
            reply = self.call(service, operation, {**params, **token}, region)
            try:
                following = rule.next(reply)
            except ValueError as error:
                raise CallFailed(GapReason.TRUNCATED, operation=name, detail=str(error)) from error
            if following is not None and not rule.follow:
                raise CallFailed(GapReason.TRUNCATED, operation=name, detail="there are more pages than the one that the entry reads")
            yield reply
            if following is None:
                return
            mark = hashlib.blake2b(repr(sorted(following.items())).encode("utf-8", "surrogatepass"), digest_size=8).digest()
            if mark in seen:
                raise CallFailed(GapReason.PAGE_LOOP, operation=name, detail="a page token came twice")
            seen.add(mark)
            token = following
        raise CallFailed(GapReason.PAGE_LOOP, operation=name, detail=f"more than {self._traffic.limits.max_pages} pages")

    def _rule(self, place: Place, operation: str, paging: Paging | None) -> PageRule:
        name = f"{place[2]}:{operation}"
        try:
            client = self._sessions.client(*place)
            model = client.meta.service_model.operation_model(operation)
            return page_rule(self._sessions.paginator(place[0], place[2], operation), model, paging)
        except Exception as error:
            raise self._failed(error, name, place) from error

    def _attempt(self, place: Place, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One attempt. Whatever goes wrong inside the SDK is a failed call, never a failed scan (M2 of the known failures)."""
        name = f"{place[2]}:{operation}"
        if self._stopped():
            raise _aborted(name)
        try:
            method = self._method(place, operation)
            with self._traffic.slots.hold(place, self._stopped):
                reply = self._send(place, name, method, params)
        except CallFailed:
            raise
        except StoppedError:
            raise _aborted(name) from None
        except Exception as error:  # botocore raises anything on a strange reply, and one call must not end the scan
            raise self._failed(error, name, place) from error
        if not isinstance(reply, dict) or not has_request_id(reply):
            raise CallFailed(GapReason.NOT_AWS, operation=name, detail="the reply has no request id", retryable=True)
        del reply["ResponseMetadata"]
        return reply

    def _method(self, place: Place, operation: str) -> Callable[..., Any]:
        client = self._sessions.client(*place)
        name = xform_name(operation)
        if client.meta.method_to_api_mapping.get(name) != operation:
            raise CallFailed(GapReason.UNSUPPORTED, operation=f"{place[2]}:{operation}", detail="the installed SDK does not know this call")
        method: Callable[..., Any] = getattr(client, name)
        return method

    def _send(self, place: Place, name: str, method: Callable[..., Any], params: Mapping[str, Any]) -> Any:
        traffic = self._traffic
        traffic.counters.count("calls", place[2])
        self.calls += 1
        problem: Exception | None = None
        reply: Any = None
        with traffic.counters.in_flight(), traffic.watchdog.watch(traffic.limits.call_deadline_s, traffic.limits.max_reply_bytes) as call:
            try:
                reply = method(**params)
            except Exception as error:  # noqa: BLE001 - what it means depends on whether the watchdog ended the call
                problem = error
        if call.oversize:
            raise CallFailed(GapReason.OVERSIZE, operation=name, detail=f"the reply exceeds {traffic.limits.max_reply_bytes} bytes")
        if call.expired:  # even if a reply came: the end of a closed connection looks like the end of a reply
            detail = f"no whole reply within {traffic.limits.call_deadline_s:g} s"
            raise CallFailed(GapReason.TIMEOUT, operation=name, detail=detail, retryable=True)
        if problem is not None:
            raise problem
        return reply

    def _failed(self, error: Exception, name: str, place: Place) -> CallFailed:
        account, region, service = place
        failed = classify(error, name)
        nobody = isinstance(error, EndpointConnectionError) and "NameResolution" in repr(error.kwargs.get("error"))
        if nobody and not self._sessions.known_in(account, service, region):
            return CallFailed(GapReason.UNAVAILABLE, operation=name, detail="the service does not exist in this region", off=True)
        return failed

    def _may_retry(self, failed: CallFailed, attempt: int, place: Place) -> bool:
        if not failed.retryable or self._stopped():
            return False
        most = _NOBODY_THERE_ATTEMPTS if failed.code == EndpointConnectionError.__name__ else ATTEMPTS.get(failed.reason, 1)
        return attempt < most and self._traffic.budget.spend(place)

    def _pause(self, attempt: int, name: str) -> None:
        """Exponential backoff; half of each wait is random, so that many callers do not come back together."""
        limits = self._traffic.limits
        wait = min(limits.backoff_cap_s, limits.backoff_base_s * 2 ** (attempt - 1))
        until = time.monotonic() + wait * self._random.uniform(0.5, 1)
        while (left := until - time.monotonic()) > 0:
            if self._stopped():
                raise _aborted(name)
            time.sleep(min(left, _PAUSE_STEP_S))


def _aborted(name: str) -> CallFailed:
    return CallFailed(GapReason.ABORTED, operation=name, detail="the scan was stopped")
