"""Whatever one does to a ledger, its check names the first entry that is not as it was written; what the chain hides, checkpoints show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.canonical import utc_text
from driftwatch.domain.ledger import GENESIS, Checkpoint, LedgerEntry, LedgerRow, chain, checkpoint_body
from driftwatch.domain.ledger_check import Fault, FaultKind, Mark, Walked, checkpoint_fault, marks, walk

T0 = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
TYPES = ["scan_ended", "decision", 'odd "\\ \x00\u20ac\U0001f600']
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


def entries(bodies: Sequence[Any]) -> list[LedgerEntry]:
    made: list[LedgerEntry] = []
    for number, body in enumerate(bodies, start=1):
        ts = T0 + timedelta(seconds=number, microseconds=number % 2)
        made.append(chain(number, ts, TYPES[number % 3], body, made[-1].hash if made else GENESIS))
    return made


def row(entry: LedgerEntry) -> LedgerRow:
    return (entry.seq, utc_text(entry.ts), entry.type, entry.hashed, bytes.fromhex(entry.prev_hash), bytes.fromhex(entry.hash))


def rows(count: int = 6) -> list[LedgerRow]:
    return [row(entry) for entry in entries([{"n": n} for n in range(count)])]


def found(given_rows: Sequence[Any], *known: Mark, page: int = 4) -> Walked:
    return walk([given_rows[start : start + page] for start in range(0, len(given_rows), page)], known)


def fault(given_rows: Sequence[Any], *known: Mark) -> tuple[FaultKind, int]:
    walked = found(given_rows, *known)
    assert walked.fault is not None
    assert walked.fault.why
    return walked.fault.kind, walked.fault.seq


def mark(of: LedgerRow) -> Mark:
    return Mark(seq=of[0], head=of[5].hex(), origin="a checkpoint")


def edited(of: LedgerRow, **fields: Any) -> Any:
    names = ("seq", "ts", "type", "hashed", "prev_hash", "hash")
    return tuple(fields.get(name, value) for name, value in zip(names, of, strict=True))


def rehashed(of: LedgerRow, **fields: Any) -> Any:
    """As somebody edits who knows how entries are hashed."""
    new = edited(of, **fields)
    return edited(new, hash=hashlib.sha256(new[4].hex().encode() + b"\n" + new[3]).digest())


# --- each way to tamper ------------------------------------------------------------------------------------------------------------------


def test_a_ledger_as_it_was_written_holds() -> None:
    whole = rows()
    walked = found(whole, *map(mark, whole))
    assert walked == Walked(seq=6, head=whole[-1][5].hex(), confirmed=6)
    assert found(()) == Walked()
    assert found((), Mark(seq=0, head=GENESIS, origin="the checkpoint of an empty ledger")).fault is None


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"hashed": b'{"body":{"n":9},"seq":1,"ts":"2026-03-10T09:00:01Z","type":"decision"}'}, FaultKind.EDITED),
        ({"hashed": b""}, FaultKind.EDITED),
        ({"hash": b"\0" * 32}, FaultKind.EDITED),
        ({"prev_hash": b"\1" * 32}, FaultKind.EDITED),
        ({"type": "another"}, FaultKind.COLUMNS),
        ({"type": ""}, FaultKind.COLUMNS),
        ({"ts": "2026-03-10T10:00:00Z"}, FaultKind.COLUMNS),
        ({"ts": ""}, FaultKind.COLUMNS),
        ({"ts": None}, FaultKind.COLUMNS),
        ({"type": b"decision"}, FaultKind.COLUMNS),
        ({"hashed": "text"}, FaultKind.COLUMNS),
        ({"hash": None}, FaultKind.EDITED),
        ({"prev_hash": 7}, FaultKind.COLUMNS),
    ],
)
def test_an_edit_of_any_single_column_is_found_at_that_entry(at: int, fields: dict[str, Any], kind: FaultKind) -> None:
    given_rows: list[Any] = rows()
    given_rows[at] = edited(given_rows[at], **fields)
    assert fault(given_rows) == (kind, at + 1)
    assert found(given_rows).seq == at


def test_text_in_a_body_that_looks_like_columns_does_not_hide_an_edited_column() -> None:
    """The body ends with the very members that follow it, so that a forged time could be spelled to fit the hashed bytes."""
    made = chain(1, T0, "decision", {"a": 1, "seq": 1, "ts": "x", "type": "y"}, GENESIS)
    forged = 'x","type":"y"},"seq":1,"ts":"2026-03-10T09:00:00Z'
    assert made.hashed.endswith(f',"seq":1,"ts":"{forged}","type":"decision"}}'.encode())
    assert found([row(made)]).fault is None
    assert fault([edited(row(made), ts=forged)]) == (FaultKind.COLUMNS, 1)


def test_a_body_and_its_hash_edited_together_are_found_where_the_next_entry_does_not_continue_them() -> None:
    given_rows = rows()
    given_rows[2] = rehashed(given_rows[2], hashed=given_rows[2][3].replace(b'"n":2', b'"n":3'))
    kind, seq = fault(given_rows)
    assert (kind, seq) == (FaultKind.UNLINKED, 4)
    last = rows()
    last[-1] = rehashed(last[-1], hashed=last[-1][3].replace(b'"n":5', b'"n":6'))
    assert found(last).fault is None, "nothing comes behind the last entry"
    assert fault(last, mark(rows()[-1])) == (FaultKind.REWRITTEN, 6)


def test_missing_entries_are_named() -> None:
    whole = rows()
    assert fault(whole[1:]) == (FaultKind.GAP, 1)
    assert fault(whole[:2] + whole[3:]) == (FaultKind.GAP, 3)
    walked = found(whole[:2] + whole[5:])
    assert walked.fault is not None
    assert "entries 3 to 5 are missing" in walked.fault.why


def test_a_number_that_was_skipped_is_found_even_where_the_hashes_fit() -> None:
    whole = rows()
    skipped = row(chain(9, T0, "test", {}, whole[-1][5].hex()))
    assert fault([*whole, skipped]) == (FaultKind.GAP, 7)
    assert fault([*whole, row(chain(6, T0, "test", {}, whole[-1][5].hex()))]) == (FaultKind.ORDER, 7)


def test_missing_entries_whose_followers_were_renumbered_are_found() -> None:
    whole = rows()
    assert fault([*whole[:2], *(edited(item, seq=item[0] - 1) for item in whole[3:])])[1] == 3


def test_entries_in_another_order_or_twice_are_found_where_they_begin() -> None:
    whole = rows()
    assert fault([whole[0], whole[2], whole[1], *whole[3:]])[1] == 2
    assert fault([whole[0], whole[0], *whole[1:]]) == (FaultKind.ORDER, 2)
    swapped = [whole[0], edited(whole[2], seq=2), edited(whole[1], seq=3), *whole[3:]]
    assert fault(swapped) == (FaultKind.UNLINKED, 2)


def test_an_inserted_entry_is_found_wherever_its_author_links_it() -> None:
    whole = rows()
    for before in (whole[1][5], whole[2][4], b"\0" * 32):
        new = rehashed(edited(whole[2], prev_hash=before, hashed=whole[2][3].replace(b'"n":2', b'"n":99')))
        assert fault([*whole[:2], new, *(edited(item, seq=item[0] + 1) for item in whole[2:])])[1] in (3, 4)
    assert fault([edited(whole[0], seq=0), *whole]) == (FaultKind.ORDER, 1)


def test_a_cut_tail_shows_only_against_a_checkpoint() -> None:
    whole = rows()
    assert found(whole[:4]).fault is None
    assert fault(whole[:4], mark(whole[5])) == (FaultKind.CUT, 5)
    assert fault((), mark(whole[0])) == (FaultKind.CUT, 1)
    assert found(whole[:4], mark(whole[3])).confirmed == 4


def test_a_ledger_written_anew_shows_at_the_first_checkpoint_behind_the_change() -> None:
    whole = rows()
    anew = [row(entry) for entry in entries([{"n": 0}, {"n": 1}, {"n": "anew"}, {"n": 3}, {"n": 4}, {"n": 5}])]
    assert found(anew).fault is None
    walked = found(anew, *(mark(whole[at]) for at in (1, 4, 5)))
    assert walked.confirmed == 2
    assert walked.fault is not None
    assert (walked.fault.kind, walked.fault.seq) == (FaultKind.REWRITTEN, 5)
    assert "entries 3 to 5" in walked.fault.why
    assert "a checkpoint" in walked.fault.why
    assert fault(anew, Mark(seq=0, head="1" * 64, origin="odd")) == (FaultKind.REWRITTEN, 0)


def test_a_check_goes_on_behind_a_known_entry_and_passes_over_older_checkpoints() -> None:
    whole = rows()
    after = Walked(seq=3, head=whole[2][5].hex())
    assert walk([whole[3:]], map(mark, whole), after=after).fault is None
    assert walk([whole[3:]], [mark(whole[2])], after=replace(after, head="1" * 64)).fault is not None
    assert walk([whole[4:]], after=after).fault is not None


def test_progress_is_told_once_a_page() -> None:
    whole, told = rows(), []
    walk([whole[:4], whole[4:]], progress=told.append)
    assert told == [4, 6]


# --- any mutation ------------------------------------------------------------------------------------------------------------------------


Mutation = Callable[[list[Any], int, int, bytes], list[Any]]


def _flip(given_rows: list[Any], at: int, column: int, noise: bytes) -> list[Any]:
    """One byte, or one character, of one column becomes another."""
    value = given_rows[at][column]
    if isinstance(value, int):
        new: Any = value + 1 + noise[0]
    else:
        place = noise[0] % len(value)
        other = (value[place] if isinstance(value, bytes) else ord(value[place])) ^ (noise[1] % 127 + 1)
        new = value[:place] + (bytes([other]) if isinstance(value, bytes) else chr(other)) + value[place + 1 :]
    given_rows[at] = (*given_rows[at][:column], new, *given_rows[at][column + 1 :])
    return given_rows


def _drop(given_rows: list[Any], at: int, _column: int, _noise: bytes) -> list[Any]:
    return given_rows[:at] + given_rows[at + 1 :]


def _swap(given_rows: list[Any], at: int, _column: int, noise: bytes) -> list[Any]:
    other = (at + 1 + noise[0] % (len(given_rows) - 1)) % len(given_rows)
    given_rows[at], given_rows[other] = given_rows[other], given_rows[at]
    return given_rows


def _swap_contents(given_rows: list[Any], at: int, _column: int, noise: bytes) -> list[Any]:
    """As it looks in a table: everything but the numbers changes places."""
    other = (at + 1 + noise[0] % (len(given_rows) - 1)) % len(given_rows)
    one, two = given_rows[at], given_rows[other]
    given_rows[at], given_rows[other] = (one[0], *two[1:]), (two[0], *one[1:])
    return given_rows


def _insert(given_rows: list[Any], at: int, _column: int, noise: bytes) -> list[Any]:
    before = given_rows[at - 1][5].hex() if at else GENESIS
    new = row(chain(given_rows[at][0], T0, "inserted", noise.hex(), before))
    return [*given_rows[:at], new, *((item[0] + 1, *item[1:]) for item in given_rows[at:])]


def _insert_in_place(given_rows: list[Any], at: int, _column: int, noise: bytes) -> list[Any]:
    before = given_rows[at - 1][5].hex() if at else GENESIS
    return [*given_rows[:at], row(chain(given_rows[at][0], T0, "inserted", noise.hex(), before)), *given_rows[at:]]


def _truncate(given_rows: list[Any], at: int, _column: int, _noise: bytes) -> list[Any]:
    return given_rows[:at]


def _rewrite(given_rows: list[Any], at: int, _column: int, noise: bytes) -> list[Any]:
    """From one entry on, everything is written anew, with hashes that fit."""
    made = given_rows[:at]
    for number in range(at, len(given_rows)):
        before = made[-1][5].hex() if made else GENESIS
        made.append(row(chain(number + 1, T0, "anew", noise.hex(), before)))
    return made


def _append(given_rows: list[Any], at: int, _column: int, _noise: bytes) -> list[Any]:
    """An entry of before comes again at the end, with the number that belongs there."""
    return [*given_rows, (len(given_rows) + 1, *given_rows[at][1:])]


@given(
    bodies=st.lists(BODIES, min_size=2, max_size=9),
    mutation=st.sampled_from([_flip, _drop, _swap, _swap_contents, _insert, _insert_in_place, _truncate, _rewrite, _append]),
    at=st.integers(0, 8),
    column=st.integers(0, 5),
    noise=st.binary(min_size=4, max_size=4),
    page=st.integers(1, 10),
)
def test_any_single_mutation_is_found_at_the_first_entry_that_it_can_show_at(
    bodies: list[Any], mutation: Mutation, at: int, column: int, noise: bytes, page: int
) -> None:
    """Against the checkpoint of the true end; and never later than one entry behind the change, unless the chain itself was made anew."""
    whole = [row(entry) for entry in entries(bodies)]
    at %= len(whole)
    after = mutation(list(whole), at, column, noise)
    assert after != whole
    same = next((n for n, (one, two) in enumerate(zip(whole, after, strict=False)) if one != two), min(len(whole), len(after)))
    walked = found(after, mark(whole[-1]), page=page)
    assert walked.fault is not None
    assert walked.fault.seq > same
    assert walked.seq >= same, "every entry before the change holds"
    if mutation not in (_rewrite, _truncate):
        assert walked.fault.seq <= same + 2
    if mutation not in (_rewrite, _truncate) and not (mutation is _drop and at == len(whole) - 1):
        assert found(after, page=page).fault is not None, "the chain alone shows it"


@given(bodies=st.lists(BODIES, max_size=12), marked=st.sets(st.integers(0, 12)), page=st.integers(1, 13))
def test_no_honest_ledger_is_accused(bodies: list[Any], marked: set[int], page: int) -> None:
    whole = [row(entry) for entry in entries(bodies)]
    heads = [GENESIS, *(item[5].hex() for item in whole)]
    known = [Mark(seq=seq, head=heads[seq], origin="a checkpoint") for seq in sorted(marked) if seq < len(heads)]
    walked = found(whole, *known, *known[-1:], page=page)
    assert walked == Walked(seq=len(whole), head=heads[-1], confirmed=max((item.seq for item in known), default=0))


# --- checkpoints -------------------------------------------------------------------------------------------------------------------------


def checkpoint(number: int, seq: int, previous: str, head: str = "a" * 64) -> Checkpoint:
    time = T0 + timedelta(hours=number)
    body = checkpoint_body(seq, head, time, previous)
    return Checkpoint(number=number, seq=seq, head=head, time=time, previous=previous, body=body, signature="s", key="k")


def some_checkpoints() -> list[Checkpoint]:
    made: list[Checkpoint] = []
    for number, seq in enumerate((0, 3, 3, 8), start=1):
        made.append(checkpoint(number, seq, made[-1].digest if made else GENESIS))
    return made


def chain_fault(items: Sequence[Checkpoint], *, first: bool = True) -> Fault | None:
    faults = [checkpoint_fault(items[0], None, first=first), *(checkpoint_fault(b, a, first=first) for a, b in pairwise(items))]
    return next((item for item in faults if item), None)


def test_checkpoints_as_they_were_made_hold_and_are_ordered_by_entry() -> None:
    items = some_checkpoints()
    assert chain_fault(items) is None
    assert chain_fault(items[2:], first=False) is None
    assert [item.seq for item in marks(items, items[1:])] == [0, 3, 3, 3, 3, 8, 8]


def test_a_checkpoint_that_was_removed_moved_or_edited_is_found() -> None:
    items = some_checkpoints()
    assert chain_fault(items[1:]) is not None, "the first one is gone"
    assert chain_fault([items[0], *items[2:]]) is not None
    assert chain_fault([items[1], items[0], *items[2:]]) is not None
    for changed in (
        replace(items[1], seq=2),
        replace(items[1], head="b" * 64),
        replace(items[1], time=T0),
        replace(items[1], previous=GENESIS),
        replace(items[1], body=items[1].body + b" "),
        checkpoint(2, 4, items[0].digest),
        replace(items[1], time=datetime.min.replace(tzinfo=UTC), seq=-1, head="", previous=""),
    ):
        assert chain_fault([items[0], changed, *items[2:]]) is not None, changed


def test_a_checkpoint_of_fewer_entries_than_the_one_before_it_is_found() -> None:
    former = checkpoint(1, 8, GENESIS)
    found_fault = checkpoint_fault(checkpoint(2, 7, former.digest), former, first=True)
    assert found_fault is not None
    assert found_fault.kind is FaultKind.CHECKPOINT
    assert checkpoint_fault(checkpoint(2, 8, former.digest), former, first=True) is None
