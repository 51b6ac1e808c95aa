"""Requests: work asked of a running daemon by another process that shares its store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from driftwatch.domain.baseline import Actor
from driftwatch.domain.request import Lease, Request, RequestState
from driftwatch.domain.resource import Json
from driftwatch.domain.scan import ScanStatus
from driftwatch.errors import NotFoundError
from driftwatch.operations.installation import Installation

DAEMON = "daemon"
REFRESH = "refresh"
HEARTBEAT_S = 5.0
STALE_S = 15.0
EXPIRES = timedelta(hours=1)
POLL_S = 0.3


def heartbeat(installation: Installation, holder: str) -> Lease | None:
    """Renews the daemon's lease, which is its heartbeat; None while another daemon's is fresh."""
    with installation.store.write() as uow:
        return uow.leases.acquire(DAEMON, holder, installation.clock(), STALE_S)


def daemon_is_alive(installation: Installation) -> bool:
    """Whether a daemon's heartbeat in this store is fresh."""
    with installation.store.read() as uow:
        lease = uow.leases.get(DAEMON)
    return (
        lease is not None
        and (installation.clock() - lease.renewed_at).total_seconds() < STALE_S
        and lease.expires_at > installation.clock()
    )


def ask(installation: Installation, kind: str, cells: Sequence[str], person: str, arguments: Json = None) -> Request:
    """Puts a request; equal pending ones are shared, a running one is not joined (it may have started before the change)."""
    now = installation.clock()
    with installation.store.write() as uow:
        return uow.requests.add(
            Request(id=installation.new_id("request"), kind=kind, cells=tuple(cells), person=person, created_at=now, arguments=arguments)
        )


def ask_refresh(installation: Installation, name: str, actor: Actor) -> Request:
    """Asks for a fresh proposal of a baseline, as a request of this very person: whoever is its author approves it not."""
    return ask(installation, REFRESH, (name,), actor.person, {"method": actor.method.value, "assurance": actor.assurance.value})


def waiting_refreshes(installation: Installation, name: str) -> list[Request]:
    """The refreshes of a baseline that wait for the daemon, or that it does now; the oldest first."""
    with installation.store.read() as uow:
        return [request for request in uow.requests.pending() if request.kind == REFRESH and name in request.cells]


def get(installation: Installation, request_id: str) -> Request:
    """The request as it stands; raises NotFoundError."""
    with installation.store.read() as uow:
        request = uow.requests.get(request_id)
    if request is None:
        raise NotFoundError(f"no request {request_id}")
    return request


def wait(installation: Installation, request_id: str, sleep: Callable[[float], None], progress: Callable[[Request], None]) -> Request:
    """Polls until the request has ended, or the daemon that should serve it is gone (then it fails)."""
    silent_since: datetime | None = None
    while True:
        request = get(installation, request_id)
        progress(request)
        if request.state not in (RequestState.PENDING, RequestState.RUNNING):
            return request
        if daemon_is_alive(installation):
            silent_since = None
        else:
            silent_since = silent_since or installation.clock()
            if (installation.clock() - silent_since).total_seconds() > STALE_S:
                return replace(request, state=RequestState.FAILED, error="the daemon stopped; the request stays for its next start")
        sleep(POLL_S)


def progress(installation: Installation) -> tuple[int, int] | None:
    """(cells read so far, cells known) of the scan that runs now, whichever process runs it; None when none runs."""
    with installation.store.read() as uow:
        latest = uow.scans.latest()
        if not latest or latest[0].status is not ScanStatus.RUNNING:
            return None
        return uow.cells.progress(latest[0].id)


def next_pending(installation: Installation) -> Request | None:
    """The oldest request that is still to be done, marked as running; those older than an hour expire on the way.

    A request that is marked running when a daemon asks for its next was left by a process that died: it is taken up again.
    """
    with installation.store.read() as uow:
        if not uow.requests.pending():
            return None
    now = installation.clock()
    with installation.store.write() as uow:
        for request in uow.requests.pending():
            if now - request.created_at > EXPIRES:
                uow.requests.save(replace(request, state=RequestState.EXPIRED, ended_at=now, error="not served within an hour"))
                continue
            taken = replace(request, state=RequestState.RUNNING, started_at=now)
            uow.requests.save(taken)
            return taken
    return None


def done(installation: Installation, request: Request, *, exit_code: int, scan_id: str | None = None, result: Json = None) -> None:
    """Ends a request that was taken by `next_pending`."""
    _end(installation, request, replace(request, state=RequestState.DONE, exit_code=exit_code, scan_id=scan_id, result=result))


def failed(installation: Installation, request: Request, error: str) -> None:
    """Ends it with the reason, a sentence for who asked."""
    _end(installation, request, replace(request, state=RequestState.FAILED, exit_code=1, error=error))


def put_back(installation: Installation, request: Request) -> None:
    """It waits again: its work was stopped, or could not begin yet.

    Beside an equal request that waits already it stays marked as running, for `next_pending` to take up: equal ones wait once.
    """
    with installation.store.read() as uow:
        asked = (request.kind, request.cells, request.arguments)
        waiting = [item for item in uow.requests.pending() if item.state is RequestState.PENDING]
    if asked not in [(item.kind, item.cells, item.arguments) for item in waiting]:
        _save(installation, request, replace(request, state=RequestState.PENDING, started_at=None))


def _end(installation: Installation, taken: Request, ended: Request) -> None:
    _save(installation, taken, replace(ended, ended_at=installation.clock()))


def _save(installation: Installation, taken: Request, changed: Request) -> None:
    """Nothing is written when the request is no longer what was taken: it was freed as stuck, and perhaps taken again."""
    with installation.store.write() as uow:
        now = uow.requests.get(taken.id)
        if now is not None and now.state is RequestState.RUNNING and now.started_at == taken.started_at:
            uow.requests.save(changed)
