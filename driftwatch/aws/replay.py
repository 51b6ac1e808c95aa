"""Replaying recorded replies: what driftwatch makes of a whole collection, or of a single reply, without a call to AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from driftwatch.aws.catalog import Catalog
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.embedded_yaml import read_yaml
from driftwatch.aws.entry import Entry
from driftwatch.aws.planning import Place, plan
from driftwatch.aws.readers import readers_of
from driftwatch.aws.recorded import RecordedCaller, is_reply, read_reply
from driftwatch.aws.sdk import Sdk
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.resource import Json, Resource
from driftwatch.domain.scan import Reading, ReadUnit
from driftwatch.domain.snapshot import Batch, CellRead, Gap
from driftwatch.errors import InputError

PUBLIC_TEST_KEY = b"driftwatch: the public test key of catalog replay"
"""Secrets in a replay are hashed under this key, so that everybody gets the same result. It protects nothing."""

ACCOUNT = "123456789012"
REGION = "us-east-1"
"""What a replay takes for the account and region of the replies: they do not say. So nothing is left out for being another account's."""


def replay(paths: Sequence[Path], catalog: Catalog, key: bytes, sdk: Sdk | None = None) -> Iterator[dict[str, Json]]:
    """One JSON object for each path: of a directory the resources and gaps, of a file what each entry that reads it keeps.

    A path that cannot be replayed yields ``{"path", "error"}``. `sdk` keeps the models that were read, for the next time.
    """
    sdk = sdk or Sdk()
    for path in paths:
        try:
            found = _directory(path, catalog, key, sdk) if path.is_dir() else readers_of(read_reply(path), catalog, key, sdk)
        except InputError as error:
            yield {"path": str(path), "error": str(error)}
        else:
            yield {"path": str(path), **found}


def _directory(path: Path, catalog: Mapping[str, Entry], key: bytes, sdk: Sdk) -> dict[str, Json]:
    """Reads the types whose listing was recorded, by the collector's own code."""
    files = sorted(file for file in path.iterdir() if is_reply(file))
    catalog = {name: _as_recorded(entry) for name, entry in catalog.items()}
    if not files:
        raise InputError(f"{path} holds no recorded reply", expected="files <service>.<Operation>_<n>.json")
    replies = [read_reply(file) for file in files]
    shared = RecordedCaller(replies, sdk)
    types = [type_ for type_, entry in catalog.items() if shared.has(entry.service, entry.list.op)]
    if not types:
        raise InputError(f"{path} holds no listing that an entry of the catalogue reads", expected="the replies of a whole collection")
    account = Account(id=ACCOUNT, regions=(REGION,))
    units = plan(catalog, types, [Place(account=account, regions=(REGION,))], lambda _: True).units
    resources: list[Json] = []
    gaps: list[Json] = []
    limits = Limits(calls_per_place=1)  # one call after the other: which file answers depends on the order
    with closing(AwsCollector(catalog, [Account(id=ACCOUNT)], key, "public-test-key", limits=limits, yaml=read_yaml)) as collector:
        for unit in units:
            top = _listing_of(unit, catalog)
            # types that ask the same question, each with a listing of its own, are all answered by the same recording
            caller = shared if shared.remaining(top.service, top.list.op) else RecordedCaller(replies, sdk)
            for read in collector.read_with(caller, unit, Reading()):
                resources += map(_resource, read.resources) if isinstance(read, Batch) else []
                gaps += map(_gap, read.gaps) if isinstance(read, CellRead) else []
    return {"resources": sorted(resources, key=_order), "gaps": sorted(gaps, key=_order)}


def _as_recorded(entry: Entry) -> Entry:
    """The entry as it fits a recording: whose account is not known, and which cannot be read again once a resource has settled."""
    foreign = entry.keep is not None and "$account" in entry.keep
    return replace(entry, keep=None if foreign else entry.keep, settling={}) if foreign or entry.settling else entry


def _listing_of(unit: ReadUnit, catalog: Mapping[str, Entry]) -> Entry:
    """The entry whose listing the unit begins with."""
    entry = catalog[unit.cells[0].type]
    while entry.parent:
        entry = catalog[entry.parent.type]
    return entry


def _resource(resource: Resource) -> Json:
    return {
        "type": resource.cell.type,
        "id": resource.id,
        "arn": resource.arn,
        "tags": dict(resource.tags),
        "config": dict(resource.config),
        "fingerprint": resource.fingerprint,
    }


def _gap(gap: Gap) -> Json:
    return {
        "type": gap.cell.type,
        "resource_id": gap.resource_id,
        "reason": str(gap.reason),
        "operation": gap.operation,
        "detail": gap.detail,
    }


def _order(found: Json) -> tuple[str, str]:
    return found["type"], found.get("id") or found.get("resource_id") or ""
