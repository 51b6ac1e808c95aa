"""/cells and /coverage: what was read, how well, and what is missing."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request, Response

from driftwatch.api.answers import tagged
from driftwatch.api.asking import Asking, Some, looked_into
from driftwatch.api.paging import CursorQuery, LimitQuery, cursor_of, parts_of
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import coverage as schemas
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.selection import CellSelection
from driftwatch.domain.snapshot import CellState
from driftwatch.operations import coverage

routes: Final = Routes("coverage")

MOST_ACCOUNTS: Final = 50
States = Annotated[list[CellState] | None, Query(description="Only cells in these states, as of now.")]
Reasons = Annotated[
    list[Annotated[str, Query(max_length=100)]] | None,
    Query(max_length=100, description="Only cells with these reasons: those of gaps, not_read_for_too_long, not_configured, ..."),
]
AccountLimit = Annotated[int, Query(ge=1, le=MOST_ACCOUNTS, description="Accounts on one page.")]


@routes.read("/cells", schemas.CellPage)
def cells(
    request: Request,
    caller: Asking,
    state: States = None,
    reason: Reasons = None,
    account: Some = None,
    region: Some = None,
    type: Some = None,  # noqa: A002 - the glossary's word
    cursor: CursorQuery = None,
    limit: LimitQuery = 50,
) -> Response:
    """Cells with what was not read of them and what that needs, ordered by account, region and type, a page at a time."""
    wanted = CellSelection(
        fresh_since=caller.installation.fresh_since,
        states=tuple(state or ()),
        reasons=tuple(reason or ()),
        accounts=looked_into(caller, account),
        regions=tuple(region or ()),
        types=tuple(type or ()),
    )
    found, following = coverage.page(caller.installation, wanted, _cell(cursor), limit, caller.wired.actions)
    return tagged(request, {"cells": found, "next": _cursor(following) if following else None})


@routes.read("/coverage", schemas.Coverage)
def overview(
    request: Request,
    caller: Asking,
    account: Some = None,
    region: Some = None,
    type: Some = None,  # noqa: A002 - the glossary's word
    cursor: CursorQuery = None,
    limit: AccountLimit = 20,
) -> Response:
    """The configured accounts, region by region, with the number of cells in each state; a page of accounts at a time."""
    (after,) = parts_of(cursor, 1) or ("",)
    waiting = [known for known in sorted(caller.accounts) if known > after and (not account or known in account)]
    wanted = CellSelection(fresh_since=caller.installation.fresh_since, regions=tuple(region or ()), types=tuple(type or ()))
    documents = coverage.coverage(caller.installation, waiting[:limit], wanted)
    return tagged(request, {"accounts": documents, "next": cursor_of(waiting[limit - 1]) if len(waiting) > limit else None})


def _cursor(cell: Cell) -> str:
    return cursor_of(cell.scope.partition, cell.account, cell.region, cell.type)


def _cell(cursor: str | None) -> Cell | None:
    parts = parts_of(cursor, 4)
    if parts is None:
        return None
    partition, account, region, type_ = parts
    return Cell(scope=Scope(partition=partition, account=account, region=region), type=type_)
