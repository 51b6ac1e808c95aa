"""The daemon keeps the ledger: it signs, exports and verifies by itself, and whatever of that fails is told at once and tried again."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.typing import EventDict

from driftwatch.daemon import Daemon
from driftwatch.documents.ledger_lines import read_checkpoints
from driftwatch.domain.ledger import Checkpoint
from driftwatch.domain.request import RequestState
from driftwatch.operations import ledger, requests
from driftwatch.stores.store import SqlStore
from driftwatch.telemetry.listener import OperationsListener
from tests.fakes import FakeCheckpointSigner, FakePlace
from tests.integration.aws.aws_server import ACCOUNT, Reply, aws_server, reply_json
from tests.integration.daemon.processes import Place, Serving
from tests.integration.daemon.stage import NEVER, Stage, started, wait_until
from tests.world import GROUPS

HOUR = 3600.0


@pytest.fixture
def place() -> FakePlace:
    return FakePlace()


@pytest.fixture
def signing(stage: Stage, place: FakePlace) -> Stage:
    stage.world.change(checkpoint_signer=FakeCheckpointSigner(), checkpoint_places=[place])
    return stage


@pytest.fixture
def daemon(signing: Stage) -> Iterator[Daemon]:
    """One whose heart and keeper the test moves; its first turn is done."""
    with started(signing, NEVER) as made:
        wait_until(lambda: signing.metric("driftwatch_ledger_verified_timestamp_seconds"))
        yield made


def checkpoints(stage: Stage) -> list[Checkpoint]:
    with stage.world.store.read() as uow:
        return list(uow.ledger.checkpoints())


def later(stage: Stage, seconds: float) -> None:
    """Time passes on every clock; the daemon's heart is taken to beat."""
    stage.clock.ahead += seconds
    stage.world.now += timedelta(seconds=seconds)


def alter(stage: Stage, *statements: str) -> None:
    """As somebody who owns the database."""
    assert isinstance(stage.world.store, SqlStore)
    with stage.world.store._engine.connect().execution_options(driftwatch_write=True) as connection, connection.begin():
        for statement in statements:
            connection.execute(text(statement))


def answer(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status, reply.read().decode().strip()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode().strip()


# --- entries -----------------------------------------------------------------------------------------------------------------------------


def test_while_the_ledger_takes_no_entries_acts_are_refused_and_readyz_is_red(signing: Stage, daemon: Daemon) -> None:
    listener = OperationsListener("127.0.0.1", 0, signing.metrics.registry, daemon.health())
    listener.start()
    try:
        ready = f"http://{listener.address}/readyz"
        assert answer(ready) == (200, "ok")
        alter(signing, "CREATE TRIGGER refused BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'no entry today'); END")
        signing.world.put(GROUPS, "one", Size=2)
        later(signing, 600)
        failed = signing.until_ended(requests.ask(signing.world.installation, "scan", (), "command"))
        daemon.beat()
        assert (failed.state, signing.world.live()) == (RequestState.FAILED, [])
        assert answer(ready) == (503, "the ledger takes no entries")
        assert signing.metric("driftwatch_ledger_failures_total", part="entries") == 1
        alter(signing, "DROP TRIGGER refused")
        daemon.beat()
        assert answer(ready) == (200, "ok")
        later(signing, 600)
        assert signing.until_ended(requests.ask(signing.world.installation, "scan", (), "command")).exit_code == 2
        assert [finding.resource for finding in signing.world.live()] == ["one"]
    finally:
        listener.stop()


# --- checkpoints -------------------------------------------------------------------------------------------------------------------------


def test_a_start_signs_exports_and_verifies(signing: Stage, daemon: Daemon, place: FakePlace) -> None:
    assert checkpoints(signing) == place.held
    assert len(place.held) == 1
    now = signing.world.now.timestamp()
    for name in ("checkpoint_timestamp_seconds", "verified_timestamp_seconds"):
        assert signing.metric(f"driftwatch_ledger_{name}") == now
    assert signing.metric("driftwatch_ledger_export_timestamp_seconds", place="fake") == now
    assert signing.metric("driftwatch_ledger_export_ok", place="fake") == 1
    assert signing.metric("driftwatch_ledger_fault") == 0
    assert signing.metric("driftwatch_ledger_checkpoint_interval_seconds") == 3600
    assert signing.metric("driftwatch_ledger_verify_interval_seconds") == 86_400
    assert signing.metric("driftwatch_ledger_entries") >= place.held[0].seq
    assert daemon.health().ready() is None


def test_a_checkpoint_is_made_each_hour_also_when_nothing_happened(signing: Stage, daemon: Daemon, place: FakePlace) -> None:
    daemon._keeper.turn()
    for number in (2, 3):
        later(signing, HOUR - 1)
        daemon._keeper.turn()
        assert len(place.held) == number - 1
        later(signing, 1)
        daemon._keeper.turn()
        assert len(place.held) == number
    assert len({item.head for item in place.held[1:]}) == 1, "the ledger stood still"
    assert [item.time for item in place.held][-1] == signing.world.now


def test_a_restart_signs_again_only_when_it_is_due(signing: Stage, place: FakePlace) -> None:
    ledger.checkpoint(signing.world.installation)
    later(signing, HOUR / 2)
    with started(signing, NEVER) as daemon:
        wait_until(lambda: signing.metric("driftwatch_ledger_verified_timestamp_seconds"))
        assert len(place.held) == 1, "what another process signed is exported"
        later(signing, HOUR / 2)
        daemon._keeper.turn()
        assert len(place.held) == 2


def test_a_last_checkpoint_of_the_future_does_not_keep_a_start_from_signing(signing: Stage, place: FakePlace) -> None:
    """The clock was wrong when it was made."""
    ahead = replace(signing.world.installation, clock=lambda: signing.world.now + timedelta(days=400))
    ledger.checkpoint(ahead)
    with started(signing, NEVER):
        wait_until(lambda: len(place.held) == 2)


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)])
def test_a_jump_of_the_wall_clock_neither_stops_checkpoints_nor_brings_a_flood(signing: Stage, daemon: Daemon, jump: timedelta) -> None:
    signing.world.now += jump
    for _ in range(3):
        daemon._keeper.turn()
    assert len(checkpoints(signing)) == 1
    signing.clock.ahead += HOUR
    for _ in range(3):
        daemon._keeper.turn()
    assert len(checkpoints(signing)) == 2


def test_a_key_that_is_gone_turns_readiness_red_until_it_is_back(signing: Stage, daemon: Daemon, logged: list[EventDict]) -> None:
    signer = signing.world.installation.checkpoint_signer
    assert isinstance(signer, FakeCheckpointSigner)
    signer.broken = "the key is gone"
    later(signing, HOUR)
    for _ in range(3):
        daemon.beat()
        daemon._keeper.turn()
    assert daemon.health().ready() == "no checkpoint of the ledger can be made"
    assert daemon.health().alive() is None
    assert signing.metric("driftwatch_ledger_failures_total", part="checkpoint") == 3
    assert [event["error"] for event in logged if event["event"] == "ledger_upkeep"] == ["the key is gone"], "told once, not at each turn"
    signer.broken = None
    daemon._keeper.turn()
    assert daemon.health().ready() is None
    assert len(checkpoints(signing)) == 2


def test_a_ledger_that_was_cut_is_not_signed_on(signing: Stage, daemon: Daemon, logged: list[EventDict]) -> None:
    alter(signing, "DROP TRIGGER ledger_no_delete", f"DELETE FROM ledger WHERE seq >= {checkpoints(signing)[0].seq}")
    later(signing, HOUR)
    daemon.beat()
    daemon._keeper.turn()
    assert daemon.health().ready() == "no checkpoint of the ledger can be made"
    assert any("no longer what" in str(event.get("error")) for event in logged)


# --- second places -----------------------------------------------------------------------------------------------------------------------


def test_a_place_that_cannot_be_written_is_told_and_nothing_is_dropped(signing: Stage, daemon: Daemon, place: FakePlace) -> None:
    place.broken = "the disk is gone"
    for _ in range(2):
        later(signing, HOUR)
        daemon.beat()
        daemon._keeper.turn()
    assert daemon.health().ready() == "the ledger's checkpoints cannot be exported"
    assert signing.metric("driftwatch_ledger_export_ok", place="fake") == 0
    assert signing.metric("driftwatch_ledger_failures_total", part="export") == 2
    assert (
        signing.metric("driftwatch_ledger_export_timestamp_seconds", place="fake") == (signing.world.now - timedelta(hours=2)).timestamp()
    )
    place.broken = None
    daemon._keeper.turn()
    assert daemon.health().ready() is None
    assert place.held == checkpoints(signing)
    assert len(place.held) == 3


def test_one_broken_place_does_not_keep_another_from_its_own(signing: Stage, daemon: Daemon, place: FakePlace) -> None:
    broken = FakePlace(name="broken", broken="it is gone")
    signing.world.change(checkpoint_places=[broken, place])
    daemon._loaded = signing.wired("second")
    later(signing, HOUR)
    daemon.beat()
    daemon._keeper.turn()
    assert len(place.held) == 2
    assert daemon.health().ready() == "the ledger's checkpoints cannot be exported"
    daemon._loaded = signing.wired("third", installation=replace(signing.world.installation, checkpoint_places=[place]))
    daemon._keeper.turn()
    assert daemon.health().ready() is None, "a reload took the broken place away"
    assert signing.metric("driftwatch_ledger_export_ok", place="broken") is None


def test_a_store_that_was_put_back_turns_readiness_red(signing: Stage, daemon: Daemon, place: FakePlace) -> None:
    place.held.append(replace(place.held[-1], number=9))
    daemon.beat()
    daemon._keeper.turn()
    assert daemon.health().ready() == "the ledger's checkpoints cannot be exported"


def test_a_place_that_hangs_turns_readiness_red(signing: Stage) -> None:
    hangs, released = threading.Event(), threading.Event()

    class Hanging(FakePlace):
        def append(self, checkpoints: Sequence[Checkpoint]) -> None:
            hangs.set()
            released.wait(20)

    signing.world.change(checkpoint_places=[Hanging()])
    with started(signing, replace(NEVER, heartbeat_s=60.0)) as daemon:
        assert hangs.wait(10)
        later(signing, 200)
        daemon.beat()
        assert daemon.health().ready() == "the ledger's upkeep hangs"
        released.set()
        wait_until(lambda: daemon.health().ready() is None)


def test_an_error_that_nobody_foresaw_is_counted_and_the_next_turn_comes(stage: Stage, place: FakePlace, logged: list[EventDict]) -> None:
    class Buggy(FakePlace):
        bugs = 1

        def last(self) -> Checkpoint | None:
            if self.bugs:
                self.bugs -= 1
                raise KeyError("canary")
            return super().last()

    buggy = Buggy()
    stage.world.change(checkpoint_signer=FakeCheckpointSigner(), checkpoint_places=[buggy])
    with started(stage):
        wait_until(lambda: len(buggy.held) == 1)
        assert stage.metric("driftwatch_unexpected_errors_total", part="ledger") == 1
    assert "canary" not in repr(logged)


# --- verification ------------------------------------------------------------------------------------------------------------------------


def test_the_whole_ledger_is_verified_each_day_and_a_fault_is_an_alert(signing: Stage, daemon: Daemon, logged: list[EventDict]) -> None:
    before = signing.metric("driftwatch_ledger_verified_timestamp_seconds")
    alter(signing, "DROP TRIGGER ledger_no_update", "UPDATE ledger SET type = 'other' WHERE seq = 2")
    later(signing, 23 * HOUR)
    daemon._keeper.turn()
    assert signing.metric("driftwatch_ledger_fault") == 0
    later(signing, HOUR)
    daemon._keeper.turn()
    assert signing.metric("driftwatch_ledger_fault") == 1
    assert signing.metric("driftwatch_ledger_verified_timestamp_seconds") == before
    (told,) = [event for event in logged if event["event"] == "ledger_fault"]
    assert (told["kind"], told["seq"], told["level"]) == ("columns", 2, "error")


# --- a real process ----------------------------------------------------------------------------------------------------------------------


def test_a_real_daemon_makes_its_key_signs_into_file_and_log_and_the_command_verifies(tmp_path: Path) -> None:
    with aws_server() as aws:
        aws.answers["sqs"] = reply_json({})
        aws.answers["sns"] = Reply(
            body=b"<ListTopicsResponse><ListTopicsResult><Topics/></ListTopicsResult>"
            b"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListTopicsResponse>"
        )
        house = Place(tmp_path, aws.url, ACCOUNT)
        house.config.write_text(house.config.read_text() + "ledger: {export: [kept/checkpoints.jsonl, log]}\n")
        kept = tmp_path / "kept" / "checkpoints.jsonl"
        daemon = Serving(house)
        try:
            daemon.until_ready()
            logged = daemon.until_told("ledger_checkpoint")
            wait_until(lambda: house.metric("driftwatch_ledger_verified_timestamp_seconds"))
            assert [item.signature for item in read_checkpoints(kept)] == [logged["signature"]]
            assert house.metric("driftwatch_ledger_export_ok", place="file") == 1
            assert house.run("ledger", "checkpoint").returncode == 0
            done = house.run("ledger", "verify", "--against", str(kept), "--json")
            assert json.loads(done.stdout)["exported"] == 2
            assert daemon.end()[0] == 0
        finally:
            daemon.stop()
    assert (tmp_path / "state" / "ledger_ed25519").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state" / "ledger_ed25519.pub").exists()
