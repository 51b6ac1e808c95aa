"""`driftwatch token`: new, list, revoke."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from driftwatch.cli.context import Asking, AsOption, ConfigOption, JsonOption, KeyOption, actor, wired
from driftwatch.cli.output import ErrorsAsSentences, emit_json, say, table
from driftwatch.domain.access import Permission, rights_of
from driftwatch.domain.baseline import Actor
from driftwatch.operations import credentials
from driftwatch.operations.credential_documents import token_document
from driftwatch.operations.identify import Act
from driftwatch.wiring import Wired

app = typer.Typer(
    cls=ErrorsAsSentences,
    no_args_is_help=True,
    help="API tokens: what a program shows to the product listener. A token is a person's, and may what that person may.",
)


@app.command()
def new(
    label: Annotated[str, typer.Option(help="What it is for.")],
    days: Annotated[int, typer.Option(min=1, max=credentials.LONGEST.days, help="Days until it works no more.")] = 90,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token of your own. It is printed this once; driftwatch keeps only its hash."""
    with wired(config) as made:
        who = actor(made, Asking(as_person, key), Act(action="token_new", object=label))
        done = credentials.new_token(made.installation, who, label, timedelta(days=days))
        document = token_document(done.token, made.installation.clock())
        useless = not _may(made, who, Permission.READ)
    if json:
        emit_json(document | {"secret": done.secret})
        return
    say(f"{document['id']} is {document['person']}'s until {document['expires']}. This is shown once:", "", done.secret, "")
    if useless:
        say(f"{document['person']} has no role in `product.access`: the token opens nothing until that changes")


@app.command(name="list")
def list_(
    person: Annotated[str | None, typer.Option(help="Only this person's tokens (default: everybody's).")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List tokens, the newest first, those that are over included."""
    with wired(config) as made:
        now = made.installation.clock()
        documents = [token_document(item, now) for item in credentials.tokens(made.installation, person)]
    if json:
        emit_json(documents)
        return
    columns = ("id", "person", "label", "status", "expires", "last_used", "revoked_by")
    table(
        ("token", "person", "label", "status", "ends", "last used", "revoked by"), [[item[name] for name in columns] for item in documents]
    )


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="The token's id.", metavar="TOKEN")],
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """End a token at once: your own, or as an admin anybody's."""
    with wired(config) as made:
        who = actor(made, Asking(as_person, key), Act(action="token_revoke", object=token))
        ended = credentials.revoke(made.installation, token, who, anybodys=_may(made, who, Permission.ADMINISTER))
        document = token_document(ended, made.installation.clock())
    if json:
        emit_json(document)
        return
    say(f"{document['id']} of {document['person']} works no more")


def _may(made: Wired, who: Actor, permission: Permission) -> bool:
    """Whether a role of `product.access` gives them the permission: somewhere, to administer everywhere."""
    person = made.installation.people.get(who.person)
    rights = rights_of(who.person, person.groups if person else (), made.config.product.grants)
    return rights.allows(permission, made.installation.accounts if permission is Permission.ADMINISTER else ())
