"""/scans and /requests: having the cloud read now, how far that is, and what each scan came to."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Path, Request, Response

from driftwatch.api.answers import answer, tagged
from driftwatch.api.asking import Asking, looked_into
from driftwatch.api.guard import Caller
from driftwatch.api.paging import CursorQuery, LimitQuery, position
from driftwatch.api.paging import cursor as following_cursor
from driftwatch.api.repeats import Repeatable
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import scans as schemas
from driftwatch.domain.access import Permission
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.finding import FindingState
from driftwatch.domain.scan import Scan
from driftwatch.errors import NotFoundError
from driftwatch.operations import requests, scan_views

routes: Final = Routes("scans")

RequestId = Annotated[str, Path(max_length=80, pattern="^request-[0-9a-z]+$", description="A request's id.")]
ScanId = Annotated[str, Path(max_length=80, pattern="^scan-[0-9a-z]+$", description="A scan's id.")]
_ALL: Final = "*/*/*"


@routes.write("/scans", schemas.RequestOf, needs=Permission.OPERATE, status=202)
def ask(caller: Asking, body: schemas.AskScan, repeat: Repeatable) -> Response:
    """Have the daemon read the cloud now; where no daemon runs, the request waits for one, for an hour at most."""
    patterns = [] if _ALL in body.cells else sorted(set(body.cells))
    _require(caller, patterns)
    with repeat:
        asked = requests.ask(caller.installation, scan_views.SCAN, patterns, caller.person)
        document = scan_views.request_document(caller.installation, asked)
        return repeat.keep(answer(document, status=HTTPStatus.ACCEPTED, headers={"Location": f"/api/v1/requests/{asked.id}"}))


@routes.read("/requests/{request_id}", schemas.RequestOf)
def request_(request: Request, caller: Asking, request_id: RequestId) -> Response:
    """How far a request is, and how it ended."""
    found = requests.get(caller.installation, request_id)
    if not caller.rights.allows(Permission.READ, scan_views.accounts_of(caller.installation, found)):
        raise NotFoundError(f"no request {request_id}")
    return tagged(request, scan_views.request_document(caller.installation, found))


@routes.read("/scans", schemas.ScanPage)
def page(request: Request, caller: Asking, cursor: CursorQuery = None, limit: LimitQuery = 50) -> Response:
    """Scans, the newest first, a page at a time."""
    found, following = scan_views.page(caller.installation, position(cursor), limit)
    rows = [scan_views.scan_row(scan, whole=caller.sees_all) for scan in found]
    return tagged(request, {"scans": rows, "next": following_cursor(following)})


@routes.read("/scans/latest", schemas.ScanCounts)
def latest(request: Request, caller: Asking) -> Response:
    """The scan that began last, with what it came to."""
    return tagged(request, _document(caller, scan_views.scan_of(caller.installation, None)))


@routes.read("/scans/{scan_id}", schemas.ScanCounts)
def show(request: Request, caller: Asking, scan_id: ScanId) -> Response:
    """One scan with what it came to, in the accounts that you may read."""
    return tagged(request, _document(caller, scan_views.scan_of(caller.installation, scan_id)))


def _document(caller: Caller, scan: Scan) -> dict[str, object]:
    counts = scan_views.scan_counts(caller.installation, scan, looked_into(caller, None))
    times = [("since", scan.started_at), *([("until", scan.ended_at)] if scan.ended_at else [])]
    query = urlencode([*((name, utc_text(at)) for name, at in times), *(("state", state.value) for state in FindingState)])
    return {**scan_views.scan_row(scan, whole=caller.sees_all), **counts, "findings": f"/api/v1/findings?{query}"}


def _require(caller: Caller, patterns: list[str]) -> None:
    """Raises NotFoundError for a pattern without an account that they may read, RefusedError unless they may operate in all of them."""
    installation = caller.installation
    for pattern in patterns:
        touched = scan_views.touched(installation, pattern)
        if not set(touched).intersection(caller.accounts):
            raise NotFoundError(f"no account matches {pattern}")
        caller.require(Permission.OPERATE, touched, "scan_request", pattern)
    if not patterns:
        caller.require(Permission.OPERATE, installation.accounts, "scan_request", _ALL)
