"""The order in which change records are paged, and the state that pages are filtered by."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from driftwatch.stores.columns import JsonBytes, SafeText, UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_PORTION = 500
_RECORDS = sa.table(
    "change_records",
    sa.column("source", SafeText),
    sa.column("id", SafeText),
    sa.column("body", JsonBytes),
    sa.column("created_at", UtcTime),
    sa.column("state", SafeText),
)
_REGISTER = sa.table(
    "register",
    sa.column("id", SafeText),
    sa.column("body", JsonBytes),
    sa.column("created_at", UtcTime),
    sa.column("state", SafeText),
)


def upgrade() -> None:
    """A store never goes back to an older schema: restore the backup instead."""
    for table, keys in ((_RECORDS, ("source", "id")), (_REGISTER, ("id",))):
        op.add_column(table.name, sa.Column("created_at", UtcTime))
        op.add_column(table.name, sa.Column("state", SafeText))
        _fill(table, keys)
    op.create_index("ix_change_records_created_at", "change_records", ["created_at", "id", "source"])
    op.create_index("ix_register_created_at", "register", ["created_at", "id"])


def _fill(table: sa.TableClause, keys: tuple[str, ...]) -> None:
    """What the records say themselves, a portion at a time, in the order of their keys."""
    connection = op.get_bind()
    columns = [table.c[key] for key in keys]
    after: tuple[str, ...] | None = None
    while True:
        wanted = sa.select(*columns, table.c.body).order_by(*columns).limit(_PORTION)
        if after is not None:
            wanted = wanted.where(sa.tuple_(*columns) > sa.tuple_(*(sa.literal(value, SafeText) for value in after)))
        found = connection.execute(wanted).all()
        for row in found:
            here = [column == value for column, value in zip(columns, row, strict=False)]
            said = {"created_at": datetime.fromisoformat(row.body["created_at"]), "state": row.body["state"]}
            connection.execute(sa.update(table).where(*here).values(said))
        if len(found) < _PORTION:
            return
        after = tuple(found[-1][: len(keys)])
