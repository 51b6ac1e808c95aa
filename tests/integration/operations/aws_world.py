"""An installation whose collector is the real one, over the wire to a scripted AWS; the clock stands still unless a test moves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from driftwatch.aws.catalog import Entry
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.resource import Cell
from driftwatch.domain.snapshot import CellState, Gap
from driftwatch.engines.threads import ThreadEngine
from tests.fakes import TEST_KEY, TEST_KEY_ID
from tests.integration.aws.aws_server import ACCOUNT
from tests.integration.aws.scans import QUICK
from tests.world import World


class AwsWorld(World):
    """The accounts are the policy's production accounts. `state_of` and `gaps` look at what is stored."""

    def __init__(
        self,
        entries: Iterable[Entry],
        *accounts: Account,
        limits: Limits = QUICK,
        url: str = "sqlite://",
        time: Callable[[], datetime] | None = None,
        workers: int = 8,
    ) -> None:
        super().__init__(url=url)
        used = accounts or (Account(id=ACCOUNT, regions=("eu-west-1",)),)
        now = time or self.clock
        self.aws = AwsCollector({entry.type: entry for entry in entries}, used, TEST_KEY, TEST_KEY_ID, limits=limits, clock=now)
        policy = self.installation.policy
        ids = tuple(account.id for account in used)
        self.change(
            collector=self.aws,
            accounts=ids,
            clock=now,
            engine=ThreadEngine(workers),
            policy=replace(policy, context=replace(policy.context, production_accounts=ids)),
        )

    def states(self, *cells: Cell) -> list[str]:
        """The reason of an unknown cell, else its state."""
        return [str(status.reason) if status.state is CellState.UNKNOWN else status.state.value for status in map(self.state, cells)]

    def gaps(self, cell: Cell) -> list[Gap]:
        with self.store.read() as uow:
            return list(uow.cells.gaps(cell))

    def ids(self, cell: Cell) -> list[str]:
        with self.store.read() as uow:
            return [stored.id for stored in uow.observations.present(cell)]

    def close(self) -> None:
        self.aws.close()
        self.store.close()


@contextmanager
def aws_world(entries: Iterable[Entry], *accounts: Account, **options: object) -> Iterator[AwsWorld]:
    world = AwsWorld(entries, *accounts, **options)  # type: ignore[arg-type]
    try:
        yield world
    finally:
        world.close()
