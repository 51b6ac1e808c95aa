"""Coverage: which cells are known, and how well; page by page, and counted by account and region. Nothing here reads every cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from driftwatch.domain.blinding import blind_cells
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.resource import Cell, Json
from driftwatch.domain.scan import CellCounts
from driftwatch.domain.selection import CellSelection
from driftwatch.domain.snapshot import CellState
from driftwatch.operations import describe, remedies
from driftwatch.operations.blindness import blinding_now
from driftwatch.operations.installation import Installation
from driftwatch.operations.remedies import Actions

GAPS_SHOWN: Final = 20
"""Gaps that are told of one cell; a denied detail may be missing of each of its resources."""
GRADES: Final = tuple(state.value for state in CellState)


def page(
    installation: Installation, wanted: CellSelection, after: Cell | None, limit: int, actions: Actions
) -> tuple[list[Json], Cell | None]:
    """One page of cells with their gaps, in their order, and after which the next one begins (None: this is the last)."""
    with installation.store.read() as uow:
        found = uow.cells.page(wanted, after, limit + 1)
        shown = found[:limit]
        gaps = uow.cells.first_gaps([status.cell for status in shown], GAPS_SHOWN)
        blind = blind_cells([status.cell for status in shown], blinding_now(uow))
    documents = []
    for status in shown:
        number, first = gaps.get(status.cell, (0, ()))
        told = [remedies.gap_document(gap, actions) | {"remedy": remedies.remedy(gap, actions)} for gap in first]
        document = describe.cell_document(status, blind.get(status.cell))
        documents.append({"cell": str(status.cell)} | document | {"gaps": told, "gaps_in_all": number})
    return documents, shown[-1].cell if len(found) > limit else None


def coverage(installation: Installation, accounts: Sequence[str], wanted: CellSelection) -> list[Json]:
    """These accounts, region by region, with the number of cells in each state. An account without a cell was never read.

    Each account is counted in a read of its own, so that none of them lasts.
    """
    documents: list[Json] = []
    for account in accounts:
        with installation.store.read() as uow:
            counts = uow.cells.counts(replace(wanted, accounts=(account,)))
        regions = sorted({region for _, region, _ in counts})
        documents.append({"account": account, "regions": [_region(counts, account, region) for region in regions]})
    return documents


def states(counts: CellCounts) -> dict[str, int]:
    """How many cells are in which state, everywhere; every state is named."""
    summed = dict.fromkeys(GRADES, 0)
    for (_, _, state), counted in counts.items():
        summed[state.value] += counted.cells
    return summed


def _region(counts: CellCounts, account: str, region: str) -> Json:
    here = {key: counted for key, counted in counts.items() if key[:2] == (account, region)}
    read = [counted.oldest for (_, _, state), counted in here.items() if state is not CellState.NOT_ENABLED]
    oldest = None if None in read else min((at for at in read if at), default=None)
    return {"region": region, "cells": states(here), "oldest_complete": utc_text(oldest) if oldest else None}
