"""Requests and scans as plain JSON: how far a request is, and what a scan came to, in counts; and which accounts a request touches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from driftwatch.domain.canonical import utc_text
from driftwatch.domain.request import Request, RequestState
from driftwatch.domain.resource import Json
from driftwatch.domain.scan import Scan
from driftwatch.domain.selection import FindingSelection
from driftwatch.domain.snapshot import Outcome
from driftwatch.errors import NotFoundError
from driftwatch.operations import requests
from driftwatch.operations.installation import Installation

SCAN = "scan"


def touched(installation: Installation, pattern: str) -> tuple[str, ...]:
    """The configured accounts that a pattern ACCOUNT/REGION/TYPE can touch.

    Neither an account nor a region has a slash in it, so that no glob reaches beyond its own part.
    """
    account = pattern.partition("/")[0]
    return tuple(known for known in installation.accounts if fnmatchcase(known, account))


def accounts_of(installation: Installation, request: Request) -> tuple[str, ...]:
    """The configured accounts that a request touches; all of them where that cannot be told."""
    if request.kind == SCAN:
        patterns = [*request.cells, *(request.arguments or {}).get("confirm_absence", {})]
    else:
        covered = [baseline for baseline in installation.baselines if baseline.name in request.cells]
        patterns = [f"{glob}/*/*" for baseline in covered for glob in baseline.accounts]
    found = {account for pattern in patterns for account in touched(installation, pattern)}
    return tuple(account for account in installation.accounts if account in found) or tuple(installation.accounts)


def request_document(installation: Installation, request: Request) -> Json:
    """A request as it stands. `progress` is there while its scan runs; `all` is null where only some cells were asked for."""
    running = request.kind == SCAN and request.state is RequestState.RUNNING
    read = requests.progress(installation) if running else None
    return {
        "id": request.id,
        "kind": request.kind,
        "cells": list(request.cells),
        "person": request.person,
        "state": request.state.value,
        "created": utc_text(request.created_at),
        "started": _text(request.started_at),
        "ended": _text(request.ended_at),
        "expires": utc_text(request.created_at + requests.EXPIRES),
        "daemon": requests.daemon_is_alive(installation),
        "progress": {"done": read[0], "all": None if request.cells else read[1]} if read else None,
        "scan_id": request.scan_id,
        "exit_code": request.exit_code,
        "result": request.result,
        "error": request.error,
    }


def page(
    installation: Installation, after: tuple[datetime, str] | None = None, limit: int = 50
) -> tuple[Sequence[Scan], tuple[datetime, str] | None]:
    """One page of scans, the newest first, and after which the next one begins (None: this is the last)."""
    with installation.store.read() as uow:
        found = uow.scans.page(after, limit + 1)
    shown = found[:limit]
    return shown, (shown[-1].started_at, shown[-1].id) if len(found) > limit else None


def scan_of(installation: Installation, scan_id: str | None) -> Scan:
    """The scan of this id, or the latest one (None); raises NotFoundError."""
    with installation.store.read() as uow:
        found = uow.scans.get(scan_id) if scan_id else next(iter(uow.scans.latest()), None)
    if found is None:
        raise NotFoundError(f"no scan {scan_id}" if scan_id else "there was no scan yet")
    return found


def scan_row(scan: Scan, *, whole: bool) -> Json:
    """A scan in one line. What it counted over all accounts is there for those only who may see all of them (`whole`)."""
    return {
        "id": scan.id,
        "trigger": scan.trigger,
        "status": scan.status.value,
        "started": utc_text(scan.started_at),
        "ended": _text(scan.ended_at),
        "cells": scan.cells if whole else None,
        "gaps": scan.gaps if whole else None,
        "resources": scan.resources if whole else None,
        "calls": scan.calls if whole else None,
        "error": scan.error if whole else None,
    }


def scan_counts(installation: Installation, scan: Scan, accounts: Sequence[str] | None) -> Json:
    """What a scan came to in these accounts (None: in all): its readings by how they ended, and the findings that were new in it."""
    new = FindingSelection(accounts=None if accounts is None else tuple(accounts), since=scan.started_at, until=scan.ended_at)
    with installation.store.read() as uow:
        ended = uow.scans.outcomes(scan.id, accounts)
        opened = uow.findings.tally(new)
    by_verdict: dict[str, int] = {}
    for (_, verdict), number in sorted(opened.items()):
        by_verdict[verdict] = by_verdict.get(verdict, 0) + number
    return {"readings": {outcome.value: ended.get(outcome.value, 0) for outcome in Outcome}, "new_findings": by_verdict}


def _text(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None
