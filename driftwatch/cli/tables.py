"""Tables that more than one command prints."""

from __future__ import annotations

from typing import Any

from driftwatch.cli.output import table
from driftwatch.domain.scan import CellStatus
from driftwatch.domain.snapshot import CellState


def findings_table(documents: list[dict[str, Any]]) -> None:
    rows = []
    for item in documents:
        changes = item["differences"]
        paths = ", ".join(change["path"] or item["kind"] for change in changes[:3])
        more = f" (+{len(changes) - 3})" if len(changes) > 3 else ""
        rules = ", ".join(sorted({result["rule"] for result in item["violations"]}))
        rows.append((item["id"], item["verdict"], rules, item["kind"], item["label"] or item["resource"], paths + more, item["record"]))
    if rows:
        table(("finding", "verdict", "violated", "kind", "resource", "what", "record"), rows)


def cells_summary(cells: list[CellStatus]) -> None:
    rows = []
    for state in CellState:
        members = [item for item in cells if item.state is state]
        if members:
            named = "" if state in (CellState.CLEAN, CellState.NOT_ENABLED) else ", ".join(_named(item) for item in members[:4])
            rows.append(
                (state.value, len(members), sum(item.count for item in members), named + (" ..." if len(members) > 4 and named else ""))
            )
    table(("state", "cells", "resources", "which"), rows, title="")


def _named(item: CellStatus) -> str:
    return f"{item.cell} ({item.reason})" if item.reason else str(item.cell)
