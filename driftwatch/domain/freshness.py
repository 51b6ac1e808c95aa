"""Freshness: what was found out too long ago is no longer known, whatever it said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from driftwatch.domain.scan import CellStatus
from driftwatch.domain.snapshot import CellState

FRESH_STATES: Final = frozenset({CellState.CLEAN, CellState.DRIFTED, CellState.UNBASELINED})
"""The states that a complete reading gives, and that last as long as it counts."""
NOT_CONFIGURED: Final = "not_configured"
"""The reason of a cell that the configuration no longer names: it is not_enabled, and never grows stale."""
TOO_LONG: Final = "not_read_for_too_long"


def aged(status: CellStatus, fresh_since: datetime) -> CellStatus:
    """The cell with its state as of now, where only readings that ended at `fresh_since` or later still count."""
    if status.state in FRESH_STATES:
        known_at = status.complete_ended_at
    elif status.state is CellState.NOT_ENABLED and status.reason != NOT_CONFIGURED:
        known_at = status.read_at
    else:
        return status
    if known_at is None or known_at < fresh_since:
        return replace(status, state=CellState.STALE, reason=TOO_LONG)
    return status
