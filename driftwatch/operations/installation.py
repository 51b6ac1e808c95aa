"""Installation: what every operation works with. `wiring` builds one; two of them can live in one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftwatch.documents.people import People
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.baseline import BaselinePattern
from driftwatch.domain.notification import NOBODY, Routing
from driftwatch.operations.due import ALWAYS, EmptyCells
from driftwatch.ports import (
    ActivitySource,
    BaselineFiles,
    ChangeSource,
    CheckpointPlace,
    CheckpointSigner,
    Collector,
    Engine,
    Notifier,
    Signer,
    Store,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The adapters, the policy in force and the people, as one frozen value; reloading makes another.

    `clock` gives the time in UTC, `new_id` a fresh id with a prefix (``new_id("finding")`` -> ``finding-...``), `key_id` the id of the
    installation key, `accounts` the configured account ids, `freshness_s` how long a complete reading counts.
    """

    store: Store
    collector: Collector
    engine: Engine
    sources: Sequence[ChangeSource]
    activity_sources: Sequence[ActivitySource] = ()
    baseline_files: BaselineFiles
    signer: Signer | None
    policy: Policy
    policy_document: object
    people: People
    baselines: Sequence[BaselinePattern]
    accounts: Sequence[str]
    freshness_s: float
    scan_deadline_s: float
    key_id: str
    empty_cells: EmptyCells = ALWAYS
    """How often cells that were empty for long are read."""
    register: str | None = None
    """The name of the change source that is the built-in register; None where none is configured."""
    checkpoint_signer: CheckpointSigner | None = None
    checkpoint_places: Sequence[CheckpointPlace] = ()
    """The ledger's own key, and the second places of its checkpoints."""
    notifiers: Sequence[Notifier] = ()
    routing: Routing = NOBODY
    """Who is told of what; it names the notifiers."""
    clock: Callable[[], datetime]
    new_id: Callable[[str], str]

    @property
    def fresh_since(self) -> datetime:
        """Readings that ended before this no longer count."""
        return self.clock() - timedelta(seconds=self.freshness_s)
