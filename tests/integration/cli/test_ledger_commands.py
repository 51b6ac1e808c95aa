"""`driftwatch ledger`: what an auditor and an operator do with it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from driftwatch import wiring
from driftwatch.cli.main import app
from driftwatch.documents.ledger_lines import read_checkpoints
from tests.integration.aws.aws_server import ACCOUNT

RUNNER = CliRunner()
SCRIPT = Path(__file__).parents[3] / "docs" / "verify_ledger.py"
CONFIG = """
state_dir: state
accounts: [{{id: "{account}", regions: [eu-west-1]}}]
baselines: [{{name: production}}]
ledger: {{export: [kept/checkpoints.jsonl, log]}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "driftwatch.yaml"
    file.write_text(CONFIG.format(account=ACCOUNT))
    (tmp_path / "policy.yaml").write_text("extends: startup\n")
    return file


def run(config: Path, *arguments: str | Path, code: int = 0) -> Result:
    done = RUNNER.invoke(app, ["ledger", *map(str, arguments), "--config", str(config)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output + done.stderr
    return done


def shown(config: Path, *arguments: str | Path, code: int = 0) -> Any:
    return json.loads(run(config, *arguments, "--json", code=code).stdout)


def write(config: Path, count: int) -> None:
    made = wiring.load(config, {})
    with made.installation.store.write() as uow:
        for number in range(count):
            uow.ledger.append(datetime(2026, 3, 10, 9, number, tzinfo=UTC), "test", {"n": number})
    made.close()


def tamper(config: Path, *statements: str) -> None:
    with sqlite3.connect(config.parent / "state" / "driftwatch.db") as store:
        for table in ("ledger", "ledger_checkpoints"):
            for what in ("update", "delete", "replace"):
                store.execute(f"DROP TRIGGER IF EXISTS {table}_no_{what}")
        for statement in statements:
            store.execute(statement)
    store.close()


def test_an_empty_ledger_says_so(config: Path) -> None:
    assert shown(config, "head") == {"head": None, "checkpoint": None}
    assert "no entry yet" in run(config, "head").stdout
    assert shown(config, "verify")["ok"] is True
    assert run(config, "export").stdout == ""


def test_a_checkpoint_goes_to_the_store_the_file_and_the_log(config: Path) -> None:
    write(config, 3)
    done = run(config, "checkpoint")
    assert "checkpoint 1 of" in done.stdout
    assert "sent to file" in done.stdout
    assert json.loads(done.stderr)["event"] == "ledger_checkpoint"
    made = shown(config, "checkpoint")
    assert (made["number"], made["seq"]) == (2, 3)
    head = shown(config, "head")
    assert head["checkpoint"] == made
    assert head["head"]["hash"] == made["head"]
    assert made["head"] in run(config, "head").stdout
    kept = list(read_checkpoints(config.parent / "kept" / "checkpoints.jsonl"))
    assert [item.number for item in kept] == [1, 2]
    assert (config.parent / "state" / "ledger_ed25519").stat().st_mode & 0o777 == 0o600


def test_a_second_place_that_cannot_be_written_is_an_error_and_gets_it_the_next_time(config: Path) -> None:
    write(config, 1)
    (config.parent / "kept").write_text("in the way")
    done = run(config, "checkpoint", code=1)
    assert "checkpoints.jsonl: Not a directory" in done.stderr
    assert "sent to log" in done.stdout
    (config.parent / "kept").unlink()
    run(config, "checkpoint")
    assert len(list(read_checkpoints(config.parent / "kept" / "checkpoints.jsonl"))) == 2


def test_a_ledger_as_it_was_written_verifies_and_says_how_far_it_is_confirmed(config: Path) -> None:
    write(config, 3)
    run(config, "checkpoint")
    write(config, 2)
    kept = config.parent / "kept" / "checkpoints.jsonl"
    document = shown(config, "verify", "--against", kept)
    assert document == {
        "ok": True,
        "entries": 5,
        "head": shown(config, "head")["head"]["hash"],
        "confirmed": 3,
        "checkpoints": 1,
        "exported": 1,
        "faults": [],
    }
    assert "VERIFIED: 5 entries hold, 3 of them confirmed" in run(config, "verify", "--against", kept).stdout
    assert "--against FILE" in run(config, "verify").stdout, "without exported checkpoints, it says what that is worth"


@pytest.mark.parametrize(
    ("statement", "seq", "kind"),
    [
        ("UPDATE ledger SET type = 'other' WHERE seq = 2", 2, "columns"),
        ("UPDATE ledger SET hashed = x'7b7d' WHERE seq = 3", 3, "edited"),
        ("DELETE FROM ledger WHERE seq = 2", 2, "gap"),
        ("DELETE FROM ledger WHERE seq > 3", 4, "cut"),
    ],
)
def test_the_first_bad_entry_is_named_with_exit_code_1(config: Path, statement: str, seq: int, kind: str) -> None:
    write(config, 4)
    run(config, "checkpoint")
    tamper(config, statement)
    document = shown(config, "verify", code=1)
    assert document["ok"] is False
    assert (document["faults"][0]["seq"], document["faults"][0]["kind"]) == (seq, kind)
    done = run(config, "verify", code=1)
    assert "NOT VERIFIED" in done.stdout
    assert document["faults"][0]["why"] in done.stdout


def test_a_store_that_was_put_back_shows_against_the_kept_file_and_is_not_signed_on(config: Path) -> None:
    write(config, 2)
    run(config, "checkpoint")
    write(config, 2)
    run(config, "checkpoint")
    tamper(config, "DELETE FROM ledger WHERE seq > 2", "DELETE FROM ledger_checkpoints WHERE number > 1")
    kept = config.parent / "kept" / "checkpoints.jsonl"
    run(config, "verify")
    assert [fault["kind"] for fault in shown(config, "verify", "--against", kept, code=1)["faults"]] == ["cut", "lost"]
    assert "put back" in run(config, "checkpoint", code=1).stderr


def test_an_export_is_verified_by_the_script_without_driftwatch(config: Path, tmp_path: Path) -> None:
    write(config, 3)
    run(config, "checkpoint")
    write(config, 3)
    run(config, "checkpoint")
    file, part = tmp_path / "ledger.jsonl", tmp_path / "part.jsonl"
    assert shown(config, "export", "--to", file) == {"file": str(file), "first": 1, "last": 6, "checkpoints": 2, "fault": None}
    assert run(config, "export").stdout.encode() == file.read_bytes()
    run(config, "export", "--from", 5, "--until", "5", "--to", part)
    kept, key = config.parent / "kept" / "checkpoints.jsonl", config.parent / "state" / "ledger_ed25519.pub"
    for exported, said in ((file, "entries 1 to 6 hold"), (part, "entries 4 to 6 hold")):
        command = [sys.executable, "-I", str(SCRIPT), str(exported), "--key", str(key), "--against", str(kept)]
        assert said in subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    assert shown(config, "verify", "--against", file)["exported"] == 2, "a whole export will do, too"
    refused = run(config, "export", "--to", file, code=1)
    assert "exists already" in refused.stderr
    assert "no entry lies" in run(config, "export", "--after", "5", "--until", "5", code=1).stderr


def test_a_tampered_ledger_is_exported_as_it_is_with_exit_code_1(config: Path, tmp_path: Path) -> None:
    write(config, 3)
    tamper(config, "UPDATE ledger SET type = 'other' WHERE seq = 2")
    done = run(config, "export", "--to", tmp_path / "out.jsonl", code=1)
    assert "does not verify: entry 2" in done.stderr
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 3
    tamper(config, "UPDATE ledger SET hashed = x'ff' WHERE seq = 2")
    assert "cannot be exported" in run(config, "export", "--to", tmp_path / "none.jsonl", code=1).stderr
    assert not (tmp_path / "none.jsonl").exists()
    assert sorted(path.name for path in tmp_path.glob("*.jsonl*")) == ["out.jsonl"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "kept" / "checkpoints.jsonl").unlink(), "no such file"),
        (lambda folder: (folder / "kept" / "checkpoints.jsonl").write_text("odd\n"), "checkpoints.jsonl:1:1: a line that is no JSON"),
        (lambda folder: (folder / "state" / "ledger_ed25519").chmod(0o644), "mode 0644"),
    ],
)
def test_what_cannot_be_verified_against_is_told(config: Path, spoil: Callable[[Path], object], said: str) -> None:
    run(config, "checkpoint")
    spoil(config.parent)
    assert said in run(config, "verify", "--against", config.parent / "kept" / "checkpoints.jsonl", code=1).stderr


def test_a_key_that_vanished_is_not_replaced(config: Path) -> None:
    run(config, "checkpoint")
    for name in ("ledger_ed25519", "ledger_ed25519.pub"):
        (config.parent / "state" / name).unlink()
    assert "signing key is missing" in run(config, "checkpoint", code=1).stderr
    assert shown(config, "verify", code=1)["faults"][0]["kind"] == "signature"


def test_a_new_key_goes_on_where_the_former_one_is_trusted(config: Path) -> None:
    run(config, "checkpoint")
    former = config.parent / "former.pub"
    (config.parent / "state" / "ledger_ed25519.pub").rename(former)
    new = config.parent / "new"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(new)], check=True, stdin=subprocess.DEVNULL)
    text = config.read_text()
    config.write_text(text.replace("ledger: {", "ledger: {signing_key: new, "))
    assert "ledger.trusted_keys" in run(config, "checkpoint", code=1).stderr
    config.write_text(text.replace("ledger: {", "ledger: {signing_key: new, trusted_keys: former.pub, "))
    assert shown(config, "checkpoint")["number"] == 2
    assert shown(config, "verify", "--against", config.parent / "kept" / "checkpoints.jsonl")["ok"] is True


@pytest.mark.parametrize(
    "section", ["export: []", "export: [7]", "export: log", "checkpoint_interval_s: 1", "checkpoint_interval_s: true", "odd: 1"]
)
def test_settings_that_make_no_sense_are_refused_with_their_place(config: Path, section: str) -> None:
    config.write_text(CONFIG.format(account=ACCOUNT).replace("export: [kept/checkpoints.jsonl, log]", section))
    assert "driftwatch.yaml:5:" in run(config, "head", code=1).stderr
