"""The status, as the API gives it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from driftwatch.api.schemas.base import Given, Moment
from driftwatch.api.schemas.coverage import StateCounts
from driftwatch.domain.scan import ScanStatus


class ActivitySourceOf(Given):
    last_read: Moment | None
    complete_until: Moment | None = Field(description="Up to when every call is known.")


class Attributed(Given):
    attributed: int
    unattributed: int


class ActivityOf(Given):
    """The log of calls in numbers."""

    sources: dict[str, ActivitySourceOf]
    population: dict[str, int] = Field(description="Writes since yesterday, by what became of them.")
    findings: Attributed
    unresolved_principals: int
    blind: dict[str, int] = Field(description="Live findings about what was turned off.")


class PolicyInForce(Given):
    extends: str
    version: str
    expired_deviations: list[str]


class Status(Given):
    """What is known of the accounts that you may read."""

    exit_code: Literal[0, 2, 3] = Field(
        description="0 all covered and complete, 2 uncovered findings, 3 none seen, but coverage incomplete."
    )
    daemon: bool
    last_scan: str | None
    last_scan_status: ScanStatus | None
    last_scan_ended: Moment | None
    cells: StateCounts
    gaps: dict[str, int] = Field(description="Unknown cells by reason; held ones are suspected_mass_delete.")
    findings: dict[str, int] = Field(description="Live findings by verdict.")
    activity: ActivityOf | None = Field(description="Null for those who may not read every account.")
    unread_accounts: list[str] = Field(description="Configured, but no scan ever named a cell of them.")
    not_controlled_accounts: list[str] = Field(description="Configured, but the policy does not control them.")
    policy: PolicyInForce
    store: dict[str, str] | None = Field(description="Null for those who may not read every account.")
