"""How far the reading of one entry in one unit is: its cells, and what failed."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.details import Details
from driftwatch.aws.entry import Entry
from driftwatch.aws.intake import CellIntake


@dataclass(kw_only=True)
class Progress:
    """What is known of one entry in this unit, with its cells by region."""

    entry: Entry
    details: Details
    failures: list[CallFailed] = field(default_factory=list)
    off: bool = False
    """The service is not enabled: whatever was asked answered so."""
    cells: dict[str, CellIntake] = field(default_factory=dict)
    broken: bool = False
    """No further item is of use."""

    def fail(self, failed: CallFailed) -> None:
        self.broken = True
        if all(
            (other.reason, other.operation, other.detail) != (failed.reason, failed.operation, failed.detail) for other in self.failures
        ):
            self.failures.append(failed)
