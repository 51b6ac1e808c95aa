"""Which types a configuration watches: its globs, a user's own entries, and not what only repeats another type unless it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftwatch import wiring
from driftwatch.aws.catalog import load
from driftwatch.errors import InputError
from tests.integration.cli.test_story import run, shown
from tests.unit.aws.test_extra import GOOD

CONFIG = """
accounts: [{{id: "123456789012", regions: [us-east-1]}}]
baselines: [{{name: production}}]
types: {types}
catalog: {{extra_dirs: [{extra}]}}
"""


def watched(folder: Path, types: str, extra: str = "") -> set[str]:
    (folder / "policy.yaml").write_text('extends: startup\nproduction_accounts: ["123456789012"]\n')
    config = folder / "driftwatch.yaml"
    config.write_text(CONFIG.format(types=types, extra=extra))
    made = wiring.load(config)
    try:
        told = made.installation.collector.plan(lambda _cell: True)
    finally:
        made.close()
    return {gap.cell.type for gap in told.gaps} | {cell.type for unit in told.units for cell in unit.cells}


def test_what_repeats_another_type_is_watched_only_where_it_is_named(tmp_path: Path) -> None:
    """One change must not have to be authorised twice."""
    repeating = {name for name, entry in load().items() if entry.repeats}
    assert "AWS::EC2::SecurityGroupIngress" in repeating
    assert not watched(tmp_path, '["AWS::EC2::SecurityGroup*"]') & repeating
    named = watched(tmp_path, '["AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"]')
    assert named == {"AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"}


def test_own_entries_are_watched_like_ours(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "signer.toml").write_text(GOOD)
    assert watched(tmp_path, '["Custom::*"]', "own") == {"Custom::Signer::Platform"}


def test_a_broken_entry_stops_the_start_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "signer.toml").write_text(GOOD.replace('items = "platforms"', 'items = "platfroms"'))
    with pytest.raises(InputError, match=r"signer\.toml:4: Custom::Signer::Platform: .*did you mean platforms"):
        watched(tmp_path, '["Custom::*"]', "own")


def test_what_a_scan_costs_is_told_without_a_single_call(tmp_path: Path) -> None:
    """Nobody answers at the address that AWS programs of this test reach: a call would fail."""
    watched(tmp_path, '["AWS::SQS::Queue", "AWS::EKS::Nodegroup"]')
    config = tmp_path / "driftwatch.yaml"
    told = shown("scan", "--plan", "--config", config)
    assert {line["service"]: line["calls"] for line in told["services"]} == {"sts": 1, "ec2": 1, "sqs": 1, "eks": 1}
    assert (told["calls"], told["never_read_cells"]) == (4, 3), "the clusters that node groups are listed under count, too"
    text = run("scan", "--plan", "--config", config).stdout
    assert "4 calls" in text
    assert "3 cells were never read" in text


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere is no directory"):
        watched(tmp_path, '["*"]', "nowhere")
