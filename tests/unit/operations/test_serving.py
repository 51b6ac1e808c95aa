"""Serving: what the daemon does for others, and how leases of the dead and the stuck are taken from them."""

from __future__ import annotations

import pytest

from driftwatch.domain.request import Request, RequestState
from driftwatch.domain.scan import Scan, ScanStatus
from driftwatch.domain.snapshot import GapReason
from driftwatch.operations import requests, serving
from driftwatch.operations.serving import wanted
from tests.world import BUCKETS, GROUPS, World, settled_world


def serve(
    world: World, *cells: str, kind: str = "scan", arguments: object = None, stopped: bool = False, holder: str = "daemon"
) -> Request:
    requests.ask(world.installation, kind, cells, "ana", arguments)
    request = requests.next_pending(world.installation)
    assert request is not None
    return serving.serve(world.installation, request, holder=holder, stopped=lambda: stopped, report=world.events.append, folders={})


def test_a_served_scan_ends_with_the_exit_code_that_the_command_would_give() -> None:
    world = settled_world()
    assert serve(world).exit_code == 0
    world.collector.failing[GROUPS] = GapReason.DENIED
    assert serve(world).exit_code == 3
    world.put(BUCKETS, "one", Size=2)
    assert serve(world).exit_code == 2


def test_only_the_cells_that_were_asked_for_are_read() -> None:
    world = settled_world()
    world.collector.calls.clear()
    assert serve(world, "*/*/AWS::S3::*").state is RequestState.DONE
    assert world.collector.calls == [str(BUCKETS)]


def test_cells_are_asked_for_by_glob() -> None:
    assert wanted([])(GROUPS)
    assert wanted(["*/eu-west-?/AWS::EC2::*"])(GROUPS)
    assert not wanted(["*/eu-west-?/AWS::EC2::*"])(BUCKETS)


def test_a_refresh_captures_and_proposes_and_activates_nothing() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2)
    world.scan()
    ended = serve(world, "production", kind="refresh", arguments={"method": "os_user", "assurance": "local"})
    assert ended.state is RequestState.DONE
    assert isinstance(ended.result, dict)
    assert (ended.result["state"], ended.result["active"]) == ("proposed", False)


@pytest.mark.parametrize("name", ["nonsense", "*"])
def test_a_refusal_is_the_result_of_the_request(name: str) -> None:
    ended = serve(settled_world(), name, kind="refresh")
    assert ended.state is RequestState.FAILED
    assert ended.error


def test_a_release_that_is_refused_fails_its_request_with_the_reason() -> None:
    ended = serve(settled_world(), arguments={"confirm_absence": {str(GROUPS): "really"}})
    assert ended.state is RequestState.FAILED
    assert "not held" in str(ended.error)


def test_a_scan_that_was_stopped_waits_for_the_next_start() -> None:
    world = settled_world()
    assert serve(world, stopped=True).state is RequestState.PENDING
    with world.store.read() as uow:
        assert uow.scans.latest()[0].status is ScanStatus.ABORTED


def test_a_request_waits_while_another_process_scans() -> None:
    world = settled_world()
    with world.store.write() as uow:
        assert uow.leases.acquire("scan", "another/pass-1", world.now, 60.0)
    assert serving.scan_runs(world.installation)
    assert serve(world).state is RequestState.PENDING


def test_two_scans_of_one_process_exclude_each_other() -> None:
    world = settled_world()
    inner: list[Request] = []
    collector_plan = world.collector.plan

    def plan(wanted_: object) -> object:
        world.collector.plan = collector_plan  # type: ignore[method-assign]
        inner.append(serve(world, "*", holder="test"))
        return collector_plan(wanted_)  # type: ignore[arg-type]

    world.collector.plan = plan  # type: ignore[method-assign, assignment]
    world.scan()
    assert inner[0].state is RequestState.PENDING


def running(world: World, holder: str) -> None:
    with world.store.write() as uow:
        assert uow.leases.acquire("scan", holder, world.now, 60.0)
        uow.scans.start(Scan(id="scan-z", started_at=world.now, trigger="schedule"))


def test_freeing_a_scan_frees_the_lease_marks_the_scan_and_is_in_the_ledger() -> None:
    world = settled_world()
    world.now = world.now.replace(hour=23)
    running(world, "me/worker-1/pass-1")
    serving.free_scan(world.installation, "me", "it was stuck")
    assert not serving.scan_runs(world.installation)
    with world.store.read() as uow:
        row = uow.scans.get("scan-z")
        last = list(uow.ledger.entries())[-1]
    assert row is not None
    assert (row.status, row.error) == (ScanStatus.ABORTED, "it was stuck")
    assert (last.type, last.body["scan"]) == ("scan_ended", "scan-z")


def test_freeing_touches_no_scan_of_another_process() -> None:
    world = settled_world()
    running(world, "another/pass-1")
    serving.free_scan(world.installation, "me", "it was stuck")
    assert serving.scan_runs(world.installation)


def test_leases_of_the_dead_are_freed_and_those_of_the_living_stay() -> None:
    world = settled_world()
    running(world, "dead/pass-1")
    requests.heartbeat(world.installation, "alive")
    serving.free_dead(world.installation, lambda holder: holder.startswith("dead"))
    assert not serving.scan_runs(world.installation)
    assert requests.daemon_is_alive(world.installation)
