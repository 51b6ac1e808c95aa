"""A small model of driftwatch that knows nothing of its code: from what happens to the world it predicts what a scan must say.

A document is flat here: pointer -> value. `DROPPED` are the members that each of three normalisations of a type leaves out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from driftwatch.domain.resource import Cell

Document = Mapping[str, str | int]
Seen = Document | None
"""A document as a shape lets it be seen; None: not there."""

DROPPED: tuple[tuple[str, ...], ...] = ((), ("/Noise",), ("/New",))
FRESH_S = 3600.0
FRESH = ("clean", "drifted", "unbaselined")


def visible(document: Document, shape: int) -> dict[str, str | int]:
    return {path: value for path, value in document.items() if path not in DROPPED[shape]}


def paths(before: Seen, after: Seen) -> frozenset[str]:
    """Where two documents differ; the path of a whole resource is empty."""
    if before is None or after is None:
        return frozenset({""})
    return frozenset(path for path in {*before, *after} if before.get(path) != after.get(path))


def kind(before: Seen, after: Seen) -> str:
    return "created" if before is None else "deleted" if after is None else "updated"


@dataclass(kw_only=True)
class Part:
    """One cell of a baseline."""

    documents: dict[str, Document]
    shape: int

    def seen(self, id_: str) -> Seen:
        return visible(self.documents[id_], self.shape) if id_ in self.documents else None

    def same(self, other: Part | None) -> bool:
        return other is not None and self.shape == other.shape and self.all() == other.all()

    def all(self) -> dict[str, Seen]:
        return {id_: self.seen(id_) for id_ in self.documents}


@dataclass(kw_only=True)
class Live:
    """A live finding. `serial` tells findings of one resource apart."""

    serial: int
    before: Seen
    after: Seen

    def same_drift(self, before: Seen, after: Seen) -> bool:
        """Whether another pair of documents differs in the same places by the same values."""
        mine, other = paths(self.before, self.after), paths(before, after)
        if mine != other:
            return False
        if mine == {""}:
            return (self.before, self.after) == (before, after)
        old, new = (self.before or {}, before or {}), (self.after or {}, after or {})
        return all(old[0].get(path) == old[1].get(path) and new[0].get(path) == new[1].get(path) for path in mine)


@dataclass(kw_only=True)
class Fault:
    """What a reading of a cell meets: `denied`, `cut` after `number` resources, `item` number `number` denied, `off`, or nothing."""

    kind: str = ""
    number: int = 0


@dataclass(kw_only=True)
class CellModel:
    """One cell: what is there, and what driftwatch can know of it."""

    world: dict[str, Document] = field(default_factory=dict)
    stored: dict[str, Document] = field(default_factory=dict)
    prints: dict[str, dict[str, str | int]] = field(default_factory=dict)
    """As they were seen when they were stored."""
    missing: set[str] = field(default_factory=set)
    catalogue: int = 0
    """The shape that the catalogue reads it under."""
    shape: int | None = None
    state: str = ""
    reason: str | None = None
    complete_at: datetime | None = None
    read_at: datetime | None = None
    held: object = None
    live: dict[str, Live] = field(default_factory=dict)

    def aged(self, now: datetime) -> tuple[str, str | None]:
        known = self.complete_at if self.state in FRESH else self.read_at if self.state == "not_enabled" else now
        if known is None or (now - known).total_seconds() > FRESH_S:
            return "stale", "not_read_for_too_long"
        return self.state, self.reason

    def store(self, ids: Collection[str], shape: int) -> bool:
        """What a listing brings; whether any of it is new or changed."""
        changed = False
        for id_ in ids:
            print_ = visible(self.world[id_], shape)
            changed = changed or self.prints.get(id_) != print_
            self.stored[id_], self.prints[id_] = self.world[id_], print_
            self.missing.discard(id_)
        return changed

    def absences(self, ids: Collection[str], *, release: bool) -> str | None:
        """What becomes of stored resources that a complete listing lacks; the reason why the cell is not completely known then."""
        absent = self.stored.keys() - set(ids)
        population = len(absent) + len(ids)
        listing = {id_: self.prints[id_] for id_ in ids}
        released = release and self.held == listing
        if ((not ids and len(absent) >= 2) or (len(absent) >= 5 and len(absent) * 5 > population)) and not released:
            self.held = listing
            return "suspected_mass_delete"
        self.held = None
        fresh = set() if released else absent - self.missing
        for id_ in absent - fresh:
            del self.stored[id_], self.prints[id_]
            self.missing.discard(id_)
        self.missing |= fresh
        return "unconfirmed_absence" if fresh else None


@dataclass(kw_only=True)
class Proposal:
    parts: dict[Cell, Part]
    parent: int
    included: set[int]


@dataclass(kw_only=True)
class Model:
    """The whole installation."""

    cells: dict[Cell, CellModel] = field(default_factory=dict)
    baseline: dict[Cell, Part] | None = None
    version: int = 0
    proposal: Proposal | None = None
    serials: int = 0

    def scan(
        self,
        now: datetime,
        faults: Mapping[Cell, Fault],
        hidden: Mapping[Cell, Collection[str]],
        *,
        wanted: Collection[Cell],
        release: bool = False,
        dies_in: Cell | None = None,
        after: int = 0,
    ) -> None:
        """One scan of `wanted`. A process that `dies_in` a cell has stored the first `after` resources of it, and judges nothing."""
        pinned = dict(self.baseline or {})
        carried: dict[Cell, Part] = {}
        for cell in wanted:
            one, part = self.cells[cell], pinned.get(cell)
            shape = part.shape if part else one.catalogue
            listed = [id_ for id_ in one.world if id_ not in hidden.get(cell, ())]
            if not one.state:
                one.state, one.reason = "unknown", "not_read"
            if cell == dies_in:
                if one.store(listed[:after], shape):
                    one.state, one.reason = "unknown", "not_judged"
                continue
            self._read(one, faults.get(cell, Fault()), listed, shape, now, release=release)
            if part is None:
                one.state = "unbaselined" if one.state == "clean" else one.state
            elif dies_in is None:
                self._judge(one, part)
                if one.state == "clean" and shape != one.catalogue:
                    carried[cell] = Part(documents=dict(one.stored), shape=one.catalogue)
            elif one.state != "clean" or one.live or one.catalogue != shape or Part(documents=one.stored, shape=shape).all() != part.all():
                one.state, one.reason = "unknown", one.reason or "not_judged"
        if carried:
            self.baseline = pinned | carried
            self.version += 1
            for cell, part in carried.items():
                self.cells[cell].shape = part.shape
                self.cells[cell].prints = {id_: visible(document, part.shape) for id_, document in part.documents.items()}

    def _read(self, one: CellModel, fault: Fault, listed: list[str], shape: int, now: datetime, *, release: bool) -> None:
        """The first half: what is stored, and whether the cell is completely known (state `clean`) or why not."""
        gap: str | None = None
        if fault.kind == "denied":
            listed, gap = [], "denied"
        elif fault.kind == "cut":
            listed, gap = listed[: fault.number], "truncated"
        elif fault.kind == "item" and fault.number < len(listed):
            listed, gap = [id_ for place, id_ in enumerate(listed) if place != fault.number], "throttled"
        elif fault.kind == "off":
            listed = []
        one.read_at = now
        one.store(listed, shape)
        if gap or (fault.kind == "off" and not one.stored):
            one.held = None
            one.state, one.reason = ("unknown", gap) if gap else ("not_enabled", None)
            return
        reason = one.absences(listed, release=release)
        if reason != "suspected_mass_delete":
            one.shape = shape
        if reason is None:
            one.complete_at = now
        one.state, one.reason = ("unknown", reason) if reason else ("clean", None)

    def _judge(self, one: CellModel, part: Part) -> None:
        """The second half: one live finding for each difference; others end only on a complete reading."""
        off = {}
        for id_ in {*one.stored, *part.documents}:
            before, after = part.seen(id_), one.prints.get(id_)
            if before != after:
                off[id_] = (before, after)
        for id_, (before, after) in off.items():
            former = one.live.get(id_)
            if former and former.same_drift(before, after):
                former.before, former.after = before, after
            else:
                self.serials += 1
                one.live[id_] = Live(serial=self.serials, before=before, after=after)
        if one.state == "clean":
            for id_ in one.live.keys() - off.keys():
                del one.live[id_]
            one.state = "drifted" if one.live else "clean"

    def capture(self, now: datetime) -> bool:
        """Whether a capture is possible, and then the proposal that it makes."""
        aged = {cell: one.aged(now)[0] for cell, one in self.cells.items() if one.state}
        covered = [cell for cell, state in aged.items() if state != "not_enabled"]
        if not covered or any(aged[cell] not in FRESH for cell in covered):
            return False
        parts = {}
        for cell in covered:
            one = self.cells[cell]
            parts[cell] = Part(documents=dict(one.stored), shape=one.shape or 0)
            known = {part.shape for part in (self.baseline or {}).values()}
            if one.shape != one.catalogue and one.shape not in known | self.known_shapes:
                return False
        self.known_shapes |= {part.shape for part in parts.values()}
        included = {live.serial for one in self.cells.values() for live in one.live.values()}
        self.proposal = Proposal(parts=parts, parent=self.version, included=included)
        return True

    known_shapes: set[int] = field(default_factory=set)
    """The shapes whose rules some baseline stored."""

    def approve(self) -> bool:
        """Whether the proposal can become active, and then what that changes."""
        proposal = self.proposal
        if proposal is None or proposal.parent != self.version:
            return False
        closing = []
        for cell, one in self.cells.items():
            part = proposal.parts.get(cell)
            for id_, live in one.live.items():
                if live.after == (part.seen(id_) if part else None):
                    closing.append((one, id_))
                    if live.serial not in proposal.included:
                        return False
        for one, id_ in closing:
            del one.live[id_]
        for cell, part in proposal.parts.items():
            one = self.cells[cell]
            unchanged = self.baseline is not None and part.same(self.baseline.get(cell))
            known = one.shape == part.shape and Part(documents=one.stored, shape=part.shape).all() == part.all()
            if self.baseline is not None and one.state in ("clean", "drifted") and not unchanged and not known:
                one.state, one.reason = "unknown", "not_judged"
        for cell in (self.baseline or {}).keys() - proposal.parts.keys():
            if self.cells[cell].state in ("clean", "drifted"):
                self.cells[cell].state, self.cells[cell].reason = "unbaselined", None
        self.baseline, self.proposal = proposal.parts, None
        self.version += 1
        return True

    def exit_code(self, now: datetime, wanted: Collection[Cell]) -> int:
        if any(self.cells[cell].live for cell in wanted):
            return 2
        states = [self.cells[cell].aged(now)[0] for cell in wanted]
        return 0 if states and all(state in ("clean", "drifted", "not_enabled") for state in states) else 3
