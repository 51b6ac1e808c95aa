"""Fakes written by hand, one per port that tests need without its adapter."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.entry import Paging
from driftwatch.domain import message as told
from driftwatch.domain.ledger import Checkpoint
from driftwatch.domain.normalize import Normalisation, Normaliser, fingerprint, shape
from driftwatch.domain.resource import Cell, Json, Resource
from driftwatch.domain.scan import Forecast, Plan, Reading, ReadUnit, Reread
from driftwatch.domain.snapshot import Batch, CellRead, Gap, GapReason, Outcome
from driftwatch.errors import DriftwatchError, InputError

TEST_KEY = b"0123456789abcdef0123456789abcdef"
TEST_KEY_ID = "test-key"


@dataclass(kw_only=True)
class FakeCollector:
    """The cloud as a dict ``{Cell: {id: document}}``; implements `ports.Collector`. Change the fields between scans as the story needs.

    A document is what the API would answer; a member ``Tags`` (a map, or a list of Key and Value) becomes the tags, a text member ``Arn``
    the ARN and ``Name`` the label. A cell without resources is there as ``{}``. Everything is normalised with the real normaliser.
    """

    world: dict[Cell, dict[str, dict[str, Json]]] = field(default_factory=dict)
    normalisations: dict[str, Normalisation] = field(default_factory=dict)
    """Per type; a type without one gets ``Normalisation(tags="Tags")``. Replace an entry to play an upgrade of the catalogue."""
    failing: dict[Cell, GapReason] = field(default_factory=dict)
    """Cells whose listing fails."""
    cut: dict[Cell, int] = field(default_factory=dict)
    """Cells whose listing fails (truncated) after this many resources."""
    failing_items: dict[Cell, dict[str, GapReason]] = field(default_factory=dict)
    """Resources that are listed, but whose details fail."""
    failing_accounts: dict[str, GapReason] = field(default_factory=dict)
    """Accounts that cannot be reached at all: their cells are gaps of the plan."""
    not_enabled: set[Cell] = field(default_factory=set)
    planned_not_enabled: set[Cell] = field(default_factory=set)
    """As above, but known when planning."""
    unplanned: set[Cell] = field(default_factory=set)
    """Cells that no plan names; they come up while another cell of their type and account is read (S3 buckets of a new region)."""
    every: dict[str, int] = field(default_factory=dict)
    """Types that need only be read in each n-th scheduled scan."""
    listed_only: set[str] = field(default_factory=set)
    """Types of which no resource can be read by itself."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    key: bytes = TEST_KEY
    key_id: str = TEST_KEY_ID
    batch_size: int = 2
    calls: list[str] = field(default_factory=list)
    """The cells that were read, as text, in order."""
    rereads: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """The cells of which some resources were read by themselves, as text, and the ids that were asked for, in order."""

    def normalisation(self, resource_type: str) -> tuple[str, Normalisation]:
        rules = self.normalisations.get(resource_type, Normalisation(tags="Tags"))
        return shape(rules, self.key_id), rules

    def forecast(self, known: Callable[[Cell], int], wanted: Callable[[Cell], bool]) -> list[Forecast]:
        """One call for each cell's listing, and one for each of its resources, at ten a second."""
        found = []
        for cell in sorted(self._cells()):
            if wanted(cell):
                calls = 1 + known(cell)
                found.append(Forecast(account=cell.account, region=cell.region, service="fake", calls=calls, seconds=calls / 10))
        return found

    def plan(self, wanted: Callable[[Cell], bool]) -> Plan:
        cells = [cell for cell in sorted(self._cells()) if wanted(cell) and cell not in self.unplanned]
        gaps = [
            Gap(
                cell=cell,
                reason=self.failing_accounts[cell.account],
                detail="the account cannot be read",
                operation="sts:GetCallerIdentity",
            )
            for cell in cells
            if cell.account in self.failing_accounts
        ]
        readable = [c for c in cells if c.account not in self.failing_accounts and c not in self.planned_not_enabled]
        off = tuple(c for c in cells if c in self.planned_not_enabled and c.account not in self.failing_accounts)
        units: dict[tuple[str, str, str], list[Cell]] = {}
        for cell in readable:
            units.setdefault((cell.account, cell.region, _service(cell)), []).append(cell)
        return Plan(
            units=tuple(
                ReadUnit(id="/".join(place), account=place[0], region=place[1], service=place[2], cells=tuple(members))
                for place, members in units.items()
            ),
            gaps=tuple(gaps),
            not_enabled=off,
            every=dict(self.every),
        )

    def read(self, unit: ReadUnit, reading: Reading, stopped: Callable[[], bool]) -> Iterator[Batch | CellRead]:
        asked = {(cell.account, cell.type) for cell in unit.cells}
        for cell in (*unit.cells, *sorted(c for c in self.unplanned if (c.account, c.type) in asked)):
            yield from self._read_cell(cell, reading, stopped)

    def reread(self, cell: Cell, ids: Sequence[str], pinned: Normalisation | None, stopped: Callable[[], bool]) -> Reread | None:
        """One call for each id. Whatever makes a listing or a detail fail makes the call of that resource fail."""
        if cell.type in self.listed_only:
            return None
        self.rereads.append((str(cell), tuple(ids)))
        started, rules = self.now(), pinned or self.normalisation(cell.type)[1]
        found: list[tuple[str, dict[str, Json]]] = []
        absent: list[str] = []
        gaps: list[Gap] = []
        for id_ in dict.fromkeys(ids):
            document = None if cell in self.not_enabled else self.world.get(cell, {}).get(id_)
            if reason := GapReason.ABORTED if stopped() else self._trouble(cell, id_):
                gaps.append(Gap(cell=cell, reason=reason, detail="the resource could not be read", resource_id=id_))
            elif document is None:
                absent.append(id_)
            else:
                found.append((id_, document))
        coming = self._coming(cell.type, pinned)
        return Reread(
            shape=shape(rules, self.key_id),
            started_at=started,
            ended_at=self.now(),
            resources=tuple(self.resource(cell, id_, document, rules) for id_, document in found),
            reshaped=tuple(self.resource(cell, id_, document, coming) for id_, document in found) if coming else (),
            absent=tuple(absent),
            gaps=tuple(gaps),
            calls=len(found) + len(absent) + len(gaps),
        )

    def _trouble(self, cell: Cell, id_: str) -> GapReason | None:
        """Why a resource of the cell cannot be read."""
        return self.failing_accounts.get(cell.account) or self.failing.get(cell) or self.failing_items.get(cell, {}).get(id_)

    def _coming(self, resource_type: str, pinned: Normalisation | None) -> Normalisation | None:
        """The current rules, where the pinned ones are others."""
        current_shape, current = self.normalisation(resource_type)
        return current if pinned and shape(pinned, self.key_id) != current_shape else None

    def _cells(self) -> set[Cell]:
        return {*self.world, *self.failing, *self.not_enabled, *self.planned_not_enabled}

    def _read_cell(self, cell: Cell, reading: Reading, stopped: Callable[[], bool]) -> Iterator[Batch | CellRead]:
        self.calls.append(str(cell))
        started = self.now()
        pinned = reading.pinned.get(cell)
        rules = pinned or self.normalisation(cell.type)[1]
        gaps: list[Gap] = []
        listed = 0
        if stopped():
            gaps.append(Gap(cell=cell, reason=GapReason.ABORTED, detail="the scan was stopped"))
        elif cell in self.failing:
            gaps.append(Gap(cell=cell, reason=self.failing[cell], detail="the listing failed", operation=f"{_service(cell)}:List"))
        elif cell not in self.not_enabled:
            documents = self.world.get(cell, {})
            broken = self.failing_items.get(cell, {})
            limit = self.cut.get(cell, len(documents))
            shown = dict(islice(documents.items(), limit))
            listed = len(shown)
            gaps += [Gap(cell=cell, reason=broken[id_], detail="a detail failed", resource_id=id_) for id_ in shown if id_ in broken]
            if cell in self.cut:
                gaps.append(Gap(cell=cell, reason=GapReason.TRUNCATED, detail="the reply was cut", operation=f"{_service(cell)}:List"))
            readable = [(id_, doc) for id_, doc in shown.items() if id_ not in broken]
            yield from self._batches(cell, readable, rules, self._coming(cell.type, pinned))
        outcome = Outcome.INCOMPLETE if gaps else Outcome.NOT_ENABLED if cell in self.not_enabled else Outcome.COMPLETE
        yield CellRead(
            cell=cell,
            outcome=outcome,
            shape=shape(rules, self.key_id),
            started_at=started,
            ended_at=self.now(),
            listed=listed,
            calls=1,
            gaps=tuple(gaps),
        )

    def _batches(
        self, cell: Cell, documents: list[tuple[str, dict[str, Json]]], rules: Normalisation, reshape_to: Normalisation | None
    ) -> Iterator[Batch]:
        for start in range(0, len(documents), self.batch_size):
            part = documents[start : start + self.batch_size]
            yield Batch(
                cell=cell,
                resources=tuple(self.resource(cell, id_, document, rules) for id_, document in part),
                reshaped=tuple(self.resource(cell, id_, document, reshape_to) for id_, document in part) if reshape_to else (),
            )

    def resource(self, cell: Cell, id_: str, document: Mapping[str, Json], rules: Normalisation | None = None) -> Resource:
        """The Resource that reading `document` yields."""
        canonical = Normaliser(rules or self.normalisation(cell.type)[1], self.key).normalise(dict(document))
        arn, label = document.get("Arn"), document.get("Name")
        return Resource(
            cell=cell,
            id=id_,
            arn=arn if isinstance(arn, str) else None,
            label=label if isinstance(label, str) else None,
            tags=canonical.tags,
            config=canonical.config,
            fingerprint=fingerprint(canonical.config, canonical.tags),
        )


def _service(cell: Cell) -> str:
    return cell.type.split("::")[1].lower() if "::" in cell.type else cell.type


@dataclass(kw_only=True)
class FakeCaller:
    """AWS as a dict; implements `aws.calls.Caller`. ``"service:Operation"`` -> a reply, a list of pages, or a function of (params, region).

    A CallFailed in the place of a reply or page is raised there; an operation without an answer fails. Every call is noted in `log`.
    """

    answers: dict[str, Any]
    log: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)

    def call(self, service: str, operation: str, params: Mapping[str, Any], region: str) -> dict[str, Any]:
        return next(self.pages(service, operation, params, region, None))

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        name = f"{service}:{operation}"
        self.log.append((name, dict(params), region))
        answer = self.answers.get(name, CallFailed(GapReason.ERROR, operation=name, code="NoAnswer"))
        if callable(answer):
            answer = answer(params, region)
        for page in answer if isinstance(answer, list) else [answer]:
            if isinstance(page, CallFailed):
                raise page
            yield deepcopy(page)

    def count(self, name: str) -> int:
        return sum(1 for call in self.log if call[0] == name)


@dataclass(kw_only=True)
class FakeCheckpointSigner:
    """The ledger's key as a word; implements `ports.CheckpointSigner`. A signature is a digest over the word and the body."""

    word: str = "the ledger's own"
    trusted: tuple[str, ...] = ()
    """The words of other keys that count."""
    broken: str | None = None
    """What is wrong with the key now."""

    def key(self, *, first: bool) -> str:
        if self.broken:
            raise InputError(self.broken)
        return self.word

    def sign(self, body: bytes) -> str:
        return signature_by(self.word, body)

    @contextmanager
    def checker(self) -> Iterator[Callable[[Checkpoint], str | None]]:
        def check(checkpoint: Checkpoint) -> str | None:
            if checkpoint.key not in (self.word, *self.trusted):
                return "another key"
            return None if checkpoint.signature == signature_by(checkpoint.key, checkpoint.body) else "a bad signature"

        yield check


def signature_by(word: str, body: bytes) -> str:
    return hashlib.sha256(word.encode() + body).hexdigest()


@dataclass(kw_only=True)
class FakePlace:
    """A second place in memory; implements `ports.CheckpointPlace`."""

    name: str = "fake"
    remembers: bool = True
    held: list[Checkpoint] = field(default_factory=list)
    broken: str | None = None
    room: int | None = None
    """How many more it takes before it breaks."""

    def last(self) -> Checkpoint | None:
        return self.held[-1] if self.held else None

    def append(self, checkpoints: Sequence[Checkpoint]) -> None:
        if self.broken:
            raise DriftwatchError(self.broken)
        for item in checkpoints:
            if self.room == 0:
                raise DriftwatchError("it is full")
            self.room = None if self.room is None else self.room - 1
            self.held.append(item)


@dataclass(kw_only=True)
class FakeNotifier:
    """A notifier that remembers what it was told and answers as the test says; implements `ports.Notifier`."""

    name: str = "ops"
    resend_s: float | None = None
    answer: Callable[[told.Message], told.Outcome] = lambda _message: told.DELIVERED
    meanwhile: Callable[[], None] = lambda: None
    """What happens while it is telling."""
    sent: list[told.Message] = field(default_factory=list)

    def send(self, messages: Sequence[told.Message]) -> Sequence[told.Outcome]:
        self.sent.extend(messages)
        self.meanwhile()
        return [self.answer(message) for message in messages]
