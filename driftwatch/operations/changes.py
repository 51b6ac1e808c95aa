"""Change records: read from every source into the store; a source that fails leaves its last records, and says so."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from driftwatch.domain.change import ChangeRecord, ChangeState, RecordPlace, SourceStatus, place_of
from driftwatch.domain.decision import Effect
from driftwatch.domain.finding import Finding
from driftwatch.domain.report import Report, SourceSynced, silent
from driftwatch.errors import NotFoundError, SourceError
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork


def sync(installation: Installation, report: Report = silent) -> None:
    """Reads every source once. A source that cannot be read is recorded as failed; its last accepted records stay.

    One that the configuration names no longer is forgotten: nobody would see its records being taken back, so they allow nothing more.
    """
    _forget_removed(installation)
    for source in installation.sources:
        now = installation.clock()
        try:
            fetched = source.fetch()
        except SourceError as error:
            with installation.store.write() as uow:
                uow.changes.failed(source.name, str(error), now)
            report(SourceSynced(source=source.name, error=str(error)))
            continue
        with installation.store.write() as uow:
            uow.changes.sync(source.name, fetched, now)
        report(SourceSynced(source=source.name, records=len(fetched.records), set_aside=len(fetched.set_aside)))


def _forget_removed(installation: Installation) -> None:
    with installation.store.write() as uow:
        now = installation.clock()
        for name in uow.changes.keep_only([source.name for source in installation.sources], now):
            uow.ledger.append(now, "change_source_removed", {"source": name})


def records(installation: Installation) -> list[ChangeRecord]:
    """Every accepted record, newest first; those of the built-in register as they stand this moment."""
    with installation.store.read() as uow:
        known = {(record.source, record.id): record for record in uow.changes.records()}
        known |= {(record.source, record.id): record for record in _registered(installation, uow)}
    return sorted(known.values(), key=place_of, reverse=True)


def page(
    installation: Installation,
    sources: Collection[str] = (),
    states: Collection[ChangeState] = (),
    after: RecordPlace | None = None,
    limit: int = 50,
) -> tuple[list[ChangeRecord], RecordPlace | None]:
    """One page of `records` of these sources in these states (none given: of any), and after which the next one begins (None: the last)."""
    name = installation.register
    with installation.store.read() as uow:
        found = list(uow.changes.page(sources, states, after, limit + 1, registered=name))
        if name is not None and (not sources or name in sources):
            found += uow.register.page(name, states, after, limit + 1)
    found.sort(key=place_of, reverse=True)
    return found[:limit], place_of(found[limit - 1]) if len(found) > limit else None


def record(installation: Installation, record_id: str) -> ChangeRecord:
    """One record; raises NotFoundError for an id that no source holds."""
    with installation.store.read() as uow:
        registered = uow.register.get(record_id) if installation.register else None
        found = replace(registered[0], source=installation.register or "") if registered else uow.changes.get(record_id)
    if found is None:
        raise NotFoundError(f"no change record {record_id} is known; `driftwatch changes list` names those that are")
    return found


def effects(installation: Installation, record_id: str, most: int) -> list[tuple[Effect, Finding]]:
    """What the record decided, as last judged, each with its finding: `most` of it at most."""
    with installation.store.read() as uow:
        found = list(uow.findings.effects([record_id], most))
        known = {id_: uow.findings.get(id_) for id_ in {effect.finding for effect in found}}
    return [(effect, finding) for effect in found if (finding := known[effect.finding]) is not None]


def _registered(installation: Installation, uow: UnitOfWork) -> Iterator[ChangeRecord]:
    """The register's records are newer than their last reading; they count from the next one on."""
    if installation.register:
        for item in uow.register.all():
            yield replace(item, source=installation.register)


def sources(installation: Installation) -> list[SourceStatus]:
    """How each source's last reading went, with the records that were set aside."""
    with installation.store.read() as uow:
        return list(uow.changes.sources())
