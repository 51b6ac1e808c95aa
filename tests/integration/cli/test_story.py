"""A first hour with driftwatch on the command line: init, check, scan, baseline, a change, a mass deletion, status."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from typer.testing import CliRunner, Result

from driftwatch import wiring
from driftwatch.cli.context import os_user
from driftwatch.cli.main import app
from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.operations import approvals, baseline_views
from driftwatch.wiring import Wired

RUNNER = CliRunner()
MOTO_ACCOUNT = "123456789012"
BEN = Actor(person="ben", method=Method.OS_USER, assurance=Assurance.LOCAL)
QUEUES = f"{MOTO_ACCOUNT}/eu-west-1/AWS::SQS::Queue"


def run(*arguments: str | Path, code: int | None = 0) -> Result:
    done = RUNNER.invoke(app, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert code is None or done.exit_code == code, done.output + done.stderr
    return done


def shown(*arguments: str | Path, code: int | None = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code).stdout)


@contextmanager
def wired(config: Path) -> Iterator[Wired]:
    made = wiring.load(config)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("house") / "driftwatch"


@pytest.fixture
def config(house: Path) -> Path:
    return house / "driftwatch.yaml"


def queues() -> Any:
    return boto3.client("sqs", region_name="eu-west-1")


@pytest.mark.usefixtures("moto")
class TestStory:
    """In this order: each step stands on those before it."""

    def test_init_writes_what_config_check_accepts_and_init_does_not_overwrite(self, house: Path, config: Path) -> None:
        done = run("init", house)
        assert MOTO_ACCOUNT in done.stdout
        assert "regions are switched on" in done.stdout
        assert yaml.safe_load(config.read_text())["accounts"] == [{"id": MOTO_ACCOUNT, "regions": "all"}]
        document = shown("config", "check", "--config", config)
        assert (document["accounts"], document["policy"]["extends"]) == ([MOTO_ACCOUNT], "startup")
        (person,) = yaml.safe_load((house / "people.yaml").read_text())["people"]
        assert yaml.safe_load(config.read_text())["product"]["access"] == [{"role": "admin", "to": [person["id"]]}]
        assert person["os_users"] == [os_user()], "whoever ran it can sign in and do something"
        refused = run("init", house, code=1)
        assert "--force" in refused.stderr
        run("init", house, "--force")

    def test_the_first_scan_has_nothing_to_compare_with(self, config: Path) -> None:
        text = config.read_text().replace('types: ["*"]', 'types: ["AWS::SQS::Queue", "AWS::SNS::Topic"]')
        config.write_text(text.replace("regions: all ", "regions: [eu-west-1] "))
        for name in ("one", "two", "three"):
            queues().create_queue(QueueName=name)
        document = shown("scan", "--config", config, code=3)
        assert document.keys() == {"scan_id", "cells", "findings", "summary"}
        assert {(cell["type"], cell["state"], cell["resources"]) for cell in document["cells"]} == {
            ("AWS::SQS::Queue", "unbaselined", 3),
            ("AWS::SNS::Topic", "unbaselined", 0),
        }
        assert document["summary"]["status"] == "complete"

    def test_a_baseline_is_proposed_by_one_and_approved_by_another(self, config: Path) -> None:
        version = shown("baseline", "capture", "production", "--propose", "--config", config)
        refused = run("baseline", "approve", version["id"], "--hash", version["content_hash"][:16], "--config", config, code=None)
        assert refused.exit_code == 1 or "not active" in refused.stdout
        with wired(config) as made:
            found = baseline_views.find(made.installation, version["id"])
            approvals.approve(made.installation, found.id, BEN, seen_hash=found.content_hash)
        assert [item["state"] for item in shown("baseline", "history", "production", "--config", config)] == ["active"]
        run("scan", "--config", config, code=0)
        run("status", "--config", config, code=0)
        run("baseline", "diff", "production", "--config", config, code=0)

    def test_an_unauthorised_change_is_a_finding_with_its_reasons(self, config: Path) -> None:
        url = queues().get_queue_url(QueueName="one")["QueueUrl"]
        queues().set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77"})
        document = shown("scan", "--config", config, code=2)
        (finding,) = document["findings"]
        assert (finding["kind"], finding["verdict"], finding["attribution"]) == ("updated", "unauthorized", None)
        assert [change["path"] for change in finding["differences"]] == ["/Attributes/VisibilityTimeout"]
        (listed,) = shown("findings", "list", "--config", config)
        whole = shown("findings", "show", finding["id"], "--config", config)
        assert whole.pop("decisions")
        assert whole.pop("facts") is None
        assert listed == whole
        plain = run("findings", "list", "--config", config).stdout
        assert finding["id"] in plain
        why = run("findings", "why", finding["id"][:20], "--config", config).stdout
        assert "R1" in why
        assert "/VisibilityTimeout" in run("findings", "show", finding["id"], "--config", config).stdout
        assert "findings why" in run("scan", "--config", config, code=2).stdout
        run("baseline", "diff", "production", "--config", config, code=2)
        queues().set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "30"})
        run("scan", "--config", config, code=0)

    def test_a_record_that_is_refused_is_shown_with_file_line_and_column(self, config: Path) -> None:
        (config.parent / "changes" / "bad.yaml").write_text("id: CHG-9\nnonsense: 1\n")
        document = shown("changes", "list", "--sync", "--config", config)
        ((aside,),) = [source["set_aside"] for source in document["sources"]]
        assert re.search(r"bad\.yaml:\d+:\d+", aside["place"] + aside["problem"])
        assert "bad.yaml" in run("changes", "list", "--config", config).stdout

    def test_a_mass_deletion_is_held_and_status_says_the_command_that_releases_it(self, config: Path) -> None:
        for name in ("one", "two", "three"):
            queues().delete_queue(QueueUrl=queues().get_queue_url(QueueName=name)["QueueUrl"])
        run("scan", "--config", config, code=3)
        document = shown("status", "--config", config, code=3)
        assert [item["cell"] for item in document["held"]] == [QUEUES]
        command = document["held"][0]["release"]
        assert command in run("status", "--config", config, code=3).stdout
        _, *arguments = shlex.split(command)
        assert "--reason" in run("scan", "--confirm-absence", QUEUES, "--config", config, code=1).stderr
        released = shown(*arguments, code=2)
        assert {finding["kind"] for finding in released["findings"]} == {"deleted"}
        assert len(released["findings"]) == 3

    def test_a_cell_that_nothing_matches_is_no_all_clear(self, config: Path) -> None:
        done = run("scan", "*/*/AWS::SQS::Typo", "--config", config, code=3)
        assert "no cell was read" in done.stdout

    def test_a_type_that_the_catalogue_lacks_does_not_look_watched(self, config: Path) -> None:
        before = config.read_text()
        config.write_text(before.replace('"AWS::SNS::Topic"', '"AWS::SNS::Topik"'))
        assert "AWS::SNS::Topik" in run("config", "check", "--config", config, code=1).stderr
        config.write_text(before)

    def test_a_key_needs_its_owner(self, config: Path) -> None:
        done = run("baseline", "capture", "production", "--key", "k", "--config", config, code=1)
        assert "--as" in done.stderr


def test_what_was_denied_is_shown_with_the_permission_that_it_needs(tmp_path: Path) -> None:
    from tests.integration.aws.aws_server import ACCOUNT, aws_server, refusal

    with aws_server() as aws, pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", aws.url)
        aws.answers["sqs"] = refusal("AccessDeniedException", 400, "User is not authorized to perform: sqs:ListQueues")
        config = tmp_path / "driftwatch.yaml"
        config.write_text(
            f'accounts: [{{id: "{ACCOUNT}", regions: [eu-west-1]}}]\nbaselines: [{{name: production}}]\ntypes: ["AWS::SQS::Queue"]\n'
        )
        (tmp_path / "policy.yaml").write_text("extends: startup\n")
        run("scan", "--config", config, code=3)
        (gap,) = shown("status", "--config", config, code=3)["gaps"]
        assert (gap["reason"], gap["needs"]) == ("denied", "sqs:ListQueues")
        assert "allow sqs:ListQueues" in run("status", "--config", config, code=3).stdout


def test_init_without_credentials_or_against_something_else_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = run("init", tmp_path / "a", code=1)
    assert "could not be asked" in refused.stderr
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    refused = run("init", tmp_path / "a", code=1)
    assert "credentials" in refused.stderr
    refused = run("init", tmp_path / "a", "--profile", "no-such-profile", code=1)
    assert "no-such-profile" in refused.stderr
    assert not (tmp_path / "a").exists()


def test_init_where_regions_may_not_be_listed_still_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.integration.aws.aws_server import ACCOUNT, Reply, aws_server

    with aws_server() as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        aws.answers["ec2:DescribeRegions"] = Reply(
            status=403,
            body=b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>",
        )
        done = run("init", tmp_path / "a")
    assert "not known" in done.stdout
    assert ACCOUNT in (tmp_path / "a" / "driftwatch.yaml").read_text()
    run("config", "check", "--config", tmp_path / "a" / "driftwatch.yaml")


def test_the_schema_of_the_configuration_is_json() -> None:
    assert "properties" in json.loads(run("config", "schema").stdout)
