"""Verifying the ledger, against one hashlib call for each entry over the same rows."""

from __future__ import annotations

import hashlib
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from driftwatch.domain.ledger import GENESIS, chain
from driftwatch.operations import ledger
from driftwatch.operations.ledger_proof import verify
from driftwatch.ports import Store
from driftwatch.signing.checkpoints import SshCheckpoints
from driftwatch.stores.store import open_store
from tests.benchmarks.account import ACCOUNT
from tests.benchmarks.installations import installation
from tests.benchmarks.world import Bench, Line, Table, at_most, middle
from tests.fakes import FakeCollector

GOAL = 10.0
MEMORY_GOAL_MIB = 30
"""More than before the verification, whatever the number of entries."""
ENTRIES = 1_000_000
CHECKPOINTS = 20
ROUNDS = 3
_BEGIN = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def _body(number: int) -> dict[str, Any]:
    """What a decision leaves in the ledger, of about 400 bytes with its frame."""
    return {
        "finding": f"finding-{number:011x}",
        "resource": f"arn:aws:ec2:eu-west-1:{ACCOUNT}:security-group/sg-{number:017x}",
        "drift": hashlib.sha256(str(number).encode()).hexdigest(),
        "verdict": "unauthorized",
        "policy": hashlib.sha256(b"policy").hexdigest(),
        "violations": ["R1", "R4"],
    }


def _rows(entries: int) -> Iterator[tuple[Any, ...]]:
    head = GENESIS
    for seq in range(1, entries + 1):
        ts = _BEGIN + timedelta(microseconds=1_700_001 * seq)
        entry = chain(seq, ts, ("finding_opened", "decision", "scan_ended")[seq % 3], _body(seq), head)
        head = entry.hash
        text = ts.strftime("%Y-%m-%d %H:%M:%S.%f")
        yield seq, text, entry.type, entry.hashed, bytes.fromhex(entry.prev_hash), bytes.fromhex(entry.hash)


def fill(path: str, entries: int) -> dict[str, Any]:
    """A new store with so many entries, written with plain SQL, and some checkpoints on the way."""
    open_store(f"sqlite:///{path}").close()
    rows, each = _rows(entries), entries // CHECKPOINTS
    for _ in range(CHECKPOINTS):
        with closing(sqlite3.connect(path)) as store:
            store.execute("PRAGMA synchronous=OFF")
            batch = (row for _, row in zip(range(each), rows, strict=False))
            store.executemany("INSERT INTO ledger (seq, ts, type, hashed, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?)", batch)
            store.commit()
        with closing(open_store(f"sqlite:///{path}")) as opened:
            ledger.checkpoint(_installation(opened, path))
    return {"bytes": Path(path).stat().st_size}


def hashed(path: str) -> dict[str, Any]:
    """Reads the rows with the plain driver, and calls hashlib once for each; only the hashing counts as `seconds`."""
    with closing(sqlite3.connect(path)) as store:
        started = time.perf_counter()
        rows = [(before.hex().encode(), text, own) for text, before, own in store.execute("SELECT hashed, prev_hash, hash FROM ledger")]
        read = time.perf_counter() - started
    started = time.perf_counter()
    good = 0
    for before, text, own in rows:
        good += hashlib.sha256(before + b"\n" + text).digest() == own
    return {"seconds": time.perf_counter() - started, "read": read, "good": good}


def verified(path: str) -> dict[str, Any]:
    """`driftwatch ledger verify`, without the start of the program."""
    with closing(open_store(f"sqlite:///{path}")) as store:
        made = _installation(store, path)
        before = _peak_mib()
        started = time.perf_counter()
        found = verify(made)
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "good": 0 if found.faults else found.entries, "confirmed": found.confirmed, "grown": _peak_mib() - before}


def _installation(store: Store, path: str) -> Any:
    signer = SshCheckpoints(Path(path).with_suffix(".key"), makes=True)
    return replace(installation(FakeCollector(), store), checkpoint_signer=signer)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(bench: Bench) -> Table:
    entries = ENTRIES // 10 if bench.quick else ENTRIES
    path = str(bench.folder / "ledger.db")
    size = bench.fresh("ledger", "fill", path=path, entries=entries)["bytes"]
    pairs = []
    for _ in range(1 if bench.quick else ROUNDS):
        floor, found = bench.fresh("ledger", "hashed", path=path), bench.fresh("ledger", "verified", path=path)
        if (floor["good"], found["good"], found["confirmed"]) != (entries, entries, entries):
            raise RuntimeError("the ledger does not verify")
        pairs.append((found["seconds"], floor["seconds"]))
    ours, theirs, ratio = middle(pairs)
    rate = f"{entries / ours:,.0f} entries/s"
    return Table(
        title=f"ledger: verifying {entries:,} entries and {CHECKPOINTS} signed checkpoints, SQLite, {size / 2**20:,.0f} MiB",
        lines=[
            Line(what="one hashlib call for each entry", measured=f"{theirs:.2f} s"),
            Line(what="reading the rows with the plain driver", measured=f"{floor['read']:.2f} s"),
            Line(what=f"ledger verify, {rate}", measured=f"{ours:.2f} s", ratio=ratio, against="hashlib", **at_most(GOAL, ratio)),
            Line(what="memory beyond that of the start", measured=f"{found['grown']:.0f} MiB", **at_most(MEMORY_GOAL_MIB, found["grown"])),
        ],
        notes=["every measurement in a fresh process; hashlib gets rows that are in memory, the verification reads them, too"],
    )
