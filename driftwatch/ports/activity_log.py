"""The store's port for the log of calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from driftwatch.domain.activity import (
    Activity,
    ActivityBatch,
    ActivitySourceStatus,
    Fate,
    PopulationDay,
    Refused,
)
from driftwatch.domain.selection import ActivitySelection


class ActivityLog(Protocol):
    """The logged calls, each stored once by its event id, and what became of those that changed configuration."""

    def add(self, source: str, activities: Sequence[Activity], at: datetime) -> Sequence[Activity]:
        """Stores those that are not there yet, with the fate PENDING where they changed configuration; answers with them."""

    def get(self, event_id: str) -> Activity | None: ...
    def naming(
        self, account: str, type_: str, names: Collection[str], *, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Activity]:
        """The calls (successful ones, and failed attempts) that name a resource by one of its names, oldest first by (time, id)."""

    def began(self, access_key: str) -> Activity | None:
        """The call that began the session with this key."""

    def find(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        account: str | None = None,
        name: str | None = None,
        principal: str | None = None,
        changes_only: bool = False,
        denied_only: bool = False,
        limit: int = 100,
    ) -> Sequence[Activity]:
        """The newest calls that fit all of these, newest first; `name` is any name of a resource that they name."""

    def page(
        self, wanted: ActivitySelection, after: tuple[datetime, int] | None, limit: int
    ) -> tuple[Sequence[Activity], tuple[datetime, int] | None]:
        """At most `limit` calls behind `after`, newest first, and after which place the next page begins (None: this is the last).

        A page may hold fewer calls than `limit`, and not be the last.
        """

    def pending(self, account: str, limit: int) -> Sequence[Activity]:
        """Configuration changes whose fate is PENDING, oldest first."""

    def settle(self, fates: Mapping[str, Fate], findings: Mapping[str, str] | None = None) -> None:
        """Gives events their fate, by event id; and the finding that each belongs to. A fate may change when later evidence says so."""

    def fate(self, event_id: str) -> tuple[Fate | None, str | None]:
        """What became of an event, and of which finding it is a part."""

    def explained(self, finding_ids: Collection[str]) -> set[str]:
        """Those of the findings that at least one event belongs to."""

    def explained_live(self) -> int:
        """How many live findings at least one event belongs to."""

    def principals(self, since: datetime) -> Mapping[str, int]:
        """How many configuration changes since then each principal made, as the log names it; those without a name under ``""``."""

    def explaining(self, finding_id: str) -> Sequence[str]:
        """The ids of the events that belong to a finding, oldest first."""

    def population(self, since: str, until: str) -> Sequence[PopulationDay]:
        """Counted by day and account, from the day `since` up to and including `until` (``YYYY-MM-DD``, UTC), in their order."""

    def sources(self) -> Sequence[ActivitySourceStatus]: ...
    def source(self, name: str) -> ActivitySourceStatus | None: ...
    def advance(self, source: str, batch: ActivityBatch, at: datetime) -> None:
        """The position and completeness after a batch (a time of completeness never goes back), and what it set aside, counted."""

    def failed(self, source: str, error: str, at: datetime) -> None: ...
    def set_aside(self, source: str, limit: int = 100) -> Sequence[tuple[datetime, Refused]]:
        """What was set aside last, newest first."""

    def keep_only(self, sources: Collection[str]) -> Sequence[str]:
        """Forgets the sources that are not among these, and answers with their names; their events stay."""
