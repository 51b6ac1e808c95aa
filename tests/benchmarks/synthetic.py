"""A scan of any number of small resources in one cell: the real collector, over a caller that makes its pages up as they are asked for."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import Paging
from driftwatch.aws.planning import Place, plan
from driftwatch.aws.sessions import Account
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import Plan, Reading, ReadUnit
from driftwatch.domain.snapshot import Batch, CellRead
from tests.benchmarks.account import ACCOUNT, REGIONS
from tests.benchmarks.installations import collector, scanned

TYPE = "AWS::SSM::Parameter"
ON_A_PAGE = 1000


class Pages:
    """Answers the one listing. Implements `aws.calls.Caller`."""

    def __init__(self, resources: int) -> None:
        self._resources = resources
        self.calls = 0

    def call(self, service: str, operation: str, params: Mapping[str, Any], region: str) -> dict[str, Any]:
        return next(self.pages(service, operation, params, region, None))

    def pages(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        region: str,
        paging: Paging | None,
    ) -> Iterator[dict[str, Any]]:
        for start in range(0, self._resources, ON_A_PAGE):
            self.calls += 1
            yield {"Parameters": [_item(number, region) for number in range(start, min(start + ON_A_PAGE, self._resources))]}


def _item(number: int, region: str) -> dict[str, Any]:
    name = f"/app/service-{number % 97}/parameter-{number:07d}"
    return {
        "Name": name,
        "ARN": f"arn:aws:ssm:{region}:{ACCOUNT}:parameter{name}",
        "Type": "SecureString" if number % 3 else "String",
        "KeyId": "alias/aws/ssm",
        "Description": f"the setting number {number}",
        "Version": number % 7 + 1,
        "Tier": "Standard",
        "Policies": [],
        "DataType": "text",
    }


class SyntheticCollector(AwsCollector):
    """The collector, with the listing of one region's parameters made up."""

    resources: int

    def plan(self, wanted: Callable[[Cell], bool]) -> Plan:
        account = Account(id=ACCOUNT, regions=REGIONS[:1])
        return plan(self._catalog, [TYPE], [Place(account=account, regions=REGIONS[:1])], wanted)

    def read(self, unit: ReadUnit, reading: Reading, stopped: Callable[[], bool]) -> Iterator[Batch | CellRead]:
        yield from self.read_with(Pages(self.resources), unit, reading)


def scan(store: str, resources: int) -> dict[str, Any]:
    """One scan into the file `store`: the peak memory of this process in MiB before and after, the time, and the file's size."""
    before = _peak_mib()
    started = time.perf_counter()
    with closing(collector(SyntheticCollector)) as reader:
        reader.resources = resources
        done = scanned(reader, Path(store))
    if (done.scan.resources, done.scan.gaps) != (resources, 0):
        raise RuntimeError(f"{done.scan.resources} of {resources} resources were read, with {done.scan.gaps} gaps")
    return {"before": before, "peak": _peak_mib(), "seconds": time.perf_counter() - started, "bytes": Path(store).stat().st_size}


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
