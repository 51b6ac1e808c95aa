"""The main job, end to end: what `make run` shows, and what is left behind for whoever looks closer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from driftwatch.demo import baseline as demo_baseline

ROOT = Path(__file__).parent.parent.parent


def driftwatch(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "driftwatch", *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False, cwd=ROOT
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo") / "state"
    return folder, driftwatch("demo", "--once", "--folder", folder)


def test_the_story_comes_out_as_told(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = played
    assert done.returncode == 2, done.stdout + done.stderr
    verdicts = re.findall(r"-> (\w+), (\w+)", done.stdout)
    assert verdicts == [
        ("authorized", "awaiting_baseline"),
        ("unauthorized", "open"),
        ("partially_authorized", "open"),
        ("unauthorized", "open"),
        ("unauthorized", "reverted"),
        ("unauthorized", "open"),
        ("unauthorized", "open"),
        ("unauthorized", "open"),
    ]
    assert "4 cells are unknown (denied), their 8 resources are not deleted" in done.stdout
    assert "R4 NOT_APPROVED_AT_TIME" in done.stdout
    assert "its approval was complete only at" in done.stdout


def test_the_store_tells_the_same_afterwards(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = played
    done = driftwatch("status", "--json", "--config", folder / "driftwatch.yaml")
    assert done.returncode == 2, done.stderr
    status: dict[str, Any] = json.loads(done.stdout)
    assert len(status["findings"]) == 7
    assert status["activity"]["blind"] == {"trail": 1}
    assert {cell["account"] for cell in status["cells"] if cell["blind"]} == {"123456789012"}
    assert {gap["reason"] for gap in status["gaps"]} == {"denied"}
    assert not [cell for cell in status["cells"] if cell["state"] == "clean" and cell["type"] == "AWS::SQS::Queue"]
    listed = json.loads(driftwatch("findings", "list", "--json", "--config", folder / "driftwatch.yaml").stdout)
    opened = next(item["id"] for item in listed if item["label"] == "web")
    why = driftwatch("findings", "why", opened, "--config", folder / "driftwatch.yaml")
    assert "R1 NO_RECORD" in why.stdout
    assert "a record that names it, approved before the change, would have covered it" in " ".join(why.stdout.split())


def test_it_names_who_did_what(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = played
    listed = json.loads(driftwatch("findings", "list", "--all", "--json", "--config", folder / "driftwatch.yaml").stdout)
    lasting = [item for item in listed if item["state"] != "superseded"]
    made = {item["resource"].rpartition(":")[2]: (item["kind"], item["attribution"]["actors"]) for item in lasting}
    old_deploy = "arn:aws:iam::123456789012:user/old-deploy"
    groups = [(item["label"], item["kind"], item["attribution"]["actors"]) for item in listed if item["type"] == "AWS::EC2::SecurityGroup"]
    assert sorted(groups) == [
        ("database", "transient", ["carl"]),
        ("payments", "updated", ["ana"]),
        ("web", "updated", [old_deploy]),
    ]
    assert made["orders"] == ("updated", ["arn:aws:sts::123456789012:assumed-role/terraform-deploy/GitHubActions"])
    assert made["errors"] == ("updated", ["ana"])
    assert made["acme-123-data"] == ("updated", ["carl"])
    assert made["table/carts"] == ("deleted", ["carl"])
    assert made["trail/main"] == ("updated", [old_deploy])
    assert "by arn:aws:sts::123456789012:assumed-role/terraform-deploy/GitHubActions for dora, through terraform" in done.stdout


def test_its_population_adds_up(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = played
    days = json.loads(driftwatch("activity", "population", "--json", "--config", folder / "driftwatch.yaml").stdout)
    for day in days:
        assert day["writes"] == day["failed"] + sum(day["others"].values()) + day["changes"]
        assert day["changes"] == sum(day["fates"].values())
    fates = {fate: sum(day["fates"][fate] for day in days) for fate in days[0]["fates"]}
    assert fates["baselined"] > 100, "the log holds how the account was made, too"
    assert (fates["matched"], fates["transient"], fates["pending"]) == (7, 2, 0)
    assert fates["unwatched"] == 1, "the provider of the pipeline's tokens"
    assert fates["unresolved"] <= 1, "the records of a zone, which the log names without their zone"
    assert sum(day["drifts"]["unattributed"] for day in days) == 0


def test_no_secret_of_the_account_is_stored_or_printed(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Function and container variables, user data, parameters and passwords of the demo hold one canary."""
    folder, done = played
    assert "a-secret-of-the-demo" not in done.stdout + done.stderr
    exported = folder / "exported"
    assert driftwatch("baseline", "export", "demo", exported, "--config", folder / "driftwatch.yaml").returncode == 0
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert not [path.name for path in files if b"a-secret-of-the-demo" in path.read_bytes()]


def test_the_repository_holds_the_demos_baseline(tmp_path: Path) -> None:
    """`baselines/demo` is what the simulated account gives in every run; `python -m driftwatch.demo.baseline` writes it anew."""
    fresh = demo_baseline.write(tmp_path / "demo")
    kept = ROOT / "baselines" / "demo"
    assert json.loads((kept / "manifest.json").read_text())["content_hash"] == fresh.content_hash
    names = {path.relative_to(kept).as_posix() for path in kept.rglob("*.json")}
    assert names == {path.relative_to(tmp_path / "demo").as_posix() for path in (tmp_path / "demo").rglob("*.json")}
    changed = [name for name in names - {"manifest.json"} if (kept / name).read_bytes() != (tmp_path / "demo" / name).read_bytes()]
    assert not changed
