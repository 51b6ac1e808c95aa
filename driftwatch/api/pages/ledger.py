"""The ledger: how it stands, its last checkpoint, and its entries, for auditors of every account."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Query, Request, Response

from driftwatch.api import site
from driftwatch.api.asking import Asking
from driftwatch.api.routes.ledger import MOST_PROVED, require_auditor
from driftwatch.api.routing import PageRoutes
from driftwatch.domain.access import Permission
from driftwatch.operations import ledger_pages, ledger_views

routes: Final = PageRoutes()
ON_A_PAGE: Final = 50
BODY_SHOWN: Final = 2_000
"""Characters of what an entry says; the whole is a link away."""


@routes.read("/ledger", needs=Permission.AUDIT)
def show(
    request: Request,
    caller: Asking,
    kind: Annotated[str, Query(max_length=200)] = "",
    person: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[str, Query(pattern="^[0-9]{0,18}$")] = "",
) -> Response:
    """Entries, the newest first."""
    require_auditor(caller)
    document: Any = ledger_views.head_document(caller.installation)
    head = document["head"]
    end = head["seq"] + 1 if head else 1
    start = max(1, min(int(before or end), end))
    chosen = {"kind": kind.strip(), "person": person.strip()}
    found = ledger_pages.latest(caller.installation, start, ON_A_PAGE, kind=chosen["kind"], person=chosen["person"])
    return site.page(
        request,
        "ledger.html",
        caller=caller,
        head=head,
        checkpoint=document["checkpoint"],
        places=ledger_pages.places(caller.installation),
        entries=found.entries,
        start=start,
        down_to=found.down_to,
        next=site.link("/ledger", {**chosen, "before": found.following}) if found.following else None,
        chosen=chosen,
        filtered=any(chosen.values()),
        body_shown=BODY_SHOWN,
        most_proved=MOST_PROVED,
        query=site.link,
    )
