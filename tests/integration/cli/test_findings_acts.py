"""`driftwatch findings ack | ratify | except | exceptions`: who asks, what is refused, what is printed and recorded."""

from __future__ import annotations

import json
import os
import pwd
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from driftwatch.cli.main import app
from driftwatch.domain.finding import Finding
from tests.unit.operations.acts import drifted
from tests.world import ACCOUNT, World

RUNNER = CliRunner()
ME = pwd.getpwuid(os.getuid()).pw_name
CONFIG = f"""
accounts: [{{id: "{ACCOUNT}"}}]
baselines: [{{name: production}}]
policy: policy.yaml
people: people.yaml
"""
POLICY = f'extends: startup\nproduction_accounts: ["{ACCOUNT}"]\n'
PEOPLE = "people:\n  - {{id: {me}, os_users: [{user}], roles: [engineer]}}\n  - {{id: ben, os_users: [{other}], roles: [manager]}}\n"


class Desk:
    """A folder with a store that has an open finding, and one person at the keyboard."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        state = folder / ".driftwatch"
        state.mkdir(mode=0o700)
        self.folder = folder
        self.url = f"sqlite:///{state / 'driftwatch.db'}"
        self.found = self._begin()
        (folder / "driftwatch.yaml").write_text(CONFIG)
        (folder / "policy.yaml").write_text(POLICY)
        self.sit("ana")

    def _begin(self) -> Finding:
        world, found = drifted(url=self.url)
        world.store.close()
        return found

    def sit(self, person: str) -> None:
        """From now on this person owns the OS user that runs the commands."""
        mine, other = (ME, "nobody-else") if person == "ana" else ("nobody-else", ME)
        (self.folder / "people.yaml").write_text(PEOPLE.format(me="ana", user=mine, other=other))

    def run(self, *arguments: str) -> Result:
        return RUNNER.invoke(app, ["findings", *arguments])

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def ledger(self) -> list[tuple[str, Any]]:
        world = World(url=self.url)
        with world.store.read() as uow:
            found = [(entry.type, entry.body) for entry in uow.ledger.entries()]
        world.store.close()
        return found


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def until(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")


def test_an_acknowledged_finding_shows_who_when_and_where(desk: Desk) -> None:
    done = desk.run("ack", desk.found.id[:12], "--ticket", "OPS-7")
    assert done.exit_code == 0, done.output
    assert "unauthorized, acknowledged" in done.stdout
    shown = desk.run("show", desk.found.id).stdout
    assert "acknowledged by ana" in shown
    assert "ticket OPS-7" in shown
    (listed,) = desk.json("list")
    assert (listed["state"], listed["due"], listed["closed"]) == ("acknowledged", None, None)
    assert (listed["handling"]["acknowledged_by"], listed["handling"]["ticket"], listed["handling"]["flapping"]) == ("ana", "OPS-7", False)
    again = desk.run("ack", desk.found.id)
    assert again.exit_code == 1
    assert "is acknowledged; this can be done while it is open" in again.stderr
    assert [type_ for type_, _ in desk.ledger()][-2:] == ["finding_acknowledged", "attempt_denied"]


def test_an_exception_takes_two_people_and_the_hash_of_what_was_looked_at(desk: Desk) -> None:
    asked = desk.json("except", desk.found.id, "--until", until(20), "--reason", "the vendor's next release")
    assert (asked["status"], asked["requested_by"], asked["finding"]) == ("requested", "ana", desk.found.id)
    digits = asked["content_hash"][:12]
    own = desk.run("exceptions", "approve", asked["id"], "--hash", digits)
    assert (own.exit_code, "nobody approves their own exception" in own.stderr) == (1, True)
    desk.sit("ben")
    unseen = desk.run("exceptions", "approve", asked["id"])
    assert (unseen.exit_code, "--hash" in unseen.stderr) == (1, True)
    other = desk.run("exceptions", "approve", asked["id"], "--hash", "0" * 12)
    assert (other.exit_code, "bound to the content" in other.stderr) == (1, True)
    done = desk.json("exceptions", "approve", asked["id"], "--hash", digits)
    assert (done["status"], done["approved_by"], done["changed"]) == ("active", "ben", [{"finding": desk.found.id, "state": "excepted"}])
    assert "excepted by ben" in desk.run("show", desk.found.id).stdout
    assert "excuses this until" in desk.run("why", desk.found.id).stdout
    assert [item["id"] for item in desk.json("exceptions", "list", "--status", "active")] == [asked["id"]]
    assert desk.json("exceptions", "list", "--status", "expired") == []
    ended = desk.json("exceptions", "revoke", asked["id"], "--reason", "fixed upstream")
    assert (ended["status"], ended["changed"][0]["state"]) == ("revoked", "open")
    assert [body["action"] for type_, body in desk.ledger() if type_ == "attempt_denied"] == ["exception_approve"] * 2


def test_a_request_can_be_turned_down_and_shown(desk: Desk) -> None:
    asked = desk.json("except", desk.found.id, "--until", until(20), "--reason", "for now", "--path", "/Size")
    assert desk.json("exceptions", "show", asked["id"])["scope"] == asked["scope"]
    said = desk.run("exceptions", "show", asked["id"]).stdout
    assert all(part in said for part in ("requested", "for now", "/Size", asked["content_hash"]))
    ended = desk.json("exceptions", "reject", asked["id"], "--reason", "fix it instead")
    assert (ended["status"], ended["ended_by"]) == ("rejected", "ana")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("except", "{id}", "--until", "soon", "--reason", "x"), "--until 'soon'; expected a date"),
        (("except", "{id}", "--until", "2099-01-01T10:00", "--reason", "x"), "has no zone"),
        (("except", "{id}", "--until", "2020-01-01", "--reason", "x"), "expired already"),
        (("except", "{id}", "--until", "2099-01-01", "--reason", "x"), "at most 365 days"),
        (("except", "{id}", "--until", "2099-01-01", "--reason", " "), "needs a reason"),
        (("ratify", "{id}", "--record", "CHG-9"), "no change record CHG-9"),
        (("ack", "finding-nobody-knows"), "no finding"),
        (("exceptions", "revoke", "exception-nobody-knows", "--reason", "x"), "no exception"),
        (("exceptions", "reject", "exception-nobody-knows", "--reason", ""), "--reason is empty"),
        (("ack", "{id}", "--as", "ben"), "needs that person's signature"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_with_exit_code_1(desk: Desk, arguments: tuple[str, ...], why: str) -> None:
    done = desk.run(*(part.format(id=desk.found.id) for part in arguments))
    assert done.exit_code == 1
    assert why in done.stderr
