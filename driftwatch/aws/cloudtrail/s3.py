"""Logged calls from the bucket of a trail: its log files, and the digests that prove them.

Files come late and out of order, so the newest days are listed again on every fetch. Nothing is written to the bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pydantic import Field

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.cloudtrail.reading import access
from driftwatch.aws.cloudtrail.reading.access import Access, AccountId, Bucket, Region
from driftwatch.aws.cloudtrail.reading.intake import Intake, Parse, parser
from driftwatch.aws.cloudtrail.reading.layout import Layout
from driftwatch.aws.cloudtrail.reading.objects import Objects
from driftwatch.aws.cloudtrail.reading.place import Fetching, Place
from driftwatch.aws.cloudtrail.reading.position import Position
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.activity import ActivityBatch, ActivityOrder

if TYPE_CHECKING:
    from driftwatch.aws.cloudtrail.reading.chain import Chains

_PARALLEL: Final = 8


class Settings(Access):
    """The settings of an `s3` source."""

    bucket: Bucket = Field(description="The bucket that the trail delivers to.")
    prefix: str = Field(default="", max_length=200, description="The prefix that the trail was given, if any.")
    organization: str | None = Field(default=None, pattern=r"^o-[a-z0-9]{10,32}$", description="The organization's id, for its trail.")
    accounts: tuple[AccountId, ...] = Field(default=(), description="The accounts whose files are read; default: all that are watched.")
    regions: tuple[Region, ...] = Field(default=(), description="The regions whose files are read; default: those of the account.")
    start_h: float = Field(default=24.0, ge=0, le=24 * 365, description="How many hours back the first reading begins.")
    relist_h: float = Field(default=48.0, ge=2, le=24 * 30, description="For how many hours back late files are looked for.")
    delivery_lag_s: int = Field(default=900, ge=0, le=86_400, description="Seconds until CloudTrail has certainly delivered an event.")
    poll_s: int = Field(default=60, ge=1, le=86_400, description="Seconds from one look at the bucket to the next.")
    max_objects: int = Field(default=10_000, ge=1, le=1_000_000, description="Files that one fetch reads, shared among the places.")
    batch_objects: int = Field(default=20, ge=1, le=1000, description="Files that are fetched together and stored in one transaction.")
    verify_digests: bool = Field(default=False, description="Whether the trail's digests are verified, and the files against them.")


class S3Source:
    """Reads the log files of every watched account and region, oldest first within each.

    An account is told complete up to `delivery_lag_s` before the listing began, if all of its places were listed and every file read;
    with `verify_digests` up to so long before the end of what the digests prove.
    """

    def __init__(self, name: str, settings: Settings, accounts: Sequence[Account], parse: Parse) -> None:
        self.name = name
        self._settings = settings
        self._parse = parse
        watched = {account.id: account for account in accounts}
        self._accounts = [watched.get(id_) or Account(id=id_) for id_ in settings.accounts or watched]
        self._layout = Layout(prefix=settings.prefix, organization=settings.organization)
        self._reader = settings.reader(accounts)
        self._calls = access.Calls(
            [self._reader], Limits(calls_per_place=_PARALLEL, call_deadline_s=120.0, max_reply_bytes=settings.max_object_bytes)
        )

    @property
    def accounts(self) -> Sequence[str]:
        """The accounts whose files are read."""
        return [account.id for account in self._accounts]

    @property
    def reads_from(self) -> Sequence[str]:
        """The bucket."""
        return [self._settings.bucket]

    @property
    def poll_s(self) -> float:
        """Seconds from one fetch to the next."""
        return float(self._settings.poll_s)

    def close(self) -> None:
        """Ends its calls, and the thread that watches over them."""
        self._calls.close()

    def fetch(self, order: ActivityOrder, stopped: Callable[[], bool]) -> Iterator[ActivityBatch]:
        """The files that are new. Raises SourceError when the bucket, or a part of it, could not be read."""
        caller = self._calls.by(self._reader.id, stopped)
        fetching = Fetching(
            objects=Objects(caller=caller, bucket=self._settings.bucket, region=self._settings.region),
            layout=self._layout,
            intake=Intake(self._parse, order.now),
            position=Position(order.position, order.now - timedelta(hours=self._settings.start_h)),
            now=order.now,
            stopped=stopped,
            pool=ThreadPoolExecutor(_PARALLEL, thread_name_prefix=f"driftwatch-{self.name}"),
            relist=timedelta(hours=self._settings.relist_h),
            group=self._settings.batch_objects,
        )
        try:
            yield from self._batches(fetching)
        except CallFailed as failed:
            fetching.trouble = failed
        finally:
            fetching.pool.shutdown(cancel_futures=True)
        if fetching.trouble is not None and not stopped():
            raise access.as_source_error(self.name, fetching.trouble)

    def done(self, batch: ActivityBatch) -> None:
        """The position says it all."""

    def _batches(self, fetching: Fetching) -> Iterator[ActivityBatch]:
        lag = timedelta(seconds=self._settings.delivery_lag_s)
        chains = _chains(fetching, lag) if self._settings.verify_digests else None
        complete: dict[str, datetime] = {}
        for account, places in self._places(fetching):
            until: list[datetime | None] = []
            for place in places:
                share = self._settings.max_objects // fetching.places
                yield from place.read(max(share, self._settings.batch_objects))
                until.append(fetching.now - lag if place.complete else None)
                if chains is not None and not fetching.stopped():
                    yield from chains.follow(place)
                    until.append(chains.until)
            known = [time for time in until if time is not None]
            if known and len(known) == len(until) and not fetching.stopped():
                complete[account.id] = min(known)
        if complete:
            yield ActivityBatch(position=fetching.position.unchanged(), complete_until=complete, calls=fetching.calls())

    def _places(self, fetching: Fetching) -> Iterator[tuple[Account, list[Place]]]:
        """The accounts with their places: every watched region below which the account has files, and where global services log."""
        found: list[tuple[Account, list[Place]]] = []
        for account in self._accounts:
            wanted = set(self._settings.regions or account.regions or ())
            try:
                regions = self._regions(fetching.objects, account)
            except CallFailed as failed:
                fetching.failed(failed)
                continue
            chosen = [region for region in regions if not wanted or region in wanted or region == account.home]
            found.append((account, [Place(fetching, account.id, region) for region in chosen]))
        fetching.places = sum(len(places) for _, places in found)
        yield from found

    def _regions(self, objects: Objects, account: Account) -> list[str]:
        kinds = ("CloudTrail", "CloudTrail-Digest") if self._settings.verify_digests else ("CloudTrail",)
        return sorted({region for kind in kinds for region in objects.folders(self._layout.regions(account.id, kind))})


def _chains(fetching: Fetching, lag: timedelta) -> Chains:
    """Imported here: only who verifies digests needs the cryptography library."""
    from driftwatch.aws.cloudtrail.reading.chain import Chains

    return Chains(fetching, lag)


def create(name: str, settings: Settings, *, accounts: Sequence[Account], parse: Parse | None = None) -> S3Source:
    return S3Source(name, settings, accounts, parse or parser())
