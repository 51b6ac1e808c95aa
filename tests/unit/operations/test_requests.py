"""Requests: equal ones wait once, none is lost, none is done twice, and who waits is told the truth."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftwatch.domain.request import Request, RequestState
from driftwatch.domain.scan import CellStatus, Scan
from driftwatch.domain.snapshot import CellState
from driftwatch.errors import NotFoundError
from driftwatch.operations import requests
from tests.world import GROUPS, World


def ask(world: World, *cells: str, kind: str = "scan", arguments: object = None) -> Request:
    return requests.ask(world.installation, kind, cells, "ana", arguments)


def taken(world: World) -> Request:
    request = requests.next_pending(world.installation)
    assert request is not None
    return request


def state(world: World, request: Request) -> RequestState:
    return requests.get(world.installation, request.id).state


def test_equal_requests_that_wait_are_one() -> None:
    world = World()
    assert ask(world, "*").id == ask(world, "*").id
    assert ask(world, "*").id != ask(world, "a/*").id
    assert ask(world, "*", arguments={"confirm_absence": {"a": "b"}}).id != ask(world, "*").id
    assert ask(world, "*", kind="refresh").id != ask(world, "*").id


def test_a_running_request_is_not_joined_for_it_may_have_begun_before_the_change() -> None:
    world = World()
    first = ask(world)
    assert taken(world).id == first.id
    assert ask(world).id != first.id


def test_requests_are_taken_in_the_order_in_which_they_were_asked() -> None:
    world = World()
    asked = []
    for cell in ("c", "a", "b"):
        world.now += timedelta(seconds=1)
        asked.append(ask(world, cell).id)
    for wanted in asked:
        request = taken(world)
        assert request.id == wanted
        requests.done(world.installation, request, exit_code=0)
    assert requests.next_pending(world.installation) is None


def test_after_an_hour_a_request_expires_and_the_next_one_is_taken() -> None:
    world = World()
    old = ask(world, "old")
    world.now += timedelta(minutes=60, seconds=1)
    young = ask(world, "young")
    assert taken(world).id == young.id
    assert state(world, old) is RequestState.EXPIRED


def test_a_request_whose_worker_died_is_taken_again() -> None:
    world = World()
    request = ask(world)
    taken(world)
    world.now += timedelta(minutes=5)
    assert taken(world).id == request.id


def test_whoever_was_declared_stuck_cannot_end_the_request_any_more() -> None:
    world = World()
    ask(world)
    stuck = taken(world)
    requests.failed(world.installation, stuck, "it was stuck")
    requests.done(world.installation, stuck, exit_code=0, scan_id="scan-late")
    ended = requests.get(world.installation, stuck.id)
    assert (ended.state, ended.scan_id, ended.error) == (RequestState.FAILED, None, "it was stuck")


def test_whoever_was_declared_dead_cannot_end_what_another_took_again() -> None:
    world = World()
    ask(world)
    first = taken(world)
    world.now += timedelta(minutes=5)
    second = taken(world)
    requests.done(world.installation, first, exit_code=0)
    assert state(world, second) is RequestState.RUNNING
    requests.done(world.installation, second, exit_code=2)
    assert requests.get(world.installation, second.id).exit_code == 2


def test_what_is_put_back_is_taken_again_also_beside_an_equal_one_that_waits() -> None:
    world = World()
    first = ask(world)
    running = taken(world)
    world.now += timedelta(seconds=1)
    second = ask(world)
    requests.put_back(world.installation, running)
    for wanted in (first, second):
        request = taken(world)
        assert request.id == wanted.id
        requests.done(world.installation, request, exit_code=0)


def waits(world: World, request: Request, polls: int, on_poll: object = None) -> tuple[Request, int]:
    """The end of waiting, and after how many polls; each poll lets a second pass."""
    count = 0

    def sleep(_seconds: float) -> None:
        nonlocal count
        count += 1
        assert count <= polls, "it waits for ever"
        world.now += timedelta(seconds=1)
        if callable(on_poll):
            on_poll(count)

    return requests.wait(world.installation, request.id, sleep, lambda _request: None), count


def test_waiting_ends_with_the_request() -> None:
    world = World()
    requests.heartbeat(world.installation, "daemon")
    request = ask(world)

    def serve(poll: int) -> None:
        requests.heartbeat(world.installation, "daemon")
        if poll == 20:
            requests.done(world.installation, taken(world), exit_code=2, scan_id="scan-1")

    ended, _ = waits(world, request, 30, serve)
    assert (ended.state, ended.exit_code, ended.scan_id) == (RequestState.DONE, 2, "scan-1")


def test_waiting_for_a_daemon_that_died_ends_and_says_so_but_the_request_stays() -> None:
    world = World()
    requests.heartbeat(world.installation, "daemon")
    request = ask(world)
    ended, polls = waits(world, request, 60)
    assert ended.state is RequestState.FAILED
    assert "stopped" in str(ended.error)
    assert polls >= 2 * requests.STALE_S - 2, "a daemon that restarts within 15 s goes on with it"
    assert state(world, request) is RequestState.PENDING


def test_a_heartbeat_is_fresh_for_fifteen_seconds_and_keeps_others_out_for_as_long() -> None:
    world = World()
    assert not requests.daemon_is_alive(world.installation)
    assert requests.heartbeat(world.installation, "one")
    world.now += timedelta(seconds=14)
    assert requests.daemon_is_alive(world.installation)
    assert requests.heartbeat(world.installation, "two") is None
    world.now += timedelta(seconds=1)
    assert not requests.daemon_is_alive(world.installation)
    assert requests.heartbeat(world.installation, "two")


def test_progress_counts_the_cells_of_the_scan_that_runs() -> None:
    world = World()
    world.put(GROUPS, "one", Size=1)
    world.scan()
    assert requests.progress(world.installation) is None
    with world.store.write() as uow:
        uow.scans.start(Scan(id="scan-z", started_at=world.now, trigger="test"))
    assert requests.progress(world.installation) == (0, 1)
    with world.store.write() as uow:
        status = uow.cells.get(GROUPS)
        assert isinstance(status, CellStatus)
        assert status.state is CellState.UNBASELINED


def test_asking_for_a_request_that_never_was_is_an_error() -> None:
    with pytest.raises(NotFoundError):
        requests.get(World().installation, "request-none")
