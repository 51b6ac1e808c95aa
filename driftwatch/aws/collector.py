"""The collector: plans what to read in AWS, and reads it unit by unit. Implements `ports.Collector`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property

from driftwatch.aws.calls import AwsCaller, Caller, Traffic
from driftwatch.aws.embedded_yaml import read_yaml
from driftwatch.aws.entry import Entry
from driftwatch.aws.forecast import forecast
from driftwatch.aws.intake import Form
from driftwatch.aws.kept import Keeping, Kept
from driftwatch.aws.one import asked_as, one_of
from driftwatch.aws.patience import Patience
from driftwatch.aws.planning import Discovery, Place, call_region, listings, plan, region_by_item
from driftwatch.aws.reading import UnitReader
from driftwatch.aws.replies import result_roots
from driftwatch.aws.rereading import Rereader
from driftwatch.aws.rows import compiled
from driftwatch.aws.sessions import Account, Sessions
from driftwatch.aws.traffic import Counters, Limits
from driftwatch.domain.embedded import YamlReader
from driftwatch.domain.normalize import Normalisation, Normaliser, shape
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.scan import Forecast, Plan, Reading, ReadUnit, Reread
from driftwatch.domain.snapshot import Batch, CellRead


def _now() -> datetime:
    return datetime.now(UTC)


class AwsCollector:
    """Reads the accounts by the catalogue. May be used by many threads.

    `types` limits what is read (None: the whole catalogue); `key` is the installation's key for secrets and `key_id` its id; `yaml` reads
    embedded YAML. `counters` counts the calls since the start.
    """

    def __init__(
        self,
        catalog: Mapping[str, Entry],
        accounts: Sequence[Account],
        key: bytes,
        key_id: str,
        *,
        limits: Limits | None = None,
        types: Collection[str] | None = None,
        clock: Callable[[], datetime] = _now,
        yaml: YamlReader = read_yaml,
    ) -> None:
        self._catalog = catalog
        self._accounts = {account.id: account for account in accounts}
        self._key = key
        self._key_id = key_id
        self._limits = limits or Limits()
        self._types = tuple(catalog if types is None else [name for name in catalog if name in set(types)])
        self._clock = clock
        self._yaml = yaml
        self._sessions = Sessions(accounts, self._limits)
        self._traffic = Traffic(self._limits)
        self._discovery = Discovery(lambda account: AwsCaller(self._sessions, self._traffic, account.id), self._sessions.regions)
        self._kept = Kept()
        self._patience = Patience()
        self._places: dict[str, Place] = {}

    @property
    def counters(self) -> Counters:
        return self._traffic.counters

    def close(self) -> None:
        """Ends the watchdog's thread; calls on their way are ended."""
        self._traffic.watchdog.close()

    def plan(self, wanted: Callable[[Cell], bool]) -> Plan:
        places = self._discovery.places(list(self._accounts.values()))
        self._places = {place.account.id: place for place in places}
        return plan(self._catalog, self._types, places, wanted)

    def forecast(self, known: Callable[[Cell], int], wanted: Callable[[Cell], bool]) -> list[Forecast]:
        regions = {account: account.regions or tuple(self._sessions.regions(account)) for account in self._accounts.values()}
        return forecast(self._catalog, self._types, regions, known, wanted)

    def normalisation(self, resource_type: str) -> tuple[str, Normalisation]:
        rules = self._catalog[resource_type].normalisation
        return shape(rules, self._key_id), rules

    def read(self, unit: ReadUnit, reading: Reading, stopped: Callable[[], bool]) -> Iterator[Batch | CellRead]:
        caller = AwsCaller(self._sessions, self._traffic, unit.account, stopped)
        yield from self.read_with(caller, unit, reading)

    def read_with(self, caller: Caller, unit: ReadUnit, reading: Reading) -> Iterator[Batch | CellRead]:
        """As `read`, with another answerer of calls (recorded replies)."""
        account = self._accounts[unit.account]
        (listing,) = listings(self._catalog, [name for name in self._catalog if any(cell.type == name for cell in unit.cells)])
        scope = Scope(partition=account.partition, account=account.id, region=unit.region)
        # The threads belong to the unit: a service that hangs keeps only its own units' threads waiting.
        pool = ThreadPoolExecutor(self._limits.calls_per_place, thread_name_prefix=f"driftwatch-{unit.service}")
        try:
            yield from UnitReader(
                listing=listing,
                caller=caller,
                pool=pool,
                limits=self._limits,
                scope=scope,
                region=call_region(listing.first, account, unit.region),
                cells=unit.cells,
                ours=self._comes_up(account, unit),
                form=lambda cell: self._form(cell, reading.pinned.get(cell)),
                alike=self._members_of,
                clock=self._clock,
                keeping=lambda: Keeping(kept=self._kept, account=account.id, use=reading.may_keep, clock=self._clock),
                patience=self._patience,
            ).read()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def reread(self, cell: Cell, ids: Sequence[str], pinned: Normalisation | None, stopped: Callable[[], bool]) -> Reread | None:
        return self.reread_with(AwsCaller(self._sessions, self._traffic, cell.account, stopped), cell, ids, pinned)

    def reread_with(self, caller: Caller, cell: Cell, ids: Sequence[str], pinned: Normalisation | None = None) -> Reread | None:
        """As `reread`, with another answerer of calls (recorded replies)."""
        entry = self._catalog.get(cell.type)
        one = one_of(entry) if entry else None
        if entry is None or one is None:
            return None
        account = self._accounts[cell.account]
        region = call_region(entry, account, cell.region)
        by_item = region_by_item(entry, self._catalog)
        given = {"account": account.id, "partition": account.partition, "region": region}
        if by_item and not entry.item_region:  # it lies where its parent lies, and is asked for there
            given |= {"region": cell.region, "item_region": cell.region}
        pool = ThreadPoolExecutor(self._limits.calls_per_place, thread_name_prefix=f"driftwatch-{entry.service}")
        try:
            return Rereader(
                entry=entry,
                one=one,
                cell=cell,
                caller=caller,
                pool=pool,
                limits=self._limits,
                region=region,
                by_item=by_item,
                given=given,
                form=self._form(cell, pinned),
                alike=self._members_of(asked_as(entry, one)),
                clock=self._clock,
                keeping=Keeping(kept=self._kept, account=account.id, use=False, clock=self._clock),
                patience=self._patience,
            ).read(ids)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _comes_up(self, account: Account, unit: ReadUnit) -> Callable[[Cell], bool]:
        """Whether a cell that no plan named is read when one of its resources comes up: in a region that discovery did not know of.

        A region that the plan knew was left out on purpose; so is every region beside those that are configured.
        """
        place = self._places.get(account.id)
        known = set(place.regions) if place else set()
        planned = set(unit.cells)
        return lambda cell: cell in planned or (account.regions is None and cell.region not in known)

    def _form(self, cell: Cell, pinned: Normalisation | None) -> Form:
        current, rules = self.normalisation(cell.type)
        normaliser = Normaliser(rules, self._key, yaml=self._yaml)
        digest = shape(pinned, self._key_id) if pinned else current
        if pinned is None or digest == current:
            return Form(shape=current, normaliser=normaliser, key=self._key)
        return Form(shape=digest, normaliser=Normaliser(pinned, self._key, yaml=self._yaml), key=self._key, reshaper=normaliser)

    def _members_of(self, entry: Entry) -> frozenset[str]:
        return self._members.get(_question(entry)) or result_roots(compiled(entry.list.items).parsed)

    @cached_property
    def _members(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """What all entries that ask one question read of its reply: a page may carry one of them only."""
        members: dict[tuple[str, str], frozenset[str]] = {}
        for entry in self._catalog.values():
            question = _question(entry)
            members[question] = members.get(question, frozenset()) | result_roots(compiled(entry.list.items).parsed)
        return members


def _question(entry: Entry) -> tuple[str, str]:
    return entry.service, entry.list.op
