"""The store: one port for each aggregate, all of them inside one UnitOfWork. Implemented by `stores`."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from driftwatch.domain.baseline import (
    BaselineApproval,
    BaselineCell,
    BaselineEntry,
    BaselineState,
    BaselineVersion,
    IncludedDrift,
    Mismatch,
)
from driftwatch.domain.change import ChangeRecord, ChangeState, Fetched, RecordPlace, SourceStatus
from driftwatch.domain.ledger import Checkpoint, LedgerEntry, LedgerRow
from driftwatch.domain.request import Lease
from driftwatch.domain.resource import Cell, Json, Resource
from driftwatch.domain.scan import CellCount, CellStatus
from driftwatch.domain.selection import CellSelection
from driftwatch.domain.snapshot import CellRead, CellState, Gap, Put, Stored
from driftwatch.ports.activity_log import ActivityLog
from driftwatch.ports.credentials import Answers, Sessions, Tokens
from driftwatch.ports.judged import Exceptions, Findings
from driftwatch.ports.notify import Deliveries
from driftwatch.ports.processes import Leases, Requests, Scans


class Cells(Protocol):
    """The cells with their state, readings and gaps."""

    def get(self, cell: Cell) -> CellStatus | None: ...
    def all(self) -> Iterator[CellStatus]: ...
    def record(self, scan_id: str, status: CellStatus, read: CellRead) -> None:
        """The state of the cell after a reading, one row for the reading itself, and its gaps."""

    def mark_skipped(self, skipped: Iterable[Cell], at: datetime) -> None:
        """They were not due in the scan that began `at`; nothing else of them changes."""

    def set_state(self, cell: Cell, state: CellState, reason: str | None) -> None: ...
    def forget_digest(self, cell: Cell) -> None:
        """Some of its resources changed between two scans: the next one counts and digests anew, and finds it due."""

    def set_shape(self, cell: Cell, shape: str, digest: str) -> None:
        """The stored fingerprints of the cell are now those of another shape."""

    def gaps(self, cell: Cell) -> Sequence[Gap]:
        """The gaps of the cell's last reading."""

    def page(self, wanted: CellSelection, after: Cell | None, limit: int) -> Sequence[CellStatus]:
        """At most `limit` of them behind `after`, with their states as of now, ordered as in `all`."""

    def first_gaps(self, wanted: Collection[Cell], most: int) -> Mapping[Cell, tuple[int, Sequence[Gap]]]:
        """How many gaps the last reading of each of these cells has, and the first `most` of them; cells without any are left out."""

    def counts(self, wanted: CellSelection) -> Mapping[tuple[str, str, CellState], CellCount]:
        """The cells counted by account, region and state as of now."""

    def tally(self, wanted: CellSelection) -> Mapping[tuple[CellState, str | None], int]:
        """The number of cells by state and reason as of now."""

    def read_at_all(self, accounts: Collection[str]) -> set[str]:
        """Those of the accounts of which a cell has a state."""

    def accounts(self) -> Sequence[str]:
        """Those of which a cell is known, sorted."""

    def progress(self, scan_id: str) -> tuple[int, int]:
        """How many cells the scan has read so far, and how many there are."""


class Observations(Protocol):
    """History by change: one row per resource and fingerprint, documents content-addressed."""

    def put(
        self,
        cell: Cell,
        resources: Sequence[Resource],
        *,
        known_at: datetime | None,
        now: datetime,
        reshaped: Sequence[Resource] = (),
        same_shape: bool = True,
        read_at: datetime | None = None,
    ) -> Put:
        """Stores what was read. A resource with its stored fingerprint costs no write (unless it had been missing).

        A changed or new one gets a row with ``since = (known_at, now)``, and its former row ends. With `same_shape` False the
        stored fingerprints were made under another shape: the row is rewritten in place and keeps its `since`. `reshaped` keeps
        the fingerprint under the coming shape beside the present one, for `adopt_reshaped`.

        `read_at` is when the reading began: a resource that changed, came or went after that, as far as the store knows, stays as a
        later reading saw it. Its row is among those of the answer, and it does not count as changed.
        """

    def absent(self, cell: Cell, seen: array[int], began: datetime | None = None) -> Iterator[Stored]:
        """The present resources of the cell whose row is not among `seen` (sorted here), and that were there when the reading `began`:
        what a later reading saw first is left out."""

    def mark_missing(self, cell: Cell, rows: Sequence[int], at: datetime) -> None:
        """They were missing from the complete listing that ended `at`, for the first time."""

    def end(self, cell: Cell, rows: Sequence[int], *, known_at: datetime | None, now: datetime) -> None:
        """They are gone: present until after `known_at`, missed `now`."""

    def facts(self, cell: Cell, id_: str) -> tuple[Json, datetime] | None:
        """What moves by itself beside a present resource (`Resource.facts`), and when it was read; None where nothing is kept."""

    def digest(self, cell: Cell) -> tuple[str, int]:
        """The cell digest over the present resources (`domain.snapshot.cell_digest`), and their number; streams, ordered by id."""

    def present(self, cell: Cell, ids: Collection[str] | None = None) -> Iterator[Stored]:
        """The present resources, ordered by id; of these `ids` alone where they are given."""

    def named(
        self, account: str, type_: str, names: Collection[str], regions: Collection[str] | None = None
    ) -> Sequence[tuple[Cell, Stored]]:
        """The present resources of a type in an account whose id, ARN or label is one of `names`, ordered by cell and id; in these regions
        (None: in any).

        Where there is none, the one that was there last by such a name, as it was then; it is no longer present.
        """

    def mismatches(self, cell: Cell, baseline: str, ids: Collection[str] | None = None) -> Iterator[Mismatch]:
        """Where the present resources differ from the active version of the named baseline, ordered by id; joined in the store. Only these
        `ids` are compared where they are given."""

    def adopt_reshaped(self, cell: Cell) -> None:
        """The fingerprints under the coming shape become the present ones; `since` stays."""


class Documents(Protocol):
    """Content-addressed documents ``{"config": ..., "tags": ...}`` and shapes."""

    def get(self, fingerprint: str) -> Json:
        """The document; raises StoreError when it is missing or its bytes do not have that hash."""

    def put(self, documents: Iterable[tuple[str, Json]]) -> None:
        """Stores (fingerprint, document) pairs; those that are there already cost no write. Raises StoreError on a wrong hash."""

    def shape(self, digest: str) -> Json | None:
        """The fields that a shape digest stands for."""

    def put_shape(self, digest: str, fields: Json) -> None: ...


class Baselines(Protocol):
    """Versions and the contents of their cells. Contents are written once, under the id of the version that changed the cell."""

    def add(self, version: BaselineVersion) -> None: ...
    def put_cell(self, version_id: str, part: BaselineCell, entries: Iterable[BaselineEntry]) -> None:
        """Writes the contents of one cell of a new version; `entries` may be a stream."""

    def get(self, version_id: str) -> BaselineVersion | None: ...
    def versions(self, name: str) -> Sequence[BaselineVersion]:
        """Newest first, without `cells`."""

    def page(self, name: str, states: Sequence[BaselineState], after: str | None, limit: int) -> Sequence[BaselineVersion]:
        """At most `limit` in one of the states (none given: in any), newest first, without `cells`: those before the version `after`."""

    def active(self, name: str) -> BaselineVersion | None: ...
    def set_state(self, version_id: str, state: BaselineState) -> None: ...
    def add_approval(self, version_id: str, approval: BaselineApproval) -> None: ...
    def set_included(self, version_id: str, included: Sequence[IncludedDrift]) -> None:
        """The dispositions of included drifts are decided by approvers, after the content was fixed."""

    def cells(self, version_id: str) -> Mapping[Cell, BaselineCell]:
        """All cells of a version, its ancestors' included."""

    def part(self, name: str, cell: Cell) -> BaselineCell | None:
        """What the active version of the name says of one cell; None when there is none, or it does not have the cell."""

    def entries(self, version_id: str, cell: Cell) -> Iterator[BaselineEntry]:
        """The contents of a cell of a version (found through its ancestors), ordered by id."""

    def activate(self, version_id: str) -> None:
        """Makes it the active version of its name, and the former one superseded; `Observations.mismatches` compares with it."""


class Ledger(Protocol):
    def append(self, ts: datetime, type_: str, body: Json) -> LedgerEntry: ...
    def head(self) -> LedgerEntry | None: ...
    def entries(self, after: int = 0) -> Iterator[LedgerEntry]: ...
    def rows(self, after: int, limit: int) -> Sequence[LedgerRow]:
        """The next entries as they are stored, undecoded and whatever they hold: for checks and exports, page by page."""

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Raises StoreError where there is one with that number already."""

    def checkpoints(self, after: int = 0, limit: int | None = None) -> Sequence[Checkpoint]:
        """Those with a greater number than `after`, in their order; StoreError for one that cannot be read."""

    def last_checkpoint(self) -> Checkpoint | None: ...


class Changes(Protocol):
    """The last accepted version of every change record."""

    def sync(self, source: str, fetched: Fetched, now: datetime) -> None:
        """Takes what a source holds now. A record that is gone or set aside keeps its last version and becomes stale from `now` on."""

    def failed(self, source: str, error: str, now: datetime) -> None: ...
    def keep_only(self, sources: Collection[str], now: datetime) -> Sequence[str]:
        """Forgets the sources that are not among these, and answers with their names. Their records are stale from `now` on."""

    def records(self) -> Iterator[ChangeRecord]: ...
    def page(
        self,
        sources: Collection[str],
        states: Collection[ChangeState],
        after: RecordPlace | None,
        limit: int,
        registered: str | None = None,
    ) -> Sequence[ChangeRecord]:
        """At most `limit` of these sources in these states (none given: of any), the newest first: those after the place `after`.

        Those that the register holds are left out where `registered` names it as a source: it knows them better.
        """

    def get(self, record_id: str) -> ChangeRecord | None: ...
    def sources(self) -> Sequence[SourceStatus]: ...


class Policies(Protocol):
    """Every policy that was ever in force, by version (content hash)."""

    def activate(self, version: str, document: Json, at: datetime) -> None: ...
    def active(self) -> tuple[str, Json, datetime] | None: ...
    def get(self, version: str) -> Json | None: ...


class Register(Protocol):
    """The built-in change register: its records as they stand, each with the number of its revision."""

    def get(self, record_id: str) -> tuple[ChangeRecord, int] | None: ...
    def all(self) -> Iterator[ChangeRecord]: ...
    def page(self, source: str, states: Collection[ChangeState], after: RecordPlace | None, limit: int) -> Sequence[ChangeRecord]:
        """At most `limit` in these states (none given: in any), the newest first, as records of `source`: those after the place `after`."""

    def save(self, record: ChangeRecord, revision: int, now: datetime) -> None:
        """`revision` is 1 for a new record, else one more than before; StoreError where somebody was faster."""


class UnitOfWork(Protocol):
    """One transaction over all aggregates. Leaving the block commits; an exception rolls everything back."""

    scans: Scans
    cells: Cells
    observations: Observations
    documents: Documents
    baselines: Baselines
    findings: Findings
    ledger: Ledger
    requests: Requests
    leases: Leases
    changes: Changes
    policies: Policies
    exceptions: Exceptions
    register: Register
    activity: ActivityLog
    tokens: Tokens
    sessions: Sessions
    answers: Answers
    deliveries: Deliveries


class Store(Protocol):
    def write(self, lease: Lease | None = None) -> AbstractContextManager[UnitOfWork]:
        """A write transaction (serialised); with `lease`, refused by LeaseLostError once another process has taken that over."""

    def read(self) -> AbstractContextManager[UnitOfWork]:
        """A consistent read transaction; keep it short."""

    @property
    def local(self) -> bool:
        """Whether only people with access to this machine reach the database."""

    def describe(self) -> Mapping[str, str]:
        """For `status`: kind, version, journal_mode, schema (revision) and size_bytes of the database."""

    def installation_key_id(self, candidate: str) -> str:
        """The id of the installation key this store was made with; a store without one takes `candidate`."""

    def close(self) -> None: ...
