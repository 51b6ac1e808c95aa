"""Scans in the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, literal, select, tuple_, update

from driftwatch.domain.scan import Scan, ScanStatus
from driftwatch.errors import StoreError
from driftwatch.stores.columns import SafeText, UtcTime
from driftwatch.stores.days import utc_day
from driftwatch.stores.schema import cell_readings, cells, scans
from driftwatch.stores.session import Session, values_of


class SqlScans:
    """Implements `ports.Scans`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def start(self, scan: Scan) -> None:
        self._session.execute(insert(scans).values(_columns(scan)))

    def finish(self, scan: Scan) -> None:
        """Stores the scan as it ended; raises StoreError when it was never started."""
        if not self._session.execute(update(scans).where(scans.c.id == scan.id).values(_columns(scan))).rowcount:
            raise StoreError(f"scan {scan.id} was never started in this store")

    def get(self, scan_id: str) -> Scan | None:
        row = self._session.one(select(scans).where(scans.c.id == scan_id))
        return _scan(row) if row else None

    def latest(self, limit: int = 1) -> Sequence[Scan]:
        """The newest first."""
        newest = select(scans).order_by(scans.c.started_at.desc(), scans.c.id.desc()).limit(limit)
        return [_scan(row) for row in self._session.all(newest)]

    def last_complete(self, cells: int) -> Scan | None:
        """The newest complete one of so many cells or more: one of fewer says nothing of the others."""
        whole = (scans.c.status == ScanStatus.COMPLETE.value, scans.c.cells >= cells)
        row = self._session.one(select(scans).where(*whole).order_by(scans.c.started_at.desc(), scans.c.id.desc()).limit(1))
        return _scan(row) if row else None

    def page(self, after: tuple[datetime, str] | None, limit: int) -> Sequence[Scan]:
        """At most `limit` of them, the newest first: those that began before, or then with a smaller id than, `after`."""
        newest = select(scans).order_by(scans.c.started_at.desc(), scans.c.id.desc()).limit(limit)
        if after:
            place = tuple_(literal(after[0], UtcTime), literal(after[1], SafeText))
            newest = newest.where(scans.c.started_at <= after[0], tuple_(scans.c.started_at, scans.c.id) < place)
        return [_scan(row) for row in self._session.all(newest)]

    def days(self, since: datetime) -> Mapping[tuple[str, str], int]:
        """How many began on which day, by day and status, from `since` on."""
        group = (utc_day(scans.c.started_at).label("day"), scans.c.status)
        counted = select(*group, func.count().label("number")).where(scans.c.started_at >= since).group_by(*group)
        return {(row.day, row.status): row.number for row in self._session.all(counted)}

    def outcomes(self, scan_id: str, accounts: Collection[str] | None = None) -> Mapping[str, int]:
        """How many readings of the scan ended how; of cells in these accounts (None: in any)."""
        outcome = cell_readings.c.outcome
        counted = select(outcome, func.count().label("readings")).where(cell_readings.c.scan_id == scan_id).group_by(outcome)
        if accounts is not None:
            counted = counted.join(cells).where(cells.c.account.in_(accounts))
        return {row.outcome: row.readings for row in self._session.all(counted)}


def _columns(scan: Scan) -> dict[str, Any]:
    return {column.name: getattr(scan, column.name) for column in scans.columns} | {"status": scan.status.value}


def _scan(row: Row[Any]) -> Scan:
    return Scan(**values_of(row, scans.columns.keys()) | {"status": ScanStatus(row.status)})
