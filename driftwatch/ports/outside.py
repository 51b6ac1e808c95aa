"""What driftwatch reads, signs and writes outside its store. Each has its own adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from driftwatch.domain.activity import ActivityBatch, ActivityOrder
from driftwatch.domain.baseline import (
    BaselineCell,
    BaselineVersion,
    ImportedBaseline,
    Signature,
)
from driftwatch.domain.change import Fetched
from driftwatch.domain.ledger import Checkpoint
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell, Json
from driftwatch.domain.scan import Forecast, Plan, Reading, ReadUnit, Reread
from driftwatch.domain.snapshot import Batch, CellRead

# --- reading the cloud -----------------------------------------------------------------------------------------------------------------


class Collector(Protocol):
    """Reads the cloud. Implemented by `aws.collector`; the fake is `tests.fakes.FakeCollector`."""

    def plan(self, wanted: Callable[[Cell], bool]) -> Plan:
        """The units that hold a wanted cell, and what is unreadable from the start. Makes the calls that discovery needs."""

    def read(self, unit: ReadUnit, reading: Reading, stopped: Callable[[], bool]) -> Iterator[Batch | CellRead]:
        """Streams the resources of the unit's cells, then exactly one CellRead for each cell (also for one that came up on the way).

        Never raises for a failed call: that is a Gap. When `stopped` turns true, the rest is a Gap `aborted`.
        """

    def reread(self, cell: Cell, ids: Sequence[str], pinned: Normalisation | None, stopped: Callable[[], bool]) -> Reread | None:
        """Reads just these resources of a cell, by their ids there; None where the catalogue knows no call for one resource of the type.

        Never raises for a failed call: that is a Gap of the resource it was for.
        """

    def forecast(self, known: Callable[[Cell], int], wanted: Callable[[Cell], bool]) -> Sequence[Forecast]:
        """The calls that a scan of these cells will make, as far as can be told without one: `known` says how many resources a cell has."""

    def normalisation(self, resource_type: str) -> tuple[str, Normalisation]:
        """The current shape (hex digest) of a type, and the fields it stands for."""


class Engine(Protocol):
    """Spreads the units of a scan."""

    def run(self, units: Sequence[ReadUnit], work: Callable[[ReadUnit], None], stopped: Callable[[], bool]) -> None:
        """Calls `work` once for every unit and returns when all have returned. The first exception of `work` is raised at the end."""


# --- the log of calls ------------------------------------------------------------------------------------------------------------------


class ActivitySource(Protocol):
    """Where logged calls come from. `name` is the source's name in the config. Events may come late, twice and out of order.

    `accounts` are those of which it tells every call, sooner or later (none for one that only answers questions); `reads_from` the names
    of what it reads from (a bucket, a queue, a rule): whoever changes those blinds it. `poll_s` is how long to wait from one fetch to the
    next; a source that waits by itself for what is new says 0.
    """

    name: str

    @property
    def accounts(self) -> Sequence[str]: ...
    @property
    def reads_from(self) -> Sequence[str]: ...
    @property
    def poll_s(self) -> float: ...

    def fetch(self, order: ActivityOrder, stopped: Callable[[], bool]) -> Iterator[ActivityBatch]:
        """What is new, in batches, each with the position after it; ends when there is nothing more for now, or `stopped` turns true.

        What cannot be read as an event is in `ActivityBatch.refused`, and never stops the rest. Raises SourceError when the source as a
        whole could not be read; the batches before that stand.
        """

    def close(self) -> None:
        """Ends its calls, and whatever it keeps open."""

    def done(self, batch: ActivityBatch) -> None:
        """The batch is committed: only now may the source forget it (delete messages). Raises SourceError; it then comes again."""


# --- change records --------------------------------------------------------------------------------------------------------------------


class ChangeSource(Protocol):
    """Where change records come from. `name` is the source's name in the config."""

    name: str

    def fetch(self) -> Fetched:
        """All records; raises SourceError when the source as a whole could not be read."""


# --- baselines as files, signatures ----------------------------------------------------------------------------------------------------


class BaselineFiles(Protocol):
    """`baselines/` as reviewed and signed in git: <baseline>/manifest.json + <account>/<region>/<type>.json."""

    def write(
        self,
        folder: Path,
        version: BaselineVersion,
        cells: Mapping[Cell, BaselineCell],
        lines: Callable[[Cell], Iterator[bytes]],
        shapes: Mapping[str, Json],
    ) -> None: ...
    def read(self, folder: Path) -> ImportedBaseline:
        """Raises InputError with the place of whatever is wrong: unknown keys, wrong hashes, paths that leave the folder."""

    def signatures(self, folder: Path) -> Sequence[Signature]: ...
    def add_signature(self, folder: Path, signature: Signature) -> Path: ...


class Signer(Protocol):
    """SSH signatures (``ssh-keygen -Y``) in a namespace."""

    def sign(self, message: bytes, key: Path, namespace: str) -> str:
        """The armoured signature."""

    def principal_of(self, message: bytes, signature: str, namespace: str) -> str | None:
        """Which allowed signer made this signature over exactly this message; None when none did."""


# --- the ledger's checkpoints ----------------------------------------------------------------------------------------------------------


class CheckpointSigner(Protocol):
    """The ledger's own key."""

    def key(self, *, first: bool) -> str:
        """The public key; a missing one may be made where no checkpoint was signed before (`first`). Raises InputError without one."""

    def sign(self, body: bytes) -> str:
        """The armoured signature over a checkpoint's body."""

    def checker(self) -> AbstractContextManager[Callable[[Checkpoint], str | None]]:
        """Says why a checkpoint's signature does not hold, None when it does; threads may share it."""


class CheckpointPlace(Protocol):
    """A second place for checkpoints. `name` is for metrics; one that `remembers` knows what it holds from before this process."""

    @property
    def name(self) -> str: ...
    @property
    def remembers(self) -> bool: ...
    def last(self) -> Checkpoint | None:
        """The last one that it holds for certain. Raises DriftwatchError where it cannot tell."""

    def append(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Raises DriftwatchError when they may not all be there for good; they then come again."""
