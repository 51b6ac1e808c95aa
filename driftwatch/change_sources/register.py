"""The built-in change register as a change source: scans judge by its records as by those of any ticket system."""

from __future__ import annotations

from dataclasses import replace

from driftwatch.documents.models import Section
from driftwatch.domain.change import ApprovalDecision, ChangeRecord, Fetched
from driftwatch.errors import SourceError, StoreError
from driftwatch.ports import Store


class Settings(Section):
    """A `register` source has no settings of its own: its records are in driftwatch's store."""


class RegisterSource:
    """Shows every record of the register. None of them can be refused: the register took only what it could read."""

    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self._store = store

    def fetch(self) -> Fetched:
        """All records as they stand; raises SourceError when the store cannot be read."""
        try:
            with self._store.read() as uow:
                return Fetched(records=tuple(replace(_as_approved(record), source=self.name) for record in uow.register.all()))
        except StoreError as error:
            raise SourceError(f"the register cannot be read: {error}", retryable=True) from error


def _as_approved(record: ChangeRecord) -> ChangeRecord:
    """The record without approvals of what it said before it was amended: an approval is bound to the content that was looked at.

    Other sources cannot tell what an approval was for; there R16 has to judge. What speaks against the record stays.
    """
    amended = record.material_changed_at
    if amended is None:
        return record
    kept = tuple(item for item in record.approvals if item.decision is not ApprovalDecision.APPROVED or item.at >= amended)
    return replace(record, approvals=kept)


def create(name: str, _settings: Settings, *, store: Store) -> RegisterSource:
    """A source that asks for the `store` is given the one that driftwatch itself works with."""
    return RegisterSource(name, store)
