"""Exceptions: every one that was ever asked for, as it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from driftwatch.domain import codec
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.stores.schema import exceptions
from driftwatch.stores.session import Session


class SqlExceptions:
    """Implements `ports.Exceptions`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, exception_id: str) -> ExceptionRecord | None:
        row = self._session.one(select(exceptions).where(exceptions.c.id == exception_id))
        return codec.decode(ExceptionRecord, row.body) if row else None

    def all(self, states: Sequence[ExceptionState] = ()) -> Iterator[ExceptionRecord]:
        """Those in one of `states` (none given: in any), ordered by id."""
        wanted = select(exceptions).order_by(exceptions.c.id)
        if states:
            wanted = wanted.where(exceptions.c.state.in_([state.value for state in states]))
        for row in self._session.stream(wanted):
            yield codec.decode(ExceptionRecord, row.body)

    def save(self, exception: ExceptionRecord) -> None:
        """Inserts or replaces by id."""
        row = {"id": exception.id, "state": exception.state.value, "expires_at": exception.expires_at}
        self._session.save(exceptions, row | {"body": codec.encode(exception)})
