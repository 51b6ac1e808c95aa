"""Store files with many resources and an active baseline over all of them, written with plain SQL: the ports would take minutes."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zstandard

from driftwatch.domain.baseline import BaselineState
from driftwatch.domain.canonical import encode, sha256_hex
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.snapshot import CellState, cell_digest
from driftwatch.stores.store import open_store
from tests.benchmarks.account import ACCOUNT
from tests.benchmarks.installations import NAME

TYPE = "AWS::EC2::SecurityGroup"
IN_A_CELL = 10_000
VERSION = "baseline-1"
SHAPE = "a" * 64
RULES = Normalisation(tags="Tags", sets={"IpPermissions": ("IpProtocol", "FromPort", "ToPort")})
CHANGED_EACH = 1000
"""One resource in so many can be changed: those have documents."""
_AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def cell(number: int) -> Cell:
    return Cell(scope=Scope(account=ACCOUNT, region=f"region-{number:05d}"), type=TYPE)


def document(number: int, *, changed: bool = False) -> dict[str, Any]:
    """A security group in canonical form, of about 1,500 bytes."""
    rules = [
        {
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "IpRanges": [{"CidrIp": f"10.{port % 200}.{n}.0/24", "Description": "an office network"} for n in range(3)],
        }
        for port in range(8000, 8007)
    ]
    if changed:
        rules[2]["IpRanges"] = [{"CidrIp": "0.0.0.0/0", "Description": "everybody"}]
    config = {"GroupId": _id(number), "GroupName": f"group-{number}", "VpcId": "vpc-1", "IpPermissions": sorted(rules, key=encode)}
    return {"config": config, "tags": {"env": "prod", "owner": "platform"}}


def _id(number: int) -> str:
    return f"sg-{number:017d}"


def _fingerprint(number: int) -> bytes:
    if number % CHANGED_EACH == 0:
        return bytes.fromhex(sha256_hex(encode(document(number))))
    return hashlib.sha256(str(number).encode()).digest()


def _rows(cell_number: int) -> Iterator[tuple[str, str, str, bytes]]:
    for number in range(cell_number * IN_A_CELL, (cell_number + 1) * IN_A_CELL):
        arn = f"arn:aws:ec2:region-{cell_number:05d}:{ACCOUNT}:security-group/{_id(number)}"
        yield _id(number), arn, f"group-{number}", _fingerprint(number)


def fill(path: str, resources: int) -> dict[str, Any]:
    """A new store at `path` with that many present resources, which equal the active baseline; `resources` is a multiple of a cell."""
    open_store(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA synchronous=OFF")
        store.execute(
            "INSERT INTO baseline_versions (number, id, name, state, author, created_at, content_hash, bootstrap, omissions, included,"
            " records, note) VALUES (1, ?, ?, ?, 'ana', ?, ?, 0, '[]', '[]', '[]', '')",
            (VERSION, NAME, BaselineState.ACTIVE.value, _AT, SHAPE),
        )
        for number in range(resources // IN_A_CELL):
            _fill_cell(store, number)
        store.commit()
    return {"bytes": Path(path).stat().st_size}


def _fill_cell(store: sqlite3.Connection, number: int) -> None:
    key, own = number + 1, cell(number)
    rows = list(_rows(number))
    digest = bytes.fromhex(cell_digest((id_, fingerprint.hex()) for id_, _, _, fingerprint in rows))
    store.execute("INSERT INTO cells VALUES (?, 'aws', ?, ?, ?)", (key, own.account, own.region, own.type))
    store.execute(
        "INSERT INTO cell_status (cell, state, shape, digest, count, read_at, complete_started_at, complete_ended_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (key, CellState.CLEAN.value, SHAPE, digest, len(rows), _AT, _AT, _AT),
    )
    store.execute(
        "INSERT INTO baseline_parts (part, version_id, cell, removed, written, shape, file_hash, digest, count)"
        " VALUES (?, ?, ?, 0, 1, ?, ?, ?, ?)",
        (key, VERSION, key, SHAPE, SHAPE, digest, len(rows)),
    )
    store.execute("INSERT INTO active_cells VALUES (?, ?, ?)", (NAME, key, key))
    store.executemany(f"INSERT INTO baseline_entries (part, id, arn, label, fingerprint) VALUES ({key}, ?, ?, ?, ?)", rows)
    store.executemany(
        f"INSERT INTO observations (cell, id, arn, label, fingerprint, since) VALUES ({key}, ?, ?, ?, ?, '{_AT}')",
        rows,
    )
    numbers = [n for n in range(number * IN_A_CELL, (number + 1) * IN_A_CELL) if n % CHANGED_EACH == 0]
    _put(store, [document(n) for n in numbers])


def _put(store: sqlite3.Connection, documents: list[dict[str, Any]]) -> None:
    packer = zstandard.ZstdCompressor(level=3)
    bodies = [encode(one) for one in documents]
    store.executemany("INSERT INTO documents VALUES (?, ?)", [(hashlib.sha256(body).digest(), packer.compress(body)) for body in bodies])


def change(path: str, resources: int) -> dict[str, Any]:
    """One resource in `CHANGED_EACH` gets another document, as a scan would have left it."""
    numbers = range(0, resources, CHANGED_EACH)
    documents = [document(number, changed=True) for number in numbers]
    with closing(sqlite3.connect(path)) as store:
        _put(store, documents)
        store.executemany(
            "UPDATE observations SET fingerprint = ? WHERE cell = ? AND id = ?",
            [
                (hashlib.sha256(encode(one)).digest(), number // IN_A_CELL + 1, _id(number))
                for number, one in zip(numbers, documents, strict=True)
            ],
        )
        store.commit()
    return {"changed": len(numbers)}
