"""/tokens: what programs show instead of a person. One's own for everybody, other people's for an admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import Path, Query, Request, Response

from driftwatch.api.answers import answer, tagged
from driftwatch.api.asking import Asking
from driftwatch.api.repeats import Repeatable
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import tokens as schemas
from driftwatch.domain.access import Permission
from driftwatch.domain.baseline import Method
from driftwatch.errors import RefusedError
from driftwatch.operations import credentials
from driftwatch.operations.credential_documents import token_document
from driftwatch.operations.denials import denials

routes: Final = Routes("tokens")

TokenId = Annotated[str, Path(max_length=80, pattern="^token-[0-9a-z]+$", description="A token's id.")]
All = Annotated[bool, Query(alias="all", description="Everybody's, for an admin, instead of your own.")]


@routes.read("/tokens", schemas.Tokens)
def page(request: Request, caller: Asking, everybodys: All = False) -> Response:  # noqa: FBT002 - a query's word
    """Your tokens, the newest first; their secrets are kept nowhere."""
    if everybodys:
        caller.require(Permission.ADMINISTER, caller.installation.accounts, "token_list", "everybody's tokens")
    now = caller.installation.clock()
    found = credentials.tokens(caller.installation, None if everybodys else caller.person)
    return tagged(request, {"tokens": [token_document(item, now) for item in found]})


@routes.write("/tokens", schemas.MadeToken, needs=Permission.READ, status=201)
def new(caller: Asking, body: schemas.NewToken, repeat: Repeatable) -> Response:
    """Make a token of your own; its secret is in this answer and nowhere else. A token makes no tokens: sign in for that.

    A repetition is answered without the secret, which is never stored: a token that nobody received is revoked by its id.
    """
    if caller.actor.method is Method.TOKEN:
        with denials(caller.installation, "token_new", body.label, caller.actor):
            text = "a token makes no tokens, so that a stolen one ends when it is revoked; sign in, or use `driftwatch token new`"
            raise RefusedError(text)
    with repeat:
        made = credentials.new_token(caller.installation, caller.actor, body.label, timedelta(days=body.days))
        document = token_document(made.token, caller.installation.clock())
        repeat.keep(answer(document | {"secret": None}, status=201))
    return answer(document | {"secret": made.secret}, status=201)


@routes.write("/tokens/{token}/revoke", schemas.TokenOf, needs=Permission.READ)
def revoke(caller: Asking, token: TokenId, repeat: Repeatable) -> Response:
    """End a token at once: your own, or as an admin anybody's."""
    with repeat:
        ended = credentials.revoke(caller.installation, token, caller.actor, anybodys=caller.administers)
        return repeat.keep(answer(token_document(ended, caller.installation.clock())))
