"""Selection: which findings, cells or logged calls somebody wants to see. No value of a criterion means: any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.domain.snapshot import CellState


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingSelection:
    """`accounts` is the exception to the rule: None means any account, none at all means no finding."""

    states: tuple[FindingState, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    accounts: tuple[str, ...] | None = None
    regions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    since: datetime | None = None
    """Only findings that were first seen at this time or later."""
    until: datetime | None = None
    """Only findings that were first seen at this time or before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSelection:
    """Which cells somebody wants to see, by their states as of now: only readings that ended at `fresh_since` or later still count.

    `accounts` None means any account, none at all means no cell.
    """

    fresh_since: datetime
    states: tuple[CellState, ...] = ()
    reasons: tuple[str, ...] = ()
    accounts: tuple[str, ...] | None = None
    regions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySelection:
    """Which logged calls somebody wants to see. `since` and `until` belong to the time asked for; `name` is any name of a resource that
    they name, `principal` any of whoever made them. `accounts` None means any account, none at all means no call."""

    since: datetime | None = None
    until: datetime | None = None
    accounts: tuple[str, ...] | None = None
    name: str | None = None
    principal: str | None = None
    changes_only: bool = False
    denied_only: bool = False
