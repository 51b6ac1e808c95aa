"""`driftwatch catalog`: what can be watched, whether the entries fit the SDK, and what becomes of recorded replies."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftwatch.cli.context import ConfigOption, JsonOption
from driftwatch.cli.output import ErrorsAsSentences, emit_json, emit_json_line, say, table
from driftwatch.errors import InputError

if TYPE_CHECKING:
    from driftwatch.aws.catalog import Catalog, Entry
    from driftwatch.aws.typecheck import Problem
    from driftwatch.domain.resource import Json

app = typer.Typer(cls=ErrorsAsSentences, no_args_is_help=True, help="The resource types that driftwatch can read.")

FilesArgument = Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Catalogue files (default: driftwatch's own).")]
PathsArgument = Annotated[list[Path], typer.Argument(metavar="PATH", help="Recorded replies: files, or directories of a collection.")]


@app.command(name="list")
def list_(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the resource types, with the service, the scope and the API calls of each."""
    rows = [_row(entry) for entry in _catalog(config).values()]
    if json:
        emit_json(rows)
        return
    cells = [(row["type"], row["service"], row["scope"], ", ".join(row["calls"])) for row in rows]
    table(("type", "service", "scope", "calls"), cells, title=f"{len(rows)} resource types")


def _row(entry: Entry) -> Json:
    return {"type": entry.type, "service": entry.service, "scope": entry.scope, "calls": list(entry.operations)}


@app.command()
def check(files: FilesArgument = None, json: JsonOption = False) -> None:
    """Check the entries against the SDK's models. Exit code 1 when one does not fit."""
    from driftwatch.aws import typecheck

    try:
        catalog, types = _to_check(files or [])
    except InputError as error:
        if json:
            emit_json([{"type": None, "file": None, "line": None, "level": "error", "message": str(error)}])
            raise typer.Exit(1) from error
        raise
    problems = typecheck.check(catalog, types=types)
    errors = sum(problem.level is typecheck.Level.ERROR for problem in problems)
    if json:
        emit_json([_problem(problem) for problem in problems])
    else:
        say(*(str(problem) for problem in problems))
        say(f"{len(types)} entries, {errors} problems, {len(problems) - errors} warnings")
    if errors:
        raise typer.Exit(1)


def _problem(problem: Problem) -> Json:
    return {"type": problem.type, "file": problem.file, "line": problem.line, "level": str(problem.level), "message": problem.message}


def _to_check(files: list[Path]) -> tuple[Catalog, list[str]]:
    """The catalogue, and which of its types to check. Parents that the files lack are looked up in the package."""
    from driftwatch.aws.catalog import load, read_files, together

    if not files:
        catalog = load()
        return catalog, list(catalog)
    catalog = read_files(files)
    lacks = any(entry.parent and catalog.find(entry.parent.type) is None for entry in catalog.values())
    return (together(catalog, load()) if lacks else catalog), list(catalog)


@app.command()
def replay(paths: PathsArgument, json: JsonOption = False) -> None:
    """Show what driftwatch makes of recorded replies. Exit code 1 when a path could not be replayed; the others still are."""
    from driftwatch.aws.catalog import load
    from driftwatch.aws.replay import PUBLIC_TEST_KEY
    from driftwatch.aws.replay import replay as replayed

    failed = False
    for line in replayed(paths, load(), PUBLIC_TEST_KEY):
        failed = failed or "error" in line
        if json:
            emit_json_line(line)
        else:
            _show(line)
    if failed:
        raise typer.Exit(1)


@app.command(name="iam-policy")
def iam_policy(
    types: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Only for these types; may be repeated.")] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="json, terraform or cloudformation.")] = "json",
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write files into this folder instead of to standard output.")] = None,
    config: ConfigOption = None,
) -> None:
    """Print the IAM policy that reading the types takes: what driftwatch calls, and nothing else.

    It reads configuration only, no data. Where it exceeds the size of one managed policy, there are several: attach all of them.
    """
    from driftwatch.aws import iam_policy as policies
    from driftwatch.aws.sdk import Sdk

    if form not in policies.FORMATS:
        raise InputError(f"there is no format {form}", expected=f"one of {', '.join(policies.FORMATS)}")
    catalog = _catalog(config)
    chosen = [entry for entry in catalog.values() if any(fnmatchcase(entry.type, glob) for glob in types or ["*"])]
    if not chosen:
        raise InputError(f"no resource type matches {', '.join(types or [])}", expected="one that `driftwatch catalog list` names")
    made = policies.documents(policies.granted(_with_parents(chosen, catalog), Sdk()))
    files = policies.files(made, form)
    if out is None:
        typer.echo("".join(files.values()) if len(files) == 1 else dumps(made, indent=2))
    else:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text)
            say(str(out / name))
    if len(made) > policies.MAX_POLICIES:
        most = f"more than the {policies.MAX_POLICIES} that a role takes unless its quota was raised"
        typer.echo(f"{len(made)} managed policies: {most}; --types narrows them down", err=True)


def _with_parents(entries: list[Entry], catalog: Catalog) -> list[Entry]:
    """What is read under a resource takes the listing of that resource, too."""
    found = {entry.type: entry for entry in entries}
    for entry in entries:
        above = entry.parent
        while above and above.type not in found:
            found[above.type] = catalog[above.type]
            above = catalog[above.type].parent
    return list(found.values())


def _catalog(config: Path | None) -> Catalog:
    """The catalogue: with the further entries of a configuration, where one is named."""
    from driftwatch.aws import extra
    from driftwatch.config import load as load_config

    return extra.checked(load_config(config, os.environ).catalog.extra_dirs if config else ())[0]


@app.command()
def new(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="The CloudFormation name, else Driftwatch::<Service>::<Name>.")],
    service: Annotated[str | None, typer.Option(help="The client name of botocore, where the type's name does not tell it.")] = None,
    list_op: Annotated[str | None, typer.Option("--list", metavar="OPERATION", help="The operation that lists the resources.")] = None,
    items: Annotated[str | None, typer.Option(metavar="JMESPATH", help="The list of them in its reply.")] = None,
    detail: Annotated[list[str] | None, typer.Option(metavar="OPERATION", help="A further call per resource; may be repeated.")] = None,
) -> None:
    """Draft an entry from the SDK's models: calls, names, paging, and proposals for every rule, each with its reason.

    The draft goes to standard output. `reviewed` is empty: `catalog check` refuses the entry until every member was looked at.
    """
    from driftwatch.aws.catalog import load
    from driftwatch.aws.drafting import Hints, draft
    from driftwatch.aws.sdk import Sdk

    known = load().find(type_)
    if known:
        raise InputError(f"the catalogue has {known.type} already, in {load().place(known.type)}")
    typer.echo(draft(type_, Sdk(), Hints(service=service, list=list_op, items=items, details=detail)), nl=False)


def _show(line: Json) -> None:
    """One replayed path for people."""
    say(str(line["path"]))
    if "error" in line:
        say(f"  {line['error']}")
    if "resources" in line:
        rows = [(found["type"], found["id"], found["arn"], found["fingerprint"][:12]) for found in line["resources"]]
        table(("type", "id", "arn", "fingerprint"), rows)
        say(*(f"  gap: {gap['type']} {gap['resource_id'] or ''}: {gap['reason']}: {gap['detail']}" for gap in line["gaps"]))
    for reader in line.get("readers", ()):
        ids = ", ".join(str(found["id"]) for found in reader["documents"] if found["id"])
        role = f"{reader['role']} into {reader['into']}" if reader["into"] else reader["role"]
        say(
            f"  {reader['type']} ({role}): {len(reader['documents'])} documents {ids}",
            *([f"    {reader['error']}"] if "error" in reader else []),
        )
