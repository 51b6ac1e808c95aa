"""/status: what is known now, and how sure that is."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from driftwatch.api.answers import tagged
from driftwatch.api.asking import Asking
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import status as schemas
from driftwatch.operations import status_views

routes: Final = Routes("status")


@routes.read("/status", schemas.Status)
def show(request: Request, caller: Asking) -> Response:
    """What is known of the accounts that you may read, in counts; the cells are at /cells, the findings at /findings."""
    return tagged(request, status_views.status_document(caller.installation, caller.accounts))
