"""`driftwatch changes`: the change records of every source, and the built-in register for teams without a ticket system."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from driftwatch.cli import change_drafts
from driftwatch.cli.change_output import (
    records_table,
    tell_held,
    tell_record,
    tell_summary,
    unobserved_table,
)
from driftwatch.cli.context import Asking, AsOption, ConfigOption, JsonOption, KeyOption, actor, wired
from driftwatch.cli.output import ErrorsAsSentences, emit_json, say, table
from driftwatch.domain.baseline import Actor
from driftwatch.domain.change import ApprovalKind, ChangeOutcome, ReviewDecision
from driftwatch.domain.codec import encode
from driftwatch.errors import InputError
from driftwatch.operations import changes, register, unobserved
from driftwatch.operations.describe_changes import held_document, source_document, unobserved_document
from driftwatch.operations.identify import Act
from driftwatch.operations.register import Held
from driftwatch.wiring import Wired

app = typer.Typer(
    cls=ErrorsAsSentences,
    no_args_is_help=True,
    help="Permission to change: records from every source, and the built-in register (new, request, approve, start, close).",
)

RecordId = Annotated[str, typer.Argument(metavar="RECORD", help="The record's id.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]
HashOption = Annotated[str, typer.Option("--hash", help="The content hash you looked at, 12 digits or more.")]

app.command()(change_drafts.new)
app.command()(change_drafts.amend)


@app.command(name="list")
def list_(
    sync: Annotated[bool, typer.Option("--sync", help="Read the sources again first.")] = False,
    never_seen: Annotated[
        bool, typer.Option("--unobserved", help="Only approved or closed records whose effect was not observed, or only in part.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the accepted records, newest first, and those that were set aside with the reason."""
    with wired(config) as made:
        if sync:
            changes.sync(made.installation)
        if never_seen:
            missing = unobserved.listed(made.installation)
            emit_json({"unobserved": [unobserved_document(item) for item in missing]}) if json else unobserved_table(missing)
            return
        known, sources = changes.records(made.installation), changes.sources(made.installation)
    if json:
        emit_json(
            {
                "records": [encode(record) for record in known],
                "sources": [source_document(item) for item in sources],
            }
        )
        return
    records_table(known)
    aside = [(entry.place, entry.id, entry.problem) for item in sources for entry in item.set_aside]
    if aside:
        table(("place", "record", "problem"), aside, title="\nset aside")
    for item in sources:
        if item.error:
            say(f"source {item.name} failed: {item.error}")


@app.command()
def show(record: RecordId, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one record as driftwatch understood it; one of the register with the content hash that an approval names."""
    with wired(config) as made:
        found = changes.record(made.installation, record)
        own = found.source == made.installation.register
        document = held_document(register.held(made.installation, found)) if own else encode(found)
    emit_json(document) if json else tell_record(document)


@app.command()
def request(
    record: RecordId, as_person: AsOption = None, key: KeyOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Put your draft up for approval by somebody else."""
    with wired(config) as made:
        _, who = _looked_at(made, "request", record, Asking(as_person, key))
        tell_held(register.request(made.installation, record, who), json=json)


@app.command()
def approve(
    record: RecordId,
    seen: HashOption = "",
    freeze_override: Annotated[
        bool, typer.Option("--freeze-override", help="Allow it during a freeze, in the role the freeze names.")
    ] = False,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Approve what a record says, by its content hash. Nobody approves their own request.

    When the policy's approvals are complete the record is approved; else the answer says what is missing.
    """
    kind = ApprovalKind.FREEZE_OVERRIDE if freeze_override else ApprovalKind.CHANGE
    with wired(config) as made:
        held, who = _looked_at(made, "approve", record, Asking(as_person, key))
        digits = seen or _ask_hash(held)
        tell_held(register.approve(made.installation, record, who, seen_hash=digits, kind=kind), json=json)


@app.command()
def review(
    record: RecordId,
    seen: HashOption = "",
    changes_requested: Annotated[bool, typer.Option("--changes-requested", help="It is not good as it is.")] = False,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Record that you reviewed a change as a peer, by its content hash. Nobody reviews a change that they take part in."""
    decision = ReviewDecision.CHANGES_REQUESTED if changes_requested else ReviewDecision.APPROVED
    with wired(config) as made:
        held, who = _looked_at(made, "review", record, Asking(as_person, key))
        digits = seen or _ask_hash(held)
        tell_held(register.review(made.installation, record, who, decision, seen_hash=digits), json=json)


@app.command()
def reject(
    record: RecordId,
    reason: Reason,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Reject a record for good: it never allows anything. Your own you cancel."""
    with wired(config) as made:
        _, who = _looked_at(made, "reject", record, Asking(as_person, key))
        tell_held(register.reject(made.installation, record, who, reason), json=json)


@app.command()
def start(
    record: RecordId, as_person: AsOption = None, key: KeyOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Begin the work: the record is approved, or is an emergency that the policy lets begin without."""
    with wired(config) as made:
        _, who = _looked_at(made, "start", record, Asking(as_person, key))
        tell_held(register.start(made.installation, record, who), json=json)


@app.command()
def close(
    record: RecordId,
    outcome: Annotated[ChangeOutcome, typer.Option(help="How it went.")] = ChangeOutcome.SUCCESSFUL,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """End the work: nothing that is changed from now on is covered by the record."""
    with wired(config) as made:
        _, who = _looked_at(made, "close", record, Asking(as_person, key))
        tell_held(register.close(made.installation, record, who, outcome), json=json)


@app.command()
def cancel(
    record: RecordId,
    reason: Reason,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take back a record of yours before the work began."""
    with wired(config) as made:
        _, who = _looked_at(made, "cancel", record, Asking(as_person, key))
        tell_held(register.cancel(made.installation, record, who, reason), json=json)


def _looked_at(made: Wired, action: str, record: str, asking: Asking) -> tuple[Held, Actor]:
    """The record as it is now, and the person who acts on exactly this content."""
    held = register.get(made.installation, record)
    return held, actor(made, asking, Act(action=f"change_{action}", object=record, content_hash=held.content_hash))


def _ask_hash(held: Held) -> str:
    if not sys.stdin.isatty():
        wanted = f"--hash with the content hash that `changes show {held.record.id}` prints"
        raise InputError("a decision names the content that it is about", expected=wanted)
    tell_summary(held)
    return str(typer.prompt("type the first 12 digits of the hash you looked at"))
