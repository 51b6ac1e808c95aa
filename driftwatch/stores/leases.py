"""Leases. Their fencing number, checked inside every write transaction of a leader, keeps a paused former leader from writing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from driftwatch.domain.request import Lease
from driftwatch.errors import LeaseLostError
from driftwatch.stores.schema import leases
from driftwatch.stores.session import Session, values_of


class SqlLeases:
    """Implements `ports.Leases`. Write transactions are serialised, so that two processes cannot both see a free lease."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def acquire(self, name: str, holder: str, now: datetime, ttl_s: float) -> Lease | None:
        """The lease, new or renewed; None while another holder's is still running at `now`."""
        row = self._session.one(select(leases).where(leases.c.name == name))
        if row and row.holder not in (None, holder) and row.expires_at > now:
            return None
        fence = 1 if row is None else row.fence + (row.holder != holder)
        lease = Lease(name=name, holder=holder, fence=fence, expires_at=now + timedelta(seconds=ttl_s), renewed_at=now)
        self._session.save(leases, {column.name: getattr(lease, column.name) for column in leases.columns})
        return lease

    def get(self, name: str) -> Lease | None:
        """The lease as last acquired, expired or not; None when it was never acquired, or released."""
        row = self._session.one(select(leases).where(leases.c.name == name, leases.c.holder.is_not(None)))
        return _lease(row) if row else None

    def release(self, lease: Lease) -> None:
        """Frees it at once; does nothing when another holder has taken it over."""
        mine = (leases.c.name == lease.name) & (leases.c.holder == lease.holder) & (leases.c.fence == lease.fence)
        self._session.execute(update(leases).where(mine).values(holder=None))

    def check(self, lease: Lease) -> None:
        """Raises LeaseLostError unless the lease still has this holder and fence."""
        held = self.get(lease.name)
        if held is None or (held.holder, held.fence) != (lease.holder, lease.fence):
            heir = f"went to {held.holder} (fence {held.fence})" if held else "was given up"
            raise LeaseLostError(f"the lease {lease.name!r} of {lease.holder} (fence {lease.fence}) {heir}: nothing was written")


def _lease(row: Row[Any]) -> Lease:
    return Lease(**values_of(row, leases.columns.keys()))
