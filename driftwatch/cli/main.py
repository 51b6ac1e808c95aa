"""The `driftwatch` command: one file for each noun, mounted here."""

from __future__ import annotations

from typing import Annotated

import typer

from driftwatch import __version__
from driftwatch.cli import baseline, catalog, changes, config, demo, findings, init, scan, serve
from driftwatch.cli.output import ErrorsAsSentences

app = typer.Typer(
    cls=ErrorsAsSentences,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="driftwatch watches cloud configuration, compares it with an approved baseline, and flags every change that no authorised "
    "change record covers. Start with `driftwatch demo`, or with `driftwatch init` on a real account.",
)


def _version(*, value: bool) -> None:
    if value:
        typer.echo(f"driftwatch {__version__}")
        raise typer.Exit


@app.callback()
def _main(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False) -> None:
    """What holds for every command."""


app.command()(demo.demo)
app.command()(init.init)
app.command()(serve.serve)
app.command()(scan.scan)
app.command(name="status")(scan.show_status)
app.add_typer(baseline.app, name="baseline")
app.add_typer(findings.app, name="findings")
app.add_typer(changes.app, name="changes")
app.add_typer(catalog.app, name="catalog")
app.add_typer(config.app, name="config")
