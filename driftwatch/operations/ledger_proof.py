"""Proving the ledger: verifying every entry and checkpoint, and exporting them for somebody else to verify. Page by page, all along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final

from driftwatch.documents.ledger_lines import checkpoint_line, entry_line
from driftwatch.domain.ledger import Checkpoint, LedgerRow
from driftwatch.domain.ledger_check import Fault, FaultKind, Walked, checkpoint_fault, marks, named, walk
from driftwatch.errors import InputError, StoreError
from driftwatch.operations.installation import Installation
from driftwatch.operations.ledger import BATCH

PAGE: Final = 2000
"""Entries that are read at once: a few milliseconds, so that no read keeps a database open for long."""
CHECKERS: Final = 4
"""Signatures that are checked at the same time: each is a process of ssh-keygen."""
_BEFORE_ALL: Final = -(2**63)
"""An entry that somebody put before the first one is found, too."""

Progress = Callable[[str, int, int], None]
"""What is worked on, how many are done, and how many there are."""
Check = Callable[[Checkpoint], str | None]


def unheard(_what: str, _done: int, _all: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a verification found: of every part the first fault, that of the entries first."""

    entries: int
    """The last entry up to which everything holds."""
    head: str
    confirmed: int
    """The last entry that a checkpoint confirms; what came behind it is proved by the chain alone."""
    checkpoints: int
    exported: int | None
    """Exported checkpoints that it was verified against; None where none were given."""
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export holds: the entries from `first` to `last`, and so many checkpoints. `fault`: the first entry that does not verify."""

    first: int
    last: int
    checkpoints: int
    fault: Fault | None


def verify(
    installation: Installation,
    exported: Callable[[], Iterable[Checkpoint]] | None = None,
    *,
    every_signature: bool = True,
    progress: Progress = unheard,
) -> Verification:
    """Checks every entry and checkpoint of the store, also against `exported` checkpoints, which are read twice.

    Without `every_signature` only the last one of each list is checked: it covers those before it. A fault is a result, not an error.
    """
    with installation.store.read() as uow:
        last = uow.ledger.last_checkpoint()
    size, signed = _size(installation), last.number if last else 0
    with _checks(installation) as check:
        own = _Chain(check, first=True, every_signature=every_signature)
        for page in _checkpoint_pages(installation):
            own.take(page)
            progress("checkpoints", own.count, signed)
        theirs = _Chain(check, first=False, every_signature=every_signature)
        for page in _batches(exported() if exported else ()):
            theirs.take(page)
            progress("exported checkpoints", theirs.count, theirs.count)
        faults = [fault for chain in (own, theirs) if (fault := chain.end())]
    if theirs.former is not None and (lost := _lost(installation, theirs.former)):
        faults.append(lost)
    ours = (item for page in _checkpoint_pages(installation) for item in page)
    known = marks(islice(ours, own.good), islice(exported() if exported else (), theirs.good))
    walked = walk(_row_pages(installation), known, progress=lambda seq: progress("entries", seq, size))
    return Verification(
        entries=walked.seq,
        head=walked.head,
        confirmed=walked.confirmed,
        checkpoints=own.count,
        exported=theirs.count if exported else None,
        faults=(*((walked.fault,) if walked.fault else ()), *faults),
    )


def export(
    installation: Installation,
    write: Callable[[bytes], object],
    *,
    after: int = 0,
    until: int | None = None,
    most: int | None = None,
    progress: Progress = unheard,
) -> Exported:
    """Writes entries and checkpoints as JSON lines (docs/ledger.md), each checkpoint behind the entry that it signs.

    A part of the ledger is widened to the checkpoints around it: what lies between two of them can be proved without the rest.
    Raises StoreError for an entry that is damaged so much that no line can be made of it, InputError for more than `most` entries, before
    anything is written.
    """
    state, stop = _around(installation, after, until)
    if most is not None and stop - state.seq > most:
        wanted = f"a range of at most {most}: `checkpoints` says where one can begin and end"
        raise InputError(f"{stop - state.seq} entries between the checkpoints around that range", expected=wanted)
    begun = state.seq
    waiting = (item for page in _checkpoint_pages(installation) for item in page if item.seq >= begun)
    following, signed = next(waiting, None), 0
    for page in _row_pages(installation, begun):
        rows = page if page[-1][0] <= stop else [row for row in page if row[0] <= stop]
        state = walk([rows], after=state) if state.fault is None else state
        for row in rows:
            while following is not None and following.seq < row[0]:
                write(checkpoint_line(following))
                following, signed = next(waiting, None), signed + 1
            write(_line(row))
        progress("entries", min(page[-1][0], stop), stop)
        if page[-1][0] >= stop:
            break
    while following is not None and following.seq <= stop:
        write(checkpoint_line(following))
        following, signed = next(waiting, None), signed + 1
    return Exported(first=begun + 1, last=stop, checkpoints=signed, fault=state.fault)


@dataclass(slots=True)
class _Chain:
    """One list of checkpoints while it is checked: each against the one before it, and its signature."""

    check: Check
    first: bool
    every_signature: bool
    count: int = 0
    former: Checkpoint | None = None
    good: int = 0
    """Those before the first fault: only they prove anything of the entries."""
    fault: Fault | None = None

    def take(self, page: Sequence[Checkpoint]) -> None:
        """The next ones."""
        if self.every_signature and self.fault is None:
            with ThreadPoolExecutor(CHECKERS, thread_name_prefix="signatures") as pool:
                whys: Iterable[str | None] = list(pool.map(self.check, page))
        else:
            whys = [None] * len(page)
        for item, why in zip(page, whys, strict=True):
            self.fault = self.fault or checkpoint_fault(item, self.former, first=self.first) or _unsigned(item, why)
            self.former = item
            self.good += self.fault is None
        self.count += len(page)

    def end(self) -> Fault | None:
        """The first fault."""
        if self.fault is None and self.former is not None and not self.every_signature:
            self.fault = _unsigned(self.former, self.check(self.former))
            self.good = 0 if self.fault else self.good
        return self.fault


def _unsigned(item: Checkpoint, why: str | None) -> Fault | None:
    return Fault(kind=FaultKind.SIGNATURE, seq=item.seq, why=f"{named(item)} does not hold: {why}") if why else None


def _lost(installation: Installation, last: Checkpoint) -> Fault | None:
    with installation.store.read() as uow:
        known = uow.ledger.checkpoints(last.number - 1, 1)
    if known and known[0].body == last.body:
        return None
    why = f"{named(last)}, the last one that was exported, is not among those of the store: it was put back, or written anew"
    return Fault(kind=FaultKind.LOST, seq=last.seq, why=why)


@contextmanager
def _checks(installation: Installation) -> Iterator[Check]:
    """What says why a signature does not hold. Without a signer nobody's does."""
    if installation.checkpoint_signer is None:
        yield lambda _checkpoint: "this installation knows no key for the ledger's checkpoints"
    else:
        with installation.checkpoint_signer.checker() as check:
            yield check


def _size(installation: Installation) -> int:
    """The number of the last entry, to show progress; 0 where it is damaged."""
    try:
        with installation.store.read() as uow:
            head = uow.ledger.head()
    except StoreError:
        return 0
    return head.seq if head else 0


def _around(installation: Installation, after: int, until: int | None) -> tuple[Walked, int]:
    """Where an export begins (behind a checkpoint, or with the first entry) and its last entry."""
    start, stop = Walked(), None
    for page in _checkpoint_pages(installation):
        for item in page:
            if item.seq <= after:
                start = Walked(seq=item.seq, head=item.head)
            if until is not None and stop is None and item.seq >= until:
                stop = item.seq
    if stop is None:
        with installation.store.read() as uow:
            head = uow.ledger.head()
        stop = head.seq if head else 0
    return start, stop


def _row_pages(installation: Installation, after: int = 0) -> Iterator[Sequence[LedgerRow]]:
    """All entries behind `after`; each page is read in a transaction of its own, which has ended when the page is worked on."""
    after = after or _BEFORE_ALL
    while True:
        with installation.store.read() as uow:
            page = uow.ledger.rows(after, PAGE)
        if not page:
            return
        yield page
        after = page[-1][0]


def _checkpoint_pages(installation: Installation) -> Iterator[Sequence[Checkpoint]]:
    """All checkpoints, read as the entries are."""
    after = _BEFORE_ALL
    while True:
        with installation.store.read() as uow:
            page = uow.ledger.checkpoints(after, BATCH)
        if not page:
            return
        yield page
        after = page[-1].number


def _batches(items: Iterable[Checkpoint]) -> Iterator[Sequence[Checkpoint]]:
    source = iter(items)
    while batch := list(islice(source, BATCH)):
        yield batch


def _line(row: LedgerRow) -> bytes:
    try:
        return entry_line(row)
    except ValueError as error:
        raise StoreError(f"{error}: it cannot be exported; `driftwatch ledger verify` tells more") from error
