"""Cells and coverage, as the API gives them."""

from __future__ import annotations

from pydantic import Field

from driftwatch.api.schemas.base import Given, Moment
from driftwatch.domain.drift import Blinds
from driftwatch.domain.snapshot import CellState, GapReason


class GapOf(Given):
    """A cell, or one resource in it, that could not be read."""

    reason: GapReason
    operation: str | None = Field(description="The call, as service:Operation.")
    needs: str | None = Field(description="The IAM actions that a denied call needs.")
    detail: str
    resource: str | None = Field(description="The resource's id in the cell; null: the cell itself.")
    remedy: str = Field(description="What closes it; empty where nobody can say.")


class CellOf(Given):
    """One resource type in one account and region."""

    cell: str = Field(description="ACCOUNT/REGION/TYPE.")
    account: str
    region: str
    type: str
    state: CellState
    reason: str | None
    resources: int
    held: bool = Field(description="Whether its listing is held as a suspected mass deletion.")
    blind: Blinds | None = Field(description="What was turned off, so that a change between two scans would go unseen.")
    skipped: Moment | None = Field(description="When a scan began that left it as it was, if that is later than its last reading.")
    last_read: Moment | None
    last_complete: Moment | None
    gaps: list[GapOf] = Field(description="The first gaps of its last reading.")
    gaps_in_all: int


class CellPage(Given):
    cells: list[CellOf]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class StateCounts(Given):
    """Cells by state."""

    clean: int
    drifted: int
    unknown: int
    stale: int
    unbaselined: int
    not_enabled: int


class RegionOf(Given):
    region: str
    cells: StateCounts
    oldest_complete: Moment | None = Field(description="The oldest of the last complete readings; null: one of the cells never had one.")


class AccountOf(Given):
    account: str
    regions: list[RegionOf] = Field(description="None: no scan ever named a cell of the account.")


class Coverage(Given):
    accounts: list[AccountOf]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")
