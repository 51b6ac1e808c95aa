"""What most routes ask for: who is asking, and in which accounts, regions and types they want to look."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from driftwatch.api.guard import Caller, identified
from driftwatch.domain.access import Permission

Asking = Annotated[Caller, Depends(identified)]
Some = Annotated[list[Annotated[str, Query(max_length=200)]] | None, Query(max_length=100)]


def looked_into(caller: Caller, asked: list[str] | None, permission: Permission = Permission.READ) -> tuple[str, ...] | None:
    """The accounts to look into: those that were asked for, as far as the caller has the permission there; None for all there are."""
    allowed = caller.rights.accounts(permission, caller.installation.accounts)
    if len(allowed) == len(caller.installation.accounts):
        return tuple(asked) if asked else None
    return tuple(account for account in allowed if not asked or account in asked)
