"""Scans in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert, select, update

from driftwatch.domain.scan import Scan, ScanStatus
from driftwatch.errors import StoreError
from driftwatch.stores.schema import scans
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


def _columns(scan: Scan) -> dict[str, Any]:
    return {column.name: getattr(scan, column.name) for column in scans.columns} | {"status": scan.status.value}


def _scan(row: Row[Any]) -> Scan:
    return Scan(**values_of(row, scans.columns.keys()) | {"status": ScanStatus(row.status)})
