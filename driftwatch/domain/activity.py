"""Activity: one logged API call, as far as a decision needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ActorKind(StrEnum):
    HUMAN = "human"
    PIPELINE = "pipeline"
    AWS_SERVICE = "aws_service"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRef:
    """What a pipeline run says it carried out: a change record, a commit, its own run id."""

    change_id: str | None = None
    commit: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorEvent:
    """A logged call that may explain a drift: who, on whose behalf, when, and which paths it can touch (None: any)."""

    id: str
    time: datetime
    event_name: str
    actor: str | None = None
    actor_kind: ActorKind = ActorKind.UNKNOWN
    on_behalf_of: str | None = None
    invoked_by: str | None = None
    paths: tuple[str, ...] | None = None
    run_ref: RunRef | None = None
    read_only: bool = False
    failed: bool = False
