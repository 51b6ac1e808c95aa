"""Exceptions for one caller: which of them they may see, and which they may decide on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from driftwatch.api.guard import Caller
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization import reach
from driftwatch.domain.authorization.exception_lifecycle import ExceptionStatus, status
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.errors import NotFoundError
from driftwatch.operations import exceptions

_BY_DATE: Final = frozenset({ExceptionStatus.SCHEDULED, ExceptionStatus.ACTIVE, ExceptionStatus.EXPIRED})
"""What an approved one is, by the time alone."""
Place = tuple[datetime, str]
"""Where one stands in the list: when it ends, and its id."""


def page(
    caller: Caller, wanted: Collection[ExceptionStatus], after: Place | None, limit: int
) -> tuple[list[ExceptionRecord], Place | None]:
    """The next exceptions that stand so now (none given: anyhow) and that they may read, the one that ends first first; and after which
    place the next page begins (None: there is no more)."""
    now = caller.installation.clock()
    states = {ExceptionState.ACTIVE if item in _BY_DATE else ExceptionState(item.value) for item in wanted}
    found = [
        item
        for item in exceptions.listed(caller.installation, sorted(states))
        if (not wanted or status(item, now) in wanted) and _readable(caller, item) and (not after or _place(item) > after)
    ]
    shown = found[:limit]
    return shown, _place(shown[-1]) if len(found) > limit else None


def exception_for(caller: Caller, exception_id: str, permission: Permission = Permission.READ, action: str = "") -> ExceptionRecord:
    """The exception, for somebody who may read every account that it is about: to others it does not exist. Deciding takes the
    permission in each of them."""
    missing = NotFoundError(f"no exception {exception_id}")
    try:
        found = exceptions.get(caller.installation, exception_id)
    except NotFoundError:
        raise missing from None
    if not _readable(caller, found):
        raise missing
    if permission is not Permission.READ:
        caller.require(permission, touched(caller, found), action, exception_id)
    return found


def touched(caller: Caller, item: ExceptionRecord) -> frozenset[str]:
    """The accounts in which it may excuse something."""
    return reach.of_scope(item.scope, caller.installation.accounts)


def _readable(caller: Caller, item: ExceptionRecord) -> bool:
    return caller.rights.allows(Permission.READ, touched(caller, item))


def _place(item: ExceptionRecord) -> Place:
    return item.expires_at or item.starts_at, item.id
