"""The ledger's upkeep: whether it takes entries, its checkpoints, and their way to a second place."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from driftwatch.domain.ledger import GENESIS, Checkpoint, LedgerEntry, checkpoint_body
from driftwatch.domain.ledger_check import checkpoint_fault, named
from driftwatch.errors import BusyError, RefusedError
from driftwatch.operations.installation import Installation
from driftwatch.ports import CheckpointPlace, CheckpointSigner, UnitOfWork

ATTEMPTS: Final = 5
"""How often a checkpoint is begun anew because another process made one in between."""
BATCH: Final = 200
"""Checkpoints that are read, or handed to a place, at once."""


class _TakenBackError(Exception):
    """Ends the transaction of a probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the ledger stands; None where there is nothing yet."""

    head: LedgerEntry | None
    checkpoint: Checkpoint | None


def probe(installation: Installation) -> None:
    """Writes an entry and takes it back; raises StoreError when the ledger takes none.

    Every act is written in one transaction with its entry: while this fails, nothing can be done at all.
    """
    with suppress(_TakenBackError), installation.store.write() as uow:
        uow.ledger.append(installation.clock(), "probe", {})
        raise _TakenBackError


def standing(installation: Installation) -> Standing:
    """The last entry and the last checkpoint."""
    with installation.store.read() as uow:
        return Standing(head=uow.ledger.head(), checkpoint=uow.ledger.last_checkpoint())


def checkpoint(installation: Installation) -> Checkpoint:
    """Signs how the ledger stands now, also when nothing has happened since the last time, and stores that.

    Raises RefusedError where the last checkpoint does not hold, or the ledger is no longer what it signed: to sign on would hide that.
    """
    signer = _signer(installation)
    for _ in range(ATTEMPTS):
        with installation.store.read() as uow:
            last, head = uow.ledger.last_checkpoint(), uow.ledger.head()
            _refuse_other(uow, last)
        made = _signed(installation, signer, last, head)
        with installation.store.write() as uow:
            if uow.ledger.last_checkpoint() == last:
                uow.ledger.add_checkpoint(made)
                return made
    raise BusyError("other processes make checkpoints all the time: this one was given up")


def deliver(installation: Installation, place: CheckpointPlace) -> int:
    """Hands a second place every checkpoint that it lacks, and answers with their number.

    Raises RefusedError when the last one that it holds is not the store's, DriftwatchError when it cannot be read or written.
    """
    held = place.last()
    with installation.store.read() as uow:
        last = uow.ledger.last_checkpoint()
        if held is not None:
            _refuse_unknown(uow, held, place.name)
    if last is None:
        return 0
    after, count = held.number if held else 0 if place.remembers else last.number - 1, 0
    while after < last.number:
        with installation.store.read() as uow:
            page = uow.ledger.checkpoints(after, BATCH)
        place.append(page)
        after, count = page[-1].number, count + len(page)
    return count


def _signer(installation: Installation) -> CheckpointSigner:
    if installation.checkpoint_signer is None:
        raise RefusedError("this installation has no key for the ledger's checkpoints")
    return installation.checkpoint_signer


def _signed(installation: Installation, signer: CheckpointSigner, last: Checkpoint | None, head: LedgerEntry | None) -> Checkpoint:
    key = signer.key(first=last is None)
    seq, hash_ = (head.seq, head.hash) if head else (0, GENESIS)
    time, previous = installation.clock(), last.digest if last else GENESIS
    body = checkpoint_body(seq, hash_, time, previous)
    made = Checkpoint(
        number=last.number + 1 if last else 1,
        seq=seq,
        head=hash_,
        time=time,
        previous=previous,
        body=body,
        signature=signer.sign(body),
        key=key,
    )
    with signer.checker() as check:
        for item in (last, made):
            if item is not None and (why := check(item)):
                raise RefusedError(f"no checkpoint is made: {named(item)} does not hold: {why}")
    return made


def _refuse_other(uow: UnitOfWork, last: Checkpoint | None) -> None:
    """The ledger has to continue what the last checkpoint signed."""
    if last is None:
        return
    fault = checkpoint_fault(last, None, first=False)
    if fault is not None:
        raise RefusedError(f"no checkpoint is made: {fault.why}")
    then = uow.ledger.rows(last.seq - 1, 1)
    if last.seq > 0 and (not then or then[0][0] != last.seq or then[0][5] != bytes.fromhex(last.head)):
        raise RefusedError(
            f"no checkpoint is made: the ledger is no longer what {named(last)} signed; `driftwatch ledger verify` tells what is wrong"
        )


def _refuse_unknown(uow: UnitOfWork, held: Checkpoint, place: str) -> None:
    known = uow.ledger.checkpoints(held.number - 1, 1)
    if not known or known[0].body != held.body:
        raise RefusedError(
            f"{named(held)}, the last one in the second place {place!r}, is not among those of the store: the store was put back to an "
            "earlier state, or written anew. `driftwatch ledger verify --against FILE` with that file tells more; if a backup was restored "
            "on purpose, keep the file and name a new one in `ledger.export`"
        )
