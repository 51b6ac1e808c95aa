"""The ledger as JSON lines: how entries and checkpoints are exported, and how exported checkpoints are read again (docs/ledger.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from driftwatch.domain.canonical import encode
from driftwatch.domain.ledger import Checkpoint, LedgerRow, checkpoint_body
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError, Place

LONGEST_LINE: Final = 64 * 2**20
"""Bytes. No entry comes near; a file without line ends must not fill the memory."""
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_WANTED: Final = "lines as `driftwatch ledger export` and `ledger.export` write them"


def entry_line(row: LedgerRow) -> bytes:
    """One entry as a line of an export. Raises ValueError for no entry."""
    document = entry_document(row)
    try:
        return encode(document) + b"\n"
    except (ValueError, TypeError) as error:
        raise ValueError(f"entry {row[0]} is no entry as driftwatch writes them") from error


def entry_document(row: LedgerRow) -> Json:
    """One entry: its columns, the body for readers, and `hashed`, the exact text that `hash` covers. Raises ValueError for no entry."""
    seq, ts, type_, hashed, before, own = row
    try:
        text = hashed.decode()
        body = json.loads(text)["body"]
        return {"seq": seq, "ts": ts, "type": type_, "body": body, "hashed": text, "prev_hash": before.hex(), "hash": own.hex()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"entry {seq} is no entry as driftwatch writes them") from error


def checkpoint_line(checkpoint: Checkpoint) -> bytes:
    """One checkpoint: `signed` is the exact text that `signature` covers."""
    signed = checkpoint.body.decode("utf-8", "backslashreplace")
    document = {"number": checkpoint.number, "signed": signed, "signature": checkpoint.signature, "key": checkpoint.key}
    return encode(document) + b"\n"


def read_checkpoints(path: Path) -> Iterator[Checkpoint]:
    """The checkpoints in a file of exported lines, streaming; lines of entries are passed over, and so are other keys (of a log).

    A line that broke off, or comes twice, is passed over where it stands whole behind: the writer was stopped and began anew. Raises
    InputError with the place of any other line that cannot be read, and when there is no checkpoint at all.
    """
    found: Checkpoint | None = None
    torn = b""
    with path.open("rb") as file:
        number, line = 0, b"\n"
        for number, line in enumerate(_lines(file, path), start=1):
            document = json_object(line)
            if document is None:
                torn = _longer(torn, line.rstrip(b"\n"), Place(str(path), number))
                continue
            if not line.startswith(torn):
                raise InputError("a line that is no JSON", expected=_WANTED, place=Place(str(path), number - 1))
            torn = b""
            if "signed" in document:
                try:
                    checkpoint = checkpoint_of(document)
                except ValueError as error:
                    raise InputError(f"no checkpoint: {error}", expected=_WANTED, place=Place(str(path), number)) from error
                if checkpoint != found:
                    yield checkpoint
                found = checkpoint
    if torn and line.endswith(b"\n"):
        raise InputError("a line that is no JSON", expected=_WANTED, place=Place(str(path), number))
    if found is None:
        raise InputError("no checkpoint in the file", expected=_WANTED, place=Place(str(path)))


def _longer(one: bytes, other: bytes, place: Place) -> bytes:
    """The longer one of two beginnings of the same line."""
    short, long = sorted((one, other), key=len)
    if not long.startswith(short):
        raise InputError("a line that is no JSON", expected=_WANTED, place=place)
    return long


def checkpoint_of(document: Any) -> Checkpoint:
    """The checkpoint of one line; raises ValueError for anything but the canonical form. Its signature is not checked here."""
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004 - all that is wrong with a line is told alike
    texts = [document.get(name) for name in ("signed", "signature", "key")]
    number = document.get("number")
    if not all(isinstance(text, str) for text in texts) or type(number) is not int:
        raise ValueError("signed, signature and key have to be texts, number a whole number")
    signed, signature, key = (str(text) for text in texts)
    body = signed.encode("utf-8", "replace")
    said = json_object(body)
    if said is None or said.keys() != {"seq", "head", "time", "previous"} or type(said["seq"]) is not int:
        raise ValueError("what was signed has other members than seq, head, time and previous")
    head, previous = str(said["head"]), str(said["previous"])
    time = datetime.fromisoformat(str(said["time"]))
    if not (_DIGEST.fullmatch(head) and _DIGEST.fullmatch(previous)) or checkpoint_body(said["seq"], head, time, previous) != body:
        raise ValueError("what was signed is not in canonical form")
    return Checkpoint(number=number, seq=said["seq"], head=head, time=time, previous=previous, body=body, signature=signature, key=key)


def json_object(line: bytes) -> dict[str, Any] | None:
    """The object in a line; None for anything else."""
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise InputError("a line of more than 64 MiB", expected=_WANTED, place=Place(str(path), number))
        yield line
