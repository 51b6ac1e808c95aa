"""`driftwatch changes`: the change records that driftwatch knows, and those it refused."""

from __future__ import annotations

from typing import Annotated

import typer

from driftwatch.cli.context import ConfigOption, JsonOption, wired
from driftwatch.cli.output import ErrorsAsSentences, emit_json, say, table
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.change import ChangeRecord
from driftwatch.domain.codec import encode
from driftwatch.domain.resource import Json
from driftwatch.operations import changes

app = typer.Typer(cls=ErrorsAsSentences, no_args_is_help=True, help="Permission to change: records from every source.")


@app.command(name="list")
def list_(
    sync: Annotated[bool, typer.Option("--sync", help="Read the sources again first.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the accepted records, newest first, and those that were set aside with the reason."""
    with wired(config) as made:
        if sync:
            changes.sync(made.installation)
        known, sources = changes.records(made.installation), changes.sources(made.installation)
    if json:
        emit_json(
            {
                "records": [_document(record) for record in known],
                "sources": [
                    {
                        "name": item.name,
                        "last_success": utc_text(item.last_success_at) if item.last_success_at else None,
                        "error": item.error,
                        "set_aside": [{"place": entry.place, "id": entry.id, "problem": entry.problem} for entry in item.set_aside],
                    }
                    for item in sources
                ],
            }
        )
        return
    rows = [
        (item.id, item.source, item.type.value, item.state.value, item.requester, utc_text(item.created_at), item.title) for item in known
    ]
    table(("record", "source", "type", "state", "requester", "created", "title"), rows)
    aside = [(entry.place, entry.id, entry.problem) for item in sources for entry in item.set_aside]
    if aside:
        table(("place", "record", "problem"), aside, title="\nset aside")
    for item in sources:
        if item.error:
            say(f"source {item.name} failed: {item.error}")


@app.command()
def show(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="The record's id.")], config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Show one record as driftwatch understood it."""
    with wired(config) as made:
        document = _document(changes.record(made.installation, record))
    if json:
        emit_json(document)
        return
    for name, value in document.items():
        if value not in (None, [], {}, ""):
            say(f"{name}: {value}")


def _document(record: ChangeRecord) -> Json:
    return encode(record)
