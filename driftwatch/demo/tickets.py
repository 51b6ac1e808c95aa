"""The change records of the story, written as a team would: one YAML file for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from driftwatch.domain.canonical import utc_text


def _passed(at: datetime) -> dict[str, object]:
    """What every ticket of this team shows: that the change was tried in staging."""
    return {"environment": "staging", "kind": "smoke", "automated": True, "result": "passed", "finished_at": utc_text(at)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A request for a change. `approved_at` None: nobody has approved it yet."""

    id: str
    title: str
    resource_id: str
    attribute_paths: tuple[str, ...]
    created_at: datetime
    approved_at: datetime | None = None
    hours: float = 2
    requester: str = "ana"
    approver: str = "ben"

    def write(self, folder: Path) -> Path:
        """Writes or replaces the record's file."""
        approvals = [{"who": self.approver, "decision": "approved", "at": utc_text(self.approved_at)}] if self.approved_at else []
        record = {
            "id": self.id,
            "source": "tickets",
            "title": self.title,
            "type": "normal",
            "state": "approved" if self.approved_at else "requested",
            "requester": self.requester,
            "implementers": [self.requester],
            "created_at": utc_text(self.created_at),
            "approvals": approvals,
            "tests": [_passed(self.created_at)],
            "windows": [{"start": utc_text(self.created_at), "end": utc_text(self.created_at + timedelta(hours=self.hours))}],
            "scope": [{"ids": [self.resource_id], "attribute_paths": list(self.attribute_paths)}],
        }
        path = folder / f"{self.id}.yaml"
        path.write_text(yaml.safe_dump(record, sort_keys=False))
        return path
