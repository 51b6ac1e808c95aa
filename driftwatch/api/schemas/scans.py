"""Scans and requests, as the API takes and gives them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from driftwatch.api.schemas.base import Anything, Body, Given, Moment
from driftwatch.domain.request import RequestState
from driftwatch.domain.scan import ScanStatus

CellPattern = Annotated[str, StringConstraints(pattern=r"^[0-9*?]{1,12}/[a-z0-9*?-]{1,40}/[A-Za-z0-9:*?]{1,200}$")]


class AskScan(Body):
    cells: Annotated[list[CellPattern], Field(max_length=100)] = Field(
        default=[], description="Only these cells: ACCOUNT/REGION/TYPE, with * and ?; default: all of them."
    )


class Progress(Given):
    done: int = Field(description="Cells that the scan has read so far.")
    all: int | None = Field(description="Cells that there are; null where only some were asked for.")


class RequestOf(Given):
    """Work that was asked of the daemon."""

    id: str
    kind: str = Field(description="scan or refresh.")
    cells: list[str] = Field(description="Patterns over cells (none: all); for a refresh the baseline.")
    person: str = Field(description="Who asked first; equal requests that wait are one.")
    state: RequestState
    created: Moment
    started: Moment | None
    ended: Moment | None
    expires: Moment = Field(description="When it ends as expired, if nobody has begun with it by then.")
    daemon: bool = Field(description="Whether a daemon runs now that will do it; else it waits for the next one.")
    progress: Progress | None
    scan_id: str | None
    exit_code: int | None = Field(description="As of `driftwatch scan`: 0 all covered, 2 uncovered findings, 3 incomplete, 1 failed.")
    result: Anything
    error: str | None


class ScanOf(Given):
    """One pass over the scopes. What it counted over all accounts is null for those who may not see all of them."""

    id: str
    trigger: str = Field(description="schedule, command, or the person who asked.")
    status: ScanStatus
    started: Moment
    ended: Moment | None
    cells: int | None = Field(description="Cells that it answers for: 0 while it runs.")
    gaps: int | None
    resources: int | None
    calls: int | None
    error: str | None


class ScanPage(Given):
    scans: list[ScanOf]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class Readings(Given):
    """Cells that it read, by how that ended."""

    complete: int
    incomplete: int
    not_enabled: int


class ScanCounts(ScanOf):
    readings: Readings
    new_findings: dict[str, int] = Field(description="Findings that were first seen while it ran, by what they come to now.")
    findings: str = Field(description="Where they are listed.")
