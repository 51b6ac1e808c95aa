"""What was judged, in the store: findings with their decisions, and exceptions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from driftwatch.domain.decision import Decision, Effect
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.domain.finding import Finding, FindingState, Standing
from driftwatch.domain.resource import Cell, Json
from driftwatch.domain.selection import FindingSelection


class Findings(Protocol):
    def get(self, finding_id: str) -> Finding | None: ...
    def live(self, baseline: str, cell: Cell) -> Iterator[Finding]: ...
    def live_of(self, baseline: str, cell: Cell, resources: Collection[str]) -> Iterator[Finding]:
        """The live findings of these resources of a cell, by their ids there (`Finding.resource`), ordered by id."""

    def live_of_types(self, types: Collection[str]) -> Iterator[Finding]:
        """The live findings of these resource types, the oldest first."""

    def of_resource(self, baseline: str, cell: Cell, resource: str, since: datetime) -> Iterator[Finding]:
        """The findings of one resource, closed ones, too, that were first seen at this time or later; the oldest first."""

    def all(self, states: Sequence[FindingState] = ()) -> Iterator[Finding]: ...
    def page(self, wanted: FindingSelection, after: tuple[datetime, str] | None, limit: int) -> Sequence[Finding]:
        """At most `limit` of them, the most recent first: those that were first seen before, or then with a smaller id than, `after`."""

    def tally(self, wanted: FindingSelection) -> Mapping[tuple[str, str], int]:
        """How many of them there are, by (state, current verdict)."""

    def days(self, since: datetime, accounts: Collection[str] | None = None) -> Mapping[str, tuple[int, int]]:
        """How many opened and how many closed on each day (UTC, ``YYYY-MM-DD``) from `since` on, in these accounts (None: in any)."""

    def beginning_with(self, prefix: str, limit: int) -> Sequence[Finding]:
        """At most `limit` findings whose ids begin so, ordered by id."""

    def save(self, finding: Finding) -> None:
        """Inserts or replaces by id; refuses (StoreError) a second live finding for one key."""

    def touch(self, finding_ids: Sequence[str], last_seen: datetime) -> None: ...
    def add_decision(self, finding_id: str, decision: Decision) -> None:
        """Appends; decisions are never changed."""

    def decisions(self, finding_id: str) -> Sequence[Json]:
        """`Decision.to_json` of each, oldest first."""

    def last_decisions(self, finding_ids: Collection[str]) -> Mapping[str, Json]:
        """The last decision on each of these findings, by finding."""

    def effects(self, record_ids: Sequence[str], limit: int | None = None) -> Iterator[Effect]:
        """What these change records decided, as last judged, by record, finding and path. `limit` is for one record: so many at most."""

    def standings(self) -> Iterator[Standing]:
        """Where every live finding stands, without their drifts."""

    def unsettled(self) -> Iterator[Standing]:
        """Every finding whose first settled decision is still to come, closed ones, too."""

    def closed_since(self, moment: datetime) -> Iterator[Standing]:
        """The findings that closed at this time or later, the oldest first."""

    def counts(self) -> Mapping[tuple[str, str, bool], int]:
        """Live findings by (state, current verdict, settled)."""


class Exceptions(Protocol):
    """Every exception that was ever asked for, as it stands."""

    def get(self, exception_id: str) -> ExceptionRecord | None: ...
    def all(self, states: Sequence[ExceptionState] = ()) -> Iterator[ExceptionRecord]: ...
    def save(self, exception: ExceptionRecord) -> None: ...
