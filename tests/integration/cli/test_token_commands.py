"""`driftwatch token` on the command line: made by whoever is identified, shown once, listed without its secret, ended at once."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from driftwatch import wiring
from driftwatch.cli.context import os_user
from driftwatch.cli.main import app
from driftwatch.operations import credentials

RUNNER = CliRunner()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """ana is the OS user; ben, an admin, signs with a key."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(tmp_path / "ben")], check=True, stdin=subprocess.DEVNULL
    )
    people = [{"id": "ana", "os_users": [os_user()]}, {"id": "ben", "ssh_principals": ["ben@corp.example"]}]
    (tmp_path / "people.yaml").write_text(yaml.safe_dump({"people": people}))
    (tmp_path / "policy.yaml").write_text("extends: startup\n")
    (tmp_path / "allowed").write_text(f"ben@corp.example {(tmp_path / 'ben.pub').read_text()}")
    (tmp_path / "driftwatch.yaml").write_text(
        'accounts: [{id: "123456789012", regions: [eu-west-1]}]\nbaselines: [{name: production}]\npeople: people.yaml\n'
        "allowed_signers: allowed\nproduct: {access: [{role: admin, to: [ben]}]}\n"
    )
    return tmp_path


def run(house: Path, *arguments: str | Path, code: int = 0) -> Result:
    done = RUNNER.invoke(app, ["token", *(str(argument) for argument in arguments), "--config", str(house / "driftwatch.yaml")])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output + done.stderr
    return done


def shown(house: Path, *arguments: str | Path) -> Any:
    return json.loads(run(house, *arguments, "--json").stdout)


def test_a_token_from_its_making_to_its_end(house: Path) -> None:
    made = shown(house, "new", "--label", "laptop", "--days", "7", "--as", "ben", "--key", house / "ben")
    assert (made["person"], made["label"], made["status"]) == ("ben", "laptop", "active")
    listed = run(house, "list", "--json").stdout
    assert made["secret"] not in listed
    assert [item["id"] for item in json.loads(listed)] == [made["id"]]
    kept = sqlite3.connect(house / ".driftwatch" / "driftwatch.db")
    assert made["secret"] not in "\n".join(kept.iterdump()), "only its hash is kept"
    kept.close()
    wired = wiring.load(house / "driftwatch.yaml")
    actor = credentials.by_token(wired.installation, made["secret"])
    assert actor is not None
    assert actor.person == "ben"
    refused = run(house, "revoke", made["id"], code=1)
    assert "only an admin" in refused.stderr, "ana has no role"
    assert shown(house, "revoke", made["id"], "--as", "ben", "--key", house / "ben")["status"] == "revoked"
    assert credentials.by_token(wired.installation, made["secret"]) is None
    wired.close()


def test_an_admin_ends_another_persons_token(house: Path) -> None:
    told = run(house, "new", "--label", "mine").stdout
    assert "has no role" in told, "a token that opens nothing is told of"
    (token,) = shown(house, "list", "--person", "ana")
    ended = shown(house, "revoke", token["id"], "--as", "ben", "--key", house / "ben")
    assert (ended["person"], ended["revoked_by"]) == ("ana", "ben")


@pytest.mark.parametrize("days", ["0", "367", "x"])
def test_a_token_always_ends(house: Path, days: str) -> None:
    run(house, "new", "--label", "x", "--days", days, code=1)


def test_nobody_makes_a_token_for_somebody_else(house: Path) -> None:
    refused = run(house, "new", "--label", "x", "--as", "ben", code=1)
    assert "needs that person's signature" in refused.stderr
    assert shown(house, "list") == []
