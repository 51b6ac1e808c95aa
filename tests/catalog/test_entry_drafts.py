"""A draft names the calls that a person would have looked up, gives a reason for every proposal, and reviews nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import rtoml
from typer.testing import CliRunner

from driftwatch.aws.catalog import read_files
from driftwatch.aws.drafting import Hints, draft
from driftwatch.aws.sdk import Sdk
from driftwatch.aws.typecheck import check
from driftwatch.cli.main import app
from driftwatch.errors import InputError

SDK = Sdk()


def drafted(type_: str, **hints: str) -> dict[str, object]:
    document = rtoml.loads(draft(type_, SDK, Hints(**hints)))  # type: ignore[arg-type]
    (entry,) = document["resource"]
    return {"service": document["service"], **entry}


@pytest.mark.parametrize(
    ("type_", "service", "operation", "items", "id_"),
    [
        ("AWS::Batch::JobQueue", "batch", "DescribeJobQueues", "jobQueues", "jobQueueName"),
        ("AWS::FSx::FileSystem", "fsx", "DescribeFileSystems", "FileSystems", "FileSystemId"),
        ("AWS::EC2::VPNGateway", "ec2", "DescribeVpnGateways", "VpnGateways", "VpnGatewayId"),
        ("AWS::CertificateManager::Certificate", "acm", "ListCertificates", "CertificateSummaryList", "CertificateArn"),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "elbv2", "DescribeTargetGroups", "TargetGroups", "TargetGroupName"),
        ("AWS::KMS::Alias", "kms", "ListAliases", "Aliases", "AliasName"),
    ],
)
def test_the_calls_are_found_by_their_names(type_: str, service: str, operation: str, items: str, id_: str) -> None:
    entry = drafted(type_)
    listing = entry["list"]
    assert isinstance(listing, dict)
    assert (entry["service"], listing["op"], listing["items"], entry["id"]) == (service, operation, items, id_)
    assert entry["reviewed"] == []


def test_what_passes_what_is_secret_and_what_is_noise_is_proposed_with_a_reason() -> None:
    text = draft("AWS::FSx::FileSystem", SDK)
    entry = drafted("AWS::FSx::FileSystem")
    assert entry["drop"] == ["CreationTime"]
    assert entry["settling"] == {
        "Lifecycle": ["CREATING", "DELETING", "UPDATING"],
        "LustreConfiguration.DataRepositoryConfiguration.Lifecycle": ["CREATING", "UPDATING", "DELETING"],
        "WindowsConfiguration.Aliases[].Lifecycle": ["CREATING", "DELETING"],
    }
    assert entry["secret"]["OntapConfiguration.FsxAdminPassword"] == "value"  # type: ignore[index]
    for line in text.splitlines():
        if line.strip().startswith('"') and not line.strip().startswith('"@'):
            assert "# " in line, f"no reason: {line}"


@pytest.mark.parametrize("member", ["DeletionDate", "ValidTo"])
def test_a_pending_deletion_and_an_expiry_are_never_proposed_as_noise(member: str) -> None:
    entry = drafted("AWS::KMS::Key", list="ListKeys")
    for field in ("drop", "facts"):
        assert not [path for path in entry.get(field, ()) if str(path).endswith(member)]  # type: ignore[attr-defined]


def test_a_draft_is_refused_by_the_check_until_somebody_looked(tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text(draft("AWS::Batch::JobQueue", SDK).replace("AWS::Batch::JobQueue", "Custom::Batch::JobQueue"))
    problems = [str(problem) for problem in check(read_files([file]), SDK._session)]
    assert any("not reviewed" in problem for problem in problems)
    assert all("not reviewed" in problem or "sets" in problem or "no key" in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("type_", "hints", "words"),
    [
        ("AWS::Nonsense::Thing", {}, "no service of the SDK has a name like Nonsense; expected --service"),
        ("AWS::EC2::Nonsense", {}, "no operation of ec2 lists Nonsense"),
        ("AWS::EC2::VPC", {"list": "DescribeVpcz"}, "did you mean DescribeVpcs"),
        ("AWS::EC2::VPC", {"items": "Vpcz"}, "--items Vpcz"),
        ("AWS::EC2::VPC", {"service": "ecc2"}, "the SDK has no service ecc2"),
    ],
)
def test_what_cannot_be_found_is_asked_for(type_: str, hints: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as refused:
        draft(type_, SDK, Hints(**hints))  # type: ignore[arg-type]
    assert words in str(refused.value)


def test_the_command_drafts_what_is_not_there_yet() -> None:
    run = CliRunner().invoke
    done = run(app, ["catalog", "new", "Custom::Batch::JobQueue", "--service", "batch"])
    assert done.exit_code == 0
    assert 'op = "DescribeJobQueues"' in done.stdout
    there = run(app, ["catalog", "new", "AWS::SQS::Queue"])
    assert there.exit_code == 1
    assert "sqs.toml" in there.stderr
