"""The ledger's upkeep: nothing is done without its entry, checkpoints sign what is there and nothing else, and none is lost on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from driftwatch.domain.ledger import GENESIS, Checkpoint, checkpoint_body
from driftwatch.domain.ledger_check import FaultKind
from driftwatch.errors import BusyError, DriftwatchError, InputError, RefusedError, StoreError
from driftwatch.operations import approvals, baselines, ledger, ledger_proof, policies
from driftwatch.stores.store import SqlStore
from tests.fakes import FakeCheckpointSigner, FakePlace, signature_by
from tests.world import ANA, BEN, GROUPS, World, settled_world


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.change(checkpoint_signer=FakeCheckpointSigner(), checkpoint_places=[FakePlace()])
    yield made
    made.store.close()


def write(world: World, count: int = 1) -> None:
    with world.store.write() as uow:
        for _ in range(count):
            uow.ledger.append(world.now, "test", {"at": world.now})


def checkpoints(world: World) -> list[Checkpoint]:
    with world.store.read() as uow:
        return list(uow.ledger.checkpoints())


def tamper(world: World, *statements: str, table: str = "ledger") -> None:
    """As somebody who owns the database, and removes what refuses changes."""
    assert isinstance(world.store, SqlStore)
    with world.store._engine.connect().execution_options(driftwatch_write=True) as connection, connection.begin():
        for what in ("update", "delete", "replace"):
            connection.execute(text(f"DROP TRIGGER {table}_no_{what}"))
        for statement in statements:
            connection.execute(text(statement))


def verified(world: World, exported: list[Checkpoint] | None = None) -> ledger_proof.Verification:
    return ledger_proof.verify(world.installation, (lambda: exported) if exported is not None else None)


def kinds(found: ledger_proof.Verification) -> list[tuple[FaultKind, int]]:
    return [(fault.kind, fault.seq) for fault in found.faults]


# --- no act without its entry ------------------------------------------------------------------------------------------------------------


@contextmanager
def refusing_entries(world: World) -> Iterator[None]:
    """The database takes everything but entries of the ledger."""
    assert isinstance(world.store, SqlStore)
    options = {"driftwatch_write": True}
    with world.store._engine.connect().execution_options(**options) as connection, connection.begin():
        connection.execute(text("CREATE TRIGGER refused BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'no entry today'); END"))
    yield
    with world.store._engine.connect().execution_options(**options) as connection, connection.begin():
        connection.execute(text("DROP TRIGGER refused"))


def _state(world: World) -> list[Any]:
    """Everything in the store but the leases, which processes renew."""
    assert isinstance(world.store, SqlStore)
    tables = (
        "baseline_versions",
        "baseline_approvals",
        "findings",
        "decisions",
        "policies",
        "policy_activations",
        "ledger",
        "active_cells",
    )
    with world.store._engine.connect() as connection:
        return [connection.execute(text(f"SELECT * FROM {table}")).all() for table in tables]


def _propose(world: World) -> None:
    baselines.propose(world.installation, baselines.capture(world.installation, "production", ANA).id, ANA)


def _approve(world: World) -> None:
    with world.store.read() as uow:
        version = uow.baselines.versions("production")[0]
    accepted = {finding.id: "part of the test's story" for finding in world.live()}
    approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash, accept_risk=accepted)


ACTS: dict[str, Callable[[World], object]] = {
    "a baseline's proposal": _propose,
    "a baseline's approval": _approve,
    "a policy's activation": lambda world: policies.activate(
        replace(world.installation, policy=replace(world.installation.policy, version="another"))
    ),
    "a scan's findings": lambda world: world.scan(),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_an_act_whose_entry_cannot_be_written_is_refused_and_rolled_back_as_a_whole(act: Callable[[World], object]) -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2)
    world.scan()
    _propose(world)
    world.put(GROUPS, "two", Size=3)
    before = _state(world)
    with refusing_entries(world):
        with pytest.raises(StoreError, match="no entry today"):
            ledger.probe(world.installation)
        with pytest.raises(StoreError, match="no entry today"):
            act(world)
        assert _state(world) == before
    ledger.probe(world.installation)
    act(world)
    assert _state(world) != before


def test_a_probe_leaves_no_entry_behind(world: World) -> None:
    write(world)
    ledger.probe(world.installation)
    assert world.ledger() == ["test"]


# --- checkpoints -------------------------------------------------------------------------------------------------------------------------


def test_a_checkpoint_signs_the_head_and_names_the_one_before_also_when_nothing_happened(world: World) -> None:
    first = ledger.checkpoint(world.installation)
    assert (first.number, first.seq, first.head, first.previous) == (1, 0, GENESIS, GENESIS)
    write(world, 3)
    world.now += timedelta(hours=1)
    second = ledger.checkpoint(world.installation)
    third = ledger.checkpoint(world.installation)
    head = ledger.standing(world.installation).head
    assert head is not None
    assert (second.seq, second.head, second.previous, second.time) == (3, head.hash, first.digest, world.now)
    assert (third.number, third.seq, third.previous) == (3, 3, second.digest)
    assert orjson.loads(third.body) == {"seq": 3, "head": head.hash, "time": "2026-03-10T10:00:00Z", "previous": second.digest}
    assert checkpoints(world) == [first, second, third]
    found = verified(world, [first, second, third])
    assert (found.faults, found.entries, found.confirmed, found.checkpoints, found.exported) == ((), 3, 3, 3, 3)


def test_a_clock_that_is_put_back_does_not_break_the_order_of_checkpoints(world: World) -> None:
    ledger.checkpoint(world.installation)
    world.now -= timedelta(days=3)
    ledger.checkpoint(world.installation)
    world.now -= timedelta(days=3)
    write(world)
    assert ledger.checkpoint(world.installation).number == 3
    assert verified(world).faults == ()


def test_a_ledger_that_is_not_what_the_last_checkpoint_signed_is_not_signed_again(world: World) -> None:
    write(world, 3)
    ledger.checkpoint(world.installation)
    tamper(world, "DELETE FROM ledger WHERE seq = 3")
    with pytest.raises(RefusedError, match=r"no longer what the checkpoint of 2026-03-10T09:00:00Z signed.*ledger verify"):
        ledger.checkpoint(world.installation)
    world.now += timedelta(seconds=1)
    write(world, 2)
    with pytest.raises(RefusedError, match="no longer what"):
        ledger.checkpoint(world.installation)
    assert len(checkpoints(world)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_checkpoints SET seq = 1",
        "UPDATE ledger_checkpoints SET at = 'yesterday'",
        "UPDATE ledger_checkpoints SET body = x'00'",
        "UPDATE ledger_checkpoints SET signature = 'odd'",
        "UPDATE ledger_checkpoints SET key = 'odd'",
    ],
)
def test_a_last_checkpoint_that_does_not_hold_is_not_continued(world: World, statement: str) -> None:
    write(world, 2)
    ledger.checkpoint(world.installation)
    tamper(world, statement, table="ledger_checkpoints")
    with pytest.raises(RefusedError, match="no checkpoint is made"):
        ledger.checkpoint(world.installation)
    assert verified(world).faults


def test_another_key_goes_on_only_where_the_former_one_is_trusted(world: World) -> None:
    write(world)
    ledger.checkpoint(world.installation)
    world.change(checkpoint_signer=FakeCheckpointSigner(word="new"))
    with pytest.raises(RefusedError, match="another key"):
        ledger.checkpoint(world.installation)
    assert [fault.kind for fault in verified(world).faults] == [FaultKind.SIGNATURE]
    world.change(checkpoint_signer=FakeCheckpointSigner(word="new", trusted=("the ledger's own",)))
    assert ledger.checkpoint(world.installation).key == "new"
    assert verified(world).faults == ()


def test_a_key_that_makes_bad_signatures_or_none_makes_no_checkpoint(world: World) -> None:
    class Bad(FakeCheckpointSigner):
        def sign(self, body: bytes) -> str:
            return "odd"

    world.change(checkpoint_signer=Bad())
    with pytest.raises(RefusedError, match="a bad signature"):
        ledger.checkpoint(world.installation)
    world.change(checkpoint_signer=FakeCheckpointSigner(broken="the key is gone"))
    with pytest.raises(InputError, match="the key is gone"):
        ledger.checkpoint(world.installation)
    world.change(checkpoint_signer=None)
    with pytest.raises(RefusedError, match="no key"):
        ledger.checkpoint(world.installation)
    assert checkpoints(world) == []


def test_two_processes_that_sign_at_once_make_one_chain(world: World) -> None:
    """Another process makes a checkpoint while this one waits for its signature."""

    class Slow(FakeCheckpointSigner):
        others = 1

        def sign(self, body: bytes) -> str:
            if self.others:
                self.others -= 1
                ledger.checkpoint(replace(world.installation, checkpoint_signer=FakeCheckpointSigner()))
            return super().sign(body)

    slow = Slow()
    world.change(checkpoint_signer=slow)
    assert ledger.checkpoint(world.installation).number == 2
    assert verified(world).faults == ()
    slow.others = 99
    with pytest.raises(BusyError):
        ledger.checkpoint(world.installation)
    assert verified(world).faults == ()


# --- second places -----------------------------------------------------------------------------------------------------------------------


def place_of(world: World) -> FakePlace:
    (place,) = world.installation.checkpoint_places
    assert isinstance(place, FakePlace)
    return place


def test_a_place_gets_every_checkpoint_once_whatever_it_missed(world: World) -> None:
    place = place_of(world)
    assert ledger.deliver(world.installation, place) == 0
    for _ in range(3):
        ledger.checkpoint(world.installation)
    place.broken = "the disk is gone"
    with pytest.raises(DriftwatchError, match="the disk is gone"):
        ledger.deliver(world.installation, place)
    place.broken, place.room = None, 2
    with pytest.raises(DriftwatchError, match="full"):
        ledger.deliver(world.installation, place)
    place.room = None
    assert ledger.deliver(world.installation, place) == 1
    assert ledger.deliver(world.installation, place) == 0
    assert place.held == checkpoints(world)


def test_more_checkpoints_than_one_page_are_delivered_and_verified(world: World) -> None:
    for _ in range(ledger.BATCH + 3):
        ledger.checkpoint(world.installation)
    assert ledger.deliver(world.installation, place_of(world)) == ledger.BATCH + 3
    found = verified(world, place_of(world).held)
    assert (found.faults, found.checkpoints, found.exported) == ((), ledger.BATCH + 3, ledger.BATCH + 3)


def test_a_place_that_remembers_nothing_gets_the_newest_only(world: World) -> None:
    for _ in range(3):
        ledger.checkpoint(world.installation)
    stream = FakePlace(remembers=False)
    assert ledger.deliver(world.installation, stream) == 1
    ledger.checkpoint(world.installation)
    assert ledger.deliver(world.installation, stream) == 1
    assert stream.held == checkpoints(world)[2:]


def test_a_store_that_was_put_back_is_noticed_by_what_the_place_holds(world: World) -> None:
    write(world)
    place = place_of(world)
    ledger.checkpoint(world.installation)
    ledger.deliver(world.installation, place)
    held = place.held[-1]
    place.held.append(replace(held, number=2, body=held.body + b" "))
    with pytest.raises(RefusedError, match=r"last one in the second place 'fake'.*put back.*--against"):
        ledger.deliver(world.installation, place)
    ledger.checkpoint(world.installation)
    with pytest.raises(RefusedError, match="put back"):
        ledger.deliver(world.installation, place)
    assert len(place.held) == 2, "nothing is written behind it"


# --- verification ------------------------------------------------------------------------------------------------------------------------


def test_what_the_store_alone_cannot_show_shows_against_exported_checkpoints(world: World) -> None:
    """Somebody who owns the database and the key puts the store back, or writes it anew with checkpoints that fit."""
    write(world, 3)
    first = ledger.checkpoint(world.installation)
    write(world, 3)
    exported = [first, ledger.checkpoint(world.installation)]
    tamper(world, "DELETE FROM ledger WHERE seq > 4")
    tamper(world, "DELETE FROM ledger_checkpoints WHERE number > 1", table="ledger_checkpoints")
    assert verified(world).faults == ()
    assert kinds(verified(world, exported)) == [(FaultKind.CUT, 5), (FaultKind.LOST, 6)]
    world.now += timedelta(minutes=1)
    write(world, 2)
    ledger.checkpoint(world.installation)
    assert verified(world).faults == ()
    found = verified(world, exported)
    assert kinds(found) == [(FaultKind.REWRITTEN, 6), (FaultKind.LOST, 6)]
    assert found.confirmed == 3


def test_a_full_rewrite_with_another_key_shows_by_the_key(world: World) -> None:
    write(world, 3)
    exported = [ledger.checkpoint(world.installation)]
    other = World()
    other.change(checkpoint_signer=FakeCheckpointSigner(word="the thief's"))
    other.now += timedelta(seconds=1)
    write(other, 3)
    ledger.checkpoint(other.installation)
    assert verified(other).faults == ()
    other.change(checkpoint_signer=FakeCheckpointSigner())
    assert kinds(verified(other)) == [(FaultKind.SIGNATURE, 3)]
    assert kinds(verified(other, exported))[0] == (FaultKind.REWRITTEN, 3)


def test_a_forged_exported_checkpoint_accuses_itself_and_no_entry(world: World) -> None:
    write(world, 3)
    good = ledger.checkpoint(world.installation)
    forged = replace(good, signature=signature_by("another", good.body))
    assert kinds(verified(world, [forged])) == [(FaultKind.SIGNATURE, 3)]
    assert kinds(verified(world, [replace(good, head="b" * 64)])) == [(FaultKind.CHECKPOINT, 3)]


def test_the_daemons_check_of_the_last_signature_alone_covers_the_chain(world: World) -> None:
    for _ in range(3):
        write(world)
        ledger.checkpoint(world.installation)

    def check() -> list[tuple[FaultKind, int]]:
        return kinds(ledger_proof.verify(world.installation, every_signature=False))

    assert check() == []
    last = checkpoints(world)[-1]
    body = checkpoint_body(3, "b" * 64, last.time, last.digest)
    with world.store.write() as uow:
        uow.ledger.add_checkpoint(replace(last, number=4, head="b" * 64, previous=last.digest, body=body))
    assert check() == [(FaultKind.SIGNATURE, 3)], "what nobody signed accuses no entry"


def test_an_entry_that_was_edited_is_named_and_those_before_it_hold(world: World) -> None:
    write(world, 5)
    ledger.checkpoint(world.installation)
    tamper(world, "UPDATE ledger SET type = 'other' WHERE seq = 4", "UPDATE ledger SET hashed = x'7b7d' WHERE seq = 5")
    found = verified(world)
    assert (kinds(found), found.entries) == ([(FaultKind.COLUMNS, 4)], 3)
    with pytest.raises(StoreError, match="entry 5 of the ledger is damaged"):
        ledger.standing(world.installation)


# --- export ------------------------------------------------------------------------------------------------------------------------------


def exported_lines(world: World, **options: Any) -> tuple[ledger_proof.Exported, list[str]]:
    lines: list[bytes] = []
    done = ledger_proof.export(world.installation, lines.append, **options)
    told = []
    for line in lines:
        document = orjson.loads(line)
        told.append(f"c{orjson.loads(document['signed'])['seq']}" if "signed" in document else str(document["seq"]))
    return done, told


def test_an_export_holds_each_checkpoint_behind_its_entry_and_a_part_is_widened_to_them(world: World) -> None:
    ledger.checkpoint(world.installation)
    for _ in range(3):
        write(world, 3)
        ledger.checkpoint(world.installation)
    ledger.checkpoint(world.installation)
    write(world)
    done, told = exported_lines(world)
    assert told == ["c0", "1", "2", "3", "c3", "4", "5", "6", "c6", "7", "8", "9", "c9", "c9", "10"]
    assert done == ledger_proof.Exported(first=1, last=10, checkpoints=5, fault=None)
    assert exported_lines(world, after=4, until=5)[1] == ["c3", "4", "5", "6", "c6"]
    assert exported_lines(world, after=3, until=6)[1] == ["c3", "4", "5", "6", "c6"]
    assert exported_lines(world, after=9)[1] == ["c9", "c9", "10"]
    assert exported_lines(world, after=99)[1] == ["c9", "c9", "10"]
    assert exported_lines(world, until=2)[1] == ["c0", "1", "2", "3", "c3"]


def test_an_empty_ledger_is_exported_as_nothing(world: World) -> None:
    assert exported_lines(world) == (ledger_proof.Exported(first=1, last=0, checkpoints=0, fault=None), [])


def test_a_tampered_ledger_is_exported_as_it_is_and_says_so(world: World) -> None:
    write(world, 4)
    ledger.checkpoint(world.installation)
    tamper(world, "UPDATE ledger SET type = 'other' WHERE seq = 2")
    done, told = exported_lines(world)
    assert told == ["1", "2", "3", "4", "c4"]
    assert done.fault is not None
    assert done.fault.seq == 2
