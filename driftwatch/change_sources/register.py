"""The built-in change register as a change source: scans judge by its records as by those of any ticket system."""

from __future__ import annotations

from dataclasses import replace

from driftwatch.documents.models import Section
from driftwatch.domain.change import Fetched
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
                return Fetched(records=tuple(replace(record, source=self.name) for record in uow.register.all()))
        except StoreError as error:
            raise SourceError(f"the register cannot be read: {error}", retryable=True) from error


def create(name: str, _settings: Settings, *, store: Store) -> RegisterSource:
    """A source that asks for the `store` is given the one that driftwatch itself works with."""
    return RegisterSource(name, store)
