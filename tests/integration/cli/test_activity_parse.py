"""`driftwatch activity parse`: what CloudTrail records say, in their order, for people and for programs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from typer.testing import CliRunner

from driftwatch.cli.main import app
from tests.unit.aws.cloudtrail.records import record

RUN = CliRunner()


def test_one_object_for_each_event_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "log.json.gz"
    deleted = record("s3", "DeleteBucket", {"bucketName": "logs"}, eventID="e-2", errorCode="AccessDenied", readOnly=False)
    file.write_bytes(gzip.compress(json.dumps({"Records": [record("s3", "CreateBucket", {"bucketName": "logs"}), deleted]}).encode()))
    result = RUN.invoke(app, ["activity", "parse", str(file), "--json"])
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["event_name"] for line in lines] == ["CreateBucket", "DeleteBucket"]
    assert set(lines[0]) == {
        "event_id", "time", "event_source", "event_name", "outcome", "read_only", "is_config_change", "actor", "resources",
    }  # fmt: skip
    assert set(lines[0]["actor"]) == {"principal", "kind", "on_behalf_of", "channel", "account", "source_ip"}
    assert lines[0]["time"] == "2026-01-02T03:04:05Z"
    assert lines[0]["resources"] == [{"type": "AWS::S3::Bucket", "ids": ["logs", "arn:aws:s3:::logs"]}]
    assert [(line["outcome"], line["is_config_change"], line["read_only"]) for line in lines] == [
        ("ok", True, None),
        ("failed", False, False),
    ]


def test_what_cannot_be_read_is_told_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    file.write_text(json.dumps({"Records": [{"eventName": "CreateUser", "eventSource": "iam.amazonaws.com"}, record("iam", "CreateUser")]}))
    result = RUN.invoke(app, ["activity", "parse", str(file), "--json"])
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    assert "no_id" in result.stderr
    assert str(file) in result.stderr


def test_nothing_to_read_is_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    file.write_text("no json at all")
    result = RUN.invoke(app, ["activity", "parse", str(file)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert RUN.invoke(app, ["activity", "parse", str(tmp_path / "missing.json")]).exit_code == 1


def test_a_folder_of_log_files(tmp_path: Path) -> None:
    for number in (2, 1):
        (tmp_path / f"{number}.json").write_text(json.dumps({"Records": [record("iam", f"DeleteUser{number}")]}))
    result = RUN.invoke(app, ["activity", "parse", str(tmp_path), "--json"])
    assert [json.loads(line)["event_name"] for line in result.stdout.splitlines()] == ["DeleteUser1", "DeleteUser2"]


def test_hostile_text_reaches_no_terminal(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(record("iam", "CreateUser", {"userName": "\x1b[31mred\ud800"})))
    table = RUN.invoke(app, ["activity", "parse", str(file)])
    assert table.exit_code == 0, table.output
    assert "\x1b[31m" not in table.stdout
    line = json.loads(RUN.invoke(app, ["activity", "parse", str(file), "--json"]).stdout)
    assert line["resources"][0]["ids"][0].startswith("\x1b[31mred")
