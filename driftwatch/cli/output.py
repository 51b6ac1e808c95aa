"""What commands print: tables and bars for people on a terminal, JSON for programs, errors on standard error."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from driftwatch.domain.report import CellJudged, Event, ScanPlanned
from driftwatch.domain.request import Request, RequestState
from driftwatch.domain.resource import Json
from driftwatch.errors import DriftwatchError
from driftwatch.operations import requests
from driftwatch.operations.installation import Installation

STYLES = {
    "clean": "green",
    "authorized": "green",
    "authorized_standard": "green",
    "authorized_machine": "green",
    "excepted": "cyan",
    "ratified": "cyan",
    "active": "green",
    "complete": "green",
    "drifted": "yellow",
    "partial": "yellow",
    "proposed": "yellow",
    "indeterminate": "yellow",
    "emergency_pending_review": "yellow",
    "pending_review": "yellow",
    "requested": "yellow",
    "expired": "magenta",
    "exception_expired": "bold red",
    "flapping": "magenta",
    "partially_authorized": "red",
    "unauthorized": "bold red",
    "unknown": "magenta",
    "stale": "magenta",
    "unbaselined": "cyan",
    "failed": "bold red",
}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""typer carries the click that it is built on inside itself, and offers this class under no public name."""
WIDE = 100_000
"""Columns where the output is no terminal: whoever reads a file or a pipe needs whole ids."""


class ErrorsAsSentences(typer.core.TyperGroup):
    """A command group that tells what could not be done in one message on standard error, with exit code 1.

    Wrong usage ends with 1, too: the shell's usual 2 means uncovered findings here.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _told():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        with _told():
            return super().invoke(ctx)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except DriftwatchError as error:
        _complain(str(error))
        raise typer.Exit(1) from error
    except BrokenPipeError:
        raise  # the reader of a pipe went away; typer ends quietly
    except OSError as error:
        _complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        raise typer.Exit(1) from error
    except _UsageError as error:
        error.exit_code = 1  # type: ignore[attr-defined]  # of typer's own click
        raise


def _complain(text: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text.assemble(("error: ", "bold red"), clean(text)))


def clean(text: object) -> str:
    """Text of others without terminal escapes and direction marks; they become visible as \\uXXXX."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", str(text))


def console() -> Console:
    """Standard output, as wide as the terminal; wide enough for every line where it is none."""
    screen = Console(highlight=False, soft_wrap=False)
    return screen if screen.is_terminal else Console(highlight=False, soft_wrap=False, width=WIDE)


def emit_json(value: Json) -> None:
    """One JSON document, indented; for programs."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def emit_json_line(value: Json) -> None:
    sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """A table; cells that are a known state or verdict get its colour."""
    sheet = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        sheet.add_column(column, overflow="fold")  # an id that is cut off is no use
    for row in rows:
        sheet.add_row(*(Text(clean("" if cell is None else cell), style=STYLES.get(str(cell), "")) for cell in row))
    console().print(sheet)


def say(*lines: str) -> None:
    """Lines for people, without markup."""
    for line in lines:
        console().print(Text(clean(line)), soft_wrap=True)


@contextmanager
def _bar(*, shown: bool) -> Iterator[Progress]:
    """On standard error; nothing where that is no terminal."""
    screen = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not (shown and screen.is_terminal)) as progress:
        yield progress


@contextmanager
def scan_progress(*, shown: bool) -> Iterator[Callable[[Event], None]]:
    """A bar of cells while a scan runs in this process."""
    with _bar(shown=shown) as progress:
        task = progress.add_task("planning", total=None)

        def report(event: Event) -> None:
            if isinstance(event, ScanPlanned):
                progress.update(task, description="reading", total=event.cells)
            elif isinstance(event, CellJudged):
                progress.update(task, advance=1, description=f"{event.cell.account} {event.cell.region} {event.cell.type}")

        yield report


@contextmanager
def count_progress(*, shown: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for long work that tells what it works on, how much is done, and how much there is."""
    with _bar(shown=shown) as progress:
        task = progress.add_task("", total=None)
        yield lambda what, done, whole: progress.update(task, description=what, completed=done, total=whole)


@contextmanager
def request_progress(installation: Installation, *, shown: bool) -> Iterator[Callable[[Request], None]]:
    """A bar of cells while a daemon works on a request."""
    with _bar(shown=shown) as progress:
        task = progress.add_task("waiting for the daemon", total=None)

        def report(request: Request) -> None:
            if request.state is RequestState.RUNNING and not progress.disable and (read := requests.progress(installation)):
                progress.update(task, description=f"the daemon reads ({request.id})", completed=read[0], total=read[1])

        yield report
