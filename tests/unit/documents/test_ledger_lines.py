"""Exported lines hold the exact hashed bytes, and what is read as a checkpoint is one to the last byte."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.documents.ledger_lines import checkpoint_line, checkpoint_of, entry_line, read_checkpoints
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.ledger import GENESIS, Checkpoint, LedgerEntry, LedgerRow, chain, checkpoint_body
from driftwatch.errors import InputError

T0 = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def row(entry: LedgerEntry) -> LedgerRow:
    return (entry.seq, utc_text(entry.ts), entry.type, entry.hashed, bytes.fromhex(entry.prev_hash), bytes.fromhex(entry.hash))


def checkpoint(number: int = 1, previous: str = GENESIS) -> Checkpoint:
    body = checkpoint_body(7, "a" * 64, T0, previous)
    return Checkpoint(
        number=number, seq=7, head="a" * 64, time=T0, previous=previous, body=body, signature="-----\nabc\n", key="ssh-ed25519 AAAA"
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
        max_leaves=6,
    ),
    st.text(st.characters()),
)
def test_whoever_reads_a_line_can_make_the_hash_anew(body: Any, type_: str) -> None:
    entry = chain(3, T0, type_, body, "1" * 64)
    (line,) = entry_line(row(entry)).splitlines()
    document = json.loads(line)
    assert document.keys() == {"seq", "ts", "type", "body", "hashed", "prev_hash", "hash"}
    assert hashlib.sha256((document["prev_hash"] + "\n" + document["hashed"]).encode()).hexdigest() == document["hash"] == entry.hash
    assert json.loads(document["hashed"]) == {name: document[name] for name in ("seq", "ts", "type", "body")}


@pytest.mark.parametrize("hashed", [b"\xff", b"{", b"[]", b"{}", "text", None])
def test_what_is_no_entry_makes_no_line(hashed: Any) -> None:
    with pytest.raises(ValueError, match="entry 3 is no entry"):
        entry_line((3, "2026-03-10T09:00:00Z", "decision", hashed, b"\0" * 32, b"\0" * 32))


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path: Path) -> None:
    items = [checkpoint(), checkpoint(2, checkpoint().digest)]
    file = tmp_path / "checkpoints.jsonl"
    entry = entry_line(row(chain(1, T0, "decision", {"signed": "no"}, GENESIS)))
    file.write_bytes(checkpoint_line(items[0]) + entry + checkpoint_line(items[1]))
    assert list(read_checkpoints(file)) == items
    logged = json.loads(checkpoint_line(items[0])) | {"event": "ledger_checkpoint", "level": "info"}
    file.write_text(json.dumps(logged) + "\n")
    assert list(read_checkpoints(file)) == items[:1], "a line of the log will do"


@pytest.mark.parametrize(
    "change",
    [
        {"signed": 1},
        {"signed": "{}"},
        {"signed": "no JSON"},
        {"signature": None},
        {"key": None},
        {"number": "1"},
        {"number": True},
        {"signed": checkpoint().body.decode() + " "},
        {"signed": checkpoint().body.decode().replace('"seq":7', '"seq":"7"')},
        {"signed": checkpoint().body.decode().replace('"seq":7', '"seq":7,"seq":7')},
        {"signed": checkpoint().body.decode().replace("a" * 64, "A" * 64)},
        {"signed": checkpoint().body.decode().replace("a" * 64, "a" * 63)},
        {"signed": checkpoint().body.decode().replace("2026-03-10T09:00:00Z", "yesterday")},
        {"signed": checkpoint().body.decode().replace("2026-03-10T09:00:00Z", "2026-03-10T09:00:00+00:00")},
        {"signed": "\ud800"},
    ],
)
def test_what_is_not_exactly_a_checkpoint_is_refused_with_its_place(change: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.jsonl"
    file.write_bytes(checkpoint_line(checkpoint()) + json.dumps(json.loads(checkpoint_line(checkpoint())) | change).encode() + b"\n")
    with pytest.raises(InputError, match=r"checkpoints\.jsonl:2:1: no checkpoint"):
        list(read_checkpoints(file))
    with pytest.raises(ValueError, match="no object"):
        checkpoint_of([])


@pytest.mark.parametrize("broken", range(1, len(checkpoint_line(checkpoint())) - 1, 17))
def test_a_line_that_broke_off_and_stands_whole_behind_is_no_damage(broken: int, tmp_path: Path) -> None:
    items = [checkpoint(), checkpoint(2, checkpoint().digest)]
    first, line = (checkpoint_line(item) for item in items)
    file = tmp_path / "checkpoints.jsonl"
    file.write_bytes(first + line[:broken] + b"\n\n" + line[: broken // 2] + b"\n" + line)
    assert list(read_checkpoints(file)) == items
    file.write_bytes(first + first + line)
    assert list(read_checkpoints(file)) == items, "two processes wrote the same line"
    file.write_bytes(first + line[:broken])
    assert list(read_checkpoints(file)) == [checkpoint()], "it may be written just now"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", "jsonl:1:1: no checkpoint in the file"),
        (b"\n", "jsonl:1:1: no checkpoint in the file"),
        (b'{"seq":1}\n', "jsonl:1:1: no checkpoint in the file"),
        (b"[1]\n" + checkpoint_line(checkpoint()), "jsonl:1:1: a line that is no JSON"),
        (checkpoint_line(checkpoint()) + b"garbage\n" + checkpoint_line(checkpoint()), "jsonl:2:1: a line that is no JSON"),
        (checkpoint_line(checkpoint()) + b"garbage\n", "jsonl:2:1: a line that is no JSON"),
        (checkpoint_line(checkpoint()) + b"one\ntwo\n", "jsonl:3:1: a line that is no JSON"),
        (b"\xff\xfe\n" + checkpoint_line(checkpoint()), "jsonl:1:1: a line that is no JSON"),
    ],
)
def test_a_file_of_anything_else_is_refused_with_the_place(text: bytes, place: str, tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.jsonl"
    file.write_bytes(text)
    with pytest.raises(InputError) as refused:
        list(read_checkpoints(file))
    assert place in str(refused.value)


def test_bytes_that_are_no_text_are_written_visibly_rather_than_refused() -> None:
    """A damaged checkpoint of the store must not keep the others from being exported; its signature does not hold anyway."""
    assert b"\\\\xff" in checkpoint_line(replace(checkpoint(), body=b"\xff"))
