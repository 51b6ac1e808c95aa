"""The `driftwatch` command: one file for each noun, mounted here."""

from __future__ import annotations

from typing import Annotated

import typer

from driftwatch import __version__
from driftwatch.cli import (
    activity,
    baseline,
    catalog,
    changes,
    config,
    demo,
    findings,
    init,
    ledger,
    notify,
    policy,
    scan,
    serve,
    status,
    tokens,
)
from driftwatch.cli.output import ErrorsAsSentences

app = typer.Typer(
    cls=ErrorsAsSentences,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="driftwatch watches cloud configuration, compares it with an approved baseline, and flags every change that no authorised "
    "change record covers. It only reads.",
    epilog="See it work: `driftwatch demo`. On a real account: `driftwatch init`, `driftwatch scan`, `driftwatch baseline capture "
    "production --propose`, then somebody else's `driftwatch baseline approve production`, then `driftwatch serve`. Exit codes of scan "
    "and status: 0 all covered, 2 uncovered findings, 3 not everything could be read, 1 driftwatch failed.",
)


def _version(*, value: bool) -> None:
    if value:
        typer.echo(f"driftwatch {__version__}")
        raise typer.Exit


@app.callback()
def _main(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False) -> None:
    """What holds for every command."""


BEGIN, WATCH, APPROVE, LOOK_UP = "Begin", "Watch", "Approve", "Look up"

app.command(rich_help_panel=BEGIN)(demo.demo)
app.command(rich_help_panel=BEGIN)(init.init)
app.add_typer(config.app, name="config", rich_help_panel=BEGIN)
app.command(rich_help_panel=WATCH)(scan.scan)
app.command(name="status", rich_help_panel=WATCH)(status.status)
app.command(rich_help_panel=WATCH)(serve.serve)
app.add_typer(activity.app, name="activity", rich_help_panel=WATCH)
app.add_typer(tokens.app, name="token", rich_help_panel=BEGIN)
app.add_typer(notify.app, name="notify", rich_help_panel=WATCH)
app.add_typer(findings.app, name="findings", rich_help_panel=WATCH)
app.add_typer(baseline.app, name="baseline", rich_help_panel=APPROVE)
app.add_typer(changes.app, name="changes", rich_help_panel=APPROVE)
app.add_typer(policy.app, name="policy", rich_help_panel=APPROVE)
app.add_typer(ledger.app, name="ledger", rich_help_panel=LOOK_UP)
app.add_typer(catalog.app, name="catalog", rich_help_panel=LOOK_UP)
