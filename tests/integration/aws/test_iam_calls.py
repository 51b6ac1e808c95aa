"""The calls of a scan and of rereads are those that the generated policy grants: none more (denied), and none less (nobody needs it)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest

from driftwatch.aws.calls import AwsCaller, Caller
from driftwatch.aws.catalog import load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import Paging
from driftwatch.aws.iam_policy import DISCOVERY, actions_of, granted
from driftwatch.aws.sdk import Sdk
from driftwatch.aws.sessions import Account
from driftwatch.demo.cloud import ACCOUNTS, REGIONS
from driftwatch.demo.play import simulated_aws
from driftwatch.demo.setting import TYPES
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import Reading, ReadUnit, Reread
from driftwatch.domain.snapshot import Batch, CellRead
from driftwatch.engines.threads import ThreadEngine
from tests.fakes import TEST_KEY, TEST_KEY_ID


class Noting(Caller):
    """Passes calls on, and notes which they are."""

    def __init__(self, inner: AwsCaller, noted: set[tuple[str, str]]) -> None:
        self._inner = inner
        self._noted = noted

    def call(self, service: str, operation: str, params: Mapping[str, Any], region: str) -> dict[str, Any]:
        self._noted.add((service, operation))
        return self._inner.call(service, operation, params, region)

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        self._noted.add((service, operation))
        yield from self._inner.pages(service, operation, params, region, paging)


class NotingCollector(AwsCollector):
    noted: set[tuple[str, str]]

    def read(self, unit: ReadUnit, reading: Reading, stopped: Callable[[], bool]) -> Iterator[Batch | CellRead]:
        inner = AwsCaller(self._sessions, self._traffic, unit.account, stopped)
        yield from self.read_with(Noting(inner, self.noted), unit, reading)

    def reread(self, cell: Cell, ids: Sequence[str], pinned: Normalisation | None, stopped: Callable[[], bool]) -> Reread | None:
        inner = AwsCaller(self._sessions, self._traffic, cell.account, stopped)
        return self.reread_with(Noting(inner, self.noted), cell, ids, pinned)


def scanned(types: set[str]) -> tuple[set[tuple[str, str]], dict[str, int]]:
    """The calls of a scan of these types in one region and of a reread of each cell's first resource; how many of each type there are."""
    found: dict[str, int] = {}
    first: dict[Cell, str] = {}
    account = Account(id=ACCOUNTS[0], regions=REGIONS[:1])
    with closing(NotingCollector(load(), [account], TEST_KEY, TEST_KEY_ID, types=types)) as collector:
        collector.noted = set()

        def work(unit: ReadUnit) -> None:
            for event in collector.read(unit, Reading(), lambda: False):
                if isinstance(event, Batch):
                    found[event.cell.type] = found.get(event.cell.type, 0) + len(event.resources)
                    first.update((event.cell, one.id) for one in event.resources[:1])
                elif isinstance(event, CellRead):
                    assert not event.gaps, event.gaps

        ThreadEngine(8).run(collector.plan(lambda _cell: True).units, work, lambda: False)
        for cell, id_ in first.items():
            reread = collector.reread(cell, [id_], None, lambda: False)
            assert reread is None or not reread.gaps, reread
    return collector.noted, found


@pytest.mark.usefixtures("simulated")
def test_the_calls_made_are_the_actions_granted() -> None:
    """For the types of which the simulated account holds a resource: only then are all calls made."""
    catalog, sdk = load(), Sdk()
    held = {name for name, count in scanned(set(TYPES))[1].items() if count}
    assert len(held) > 25
    noted, _ = scanned(held)
    by_service: dict[str, Any] = {}
    for entry in catalog.values():
        by_service.setdefault(entry.service, []).append(entry)
    made = set(DISCOVERY)
    for service, operation in noted:
        entry = next(one for one in by_service[service] if one.type in held | _parents(held) and operation in one.every_operation)
        made.update(actions_of(entry, operation, sdk))
    assert made == set(granted([catalog[name] for name in held | _parents(held)], sdk))


def _parents(types: set[str]) -> set[str]:
    return {entry.parent.type for name in types if (entry := load()[name]).parent}


@pytest.fixture
def simulated() -> Iterator[None]:
    with simulated_aws():
        yield
