"""`driftwatch policy`: show, check, test, replay, tutorial."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from driftwatch import config as configs
from driftwatch.cli.context import ConfigOption, JsonOption, wired
from driftwatch.cli.instants import since_option
from driftwatch.cli.output import ErrorsAsSentences, clean, console, emit_json, emit_json_line, say, table
from driftwatch.documents import cases as case_files
from driftwatch.documents import people as people_files
from driftwatch.documents import policies, tutorials
from driftwatch.documents.loosening import expired_deviations
from driftwatch.documents.origins import Origin, Traced
from driftwatch.documents.people import People
from driftwatch.documents.reader import read_file
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError
from driftwatch.operations import policy_check, policy_replay, policy_tests, policy_views
from driftwatch.operations.policy_remarks import Level, Remark
from driftwatch.operations.policy_tests import CaseResult
from driftwatch.wiring import DEFAULT_CONFIG

app = typer.Typer(cls=ErrorsAsSentences, no_args_is_help=True, help="The policy: what it says, whether it makes sense, and tests of it.")

PolicyOption = Annotated[
    Path | None, typer.Option("--policy", "-p", metavar="FILE", help="A policy file (default: the one that the configuration names).")
]


@app.command()
def show(policy: PolicyOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show the effective policy, and where each value comes from: the preset, a line of the file, or the people file.

    Needs no store: it shows what the files say, which is in force from the next scan on (`driftwatch status` names the version).
    """
    traced, today = _traced(policy, config), datetime.now(UTC).date()
    if json:
        emit_json(policy_views.shown(traced, today))
        return
    expired = expired_deviations(traced.policy, today)
    say(f"extends {traced.policy.extends}, version {traced.policy.version}")
    rows = [(".".join(item.key), _short(item.value), _told(item, traced.policy)) for item in traced.origins()]
    table(("key", "value", "from"), rows)
    for item in traced.policy.deviations:
        over = " (over: nobody excuses it any more)" if item in expired else ""
        say(f"loosened: {item.rule}, approved by {item.approved_by} until {item.until}{over}: {item.reason}")


@app.command()
def check(policy: PolicyOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Look for contradictions, rules that can never fire, expired deviations and templates, and people that do not resolve.

    Exit code 1 when there is an error: the policy cannot mean what it says. Warnings alone end with 0.
    """
    try:
        remarks = policy_check.check(_traced(policy, config), datetime.now(UTC))
    except InputError as error:
        if json:
            emit_json([{"level": "error", "place": str(error.place) if error.place else None, "word": "unreadable", "text": str(error)}])
            raise typer.Exit(1) from error
        raise
    errors = sum(remark.level is Level.ERROR for remark in remarks)
    if json:
        emit_json([_remark(remark) for remark in remarks])
    else:
        say(*(f"{remark.place}: {remark.level.value}: {remark.text}" for remark in remarks))
        say(f"{errors} {_plural('error', errors)}, {len(remarks) - errors} {_plural('warning', len(remarks) - errors)}")
    raise typer.Exit(1 if errors else 0)


@app.command(name="test")
def run_cases(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Case files.")],
    policy: PolicyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Run decision cases: each states what happened and what the policy must make of it. Exit code 1 when one fails.

    A case names a preset, or is judged under --policy FILE, else under the policy of the configuration. Start from
    `driftwatch policy tutorial scaleup > cases.yaml`; docs/policies.md has the format.
    """
    given = _given(policy, config)
    parsed = [case for file in files for case in case_files.parse(read_file(file, case_files.CASE_LIMITS.size), str(file), given)]
    results = policy_tests.run(parsed)
    failed = [result for result in results if not result.passed]
    if json:
        summary = {"cases": len(results), "passed": len(results) - len(failed), "failed": len(failed)}
        emit_json({"cases": [policy_tests.document(result) for result in results], "summary": summary})
    else:
        for result in results:
            _print_result(result)
        say("", f"{len(results)} cases, {len(results) - len(failed)} passed, {len(failed)} failed")
    raise typer.Exit(1 if failed else 0)


@app.command()
def tutorial(preset: Annotated[str, typer.Argument(metavar="PRESET", help="startup, scaleup or enterprise.")]) -> None:
    """Print a commented case file that teaches the format and the rules of a preset: the start of your own.

    Write it with `driftwatch policy tutorial scaleup > cases.yaml`, run it with `driftwatch policy test cases.yaml`, then change it.
    """
    typer.echo(tutorials.text(preset), nl=False)


@app.command()
def replay(
    policy: Annotated[Path, typer.Option("--policy", "-p", metavar="FILE", help="The policy file to try.")],
    since: Annotated[
        str, typer.Option(help="Drifts detected from then on: a number and h, d or w, a day, or a time with its zone.")
    ] = "30d",
    every: Annotated[bool, typer.Option("--all", help="Drifts that would come to the same, too.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Judge stored drifts under another policy and show what would change, before it is put in force. Nothing is written.

    Each drift is judged at the instant of its last decision, with today's records and exceptions, under the policy that was in force
    when it was detected and under the other: only the policy makes a difference. With --json, one line for each drift.
    """
    start = since_option(since, datetime.now(UTC))
    with wired(config) as made:
        new = policies.with_people(policies.load(policy), made.installation.people)
        judged = changed = 0
        rows: list[tuple[object, ...]] = []
        for replayed in policy_replay.replay(made.installation, new, start):
            judged += 1
            changed += replayed.changed
            if not (every or replayed.changed):
                continue
            if json:
                emit_json_line(policy_replay.document(replayed))
            else:
                finding, rules = replayed.finding, ", ".join(replayed.rules)
                rows.append((finding.id, finding.resource_id, replayed.old.verdict.value, replayed.new.verdict.value, rules))
    if not json:
        if rows:
            table(("finding", "resource", "now", "then", "rules that differ"), rows)
        say(f"{judged} drifts since {start:%Y-%m-%d %H:%M} UTC were judged again: {changed} would come to something else")


def _traced(policy: Path | None, config: Path | None) -> Traced:
    path, people = _files(policy, config)
    return Traced(path, people)


def _files(policy: Path | None, config: Path | None) -> tuple[Path, People]:
    """The policy file and the people: of the configuration, where there is one; --policy alone needs none."""
    chosen = config or DEFAULT_CONFIG
    if policy is not None and config is None and not chosen.exists():
        return policy, People()
    if not chosen.exists():
        raise InputError(f"there is no configuration {chosen}", expected="--policy FILE, or --config FILE with a policy")
    settings = configs.load(chosen, os.environ)
    people = people_files.load(settings.people) if settings.people else People()
    return policy or settings.policy, people


def _given(policy: Path | None, config: Path | None) -> Policy | None:
    """The policy for cases that name no preset; None where neither a policy nor a configuration is at hand."""
    if policy is None and not (config or DEFAULT_CONFIG).exists():
        return None
    path, people = _files(policy, config)
    return policies.with_people(policies.load(path), people)


def _print_result(result: CaseResult) -> None:
    style, word = ("green", "pass") if result.passed else ("bold red", "FAIL")
    screen = console()
    screen.print(Text.assemble((word, style), "  ", clean(result.case.id), "  ", clean(result.case.title)), soft_wrap=True)
    if result.passed:
        return
    for mismatch in result.mismatches:
        expected, found = policy_tests.shown(mismatch.claim.value), policy_tests.shown(mismatch.found)
        say(f"      {mismatch.claim.place}: {mismatch.claim}: expected {expected}, found {found}")
    if result.case.reason:
        say(f"      the case says: {result.case.reason}")
    say("      how it was judged:", *(f"        {line}" for line in result.explanation))


def _remark(remark: Remark) -> Json:
    return {"level": remark.level.value, "place": str(remark.place), "word": remark.word, "text": remark.text}


def _told(item: Origin, policy: Policy) -> str:
    if item.source == "preset":
        return f"preset {policy.extends}"
    if item.place is None:
        return item.source
    return str(item.place) if item.source == "file" else f"{item.source} ({item.place})"


def _short(value: Json) -> str:
    text = policy_tests.shown(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"
