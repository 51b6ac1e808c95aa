"""Every policy that was ever in force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select

from driftwatch.domain.canonical import encode
from driftwatch.domain.resource import Json
from driftwatch.errors import StoreError
from driftwatch.stores.schema import policies, policy_activations
from driftwatch.stores.session import Session


class SqlPolicies:
    """Implements `ports.Policies`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def activate(self, version: str, document: Json, at: datetime) -> None:
        """Puts it in force from `at` on; does nothing when it is in force already."""
        known = self._session.one(select(policies.c.document).where(policies.c.version == version))
        if known is None:
            self._session.execute(insert(policies).values(version=version, document=document))
        elif encode(known.document) != encode(document):
            raise StoreError(f"policy {version} is in the store with other contents")
        active = self.active()
        if active is None or active[0] != version:
            self._session.execute(insert(policy_activations).values(version=version, at=at))

    def active(self) -> tuple[str, Json, datetime] | None:
        """(version, document, in force since)."""
        row = self._session.one(
            select(policies, policy_activations.c.at).join(policy_activations).order_by(policy_activations.c.activation.desc()).limit(1)
        )
        return (row.version, row.document, row.at) if row else None

    def get(self, version: str) -> Json | None:
        row = self._session.one(select(policies.c.document).where(policies.c.version == version))
        return row.document if row else None
