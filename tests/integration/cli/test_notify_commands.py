"""`driftwatch notify` on the command line: what waits and why, and a person who has what was refused told again."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from driftwatch import wiring
from driftwatch.cli.context import os_user
from driftwatch.cli.main import app
from driftwatch.domain.notification import Delivery, DeliveryState, Severity
from tests.contract.store.samples import at, finding

RUNNER = CliRunner()
REFUSED = {"state": DeliveryState.QUARANTINED, "due_at": None, "error": "the receiver answered 400"}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """ana is the OS user. `lines` refused two findings and waits for a third; `other` refused one."""
    (tmp_path / "people.yaml").write_text(yaml.safe_dump({"people": [{"id": "ana", "os_users": [os_user()]}]}))
    (tmp_path / "policy.yaml").write_text("extends: startup\n")
    (tmp_path / "driftwatch.yaml").write_text(
        'accounts: [{id: "123456789012", regions: [eu-west-1]}]\nbaselines: [{name: production}]\npeople: people.yaml\n'
        "notifiers: [{name: lines, kind: log}, {name: other, kind: log}]\n"
    )
    with closing(wiring.load(tmp_path / "driftwatch.yaml")) as made, made.installation.store.write() as uow:
        for id_ in ("f1", "f2", "f3"):
            uow.findings.save(finding(id_, resource_id=f"arn:{id_}"))
        uow.deliveries.save(
            [
                delivery("f1", "lines", **REFUSED),
                delivery("f2", "lines", **REFUSED),
                delivery("f1", "other", **REFUSED),
                delivery("f3", "lines", due_at=at(9), error="the receiver gave no answer in time"),
            ]
        )
    return tmp_path


def delivery(finding_id: str, notifier: str, **fields: Any) -> Delivery:
    return Delivery(finding=finding_id, notifier=notifier, severity=Severity.CRITICAL, owed_at=at(0), **fields)


def run(house: Path, *arguments: str, code: int = 0) -> Result:
    done = RUNNER.invoke(app, ["notify", *arguments, "--config", str(house / "driftwatch.yaml")])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output + done.stderr
    return done


def shown(house: Path, *arguments: str) -> Any:
    return json.loads(run(house, *arguments, "--json").stdout)


def entries(house: Path) -> list[tuple[str, Any]]:
    with closing(wiring.load(house / "driftwatch.yaml")) as made, made.installation.store.read() as uow:
        return [(entry.type, entry.body) for entry in uow.ledger.entries()]


def test_the_queues_are_shown_with_what_keeps_them(house: Path) -> None:
    lines, other = shown(house, "status")
    assert (lines["notifier"], lines["owed"], lines["quarantined"]) == ("lines", 1, 2)
    assert lines["error"] == "the receiver gave no answer in time"
    assert [item["finding"] for item in lines["refused"]] == ["f1", "f2"]
    assert (other["owed"], other["oldest_owed"], other["error"], other["quarantined"]) == (0, None, None, 1)
    said = run(house, "status").stdout
    assert "lines refused f1: the receiver answered 400" in said
    assert "driftwatch notify retry" in said
    assert "no daemon runs" in said


def test_what_one_receiver_refused_is_owed_again_and_then_the_rest(house: Path) -> None:
    assert shown(house, "retry", "--receiver", "lines") == {"retried": {"lines": 2}}
    kind, body = entries(house)[-1]
    assert kind == "deliveries_retried"
    assert (body["person"], body["method"], body["deliveries"]) == ("ana", "os_user", {"lines": 2})
    assert [(item["owed"], item["quarantined"]) for item in shown(house, "status")] == [(3, 0), (0, 1)]
    assert "other is owed 1 again; `driftwatch serve` tells it" in run(house, "retry").stdout
    assert "nothing is quarantined" in run(house, "retry").stdout


def test_who_is_nobody_moves_nothing_and_leaves_an_entry(house: Path) -> None:
    (house / "people.yaml").write_text("people: [{id: ben}]\n")
    assert "owns the OS user" in run(house, "retry", code=1).stderr
    kind, body = entries(house)[-1]
    assert (kind, body["action"], body["object"]) == ("attempt_denied", "notify_retry", "*")
    assert [item["quarantined"] for item in shown(house, "status")] == [2, 1]


def test_a_notifier_that_is_not_configured_is_named_with_those_that_are(house: Path) -> None:
    assert "no notifier chat; there are: lines, other" in run(house, "retry", "--receiver", "chat", code=1).stderr
