"""One cell in one scan: its batches are stored as they come, and its end decides what is present, absent, and in which state it is."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import CellStatus
from driftwatch.domain.snapshot import Batch, CellRead, CellState, Gap, GapReason, Outcome, Stored, cell_digest
from driftwatch.ports import UnitOfWork

MASS_DELETE_MIN = 5
MASS_DELETE_SHARE = 0.2
"""A listing is held when a whole populated type (2 or more) vanishes at once, or more than a fifth and at least five of it."""

NOT_JUDGED = "not_judged"
"""The reason of a cell that was read, but not compared with its baseline yet: a scan that ends here leaves it unknown."""
EXACT = frozenset({CellState.CLEAN, CellState.DRIFTED, CellState.UNBASELINED})
"""The states whose digest and count are those of the stored resources. In any other, resources may have been stored since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Under which shape a cell is read: `shape` and its `rules`; `coming` is the catalogue's shape where that is another one.

    `usable` is False when the baseline was made under a shape that this driftwatch can no longer produce.
    """

    shape: str
    rules: Normalisation
    coming: str | None = None
    usable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A held listing that a person released: exactly the listing with this digest may end in deletions."""

    digest: str
    person: str
    reason: str


MISSED = "missing from a complete listing once; the next one decides"


class CellPass:
    """Stores what one scan reads of one cell. Not shared between threads."""

    def __init__(
        self, cell: Cell, layout: Layout, former: CellStatus | None, release: Release | None = None, began: datetime | None = None
    ) -> None:
        """`began` is when the reading began: what was seen by itself after that stands."""
        self.cell = cell
        self._began = began
        self.layout = layout
        self._former = former
        self._release = release
        self._rows: array[int] = array("q")
        self._changed = 0

    def batch(self, uow: UnitOfWork, batch: Batch, now: datetime) -> None:
        """Stores one batch: present resources are known to be present whether or not the listing ends well.

        Once it changes something, what was known of the cell holds no longer: a scan that dies here must not leave it clean.
        """
        same_shape = self._former is None or self._former.shape in (None, self.layout.shape)
        put = uow.observations.put(
            self.cell,
            batch.resources,
            known_at=self._former.complete_started_at if self._former else None,
            now=now,
            reshaped=batch.reshaped,
            same_shape=same_shape,
            read_at=self._began,
        )
        self._rows.extend(put.rows)
        if put.changed and not self._changed:
            uow.cells.set_state(self.cell, CellState.UNKNOWN, NOT_JUDGED)
        self._changed += put.changed

    def conclude(self, uow: UnitOfWork, read: CellRead, *, baselined: bool) -> tuple[CellStatus, CellRead]:
        """The status of the cell after this reading, before its differences are judged, and the reading with the gaps found here.

        A cell that is not enabled but has resources is judged like an empty listing: what was there has vanished.
        """
        if read.outcome is Outcome.INCOMPLETE:
            return self._status(read, CellState.UNKNOWN, _worst(read.gaps)), read
        if read.outcome is Outcome.NOT_ENABLED and not self._population(uow):
            return replace(self._status(read, CellState.NOT_ENABLED, None), empty_readings=self._empty_before + 1), read
        gaps, held = self._absences(uow, read)
        read = replace(read, gaps=(*read.gaps, *gaps))
        if held:
            return self._status(read, CellState.UNKNOWN, GapReason.SUSPECTED_MASS_DELETE, held=held), read
        state, reason = self._complete_state(gaps, baselined=baselined)
        digest, count = self._digest(uow)
        empty = 0 if count else self._empty_before + 1
        status = replace(self._status(read, state, reason), shape=self.layout.shape, digest=digest, count=count, empty_readings=empty)
        if gaps:  # a deletion is dated from the last listing that had everything
            return status, read
        return replace(status, complete_started_at=read.known_since, complete_ended_at=read.ended_at), read

    @property
    def _empty_before(self) -> int:
        return self._former.empty_readings if self._former else 0

    @property
    def first(self) -> bool:
        """Whether this cell was never read completely before."""
        return self._former is None or self._former.complete_started_at is None

    def _population(self, uow: UnitOfWork) -> int:
        """How many resources were stored before this reading began, or more where it brought some."""
        if self._former is None or self._exact:
            return (self._former.count if self._former else 0) + self._changed
        return uow.observations.digest(self.cell)[1]

    @property
    def _exact(self) -> bool:
        return self._former is not None and self._former.state in EXACT and self._former.digest is not None

    def _complete_state(self, gaps: Sequence[Gap], *, baselined: bool) -> tuple[CellState, GapReason | None]:
        if gaps:
            return CellState.UNKNOWN, GapReason.UNCONFIRMED_ABSENCE
        if not self.layout.usable:
            return CellState.UNKNOWN, GapReason.SHAPE_CHANGED
        return (CellState.CLEAN if baselined else CellState.UNBASELINED), None

    def _absences(self, uow: UnitOfWork, read: CellRead) -> tuple[tuple[Gap, ...], str | None]:
        """Ends resources that are missing for the second time, marks those missing for the first, or holds the listing."""
        absent = list(uow.observations.absent(self.cell, self._rows, self._began)) if self._population(uow) else []
        if not absent:
            return (), None
        present = len(self._rows)
        fresh, confirmed = _parted(absent)
        if suspicious(len(absent), present):
            digest = self._listing_digest(uow, absent)
            vanished = f"{len(absent)} of {len(absent) + present} resources vanished at once"
            if self._release is None or self._release.digest != digest:
                return (self._gap(GapReason.SUSPECTED_MASS_DELETE, vanished),), digest
            fresh, confirmed = [], absent
        self._end(uow, confirmed, read)
        if fresh:
            uow.observations.mark_missing(self.cell, [item.row for item in fresh], read.ended_at)
        return tuple(self._gap(GapReason.UNCONFIRMED_ABSENCE, MISSED, item.id) for item in fresh), None

    def _end(self, uow: UnitOfWork, confirmed: Sequence[Stored], read: CellRead) -> None:
        """They are gone since some time between the last listing that had everything and the first that lacked them."""
        known_at = self._former.complete_started_at if self._former else None
        by_time: dict[datetime, list[int]] = {}
        for item in confirmed:
            by_time.setdefault(item.missing_since or read.ended_at, []).append(item.row)
        for missed_at, rows in by_time.items():
            uow.observations.end(self.cell, rows, known_at=known_at, now=missed_at)
        self._changed += len(confirmed)

    def _listing_digest(self, uow: UnitOfWork, absent: Sequence[Stored]) -> str:
        gone = {item.row for item in absent}
        return cell_digest((item.id, item.fingerprint) for item in uow.observations.present(self.cell) if item.row not in gone)

    def _digest(self, uow: UnitOfWork) -> tuple[str, int]:
        if not self._changed and self._former and self._exact and self._former.digest and self._former.shape == self.layout.shape:
            return self._former.digest, self._former.count
        return uow.observations.digest(self.cell)

    def _status(self, read: CellRead, state: CellState, reason: GapReason | None, held: str | None = None) -> CellStatus:
        former = self._former or CellStatus(cell=self.cell, state=state)
        known = replace(former, state=state, reason=reason.value if reason else None, read_at=read.ended_at, held=held)
        return replace(known, empty_readings=0, skipped_at=None)

    def _gap(self, reason: GapReason, detail: str, resource: str | None = None) -> Gap:
        return Gap(cell=self.cell, reason=reason, detail=detail, resource_id=resource)


def _parted(absent: Sequence[Stored]) -> tuple[list[Stored], list[Stored]]:
    """Those that are missing for the first time, and those that a complete listing lacked before."""
    return [item for item in absent if item.missing_since is None], [item for item in absent if item.missing_since is not None]


def suspicious(absent: int, present: int) -> bool:
    """Whether so many resources missing at once is more likely a bad listing than a deletion (promise P2's guard)."""
    population = absent + present
    return (present == 0 and absent >= 2) or (absent >= MASS_DELETE_MIN and absent > MASS_DELETE_SHARE * population)


def _worst(gaps: Sequence[Gap]) -> GapReason:
    whole = [gap.reason for gap in gaps if gap.resource_id is None]
    return whole[0] if whole else gaps[0].reason if gaps else GapReason.ERROR
