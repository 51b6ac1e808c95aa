"""/me: who the caller is taken for, and what they may."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request, Response

from driftwatch.api.answers import tagged
from driftwatch.api.guard import Caller, identified
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import tokens as schemas
from driftwatch.domain.access import Permission

routes: Final = Routes("me")


@routes.read("/me", schemas.Me)
def me(request: Request, caller: Annotated[Caller, Depends(identified)]) -> Response:
    """Who you are, how you were identified, and what you may do where."""
    rights = caller.rights
    accounts = [
        {"account": account, "permissions": [item.value for item in Permission if rights.allows(item, (account,))]}
        for account in caller.accounts
    ]
    who = {"person": caller.person, "method": caller.actor.method.value, "assurance": caller.actor.assurance.value}
    return tagged(request, who | {"roles": [role.value for role in rights.roles], "accounts": accounts})
