"""The calls of a scan, recorded, and the bare loop over the same calls: what a plain boto3 program pays for the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError

from driftwatch.aws.calls import AwsCaller, Caller
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import Paging
from driftwatch.domain.scan import Reading, ReadUnit
from driftwatch.domain.snapshot import Batch, CellRead


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as the catalogue asks it; `paged` by the SDK's paginator, to its last page."""

    service: str
    operation: str
    region: str
    params: Mapping[str, Any]
    paged: bool


DISCOVERY = (
    Call(service="sts", operation="GetCallerIdentity", region="us-east-1", params={}, paged=False),
    Call(service="ec2", operation="DescribeRegions", region="us-east-1", params={"AllRegions": True}, paged=False),
)
"""What planning a scan asks before anything else."""


class Recorder(Caller):
    """Passes calls on and notes them. `calls` is the inner caller's."""

    def __init__(self, inner: AwsCaller, paginates: Callable[[str, str], bool], noted: list[Call]) -> None:
        self._inner = inner
        self._paginates = paginates
        self._noted = noted

    @property
    def calls(self) -> int:
        return self._inner.calls

    def call(self, service: str, operation: str, params: Mapping[str, Any], region: str) -> dict[str, Any]:
        self._noted.append(Call(service=service, operation=operation, region=region, params=params, paged=False))
        return self._inner.call(service, operation, params, region)

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        paged = paging not in (Paging.SINGLE, Paging.TOKEN) and self._paginates(service, operation)
        self._noted.append(Call(service=service, operation=operation, region=region, params=params, paged=paged))
        yield from self._inner.pages(service, operation, params, region, paging)


class RecordingCollector(AwsCollector):
    """The collector, with every call noted in `noted`."""

    noted: list[Call]

    def read(self, unit: ReadUnit, reading: Reading, stopped: Callable[[], bool]) -> Iterator[Batch | CellRead]:
        inner = AwsCaller(self._sessions, self._traffic, unit.account, stopped)

        def paginates(service: str, operation: str) -> bool:
            return self._sessions.paginator(unit.account, service, operation) is not None

        yield from self.read_with(Recorder(inner, paginates, self.noted), unit, reading)


def write(calls: list[Call], path: Path) -> None:
    path.write_text(json.dumps([asdict(call) for call in calls]))


class BareLoop:
    """Makes recorded calls through plain boto3 clients and paginators, and throws the replies away."""

    def __init__(self, path: Path) -> None:
        self._calls = [Call(**call) for call in json.loads(path.read_text())]
        self._session = boto3.Session()
        self._clients: dict[tuple[str, str], Any] = {}

    def one_after_the_other(self) -> None:
        for call in self._calls:
            self._make(call)

    def spread(self, threads: int) -> None:
        """Over that many threads. The clients are made before, since a session is not for several threads."""
        for call in self._calls:
            self._client(call)
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(self._make, self._calls):
                pass

    def _client(self, call: Call) -> Any:
        key = call.service, call.region
        if key not in self._clients:
            self._clients[key] = self._session.client(call.service, region_name=call.region)
        return self._clients[key]

    def _make(self, call: Call) -> None:
        client, method = self._client(call), xform_name(call.operation)
        try:
            if call.paged:
                for _ in client.get_paginator(method).paginate(**call.params):
                    pass
            else:
                getattr(client, method)(**call.params)
        except ClientError:
            return  # "there is none": driftwatch reads that too
