"""Scans and rereads of one type in an account that lives in moto."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from driftwatch.aws.catalog import load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import Kind
from driftwatch.aws.planning import Place, plan
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.resource import Cell, Resource
from driftwatch.domain.scan import Reading, Reread
from driftwatch.domain.snapshot import Batch, CellRead
from tests.catalog import living
from tests.fakes import TEST_KEY, TEST_KEY_ID

ONES = [entry.type for entry in load().values() if entry.one]
SINGLETONS = [entry.type for entry in load().values() if entry.kind is Kind.SINGLETON]

MOTO_ERRS = {"AWS::EC2::NetworkAcl": "moto calls a missing one a missing route table"}


def told(one: Resource) -> tuple[Any, ...]:
    """What must be the same. Facts move by themselves: only which there are."""
    return one.cell, one.id, one.fingerprint, one.config, one.tags, one.arn, one.label, set(one.facts)


@contextmanager
def nobodys_account() -> Iterator[None]:
    """No credentials but moto's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        wanted = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}
        for name, value in {**wanted, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}.items():
            patch.setenv(name, value)
        yield


class Scanned:
    """The resources of a type as a scan reads them, by cell, and the collector that read them."""

    def __init__(self, type_: str, collector: AwsCollector, account: Account) -> None:
        self.collector = collector
        self.cells: dict[Cell, dict[str, Resource]] = {}
        regions = account.regions or ()
        for unit in plan(load(), [type_], [Place(account=account, regions=regions)], lambda _: True).units:
            for event in collector.read(unit, Reading(), lambda: False):
                if isinstance(event, Batch):
                    self.cells.setdefault(event.cell, {}).update({one.id: one for one in event.resources})
                if isinstance(event, CellRead):
                    assert not event.gaps

    def reread(self, cell: Cell, *ids: str) -> Reread:
        found = self.collector.reread(cell, ids, None, lambda: False)
        assert found is not None
        assert {one.id for one in found.resources} | set(found.absent) | {gap.resource_id for gap in found.gaps} == set(ids)
        return found


@contextmanager
def scanned(type_: str) -> Iterator[Scanned]:
    account = Account(id=living.ACCOUNT, regions=(living.REGION,))
    with closing(AwsCollector(load(), [account], TEST_KEY, TEST_KEY_ID, limits=Limits(calls_per_place=1))) as collector:
        yield Scanned(type_, collector, account)


def assert_the_same(seen: Scanned) -> None:
    assert any(seen.cells.values()), "there is nothing to read"
    for cell, resources in seen.cells.items():
        found = seen.reread(cell, *resources)
        assert (found.absent, found.gaps) == ((), ())
        assert {one.id: told(one) for one in found.resources} == {id_: told(one) for id_, one in resources.items()}
        for id_, one in resources.items():
            assert [told(single) for single in seen.reread(cell, id_).resources] == [told(one)]


def assert_absent_beside_others(seen: Scanned) -> None:
    for cell, resources in seen.cells.items():
        (first, *_) = resources
        none = f"{first[:-3]}{'abc' if not first.endswith('abc') else 'def'}"
        if cell.type == "AWS::Route53::RecordSet":  # ends with a part that may be empty
            none = "|".join([first.split("|")[0], "nowhere.example.", "A", ""])
        found = seen.reread(cell, none, first)
        assert (found.absent, found.gaps) == ((none,), ())
        assert [one.id for one in found.resources] == [first]
