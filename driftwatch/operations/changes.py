"""Change records: read from every source into the store; a source that fails leaves its last records, and says so."""

from __future__ import annotations

from driftwatch.domain.change import ChangeRecord, SourceStatus
from driftwatch.domain.report import Report, SourceSynced, silent
from driftwatch.errors import NotFoundError, SourceError
from driftwatch.operations.installation import Installation


def sync(installation: Installation, report: Report = silent) -> None:
    """Reads every source once. A source that cannot be read is recorded as failed; its last accepted records stay."""
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


def records(installation: Installation) -> list[ChangeRecord]:
    """Every accepted record, newest first."""
    with installation.store.read() as uow:
        return sorted(uow.changes.records(), key=lambda record: (record.created_at, record.id), reverse=True)


def record(installation: Installation, record_id: str) -> ChangeRecord:
    with installation.store.read() as uow:
        found = uow.changes.get(record_id)
    if found is None:
        raise NotFoundError(f"no change record {record_id} is known; `driftwatch changes list` names those that are")
    return found


def sources(installation: Installation) -> list[SourceStatus]:
    """How each source's last reading went, with the records that were set aside."""
    with installation.store.read() as uow:
        return list(uow.changes.sources())
