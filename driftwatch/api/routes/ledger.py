"""/ledger: the record of everything decided or done, its checkpoints, and the proof of a part of it.

The ledger is one chain over all accounts: whoever reads it has to be an auditor of all of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Annotated, Final

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from driftwatch.api.answers import tagged
from driftwatch.api.asking import Asking
from driftwatch.api.guard import Caller
from driftwatch.api.paging import LimitQuery
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import ledger as schemas
from driftwatch.domain.access import Permission
from driftwatch.errors import InputError, NotFoundError
from driftwatch.operations import ledger_proof, ledger_views

routes: Final = Routes("ledger")

MOST_PROVED: Final = 10_000
"""Entries of one proof; more are for `driftwatch ledger export`."""
LINES: Final = "application/jsonl"
_IN_MEMORY: Final = 1 << 20
_PIECE: Final = 1 << 16
_LARGEST: Final = 2**63 - 1

After = Annotated[int, Query(ge=0, le=_LARGEST, description="`next` of the page before; the first page needs none.")]
Seq = Annotated[int, Query(ge=1, le=_LARGEST)]


@routes.read("/ledger/head", schemas.Head, needs=Permission.AUDIT)
def head(request: Request, caller: Asking) -> Response:
    """The last entry and the last checkpoint: keep the hash, and no earlier entry can be changed without it showing."""
    require_auditor(caller)
    return tagged(request, ledger_views.head_document(caller.installation))


@routes.read("/ledger/entries", schemas.Entries, needs=Permission.AUDIT)
def entries(request: Request, caller: Asking, after: After = 0, limit: LimitQuery = 50) -> Response:
    """Entries in their order, with the exact text that was hashed; a page at a time."""
    require_auditor(caller)
    found, following = ledger_views.entries(caller.installation, after, limit)
    return tagged(request, {"entries": found, "next": following})


@routes.read("/ledger/checkpoints", schemas.Checkpoints, needs=Permission.AUDIT)
def checkpoints(request: Request, caller: Asking, after: After = 0, limit: LimitQuery = 50) -> Response:
    """Checkpoints in their order, a page at a time."""
    require_auditor(caller)
    found, following = ledger_views.checkpoints(caller.installation, after, limit)
    return tagged(request, {"checkpoints": found, "next": following})


@routes.read("/ledger/proof", LINES, needs=Permission.AUDIT, response_class=StreamingResponse)
def proof(
    caller: Asking,
    from_: Annotated[Seq, Query(alias="from", description="The first entry that has to be in it.")] = 1,
    until: Annotated[Seq | None, Query(description="The last one; default: the last one there is.")] = None,
) -> Response:
    """A range of entries with the checkpoints around it, as `driftwatch ledger export` writes them: it can be verified without the rest."""
    require_auditor(caller)
    if until is not None and until < from_:
        raise InputError(f"no entry lies from {from_} to {until}", expected="`until` with a later number")
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - whoever streams it closes it
    try:
        done = ledger_proof.export(caller.installation, file.write, after=from_ - 1, until=until, most=MOST_PROVED)
    except BaseException:
        file.close()
        raise
    if done.last < from_:
        file.close()
        raise NotFoundError(f"no entry {from_}: the last one is {done.last}")
    file.seek(0)
    headers = {
        "Content-Disposition": f'attachment; filename="ledger-{done.first}-{done.last}.jsonl"',
        "Driftwatch-Ledger-Range": f"{done.first}-{done.last}",
        "Driftwatch-Ledger-Verifies": "no" if done.fault else "yes",
    }
    return StreamingResponse(_pieces(file), media_type=LINES, headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def require_auditor(caller: Caller) -> None:
    """Raises RefusedError unless they may audit every account."""
    caller.require(Permission.AUDIT, caller.installation.accounts, "ledger_read", "ledger")
