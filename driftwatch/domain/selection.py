"""Selection: which findings somebody wants to see. No value of a criterion means: any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState


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
