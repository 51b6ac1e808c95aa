"""The built-in change register: its records as they stand, each with the number of its revision."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import insert, literal, select, tuple_, update

from driftwatch.domain import codec
from driftwatch.domain.change import ChangeRecord, ChangeState, RecordPlace
from driftwatch.errors import StoreError
from driftwatch.stores.changes import place
from driftwatch.stores.columns import SafeText
from driftwatch.stores.schema import register
from driftwatch.stores.session import Session


class SqlRegister:
    """Implements `ports.Register`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, record_id: str) -> tuple[ChangeRecord, int] | None:
        row = self._session.one(select(register).where(register.c.id == record_id))
        return (codec.decode(ChangeRecord, row.body), row.revision) if row else None

    def all(self) -> Iterator[ChangeRecord]:
        """All of them, ordered by id."""
        for row in self._session.stream(select(register).order_by(register.c.id)):
            yield codec.decode(ChangeRecord, row.body)

    def page(self, source: str, states: Collection[ChangeState], after: RecordPlace | None, limit: int) -> Sequence[ChangeRecord]:
        """At most `limit` in these states (none given: in any), the newest first, as records of `source`: those after the place `after`."""
        wanted = select(register).order_by(register.c.created_at.desc(), register.c.id.desc()).limit(limit)
        if states:
            wanted = wanted.where(register.c.state.in_([state.value for state in states]))
        if after is not None:
            wanted = wanted.where(tuple_(register.c.created_at, register.c.id, literal(source, SafeText)) < place(after))
        return [replace(codec.decode(ChangeRecord, row.body), source=source) for row in self._session.all(wanted)]

    def save(self, record: ChangeRecord, revision: int, now: datetime) -> None:
        """A new record has revision 1; a changed one the number after the one it was made from, else StoreError: somebody was faster."""
        row = {"revision": revision, "changed_at": now, "body": codec.encode(record)}
        row |= {"created_at": record.created_at, "state": record.state.value}
        if revision == 1:
            if self._session.one(select(register.c.id).where(register.c.id == record.id)):
                raise StoreError(f"the register holds {record.id} already")
            self._session.execute(insert(register).values(row | {"id": record.id}))
            return
        former = (register.c.id == record.id) & (register.c.revision == revision - 1)
        if not self._session.execute(update(register).where(former).values(row)).rowcount:
            raise self._session.refusal(f"{record.id} was changed by somebody else meanwhile: look at it again")
