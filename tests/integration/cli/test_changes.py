"""`driftwatch changes` on the command line: the register from the first draft to the end, with real keys, and every refusal a sentence."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from driftwatch import wiring
from driftwatch.cli.change_drafts import questions
from driftwatch.cli.context import os_user
from driftwatch.cli.main import app
from driftwatch.errors import InputError

RUNNER = CliRunner()
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"
PLAN = Path(__file__).parents[2] / "unit" / "documents" / "plans" / "changes.json"
NEW = ("new", "--title", "Longer timeout", "--resource", QUEUE, "--path", "/Attributes/VisibilityTimeout", "--operation", "updated")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """ana is the OS user; ben signs with a key."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(tmp_path / "ben")], check=True, stdin=subprocess.DEVNULL
    )
    people = [
        {"id": "ana", "os_users": [os_user()], "roles": ["engineer"]},
        {"id": "ben", "ssh_principals": ["ben@corp.example"], "roles": ["manager"]},
    ]
    (tmp_path / "people.yaml").write_text(yaml.safe_dump({"people": people}))
    (tmp_path / "policy.yaml").write_text("extends: startup\n")
    (tmp_path / "allowed").write_text(f"ben@corp.example {(tmp_path / 'ben.pub').read_text()}")
    (tmp_path / "driftwatch.yaml").write_text(
        'accounts: [{id: "123456789012", regions: [eu-west-1]}]\nbaselines: [{name: production}]\npeople: people.yaml\n'
        "allowed_signers: allowed\nchange_sources:\n- {name: register, kind: register}\n"
    )
    return tmp_path


def run(house: Path, *arguments: str | Path, code: int = 0) -> Result:
    done = RUNNER.invoke(app, ["changes", *(str(argument) for argument in arguments), "--config", str(house / "driftwatch.yaml")])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output + done.stderr
    return done


def shown(house: Path, *arguments: str | Path) -> Any:
    return json.loads(run(house, *arguments, "--json").stdout)


def as_ben(house: Path) -> tuple[str | Path, ...]:
    return ("--as", "ben", "--key", house / "ben")


def test_a_record_from_the_first_draft_to_the_end(house: Path) -> None:
    made = shown(house, *NEW, "--id", "CHG-1", "--implementer", "ana", "--window", "2026-03-10T10:00:00Z/2026-03-10T12:00:00Z")
    assert (made["state"], made["requester"], made["scope"][0]["ids"]) == ("draft", "ana", [QUEUE])
    assert shown(house, "request", "CHG-1")["notes"] == ["0 of 1 required approvals given"]
    seen = shown(house, "show", "CHG-1")["content_hash"]
    approved = shown(house, "approve", "CHG-1", "--hash", seen[:12], *as_ben(house))
    assert (approved["state"], approved["approvals"][0]["who"]) == ("approved", "ben")
    assert shown(house, "list", "--unobserved")["unobserved"] == [
        {
            "record": "CHG-1",
            "source": "register",
            "title": "Longer timeout",
            "state": "approved",
            "observed": "none",
            "windows": [{"start": "2026-03-10T10:00:00Z", "end": "2026-03-10T12:00:00Z"}],
            "missing": [{"target": 1, "id": QUEUE, "path": "/Attributes/VisibilityTimeout"}],
        }
    ]
    assert "Attributes/VisibilityTimeout" in run(house, "list", "--unobserved").stdout
    assert shown(house, "start", "CHG-1")["state"] == "implementing"
    closed = shown(house, "close", "CHG-1", "--outcome", "successful_issues")
    assert (closed["state"], closed["outcome"]) == ("closed", "successful_issues")
    (listed,) = shown(house, "list")["records"]
    assert (listed["id"], listed["state"]) == ("CHG-1", "closed")
    assert "CHG-1" in run(house, "list", "--sync").stdout
    assert "content_hash" in run(house, "show", "CHG-1").stdout


def test_refusals_are_sentences_with_exit_code_1_and_in_the_ledger(house: Path) -> None:
    run(house, *NEW, "--id", "CHG-1", "--request")
    seen = shown(house, "show", "CHG-1")["content_hash"]
    assert "nobody approves their own request" in run(house, "approve", "CHG-1", "--hash", seen, code=1).stderr
    assert "--hash with the content hash" in run(house, "approve", "CHG-1", *as_ben(house), code=1).stderr
    assert "content hash" in run(house, "approve", "CHG-1", "--hash", "0" * 12, *as_ben(house), code=1).stderr
    assert "needs that person's signature" in run(house, "approve", "CHG-1", "--hash", seen, "--as", "ben", code=1).stderr
    assert "holds a record CHG-1 already" in run(house, *NEW, "--id", "CHG-1", code=1).stderr
    assert "approved first" in run(house, "start", "CHG-1", code=1).stderr
    assert "the register holds no record" in run(house, "close", "CHG-9", code=1).stderr
    made = wiring.load(house / "driftwatch.yaml")
    with made.installation.store.read() as uow:
        denied = [(entry.body["action"], entry.body["person"]) for entry in uow.ledger.entries() if entry.type == "attempt_denied"]
    made.close()
    assert denied == [
        ("change_approved", "ana"),
        ("change_approved", "ben"),
        ("change_approve", None),
        ("change_created", "ana"),
        ("change_started", "ana"),
    ]


def test_an_amended_record_is_approved_again(house: Path) -> None:
    run(house, *NEW, "--id", "CHG-1", "--request")
    first = shown(house, "show", "CHG-1")["content_hash"]
    run(house, "approve", "CHG-1", "--hash", first, *as_ben(house))
    amended = shown(house, "amend", "CHG-1", "--resource", QUEUE, "--rollback-plan", "set it back")
    assert (amended["state"], amended["scope"][0]["attribute_paths"]) == ("requested", None)
    assert amended["material_changed_at"]
    assert "content hash" in run(house, "approve", "CHG-1", "--hash", first, *as_ben(house), code=1).stderr
    assert shown(house, "approve", "CHG-1", "--hash", amended["content_hash"], *as_ben(house))["state"] == "approved"
    assert "nothing to change" in run(house, "amend", "CHG-1", code=1).stderr
    assert "nothing was changed" in run(house, "amend", "CHG-1", "--title", "Longer timeout", code=1).stderr


def test_review_reject_and_cancel(house: Path) -> None:
    for number in (1, 2):
        run(house, *NEW, "--id", f"CHG-{number}", "--request")
    seen = shown(house, "show", "CHG-1")["content_hash"]
    reviewed = shown(house, "review", "CHG-1", "--hash", seen, "--changes-requested", *as_ben(house))
    assert [(item["who"], item["decision"]) for item in reviewed["reviews"]] == [("ben", "changes_requested")]
    assert shown(house, "reject", "CHG-1", "--reason", "too wide", *as_ben(house))["state"] == "rejected"
    assert shown(house, "cancel", "CHG-2", "--reason", "no need")["state"] == "cancelled"
    assert shown(house, "list", "--unobserved") == {"unobserved": []}


def test_a_record_from_a_file_and_its_problems_with_their_place(house: Path) -> None:
    file = house / "new.yaml"
    file.write_text(f"id: CHG-7\ntitle: t\ncreated_at: 2020-01-01T00:00:00Z\nscope: [{{ids: ['{QUEUE}'], operations: [updated]}}]\n")
    made = shown(house, "new", "--file", file)
    assert made["id"] == "CHG-7"
    assert made["created_at"] > "2026"
    file.write_text("id: CHG-8\nstate: approved\napprovals: [{who: ben, decision: approved, at: 2020-01-01T00:00:00Z}]\n")
    told = run(house, "new", "--file", file, code=1).stderr
    assert "new.yaml:2:8" in told
    assert "new.yaml:3:1" in told
    assert "changes approve" in told
    assert "one of them" in run(house, "new", "--file", file, "--from-plan", PLAN, code=1).stderr
    assert "all of it in the file" in run(house, "new", "--file", file, "--title", "t", code=1).stderr


def test_a_record_from_a_plan_tells_what_is_weaker_and_what_is_not_covered(house: Path) -> None:
    made = shown(house, "new", "--from-plan", PLAN, "--id", "CHG-1")
    assert len(made["scope"]) == 8
    assert [target["accounts"] for target in made["scope"] if target["ids"] == ["acme-logs"]] == [["123456789012"]], "the only one watched"
    told = "\n".join(made["notes"])
    assert "aws_sqs_queue.orders: weaker: it does not exist yet" in told
    assert "aws_glue_job.etl: the map does not know aws_glue_job: no target" in told
    other = shown(house, "new", "--from-plan", PLAN, "--account", "222222222222", "--dry-run")
    assert [target["accounts"] for target in other["scope"] if target["ids"] == ["acme-logs"]] == [["222222222222"]]
    assert "hunter2" not in json.dumps([made, other])
    empty = house / "empty.json"
    empty.write_text('{"format_version": "1.2", "resource_changes": []}')
    assert "a plan that changes nothing" in run(house, "new", "--from-plan", empty, code=1).stderr


def test_a_dry_run_prints_a_file_and_makes_nothing(house: Path) -> None:
    file = house / "draft.json"
    file.write_text(run(house, *NEW, "--id", "CHG-1", "--tag", "env=prod", "--tag", "env=test", "--dry-run").stdout)
    assert shown(house, "list")["records"] == []
    assert shown(house, "new", "--file", file)["scope"][0]["tags"] == {"env": ["prod", "test"]}


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("new",), "--title and --resource"),
        (("new", "--title", "t"), "--title and --resource"),
        ((*NEW, "--window", "tomorrow"), "--window"),
        ((*NEW, "--operation", "exploded"), "one of created, updated, deleted"),
        ((*NEW, "--tag", "env"), "--tag KEY=VALUE"),
        ((*NEW, "--implementer", "zoe"), "nobody knows zoe"),
        ((*NEW, "--path", "Size"), "starts with /"),
        ((*NEW, "--from-finding", "x"), "the draft alone"),
        (("new", "--from-finding", "x"), "no finding x"),
        (("new", "--resource", "a" * 10_000, "--title", "t"), "10000 characters"),
    ],
)
def test_what_is_wrong_with_flags_is_told(house: Path, arguments: tuple[str, ...], wanted: str) -> None:
    assert wanted in run(house, *arguments, code=1).stderr
    assert shown(house, "list")["records"] == []


def test_without_a_register_in_the_configuration_the_remedy_is_told(house: Path) -> None:
    config = house / "driftwatch.yaml"
    text = config.read_text()
    config.write_text(text.replace("change_sources:\n- {name: register, kind: register}\n", ""))
    assert "kind: register" in run(house, *NEW, code=1).stderr
    config.write_text(text.replace("{name: register, kind: register}", "{name: a, kind: register}\n- {name: b, kind: register}"))
    assert "more than once: a, b" in run(house, "list", code=1).stderr


def test_a_terminal_is_asked_for_what_a_record_needs() -> None:
    answers = iter(["More room", "normal", "ana, ben", "", "2026-03-10T10:00:00Z/2026-03-10T12:00:00Z", QUEUE, "updated", "/A, /B"])
    written, target = questions(lambda *_, **__: next(answers))
    assert written == {
        "title": "More room",
        "type": "normal",
        "implementers": ["ana", "ben"],
        "windows": [{"start": "2026-03-10T10:00:00Z", "end": "2026-03-10T12:00:00Z"}],
    }
    assert target == {"ids": [QUEUE], "operations": ["updated"], "attribute_paths": ["/A", "/B"]}
    with pytest.raises(InputError, match="the type odd"):
        questions(lambda *_, **__: "odd")
