"""/activity: the log of calls, and the population of changes that an auditor starts from."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Final

from fastapi import Query, Request, Response

from driftwatch.api.answers import tagged
from driftwatch.api.asking import Asking, Some, looked_into
from driftwatch.api.paging import CursorQuery, LimitQuery, refused
from driftwatch.api.paging import cursor as following_cursor
from driftwatch.api.paging import position as place
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import activity as schemas
from driftwatch.api.schemas.base import When
from driftwatch.domain.access import Permission
from driftwatch.domain.selection import ActivitySelection
from driftwatch.operations import activity_views

routes: Final = Routes("activity")

Words = Annotated[str | None, Query(min_length=1, max_length=2048)]
_DIGITS: Final = 18
"""Of the number of a call: it stays within what a database counts to."""


@routes.read("/activity", schemas.ActivityPage, needs=Permission.AUDIT)
def page(
    request: Request,
    caller: Asking,
    resource: Annotated[Words, Query(description="Only calls on this resource: its id, name or ARN.")] = None,
    actor: Annotated[Words, Query(description="Only calls of this principal, by any of its names in the log.")] = None,
    account: Some = None,
    since: Annotated[When | None, Query(description="From when on; default: a day ago.")] = None,
    until: Annotated[When | None, Query(description="Up to when.")] = None,
    changes: Annotated[bool, Query(description="Only calls that changed configuration.")] = False,  # noqa: FBT002 - a query has no keywords
    denied: Annotated[bool, Query(description="Only attempts that were denied.")] = False,  # noqa: FBT002
    cursor: CursorQuery = None,
    limit: LimitQuery = 50,
) -> Response:
    """Logged writes, the newest first, with what became of each change and the finding that it belongs to; a page at a time."""
    wanted = ActivitySelection(
        since=since or caller.installation.clock() - timedelta(days=1),
        until=until,
        accounts=looked_into(caller, account, Permission.AUDIT),
        name=resource,
        principal=actor,
        changes_only=changes,
        denied_only=denied,
    )
    after = place(cursor)
    if after and not (after[1].isascii() and after[1].isdigit() and len(after[1]) <= _DIGITS):
        raise refused()
    found, following = activity_views.page(caller.installation, wanted, (after[0], int(after[1])) if after else None, limit)
    return tagged(request, {"activity": found, "next": following_cursor((following[0], str(following[1])) if following else None)})


@routes.read("/activity/population", schemas.Population, needs=Permission.AUDIT)
def population(
    request: Request,
    caller: Asking,
    since: Annotated[date | None, Query(description="The first day (UTC); default: a week before the last one.")] = None,
    until: Annotated[date | None, Query(description="The last day (UTC), included; default: today.")] = None,
) -> Response:
    """All logged writes by day and account, and what became of them; the sums add up."""
    last = until or caller.installation.clock().date()
    first = since or last - min(timedelta(days=7), last - date.min)
    accounts = looked_into(caller, None, Permission.AUDIT)
    return tagged(request, activity_views.population_document(caller.installation, first, last, accounts))
