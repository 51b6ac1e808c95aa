"""`driftwatch findings exceptions`: list, show, approve, reject, revoke."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from driftwatch.cli.context import Asking, AsOption, ConfigOption, JsonOption, KeyOption, actor, wired
from driftwatch.cli.output import ErrorsAsSentences, emit_json, say, table
from driftwatch.domain.authorization.exception_lifecycle import HASH_DIGITS, ExceptionStatus, content_hash, status
from driftwatch.domain.exception import ExceptionRecord
from driftwatch.errors import InputError
from driftwatch.operations import describe, exceptions
from driftwatch.operations.identify import Act
from driftwatch.wiring import Wired

app = typer.Typer(
    cls=ErrorsAsSentences,
    no_args_is_help=True,
    help="Exceptions: who excused which state, why, and until when. `driftwatch findings except` asks for one.",
)
ExceptionId = Annotated[str, typer.Argument(help="The exception's id.", metavar="EXCEPTION")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


@app.command(name="list")
def list_(
    state: Annotated[list[ExceptionStatus] | None, typer.Option("--status", help="Only those that stand so (default: all).")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List exceptions, the one that ends first first."""
    with wired(config) as made:
        now = made.installation.clock()
        found = [item for item in exceptions.listed(made.installation) if not state or status(item, now) in state]
        documents = [describe.exception_document(item, now) for item in found]
    if json:
        emit_json(documents)
        return
    rows = [
        (item["id"], item["status"], item["expires"], item["requested_by"], item["approved_by"], item["finding"], item["reason"])
        for item in documents
    ]
    table(("exception", "status", "ends", "asked for by", "approved by", "finding", "reason"), rows)


@app.command()
def show(exception: ExceptionId, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one exception: what it excuses, from when until when, who asked and who approved, and its content hash."""
    with wired(config) as made:
        _tell(made, exceptions.get(made.installation, exception), (), json=json)


@app.command()
def approve(
    exception: ExceptionId,
    content_hash_: Annotated[str, typer.Option("--hash", help=f"The content hash you looked at, {HASH_DIGITS} digits or more.")] = "",
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Approve a requested exception by its content hash; what it excuses is judged again at once.

    Nobody approves an exception that they asked for, or one for a change that they made. Renewing one takes another request.
    """
    with wired(config) as made:
        found = exceptions.get(made.installation, exception)
        who = actor(made, Asking(as_person, key), Act(action="exception_approve", object=found.id, content_hash=content_hash(found)))
        done = exceptions.approve(made.installation, found.id, who, seen_hash=content_hash_ or _ask_hash(made, found))
        _tell(made, done.exception, done.changed, json=json)


@app.command()
def reject(
    exception: ExceptionId,
    reason: Reason,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Turn a requested exception down; your own is taken back."""
    _end(exception, reason, Asking(as_person, key), "exception_reject", exceptions.reject, config, json=json)


@app.command()
def revoke(
    exception: ExceptionId,
    reason: Reason,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """End an active exception before its time: what it excused is open again at once."""
    _end(exception, reason, Asking(as_person, key), "exception_revoke", exceptions.revoke, config, json=json)


def _end(exception: str, reason: str, asking: Asking, action: str, end: Callable[..., Any], config: ConfigOption, *, json: bool) -> None:
    if not reason.strip():
        raise InputError("--reason is empty", expected="why the exception ends")
    with wired(config) as made:
        found = exceptions.get(made.installation, exception)
        who = actor(made, asking, Act(action=action, object=found.id, content_hash=content_hash(found)))
        done = end(made.installation, found.id, who, reason)
        ended = done.exception if isinstance(done, exceptions.Excepted) else done
        _tell(made, ended, done.changed if isinstance(done, exceptions.Excepted) else (), json=json)


def _ask_hash(made: Wired, exception: ExceptionRecord) -> str:
    if not sys.stdin.isatty():
        raise InputError(
            "an approval names the content it approves",
            expected=f"--hash with the content hash that `findings exceptions show {exception.id}` prints",
        )
    _tell(made, exception, (), json=False)
    return str(typer.prompt(f"type the first {HASH_DIGITS} digits of the hash you reviewed"))


def _tell(made: Wired, exception: ExceptionRecord, changed: Any, *, json: bool) -> None:
    document = describe.exception_document(exception, made.installation.clock())
    if json:
        emit_json(document | {"changed": [{"finding": item.id, "state": item.state.value} for item in changed]})
        return
    approved = f", approved by {document['approved_by']}" if document["approved_by"] else ""
    say(
        f"{document['id']} is {document['status']}: asked for by {document['requested_by']}{approved}",
        f"from {document['starts']} up to {document['expires'] or 'no end'}: {document['reason']}",
        f"content hash {document['content_hash']}",
    )
    covers = [(name, value) for target in document["scope"] for name, value in target.items()]
    table(("covers", ""), [(name, ", ".join(value) if isinstance(value, list) else value) for name, value in covers])
    for item in changed:
        say(f"{item.id} is {item.state.value} now")
