"""The ledger as plain JSON, page by page: how it stands, its entries and its checkpoints."""

from __future__ import annotations

from driftwatch.documents.ledger_lines import entry_document
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.ledger import Checkpoint
from driftwatch.domain.resource import Json
from driftwatch.errors import StoreError
from driftwatch.operations import ledger
from driftwatch.operations.installation import Installation


def head_document(installation: Installation) -> Json:
    """The last entry and the last checkpoint."""
    standing = ledger.standing(installation)
    entry = standing.head
    last = {"seq": entry.seq, "ts": utc_text(entry.ts), "type": entry.type, "hash": entry.hash} if entry else None
    return {"head": last, "checkpoint": checkpoint_document(standing.checkpoint) if standing.checkpoint else None}


def checkpoint_document(item: Checkpoint) -> Json:
    """One checkpoint, as far as it can be read."""
    return {
        "number": item.number,
        "seq": item.seq,
        "head": item.head,
        "time": utc_text(item.time),
        "previous": item.previous,
        "signature": item.signature,
        "key": item.key,
    }


def entries(installation: Installation, after: int, limit: int) -> tuple[list[Json], int | None]:
    """The next entries behind `after`, and after which number the next page begins (None: this is the last).

    Raises StoreError for an entry that was damaged.
    """
    with installation.store.read() as uow:
        rows = uow.ledger.rows(after, limit + 1)
    try:
        documents = [entry_document(row) for row in rows[:limit]]
    except ValueError as error:
        raise StoreError(f"{error}; `driftwatch ledger verify` tells more, and `after` leads past it") from error
    return documents, rows[limit - 1][0] if len(rows) > limit else None


def checkpoints(installation: Installation, after: int, limit: int) -> tuple[list[Json], int | None]:
    """The next checkpoints behind the one with the number `after`, as `entries`."""
    with installation.store.read() as uow:
        found = uow.ledger.checkpoints(after, limit + 1)
    return [checkpoint_document(item) for item in found[:limit]], found[limit - 1].number if len(found) > limit else None
