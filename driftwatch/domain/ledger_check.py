"""Checking the ledger: the first entry that is not as it was written, and what checkpoints prove of it. Streams; holds one page.

An entry's hash covers the hash before it, so one wrong bit anywhere breaks the chain at that entry or at the next one. What the chain
alone cannot show is an end that was cut off, or a ledger that was written anew from the first changed entry on: checkpoints do.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Final

from driftwatch.domain.canonical import encode, utc_text
from driftwatch.domain.ledger import GENESIS, Checkpoint, LedgerRow, checkpoint_body

TYPES_KEPT: Final = 1024
"""Entries have a few dozen types; after tampering there may be as many as entries."""


class FaultKind(StrEnum):
    """What is wrong with a ledger."""

    EDITED = "edited"
    """The hashed bytes or the hash of an entry are not those that were written."""
    COLUMNS = "columns"
    """The number, time or type beside the hashed bytes is another than in them."""
    UNLINKED = "unlinked"
    """The entry does not continue the one before it: that one was rewritten, or entries were inserted, swapped or removed."""
    GAP = "gap"
    """Entries are missing before this one."""
    ORDER = "order"
    """The entry stands where a later one belongs: it was inserted, doubled or moved."""
    CUT = "cut"
    """The ledger ends before the entry that a checkpoint names as its last."""
    REWRITTEN = "rewritten"
    """The chain holds, but at a checkpoint its head is another: it was written anew."""
    CHECKPOINT = "checkpoint"
    """A checkpoint is not as it was written, or does not continue the one before it."""
    SIGNATURE = "signature"
    """The signature of a checkpoint does not hold."""
    LOST = "lost"
    """An exported checkpoint is not among those of the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first thing that is wrong, at the entry (or the checkpoint of) `seq`."""

    kind: FaultKind
    seq: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the ledger's head has to be at `seq`; `origin` names the checkpoint that says so."""

    seq: int
    head: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """How far the chain holds: the last good entry and its hash, and what is wrong with the next one."""

    seq: int = 0
    head: str = GENESIS
    confirmed: int = 0
    """The last entry whose hash a checkpoint names."""
    fault: Fault | None = None


Progress = Callable[[int], None]


def walk(
    pages: Iterable[Sequence[LedgerRow]], marks: Iterable[Mark] = (), *, after: Walked = Walked(), progress: Progress = lambda _seq: None
) -> Walked:
    """Checks entries in their order, from the one behind `after` to the end, against `marks` in the order of their `seq`.

    Marks before `after` are passed over. `progress` hears the number of the last checked entry, once a page.
    """
    reached, waiting = after, iter(marks)
    mark = _behind(waiting, reached.seq)
    if mark is not None and mark.seq == reached.seq:
        reached, mark = _settle(reached, mark, waiting)
    for page in pages:
        start = 0
        while reached.fault is None and start < len(page):
            end = len(page) if mark is None else min(len(page), start + mark.seq - reached.seq)
            reached = _advance(page[start:end], reached)
            if reached.fault is None and mark is not None and reached.seq == mark.seq:
                reached, mark = _settle(reached, mark, waiting)
            start = end
        progress(reached.seq)
        if reached.fault is not None:
            return reached
    if mark is not None and reached.fault is None:
        why = f"the ledger ends at entry {reached.seq}; {mark.origin} signed {mark.seq} entries: its end was cut off"
        return replace(reached, fault=Fault(kind=FaultKind.CUT, seq=reached.seq + 1, why=why))
    return reached


def _behind(marks: Iterator[Mark], seq: int) -> Mark | None:
    return next((mark for mark in marks if mark.seq >= seq), None)


def _settle(reached: Walked, mark: Mark, waiting: Iterator[Mark]) -> tuple[Walked, Mark | None]:
    """Compares the head with every mark at this entry; answers with the first mark behind it."""
    following: Mark | None = mark
    while following is not None and following.seq == reached.seq:
        if following.head != reached.head:
            since = f"entries {reached.confirmed + 1} to {reached.seq} were" if reached.confirmed + 1 < reached.seq else "it was"
            why = (
                f"entry {reached.seq} has the hash {reached.head}, and {following.origin} signed {following.head}: {since} written anew, "
                "in part or as a whole"
            )
            return replace(reached, fault=Fault(kind=FaultKind.REWRITTEN, seq=reached.seq, why=why)), None
        following = _behind(waiting, reached.seq)
    return replace(reached, confirmed=reached.seq), following


def _advance(rows: Sequence[LedgerRow], reached: Walked) -> Walked:
    """The chain after `rows`. This loop is what a check of millions of entries costs: it hashes, compares, and decodes nothing."""
    seq, head, digest = reached.seq, reached.head, bytes.fromhex(reached.head)
    try:
        for row in rows:
            number, ts, type_, hashed, before, own = row
            seq += 1
            now = sha256(b"%b\n%b" % (head.encode(), hashed)).digest()
            fits = hashed.endswith(b',"seq":%d,"ts":"%b","type":%b}' % (number, ts.encode(), _json_text(type_))) and '"' not in ts
            if number != seq or now != own or before != digest or not fits:
                return replace(reached, seq=seq - 1, head=head, fault=_fault(row, seq, head))
            digest = now
            head = now.hex()
    except (TypeError, AttributeError, ValueError):  # a column holds no text, or no bytes
        why = f"entry {seq}: a column holds a value of a kind that driftwatch never writes there"
        return replace(reached, seq=seq - 1, head=head, fault=Fault(kind=FaultKind.COLUMNS, seq=seq, why=why))
    return replace(reached, seq=seq, head=head)


@lru_cache(maxsize=TYPES_KEPT)
def _json_text(type_: str) -> bytes:
    return encode(type_)


def _fault(row: LedgerRow, seq: int, head: str) -> Fault:
    """What is wrong with `row`, which should be entry `seq` behind the one with hash `head`."""
    number, _, _, hashed, before, own = row
    if number > seq:
        missing = f"entry {seq} is" if number == seq + 1 else f"entries {seq} to {number - 1} are"
        return Fault(kind=FaultKind.GAP, seq=seq, why=f"{missing} missing: entry {seq - 1} is followed by {number}")
    if number < seq:
        return Fault(kind=FaultKind.ORDER, seq=seq, why=f"in the place of entry {seq} stands one with the number {number}")
    if sha256(before.hex().encode() + b"\n" + hashed).digest() != own:
        return Fault(kind=FaultKind.EDITED, seq=seq, why=f"entry {seq} was changed: what it says does not have its hash")
    if before.hex() != head:
        why = f"entry {seq} does not continue entry {seq - 1}: that one was rewritten, or entries were inserted, swapped or removed here"
        return Fault(kind=FaultKind.UNLINKED, seq=seq, why=why)
    why = f"entry {seq}: its number, time or type in the table is another than in the bytes that were hashed"
    return Fault(kind=FaultKind.COLUMNS, seq=seq, why=why)


# --- checkpoints -----------------------------------------------------------------------------------------------------------------------


def named(checkpoint: Checkpoint) -> str:
    """A checkpoint in words."""
    return f"the checkpoint of {utc_text(checkpoint.time)}"


def marks(*lists: Iterable[Checkpoint]) -> Iterator[Mark]:
    """What several lists of checkpoints, each in its order, say of the ledger, in the order of the entries."""
    merged = heapq.merge(*lists, key=lambda item: item.seq)
    return (Mark(seq=item.seq, head=item.head, origin=named(item)) for item in merged)


def checkpoint_fault(checkpoint: Checkpoint, former: Checkpoint | None, *, first: bool) -> Fault | None:
    """What is wrong with `checkpoint` behind `former`; with `first`, one without a former has to be the very first.

    Its fields have to be those that were signed, and it has to name the checkpoint before it. Signatures are checked elsewhere.
    """
    try:
        fits = checkpoint.body == checkpoint_body(checkpoint.seq, checkpoint.head, checkpoint.time, checkpoint.previous)
    except (ValueError, TypeError):
        fits = False
    if not fits:
        why = f"{named(checkpoint)}: what is stored beside the signed bytes is another than what they say"
    elif former is None and first and checkpoint.previous != GENESIS:
        why = f"{named(checkpoint)} continues one that is missing: the first checkpoints were removed"
    elif former is not None and checkpoint.previous != former.digest:
        why = f"{named(checkpoint)} does not continue {named(former)}: one of them was changed, or one between them was removed"
    elif former is not None and checkpoint.seq < former.seq:
        why = f"{named(checkpoint)} signed {checkpoint.seq} entries, after {named(former)} had signed {former.seq}"
    else:
        return None
    return Fault(kind=FaultKind.CHECKPOINT, seq=checkpoint.seq, why=why)
