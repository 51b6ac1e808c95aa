"""The coverage: every cell that is not known as it should be, why, and what would mend it."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from driftwatch.api import site
from driftwatch.api.asking import Asking, Some, looked_into
from driftwatch.api.pages.overview import rows
from driftwatch.api.paging import cursor_of, parts_of
from driftwatch.api.routing import PageRoutes
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.selection import CellSelection
from driftwatch.domain.snapshot import CellState
from driftwatch.operations import coverage

routes: Final = PageRoutes()
ON_A_PAGE: Final = 50
ACCOUNTS_ON_A_PAGE: Final = 20
NOT_GOOD: Final = (CellState.UNKNOWN, CellState.STALE, CellState.UNBASELINED)


@routes.read("/coverage")
def show(
    request: Request,
    caller: Asking,
    state: Some = None,
    account: Some = None,
    region: Some = None,
    type: Some = None,  # noqa: A002 - the glossary's word
    after: str | None = None,
    accounts_after: str = "",
) -> Response:
    """The map of accounts and regions, and the cells; by default those that are not known as they should be."""
    chosen = {"state": _kept(state), "account": _kept(account), "region": _kept(region), "type": _kept(type)}
    states = tuple(CellState(item) for item in chosen["state"] if item in set(CellState)) or NOT_GOOD
    wanted = CellSelection(
        fresh_since=caller.installation.fresh_since,
        states=states,
        accounts=looked_into(caller, chosen["account"]),
        regions=tuple(chosen["region"]),
        types=tuple(chosen["type"]),
    )
    cells, following = coverage.page(caller.installation, wanted, _cell(after), ON_A_PAGE, caller.wired.actions)
    waiting = [known for known in sorted(caller.accounts) if known > accounts_after]
    counted = CellSelection(fresh_since=wanted.fresh_since)
    return site.page(
        request,
        "coverage.html",
        caller=caller,
        accounts=rows(coverage.coverage(caller.installation, waiting[:ACCOUNTS_ON_A_PAGE], counted)),
        more_accounts=site.link("/coverage", {"accounts_after": waiting[ACCOUNTS_ON_A_PAGE - 1]})
        if len(waiting) > ACCOUNTS_ON_A_PAGE
        else None,
        cells=cells,
        next=site.link("/coverage", {**chosen, "after": _cursor(following)}) if following else None,
        chosen=chosen,
        states=[item.value for item in CellState],
    )


def _kept(given: list[str] | None) -> list[str]:
    return [item for item in given or () if item]


def _cursor(cell: Cell) -> str:
    return cursor_of(cell.scope.partition, cell.account, cell.region, cell.type)


def _cell(cursor: str | None) -> Cell | None:
    parts = parts_of(cursor, 4)
    if parts is None:
        return None
    partition, account, region, type_ = parts
    return Cell(scope=Scope(partition=partition, account=account, region=region), type=type_)
