"""What was asked of the daemon, as the part of a page that asks for itself again."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from driftwatch.api import site
from driftwatch.api.asking import Asking
from driftwatch.api.routing import PageRoutes
from driftwatch.domain.access import Permission
from driftwatch.errors import NotFoundError
from driftwatch.operations import requests, scan_views

routes: Final = PageRoutes()


@routes.read("/live/requests/{request_id}")
def live(request: Request, caller: Asking, request_id: str) -> Response:
    """How far a request is; it stops asking once that has ended."""
    found = requests.get(caller.installation, request_id)
    if not caller.rights.allows(Permission.READ, scan_views.accounts_of(caller.installation, found)):
        raise NotFoundError(f"no request {request_id}")
    return site.live(request, "request_live.html", caller=caller, item=scan_views.request_document(caller.installation, found))
