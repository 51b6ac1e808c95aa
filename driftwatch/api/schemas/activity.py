"""Logged calls and the population, as the API gives them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from driftwatch.api.schemas.base import Given, Moment
from driftwatch.domain.activity import ActorKind, CallClass, Channel, Fate


class ActorOf(Given):
    principal: str | None
    kind: ActorKind
    on_behalf_of: str | None
    channel: Channel
    account: str | None
    source_ip: str | None


class TouchedOf(Given):
    type: str
    ids: list[str] = Field(description="Every name by which the call knows it.")


class LoggedCall(Given):
    """One logged call, with what became of it."""

    event_id: str
    time: Moment
    event_source: str
    event_name: str
    outcome: Literal["ok", "failed"]
    read_only: bool | None
    is_config_change: bool
    actor: ActorOf
    resources: list[TouchedOf]
    account: str
    region: str
    class_: CallClass = Field(alias="class")
    error: str | None
    invoked_by: str | None
    fate: Fate | None = Field(description="Of a change of configuration.")
    finding: str | None


class ActivityPage(Given):
    activity: list[LoggedCall]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class Others(Given):
    """Writes that change no configuration."""

    data: int
    dry_run: int
    session: int
    telemetry: int


class Fates(Given):
    """What became of the changes; they add up to all of them."""

    pending: int
    matched: int
    transient: int
    baselined: int
    unwatched: int
    unresolved: int


class DriftsOf(Given):
    attributed: int
    unattributed: int = Field(description="Those that no logged call explains.")


class PopulationDayOf(Given):
    """writes = failed + others + changes; changes = the sum of the fates."""

    day: str
    account: str
    writes: int
    failed: int
    denied: int
    others: Others
    changes: int
    fates: Fates
    drifts: DriftsOf = Field(description="Drifts that were detected on that day.")


class SourceOf(Given):
    name: str
    last_success: Moment | None
    complete_until: dict[str, Moment] = Field(description="Up to when every call is known, by account.")


class Population(Given):
    days: list[PopulationDayOf]
    sources: list[SourceOf]
