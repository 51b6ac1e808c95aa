"""`driftwatch activity`: the logged calls, who made them and what they named."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from json import dumps
from pathlib import Path
from typing import Annotated, Final

import typer

from driftwatch.cli import activity_log
from driftwatch.cli.context import JsonOption
from driftwatch.cli.output import ErrorsAsSentences, clean, table
from driftwatch.domain.activity import Activity, Refused
from driftwatch.domain.canonical import utc_text
from driftwatch.errors import InputError
from driftwatch.operations import describe

app = typer.Typer(cls=ErrorsAsSentences, no_args_is_help=True, help="The logged calls: who made them, and what they named.")

app.command(name="list")(activity_log.list_)
app.command(name="population")(activity_log.population_)

_LOG_FILES: Final = (".json", ".json.gz", ".jsonl")

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A log file (.json, .json.gz), an event, a list or lines of them, or a folder of log files.")
]


@app.command()
def parse(file: FileArgument, json: JsonOption = False) -> None:
    """Show what CloudTrail records say, in their order. What cannot be read is told on standard error; exit code 1 if nothing could be."""
    found, refused = 0, 0
    rows: list[tuple[object, ...]] = []
    for item in _read(file):
        if isinstance(item, Refused):
            refused += 1
            typer.echo(clean(f"refused: {item.where}: {item.reason.value}" + (f": {item.detail}" if item.detail else "")), err=True)
            continue
        found += 1
        if json:
            sys.stdout.write(dumps(describe.activity_document(item)) + "\n")  # not orjson: a text from a log may hold half a character
        else:
            rows.append(_row(item))
    if rows:
        table(("time", "call", "outcome", "class", "who", "channel", "resources"), rows)
    if refused and not found:
        raise typer.Exit(1)


def _read(file: Path) -> Iterator[Activity | Refused]:
    from driftwatch.aws.cloudtrail.parsing import parse as parsing
    from driftwatch.aws.cloudtrail.parsing import records

    for path in _files(file):
        number = 0
        for record in records.read(path.read_bytes(), str(path)):
            if isinstance(record, Refused):
                yield record
            else:
                number += 1
                yield parsing.activity(record, where=f"{path}, record {number}")


def _files(file: Path) -> list[Path]:
    if not file.is_dir():
        return [file]
    found = sorted(path for path in file.rglob("*") if path.name.endswith(_LOG_FILES) and path.is_file())
    if not found:
        raise InputError(f"no log file in {file}", expected="names that end in " + ", ".join(_LOG_FILES))
    return found


def _row(activity: Activity) -> tuple[object, ...]:
    actor = activity.actor
    who = f"{actor.principal} for {actor.on_behalf_of}" if actor.on_behalf_of else actor.principal
    outcome = f"failed ({activity.error})" if activity.failed else "ok"
    first = [f"{one.type} {one.ids[0]}" for one in activity.resources[:3]]
    more = [f"(+{len(activity.resources) - 3})"] if len(activity.resources) > 3 else []
    call = f"{activity.event_source.removesuffix('.amazonaws.com')} {activity.event_name}"
    return (utc_text(activity.time), call, outcome, activity.call.value, who, actor.channel.value, "\n".join([*first, *more]))
