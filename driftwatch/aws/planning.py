"""What a scan reads: which account, which region, and which entries share a listing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from driftwatch.aws.calls import Caller, CallFailed
from driftwatch.aws.entry import Entry
from driftwatch.aws.sessions import Account
from driftwatch.domain.canonical import canonical_json, sha256_hex
from driftwatch.domain.resource import GLOBAL, Cell, Scope
from driftwatch.domain.scan import Plan, ReadUnit
from driftwatch.domain.snapshot import Gap, GapReason

_ACCOUNTS_AT_ONCE = 8


@dataclass(slots=True, kw_only=True)
class Listing:
    """One listing call and the entries that read its reply, with the listings under their resources."""

    entries: list[Entry] = field(default_factory=list)
    children: dict[str, list[Listing]] = field(default_factory=dict)

    @property
    def first(self) -> Entry:
        return self.entries[0]

    def types(self) -> Iterator[str]:
        for entry in self.entries:
            yield entry.type
        for listings in self.children.values():
            for listing in listings:
                yield from listing.types()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An account as discovery found it. `regions` are to be read, `disabled` were asked for but are switched off."""

    account: Account
    regions: tuple[str, ...]
    disabled: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """Regions that were asked for, and that the account does not have at all."""
    failed: CallFailed | None = None
    """Why nothing of the account can be read."""


def listings(catalog: Mapping[str, Entry], types: Collection[str]) -> list[Listing]:
    """The listings that read these types, parents first. A parent that was not asked for is in them, too: its children need its items."""
    needed: dict[str, Entry] = {}
    for name in types:
        entry: Entry | None = catalog[name]
        while entry is not None:
            needed[entry.type] = entry
            entry = catalog[entry.parent.type] if entry.parent else None
    tops: dict[str, Listing] = {}
    for entry in needed.values():
        _shared(entry, needed, tops)
    return list(tops.values())


def _shared(entry: Entry, needed: Mapping[str, Entry], tops: dict[str, Listing]) -> Listing:
    """The listing of `entry`, made if need be, and put where it belongs."""
    key = _key(entry)
    if entry.parent is None:
        listing = tops.setdefault(key, Listing())
    else:
        above = _shared(needed[entry.parent.type], needed, tops)
        siblings = above.children.setdefault(entry.parent.type, [])
        found = next((sibling for sibling in siblings if _key(sibling.first) == key), None)
        listing = found or Listing()
        if found is None:
            siblings.append(listing)
    if all(other.type != entry.type for other in listing.entries):
        listing.entries.append(entry)
    return listing


def _key(entry: Entry) -> str:
    """Equal for entries that ask the same question and understand the same errors in answer."""
    parent = [entry.parent.type, dict(entry.parent.bind)] if entry.parent else None
    params = [dict(params) for params in entry.list.params]
    call = entry.list
    codes = [sorted(call.off), sorted(call.absent)]
    return canonical_json([entry.service, entry.scope, list(entry.regions), call.op, params, call.paging, codes, parent]).decode()


def region_by_item(entry: Entry, catalog: Mapping[str, Entry]) -> bool:
    """Whether the resources of the type have their own regions, each or by their parent's."""
    return bool(entry.item_region) or (entry.parent is not None and region_by_item(catalog[entry.parent.type], catalog))


def call_region(entry: Entry, account: Account, region: str) -> str:
    """Where a unit's listing is asked. `region` is the unit's."""
    if entry.scope == "regional":
        return region
    return account.home if entry.scope == "global" else entry.scope


class Discovery:
    """Finds out which account the credentials reach, and which regions it has. Remembers the last answer about regions."""

    def __init__(self, caller: Callable[[Account], Caller], sdk_regions: Callable[[Account], Iterable[str]]) -> None:
        self._caller = caller
        self._sdk_regions = sdk_regions
        self._enabled: dict[str, tuple[str, ...]] = {}

    def places(self, accounts: Collection[Account]) -> list[Place]:
        with ThreadPoolExecutor(_ACCOUNTS_AT_ONCE, thread_name_prefix="driftwatch-discovery") as pool:
            return list(pool.map(self.place, accounts))

    def place(self, account: Account) -> Place:
        caller = self._caller(account)
        try:
            self._check_account(caller, account)
        except CallFailed as failed:
            return Place(account=account, regions=self._last_known(account), failed=failed)
        try:
            status = self._regions_of(caller, account)
        except CallFailed as failed:
            if account.regions:  # the regions are known without it; one that is switched off will answer like bad credentials
                return Place(account=account, regions=account.regions)
            return Place(account=account, regions=self._last_known(account), failed=failed)
        enabled = tuple(sorted(name for name, opt_in in status.items() if opt_in != "not-opted-in"))
        self._enabled[account.id] = enabled
        if account.regions is None:
            return Place(account=account, regions=enabled)
        return Place(
            account=account,
            regions=tuple(name for name in account.regions if name in enabled),
            disabled=tuple(name for name in account.regions if name in status and name not in enabled),
            unknown=tuple(name for name in account.regions if name not in status),
        )

    def _regions_of(self, caller: Caller, account: Account) -> dict[str, str]:
        """Region name -> opt-in status, of all regions of the partition."""
        reply = caller.call("ec2", "DescribeRegions", {"AllRegions": True}, account.home)
        status = {region["RegionName"]: region.get("OptInStatus", "") for region in reply.get("Regions", ())}
        if not status:
            raise CallFailed(GapReason.NOT_AWS, operation="ec2:DescribeRegions", detail="the account has no region at all")
        return status

    def _last_known(self, account: Account) -> tuple[str, ...]:
        return account.regions or self._enabled.get(account.id) or tuple(self._sdk_regions(account))

    def _check_account(self, caller: Caller, account: Account) -> None:
        identity = caller.call("sts", "GetCallerIdentity", {}, account.home)
        reached = str(identity.get("Account"))
        if reached != account.id:
            detail = f"the credentials reach account {reached}, not {account.id}"
            raise CallFailed(GapReason.CREDENTIALS, operation="sts:GetCallerIdentity", detail=detail)


def plan(catalog: Mapping[str, Entry], types: Collection[str], places: Iterable[Place], wanted: Callable[[Cell], bool]) -> Plan:
    """The units of all places, without the cells that are not wanted."""
    units: list[ReadUnit] = []
    gaps: list[Gap] = []
    not_enabled: list[Cell] = []
    trees = listings(catalog, types)
    for place in places:
        for tree in trees:
            for region in (GLOBAL,) if tree.first.scope != "regional" else (*place.regions, *place.disabled, *place.unknown):
                cells = tuple(cell for cell in _cells(tree, place, region, catalog, types) if wanted(cell))
                if not cells:
                    continue
                if place.failed:
                    gaps += (_gap(cell, place.failed) for cell in cells)
                elif region in place.unknown:
                    failed = CallFailed(GapReason.ERROR, operation="ec2:DescribeRegions", detail=f"there is no region {region}")
                    gaps += (_gap(cell, failed) for cell in cells)
                elif region in place.disabled or not _exists(tree.first, place.account, region):
                    not_enabled += cells
                else:
                    units.append(_unit(tree, place.account, region, cells))
    every = {name: catalog[name].list.every or 1 for name in types}
    return Plan(units=tuple(units), gaps=tuple(gaps), not_enabled=tuple(not_enabled), every={k: n for k, n in every.items() if n > 1})


def _cells(tree: Listing, place: Place, region: str, catalog: Mapping[str, Entry], types: Collection[str]) -> Iterator[Cell]:
    account = place.account
    for name in tree.types():
        if name in types:
            by_item = region_by_item(catalog[name], catalog)
            for own in place.regions if by_item else (region,):
                yield Cell(scope=Scope(partition=account.partition, account=account.id, region=own), type=name)


def _exists(entry: Entry, account: Account, region: str) -> bool:
    """Whether the entry can be asked at all: the service's own list of regions, and regions that only the commercial partition has."""
    asked = call_region(entry, account, region)
    if entry.scope not in ("regional", "global") and account.partition != "aws":
        return False
    return not entry.regions or asked in entry.regions


def _unit(tree: Listing, account: Account, region: str, cells: tuple[Cell, ...]) -> ReadUnit:
    entry = tree.first
    name = f"{account.id}/{call_region(entry, account, region)}/{entry.service}:{entry.list.op}/{sha256_hex(_key(entry).encode())[:8]}"
    return ReadUnit(id=name, account=account.id, region=region, service=entry.service, cells=cells)


def _gap(cell: Cell, failed: CallFailed) -> Gap:
    return Gap(cell=cell, reason=failed.reason, detail=failed.detail, operation=failed.operation)
