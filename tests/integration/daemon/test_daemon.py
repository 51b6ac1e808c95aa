"""The daemon in this process: it serves, notices what hangs, reloads as a whole or not at all, and leaves nothing half done."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from structlog.typing import EventDict

from driftwatch.daemon import Daemon
from driftwatch.daemon.gauges import EVERY
from driftwatch.documents.policies import policy_document
from driftwatch.domain.request import Request, RequestState
from driftwatch.domain.scan import Scan, ScanStatus
from driftwatch.domain.snapshot import CellState, GapReason
from driftwatch.errors import DriftwatchError, InputError, StoreError
from driftwatch.operations import requests, serving
from driftwatch.stores.store import SqlStore
from driftwatch.wiring import Wired
from tests.integration.daemon.stage import NEVER, QUICK, Stage, started, wait_until
from tests.world import GROUPS


def last_scan(stage: Stage) -> Scan:
    with stage.world.store.read() as uow:
        return uow.scans.latest()[0]


def names(events: list[EventDict]) -> list[str]:
    return [str(event["event"]) for event in events]


# --- serving ---------------------------------------------------------------------------------------------------------------------------


def test_a_start_scans_at_once_and_what_another_process_asks_for_is_served_with_its_exit_code(stage: Stage) -> None:
    with started(stage):
        assert last_scan(stage).trigger == "start"
        assert last_scan(stage).status is ScanStatus.COMPLETE
        stage.world.put(GROUPS, "one", Size=2)
        stage.later()
        ended = stage.until_ended(requests.ask(stage.world.installation, "scan", (), "command"))
    assert (ended.state, ended.exit_code) == (RequestState.DONE, 2)
    assert ended.scan_id == last_scan(stage).id
    assert stage.metric("driftwatch_scan_runs_total", status="complete") == 2
    assert stage.metric("driftwatch_requests_total", kind="scan", result="done") == 2
    assert stage.metric("driftwatch_findings_open", state="open", verdict="unauthorized", settled="true") == 1


def test_what_a_dead_daemon_left_is_taken_up_and_its_scan_marked_aborted(stage: Stage) -> None:
    """kill -9: the request was running, the scan's row says so, and both leases are still held by a process that is gone."""
    installation = stage.world.installation
    request = requests.ask(installation, "scan", (), "command")
    assert requests.next_pending(installation) is not None
    dead = f"{Daemon(stage.wired(), stage.wired, stage.metrics)._holder.rsplit(':', 2)[0]}:4194305:00000000"
    with stage.world.store.write() as uow:
        assert uow.leases.acquire("daemon", dead, stage.world.now, 15.0)
        assert uow.leases.acquire("scan", f"{dead}/worker-1/pass-1", stage.world.now, 60.0)
        uow.scans.start(Scan(id="scan-z", started_at=stage.world.now, trigger="schedule"))
    began = time.monotonic()
    stage.later(0.1)
    with started(stage):
        assert stage.until_ended(request).state is RequestState.DONE
    assert time.monotonic() - began < 10
    with stage.world.store.read() as uow:
        row = uow.scans.get("scan-z")
    assert row is not None
    assert row.status is ScanStatus.ABORTED


def test_a_request_of_more_than_an_hour_ago_expires_instead_of_surprising_somebody(stage: Stage) -> None:
    request = requests.ask(stage.world.installation, "scan", ("*/eu-west-1/*",), "command")
    stage.later(61)
    with started(stage):
        assert stage.request(request.id).state is RequestState.EXPIRED


def test_while_another_process_scans_requests_wait_and_are_served_after_it(stage: Stage) -> None:
    stage.later()
    with stage.world.store.write() as uow:
        lease = uow.leases.acquire("scan", "another process/pass-1", stage.world.now, 3600.0)
    assert lease is not None
    daemon = stage.daemon()
    daemon.start()
    try:
        request = requests.ask(stage.world.installation, "scan", (), "command")
        time.sleep(0.7)
        assert stage.request(request.id).state is RequestState.PENDING
        with stage.world.store.write() as uow:
            uow.leases.release(lease)
        assert stage.until_ended(request).state is RequestState.DONE
    finally:
        daemon.stop()
    assert stage.metric("driftwatch_requests_total", kind="scan", result="pending") is None, "it was not begun again and again"


def test_an_error_that_nobody_foresaw_fails_its_request_and_the_next_one_is_served(stage: Stage, logged: list[EventDict]) -> None:
    def bug(_wanted: object) -> object:
        raise KeyError("hunter2-canary")

    with started(stage):
        plan = stage.collector.plan
        stage.collector.plan = bug  # type: ignore[method-assign, assignment]
        failed = stage.until_ended(requests.ask(stage.world.installation, "scan", (), "command"))
        stage.collector.plan = plan  # type: ignore[method-assign]
        stage.later()
        served = stage.until_ended(requests.ask(stage.world.installation, "scan", (), "command"))
    assert failed.state is RequestState.FAILED
    assert failed.error is not None
    assert "KeyError" in failed.error
    (event,) = [event for event in logged if event["event"] == "request_failed"]
    assert event["error_id"] in failed.error
    assert "hunter2" not in repr(logged) + failed.error, "an error's text may quote what was being read"
    assert served.state is RequestState.DONE
    assert stage.metric("driftwatch_unexpected_errors_total", part="worker") == 1


def test_a_request_of_a_kind_that_is_not_known_fails_with_the_reason(stage: Stage) -> None:
    with started(stage):
        ended = stage.until_ended(requests.ask(stage.world.installation, "dance", (), "command"))
    assert ended.state is RequestState.FAILED
    assert "dance" in str(ended.error)


def test_a_resource_that_is_missing_for_the_first_time_is_looked_for_again_soon(stage: Stage) -> None:
    stage.world.remove(GROUPS, "one")
    stage.later()
    with started(stage, NEVER):
        assert stage.world.state(GROUPS).reason == "unconfirmed_absence"
        stage.later()
        wait_until(lambda: stage.world.live(), 5)
    assert stage.world.state(GROUPS).state is CellState.DRIFTED
    assert stage.collector.calls.count(str(GROUPS)) == 3
    assert last_scan(stage).trigger == "confirm"
    assert last_scan(stage).cells == 1, "only the cell that needs it is read again"


def test_a_resource_that_has_not_settled_is_read_again_soon_and_never_judged_half_way(stage: Stage) -> None:
    stage.world.put(GROUPS, "one", Size=2)
    stage.collector.failing_items[GROUPS] = {"one": GapReason.SETTLING}
    stage.later()
    with started(stage, NEVER):
        assert stage.world.state(GROUPS).reason == "settling"
        assert not stage.world.live(), "half a change is not reported"
        del stage.collector.failing_items[GROUPS]
        stage.later()
        wait_until(lambda: stage.world.live(), 5)
    assert [finding.resource for finding in stage.world.live()] == ["one"]
    assert last_scan(stage).trigger == "confirm"
    assert last_scan(stage).cells == 1


# --- one daemon ------------------------------------------------------------------------------------------------------------------------


def test_a_second_daemon_on_the_store_is_refused_and_the_first_goes_on(stage: Stage) -> None:
    stage.world.change(clock=lambda: datetime.now(UTC))
    with started(stage) as first:
        with pytest.raises(DriftwatchError, match="another daemon"):
            stage.daemon().start()
        assert first.health().ready() is None


def test_a_daemon_that_lost_its_lease_stops(stage: Stage) -> None:
    with started(stage, NEVER) as daemon:
        with stage.world.store.write() as uow:
            lease = uow.leases.get("daemon")
            assert lease is not None
            uow.leases.release(lease)
            assert uow.leases.acquire("daemon", "another", stage.world.now, 3600.0)
        daemon.beat()
        assert daemon.health().ready() == "another daemon took over"
    with stage.world.store.read() as uow:
        held = uow.leases.get("daemon")
    assert held is not None
    assert held.holder == "another", "what it does not hold it does not release"


# --- what hangs ------------------------------------------------------------------------------------------------------------------------


def hang(stage: Stage) -> Request:
    """A scan of the daemon that is in the middle of a call which does not return."""
    stage.collector.gate.clear()
    stage.collector.waiting.clear()
    stage.later()
    request = requests.ask(stage.world.installation, "scan", (), "command")
    assert stage.collector.waiting.wait(5)
    return request


def test_a_stuck_scan_is_freed_its_request_fails_and_the_next_scan_runs(stage: Stage, logged: list[EventDict]) -> None:
    with started(stage, NEVER) as daemon:
        request = hang(stage)
        stuck = last_scan(stage)
        daemon.beat()
        assert stage.request(request.id).state is RequestState.RUNNING, "a scan within its deadline is not stuck"
        stage.clock.ahead += stage.world.installation.scan_deadline_s + 61
        stage.later()
        hanging = stage.collector
        healthy = replace_collector(stage)
        daemon._loaded = stage.wired()
        daemon.beat()
        assert stage.request(request.id).state is RequestState.FAILED
        assert "stuck" in str(stage.request(request.id).error)
        with stage.world.store.read() as uow:
            row = uow.scans.get(stuck.id)
        assert row is not None
        assert row.status is ScanStatus.ABORTED
        served = stage.until_ended(requests.ask(stage.world.installation, "scan", (), "command"))
        assert served.state is RequestState.DONE
        assert daemon.health().alive() is None
        seen = stage.world.state(GROUPS)
        hanging.gate.set()
        wait_until(lambda: len([t for t in threading.enumerate() if t.name.startswith("worker")]) == 1)
        assert stage.world.state(GROUPS) == seen, "what the freed scan still wanted to write is refused"
        assert stage.request(request.id).state is RequestState.FAILED
        assert healthy.calls
    assert stage.metric("driftwatch_scan_stuck_total") == 1
    assert "scan_stuck" in names(logged)


def replace_collector(stage: Stage) -> object:
    """The cloud answers again, to new readers only."""
    fresh = type(stage.collector)(now=lambda: stage.world.now, world=stage.collector.world)
    fresh.gate, fresh.waiting = threading.Event(), threading.Event()
    fresh.gate.set()
    stage.world.change(collector=fresh)
    return fresh


def test_scans_that_get_stuck_again_and_again_end_in_a_restart_by_whoever_watches_liveness(stage: Stage) -> None:
    with started(stage, NEVER) as daemon:
        for number in range(5):
            if number == 2:  # one that ends well: the row begins anew
                stage.collector.gate.set()
                stage.later()
                assert stage.until_ended(requests.ask(stage.world.installation, "scan", (), "command")).state is RequestState.DONE
                stage.until_idle(daemon)
            hang(stage)
            assert daemon.health().alive() != "scans get stuck"
            stage.clock.ahead += stage.world.installation.scan_deadline_s + 61
            daemon.beat()
        assert daemon.health().alive() == "scans get stuck"


def test_a_stop_in_the_middle_of_a_scan_marks_it_aborted_and_its_request_waits_for_the_next_start(stage: Stage) -> None:
    cut = threading.Event()
    with started(stage, QUICK, replace(stage.wired(), end_calls=lambda: (cut.set(), stage.collector.gate.set())[0])) as daemon:
        request = hang(stage)
        began = time.monotonic()
        assert daemon.stop(), "a call that was cut lets its scan end by itself"
        assert time.monotonic() - began < 10
    assert cut.is_set()
    assert last_scan(stage).status is ScanStatus.ABORTED
    assert stage.request(request.id).state is RequestState.PENDING
    assert not requests.daemon_is_alive(stage.world.installation)


def test_a_stop_keeps_a_scan_that_waits_beside_the_equal_one_that_ran(stage: Stage) -> None:
    with started(stage) as daemon:
        ran = hang(stage)
        waits = requests.ask(stage.world.installation, "scan", (), "command")
        assert waits.id != ran.id, "a running scan is not joined: it may have begun before the change"
        daemon.stop()
    stage.later()
    with started(stage):
        assert stage.until_ended(waits).state is RequestState.DONE
        assert stage.until_ended(ran).state is RequestState.DONE


def test_a_stop_while_a_call_hangs_for_good_still_ends_in_time_and_marks_the_scan(stage: Stage) -> None:
    with started(stage) as daemon:
        request = hang(stage)
        began = time.monotonic()
        assert not daemon.stop(), "the thread hangs; the process has to be left"
        assert time.monotonic() - began < 10
        assert last_scan(stage).status is ScanStatus.ABORTED
        assert stage.request(request.id).state is RequestState.PENDING
        assert not serving.scan_runs(stage.world.installation)
        assert not requests.daemon_is_alive(stage.world.installation)
    assert stage.world.ledger().count("scan_ended") >= 2


# --- reload ----------------------------------------------------------------------------------------------------------------------------


def stricter(stage: Stage) -> Wired:
    policy = replace(stage.world.installation.policy, version="stricter")
    installation = replace(stage.world.installation, policy=policy, policy_document=policy_document(policy))
    return replace(stage.wired("second"), installation=installation)


def test_a_reload_swaps_everything_at_once_and_scans_under_the_new_policy(stage: Stage, logged: list[EventDict]) -> None:
    with started(stage, NEVER) as daemon:
        stage.load = lambda: stricter(stage)
        stage.later()
        assert daemon.reload()
        stage.until_idle(daemon)
        daemon.beat()
        assert stage.ended == ["first"], "the collector that was replaced is ended"
        with stage.world.store.read() as uow:
            active = uow.policies.active()
    assert active is not None
    assert active[0] == "stricter"
    assert last_scan(stage).trigger == "reload"
    assert stage.metric("driftwatch_config_reload_total", result="ok") == 1
    assert "reloaded" in names(logged)


@pytest.mark.parametrize("error", [InputError("the policy says nothing"), RuntimeError("a bug: hunter2-canary")])
def test_a_reload_that_fails_changes_nothing_is_counted_and_told(stage: Stage, logged: list[EventDict], error: Exception) -> None:
    def broken() -> Wired:
        raise error

    with started(stage, NEVER) as daemon:
        before = daemon.installation
        stage.load = broken
        assert not daemon.reload()
        assert daemon.installation is before
        assert daemon.health().ready() is None, "the last good configuration is still served"
        assert stage.until_ended(daemon.request_scan()).state is RequestState.DONE
    assert stage.metric("driftwatch_config_reload_total", result="failed") == 1
    assert stage.metric("driftwatch_config_reload_ok") == 0
    (told,) = [event for event in logged if event["event"] == "reload_failed"]
    assert told["level"] == "error"
    assert "hunter2" not in repr(told)


def test_a_broken_baseline_file_refuses_the_whole_reload(stage: Stage) -> None:
    folder = stage.file.parent / "baselines" / "production"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    with started(stage, NEVER) as daemon:
        before = daemon.installation
        stage.load = lambda: replace(stricter(stage), baseline_folders={"production": folder})
        assert not daemon.reload()
        assert daemon.installation is before
    assert stage.ended[0] == "second", "what was loaded in vain is ended"


def test_a_reload_during_a_scan_leaves_that_scan_as_it_began(stage: Stage) -> None:
    with started(stage, NEVER) as daemon:
        request = hang(stage)
        stage.load = lambda: stricter(stage)
        assert daemon.reload()
        daemon.beat()
        assert stage.ended == [], "its collector still works for it"
        stage.collector.gate.set()
        assert stage.until_ended(request).state is RequestState.DONE
        stage.until_idle(daemon)
        daemon.beat()
        assert stage.ended == ["first"]


def test_the_calls_of_every_collector_are_counted_and_never_go_back(stage: Stage) -> None:
    def counting(name: str, calls: dict[str, int]) -> Wired:
        return replace(stage.wired(name), traffic=lambda what: dict(calls) if what == "calls" else {"ec2": 1} if what == "retries" else {})

    first, second = {"ec2": 3}, {"ec2": 1, "s3": 2}
    with started(stage, NEVER, counting("first", first)) as daemon:
        daemon.beat()
        assert stage.metric("driftwatch_aws_calls_total", service="ec2") == 3
        first["ec2"] = 5
        stage.load = lambda: counting("second", second)
        stage.later()
        assert daemon.reload()
        stage.until_idle(daemon)
        daemon.beat()
    assert stage.metric("driftwatch_aws_calls_total", service="ec2") == 6
    assert stage.metric("driftwatch_aws_calls_total", service="s3") == 2
    assert stage.metric("driftwatch_aws_retries_total", service="ec2") == 2


# --- ticks, clock, health --------------------------------------------------------------------------------------------------------------


def test_a_tick_during_a_scan_is_counted_and_asks_for_one_more_scan_not_for_two(stage: Stage) -> None:
    with started(stage, NEVER) as daemon:
        hang(stage)
        daemon._ticks.tick()
        daemon._ticks.tick()
        assert len(stage._waiting()) == 2, "the one that runs, and one that both ticks share"
        stage.collector.gate.set()
        stage.until_idle(daemon)
    assert stage.metric("driftwatch_scan_ticks_total", result="overlapping") == 2


@pytest.mark.parametrize("hours", [1, -1, 24, -24])
def test_a_jump_of_the_wall_clock_skips_no_scan(stage: Stage, hours: int) -> None:
    with started(stage, NEVER) as daemon:
        stage.world.now += timedelta(hours=hours)
        daemon.beat()
        stage.until_idle(daemon)
        next_run = daemon._ticks._scheduler.get_job("scan").next_run_time
        assert last_scan(stage).trigger == "clock" or hours < 0
        assert next_run - datetime.now(UTC) <= timedelta(hours=1)
        with stage.world.store.read() as uow:
            assert "clock" in {scan.trigger for scan in uow.scans.latest(10)}
    assert stage.metric("driftwatch_clock_jumps_total") == 1


class BrokenStore:
    """A store that fails on demand."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.broken = False

    def write(self, *args: object) -> object:
        if self.broken:
            raise StoreError("the disk is full")
        return self._store.write(*args)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_readiness_is_red_while_the_store_fails_and_a_tick_of_that_time_is_made_up_for(stage: Stage) -> None:
    store = BrokenStore(stage.world.store)
    stage.world.change(store=store)
    with started(stage, NEVER) as daemon:
        assert (daemon.health().ready(), daemon.health().alive()) == (None, None)
        store.broken = True
        daemon.beat()
        daemon._ticks.tick()
        assert daemon.health().ready() == "the store fails"
        assert daemon.health().alive() is None, "a restart would not mend the disk"
        store.broken = False
        stage.later()
        daemon.beat()
        assert daemon.health().ready() is None
        stage.until_idle(daemon)
        assert last_scan(stage).trigger == "schedule"
    assert stage.metric("driftwatch_scan_ticks_total", result="failed") == 1


def test_health_is_truthful_before_the_start_when_a_thread_is_gone_and_after_the_stop(stage: Stage) -> None:
    daemon = stage.daemon(NEVER)
    assert (daemon.health().alive(), daemon.health().ready()) == (None, "starting")
    with started(stage, NEVER) as daemon:
        stage.clock.ahead += 2 * NEVER.heartbeat_s + 1
        assert daemon.health().ready() == "no heartbeat"
        assert daemon.health().alive() == "no heartbeat"
        daemon.beat()
        assert (daemon.health().alive(), daemon.health().ready()) == (None, None)
        daemon._ticks.stop()
        assert daemon.health().alive() == "the scheduler is gone"
    assert daemon.health().ready() == "stopping"


def test_no_heartbeat_counts_cells(stage: Stage) -> None:
    """In an organisation that takes longer than the lease lasts: a thread of its own does it, and every scan."""
    mine: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if threading.current_thread() is threading.main_thread():
            mine.append(statement)

    with started(stage, NEVER) as daemon:
        event.listen(stage.world.store._engine, "before_cursor_execute", note)
        for _ in range(2 * EVERY):
            daemon.beat()
        event.remove(stage.world.store._engine, "before_cursor_execute", note)
        assert daemon._gauges.running
        stage.world.collector.failing[GROUPS] = GapReason.DENIED
        stage.later()
        stage.until_ended(daemon.request_scan())
        stage.until_idle(daemon)
        wait_until(lambda: stage.metric("driftwatch_cells", state="unknown") == 1)
    assert mine
    assert not [statement for statement in mine if "cell_status" in statement]
    assert not daemon._gauges.running
