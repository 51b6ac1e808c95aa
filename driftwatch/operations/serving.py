"""Serving a request: what the daemon does for another process, and what a command does itself when no daemon runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.domain.report import Report, ScanDone
from driftwatch.domain.request import Request
from driftwatch.domain.resource import Cell, Json
from driftwatch.domain.scan import ScanStatus
from driftwatch.errors import BusyError, DriftwatchError, RefusedError
from driftwatch.operations import activity, exchange, requests
from driftwatch.operations.cells import Release
from driftwatch.operations.installation import Installation
from driftwatch.operations.scan import LEASE, ScanOrder, everything, scan


def wanted(patterns: Sequence[str]) -> Callable[[Cell], bool]:
    """Whether a cell matches one of the globs ACCOUNT/REGION/TYPE; no pattern wants every cell."""
    if not patterns:
        return everything
    return lambda cell: any(fnmatchcase(str(cell), pattern) for pattern in patterns)


def scan_order(installation: Installation, cells: Sequence[str], trigger: str, confirmed: Mapping[str, str], person: str) -> ScanOrder:
    """The order for a scan of `cells`; `confirmed` maps held cells to the reason why their absence is real.

    Raises RefusedError for a cell that is not held. Each release is a ledger entry.
    """
    releases: dict[Cell, Release] = {}
    with installation.store.write() as uow:
        held = {str(status.cell): status for status in uow.cells.all() if status.held}
        for name, reason in confirmed.items():
            status = held.get(name)
            if status is None or status.held is None:
                raise RefusedError(f"{name} is not held as a suspected mass deletion; held are: {', '.join(sorted(held)) or 'none'}")
            releases[status.cell] = Release(digest=status.held, person=person, reason=reason)
            body = {"cell": name, "listing": status.held, "person": person, "reason": reason}
            uow.ledger.append(installation.clock(), "absence_confirmed", body)
    return ScanOrder(trigger=trigger, wanted=wanted([*cells, *confirmed]), whole=not cells and not confirmed, releases=releases)


def serve(
    installation: Installation,
    request: Request,
    *,
    holder: str,
    stopped: Callable[[], bool],
    report: Report,
    folders: Mapping[str, Path],
) -> Request:
    """Does what the request asks and records how it ended; a failure is the request's result, not the caller's.

    The request waits again when its work was stopped, or when another process holds the scan lease. Answers with it as it stands.
    """
    try:
        if request.kind == "scan":
            done = _scan(installation, request, holder, stopped, report)
            if done.scan.status is ScanStatus.ABORTED and stopped():
                requests.put_back(installation, request)
            else:
                requests.done(installation, request, exit_code=done.exit_code, scan_id=done.scan.id)
        elif request.kind == "refresh":
            requests.done(installation, request, exit_code=0, result=_refresh(installation, request, folders))
        else:
            requests.failed(installation, request, f"this driftwatch knows no request of kind {request.kind!r}")
    except BusyError:
        requests.put_back(installation, request)
    except DriftwatchError as error:
        if stopped():
            requests.put_back(installation, request)
        else:
            requests.failed(installation, request, str(error))
    return requests.get(installation, request.id)


def scan_runs(installation: Installation) -> bool:
    """Whether a process holds the scan lease now."""
    with installation.store.read() as uow:
        lease = uow.leases.get(LEASE)
    return lease is not None and lease.expires_at > installation.clock()


def free_scan(installation: Installation, holder: str, why: str) -> None:
    """Takes the scan lease from the scan that `holder` runs, and marks that aborted: whatever it still writes is refused from now on."""
    with installation.store.write() as uow:
        lease = uow.leases.get(LEASE)
        if lease is None or not lease.holder.startswith(f"{holder}/"):
            return
        uow.leases.release(lease)
        latest = uow.scans.latest()
        if latest and latest[0].status is ScanStatus.RUNNING:
            now = installation.clock()
            ended = replace(latest[0], status=ScanStatus.ABORTED, ended_at=now, error=why)
            uow.scans.finish(ended)
            body = {"scan": ended.id, "status": ended.status.value, "trigger": ended.trigger, "error": why}
            uow.ledger.append(now, "scan_ended", body)


def free_dead(installation: Installation, is_dead: Callable[[str], bool]) -> None:
    """Releases the leases of holders that are certainly dead (`is_dead` of their name), so that nobody waits for them to run out."""
    with installation.store.read() as uow:
        dead = [lease for name in (requests.DAEMON, LEASE, activity.LEASE) if (lease := uow.leases.get(name)) and is_dead(lease.holder)]
    if dead:
        with installation.store.write() as uow:
            for lease in dead:
                uow.leases.release(lease)


def _scan(installation: Installation, request: Request, holder: str, stopped: Callable[[], bool], report: Report) -> ScanDone:
    arguments = request.arguments or {}
    order = scan_order(installation, request.cells, request.person, arguments.get("confirm_absence", {}), request.person)
    return scan(installation, replace(order, due_only=bool(arguments.get("due_only"))), holder=holder, stopped=stopped, report=report)


def _refresh(installation: Installation, request: Request, folders: Mapping[str, Path]) -> Json:
    arguments = request.arguments or {}
    actor = Actor(
        person=request.person,
        method=Method(arguments.get("method", Method.OS_USER.value)),
        assurance=Assurance(arguments.get("assurance", Assurance.LOCAL.value)),
    )
    imported = exchange.refresh(installation, request.cells[0], actor, folder=folders.get(request.cells[0]))
    return {"version": imported.version.id, "state": imported.version.state.value, "known": imported.known, "active": imported.active}
