"""What every command has in common: it teaches, it fails in sentences, and its exit codes mean one thing."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from driftwatch.cli.main import app
from driftwatch.cli.output import clean, table

RUNNER = CliRunner()
NEEDS_CONFIG = [
    ("scan",),
    ("status",),
    ("serve",),
    ("config", "check"),
    ("token", "new", "--label", "x"),
    ("token", "list"),
    ("token", "revoke", "x"),
    ("findings", "list"),
    ("findings", "show", "x"),
    ("findings", "why", "x"),
    ("changes", "list"),
    ("changes", "show", "x"),
    ("changes", "new", "--title", "t", "--resource", "x"),
    ("changes", "amend", "x", "--title", "t"),
    ("changes", "request", "x"),
    ("changes", "approve", "x"),
    ("changes", "review", "x"),
    ("changes", "reject", "x", "--reason", "y"),
    ("changes", "start", "x"),
    ("changes", "close", "x"),
    ("changes", "cancel", "x", "--reason", "y"),
    ("baseline", "capture", "x"),
    ("baseline", "propose", "x"),
    ("baseline", "approve", "x"),
    ("baseline", "reject", "x", "--reason", "y"),
    ("baseline", "refresh", "x"),
    ("baseline", "diff", "x"),
    ("baseline", "show", "x"),
    ("baseline", "history", "x"),
    ("baseline", "export", "x"),
    ("baseline", "import", "x"),
    ("baseline", "sign", "x", "--key", "k", "--principal", "p"),
]


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


ALL = list(commands(typer.main.get_command(app)))


def run(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_and_every_option_has_help(path: tuple[str, ...], command: Any) -> None:
    assert command.help
    assert [parameter.name for parameter in command.params if not getattr(parameter, "help", None)] == []
    shown = run(*path, "--help")
    assert shown.exit_code == 0
    assert command.help.split("\n")[0].split()[0] in shown.output


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=" ".join)
def test_wrong_usage_ends_with_1_for_2_means_uncovered_findings(path: tuple[str, ...]) -> None:
    done = run(*path, "--no-such-option")
    assert done.exit_code == 1
    assert "no-such-option" in done.output


@pytest.mark.parametrize(
    "arguments", [(), ("nonsense",), ("baseline",), ("baseline", "nonsense"), ("baseline", "show"), ("findings", "list", "--state", "odd")]
)
def test_what_is_missing_or_unknown_ends_with_1(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 1


@pytest.mark.parametrize("arguments", NEEDS_CONFIG, ids=" ".join)
def test_without_a_configuration_every_command_says_so_in_one_sentence(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*arguments, "--config", tmp_path / "none.yaml")
    assert done.exit_code == 1
    assert "none.yaml:1:1: there is no such configuration" in done.stderr
    assert "driftwatch init" in done.stderr
    assert done.stdout == ""
    assert isinstance(done.exception, SystemExit), "no traceback"


def test_a_broken_configuration_is_told_with_file_line_and_every_problem_at_once(tmp_path: Path) -> None:
    file = tmp_path / "driftwatch.yaml"
    file.write_text("accounts:\n  - id: 123456789012\nbaselines: [{name: production}]\nnonsense: 1\n")
    done = run("config", "check", "--config", file)
    assert done.exit_code == 1
    assert "driftwatch.yaml:2:" in done.stderr
    assert "driftwatch.yaml:4:" in done.stderr


def test_what_the_system_refuses_is_a_sentence_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("status", "--config", tmp_path / "file" / "driftwatch.yaml")
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    done = run("catalog", "check", tmp_path)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)


def test_beyond_loopback_a_listener_without_token_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "driftwatch.yaml"
    file.write_text('accounts: [{id: "123456789012"}]\nbaselines: [{name: production}]\noperations: {listen: "0.0.0.0:9464"}\n')
    done = run("serve", "--config", file)
    assert done.exit_code == 1
    assert "driftwatch.yaml:3:" in done.stderr
    assert "token_file" in done.stderr


def test_the_module_runs_as_a_program_and_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m driftwatch catalog list --json | head -c 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    assert done.stdout == "["
    assert "Traceback" not in done.stderr


def test_into_a_file_or_pipe_nothing_is_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    arn = "arn:aws:ec2:eu-west-1:111111111111:security-group/" + "x" * 400
    table(("resource", "what"), [(arn, "y" * 300)])
    (_, line) = capsys.readouterr().out.splitlines()
    assert arn in line
    assert "y" * 300 in line


def test_text_of_others_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a\x1b[2J\u202eb\r\u2028[bold]c[/bold]\x9bd"
    table(("name",), [(hostile,)])
    shown = capsys.readouterr().out
    assert not set(shown) & set("\x1b\u202e\r\u2028\x9b")
    assert "[bold]c[/bold]" in shown
    assert clean("\u200b") == "\\u200b"
    stream = io.StringIO()
    stream.write(clean(hostile).encode("utf-8", "strict").decode())
