"""What commands print: tables and bars for people on a terminal, JSON for programs, errors on standard error."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from driftwatch.domain.report import CellJudged, Event, ScanPlanned
from driftwatch.domain.resource import Json
from driftwatch.errors import DriftwatchError

STYLES = {
    "clean": "green",
    "authorized": "green",
    "authorized_machine": "green",
    "active": "green",
    "complete": "green",
    "drifted": "yellow",
    "partial": "yellow",
    "proposed": "yellow",
    "indeterminate": "yellow",
    "partially_authorized": "red",
    "unauthorized": "bold red",
    "unknown": "magenta",
    "stale": "magenta",
    "unbaselined": "cyan",
    "failed": "bold red",
}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


class ErrorsAsSentences(typer.core.TyperGroup):
    """A command group that turns a DriftwatchError into one message on standard error and exit code 1."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except DriftwatchError as error:
            Console(stderr=True, highlight=False, soft_wrap=True).print(Text.assemble(("error: ", "bold red"), clean(str(error))))
            raise typer.Exit(1) from error


def clean(text: object) -> str:
    """Text of others without terminal escapes and direction marks; they become visible as \\uXXXX."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", str(text))


def console() -> Console:
    return Console(highlight=False, soft_wrap=False)


def emit_json(value: Json) -> None:
    """One JSON document, indented; for programs."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def emit_json_line(value: Json) -> None:
    sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """A table; cells that are a known state or verdict get its colour."""
    sheet = Table(*columns, title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for row in rows:
        sheet.add_row(*(Text(clean("" if cell is None else cell), style=STYLES.get(str(cell), "")) for cell in row))
    console().print(sheet)


def say(*lines: str) -> None:
    """Lines for people, without markup."""
    for line in lines:
        console().print(Text(clean(line)), soft_wrap=True)


@contextmanager
def scan_progress(*, shown: bool) -> Iterator[Callable[[Event], None]]:
    """A bar of cells on standard error while a scan runs; nothing where that is no terminal."""
    screen = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not (shown and screen.is_terminal)) as progress:
        task = progress.add_task("planning", total=None)

        def report(event: Event) -> None:
            if isinstance(event, ScanPlanned):
                progress.update(task, description="reading", total=event.cells)
            elif isinstance(event, CellJudged):
                progress.update(task, advance=1, description=f"{event.cell.account} {event.cell.region} {event.cell.type}")

        yield report
