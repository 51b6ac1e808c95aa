"""The overview: is anything unauthorised, is everything being watched, and what waits for somebody."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request, Response

from driftwatch.api import charts, site
from driftwatch.api import versions as access
from driftwatch.api.asking import Asking, looked_into
from driftwatch.api.guard import Caller
from driftwatch.api.routing import PageRoutes
from driftwatch.domain.access import Permission
from driftwatch.domain.decision import UNCOVERED, Verdict
from driftwatch.domain.selection import CellSelection
from driftwatch.domain.snapshot import CellState
from driftwatch.operations import baseline_views, coverage, status_views, trends, waiting

routes: Final = PageRoutes()
ON_THE_MAP: Final = 20
"""Accounts on the overview's map; the others are on the page of the coverage."""
WORST_FIRST: Final = (
    CellState.UNKNOWN,
    CellState.STALE,
    CellState.UNBASELINED,
    CellState.DRIFTED,
    CellState.CLEAN,
    CellState.NOT_ENABLED,
)


@routes.read("/")
def show(request: Request, caller: Asking) -> Response:
    """The whole page."""
    return site.page(
        request,
        "overview.html",
        caller=caller,
        accounts=_map(caller),
        waiting=_waiting(caller),
        most=waiting.SHOWN,
        trends=_trends(caller),
        **_state(caller),
    )


@routes.read("/live/overview")
def live(request: Request, caller: Asking) -> Response:
    """The part of it that asks for itself again."""
    return site.live(request, "overview_live.html", caller=caller, **_state(caller))


def _state(caller: Caller) -> dict[str, Any]:
    document = status_views.status_document(caller.installation, caller.accounts)
    verdicts = document["findings"]
    uncovered = {verdict: number for verdict, number in verdicts.items() if verdict in UNCOVERED}
    cells = document["cells"]
    unseen = sum(cells[state.value] for state in (CellState.UNKNOWN, CellState.STALE, CellState.UNBASELINED))
    return {
        "state": document,
        "uncovered": sum(uncovered.values()),
        "undecided": verdicts.get(Verdict.INDETERMINATE.value, 0),
        "covered": sum(verdicts.values()) - sum(uncovered.values()),
        "unseen": unseen,
        "looked_at": sum(cells.values()),
    }


def _waiting(caller: Caller) -> waiting.Waiting:
    """What waits for this very person."""
    permitted = caller.rights.allows
    heads = [
        item
        for item in baseline_views.heads(caller.installation)
        if item.waiting and access.may(caller, Permission.APPROVE, item.pattern.name)
    ]
    return waiting.for_person(
        caller.installation,
        caller.actor,
        lambda touched: permitted(Permission.APPROVE, touched),
        heads,
        looked_into(caller, None),
        operates=permitted(Permission.OPERATE),
    )


def _trends(caller: Caller) -> dict[str, Any]:
    days = trends.trends(caller.installation, looked_into(caller, None))
    return {
        "days": days,
        "findings": charts.side_by_side(("opened", "closed"), [(day.opened, day.closed) for day in days]),
        "scans": charts.stacked(("whole", "partly"), [(day.complete, day.scans - day.complete) for day in days]),
        "totals": {name: sum(getattr(day, name) for day in days) for name in ("opened", "closed", "scans", "complete")},
    }


def _map(caller: Caller) -> list[dict[str, Any]]:
    return rows(coverage.coverage(caller.installation, caller.accounts[:ON_THE_MAP], CellSelection(fresh_since=_fresh(caller))))


def _fresh(caller: Caller) -> Any:
    return caller.installation.fresh_since


def rows(documents: list[Any]) -> list[dict[str, Any]]:
    """The accounts with their regions, each with its worst state: what stands on a map."""
    return [
        {
            "account": item["account"],
            "regions": [
                {"region": part["region"], "worst": _worst(part["cells"]), "cells": {k: n for k, n in part["cells"].items() if n}}
                for part in item["regions"]
            ],
        }
        for item in documents
    ]


def _worst(cells: dict[str, int]) -> str:
    return next((state.value for state in WORST_FIRST if cells.get(state.value)), CellState.UNKNOWN.value)
