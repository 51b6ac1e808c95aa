"""Exceptions, as the API takes and gives them."""

from __future__ import annotations

from pydantic import Field

from driftwatch.api.schemas.base import Given
from driftwatch.api.schemas.findings import ExceptionOf
from driftwatch.domain.finding import FindingState


class ExceptionPage(Given):
    exceptions: list[ExceptionOf]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class ChangedFinding(Given):
    finding: str
    state: FindingState


class ExceptionActed(ExceptionOf):
    """An exception after an act."""

    changed: list[ChangedFinding] = Field(description="Findings that changed by it, as they stand now.")
