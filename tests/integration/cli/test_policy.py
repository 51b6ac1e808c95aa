"""`driftwatch policy` on the command line: what it prints, and the exit codes that CI relies on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from driftwatch.cli.main import app
from driftwatch.documents import policies

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration in the way."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTWATCH_CONFIG", raising=False)


def run(*arguments: str | Path, code: int = 0) -> Result:
    done = RUNNER.invoke(app, ["policy", *(str(argument) for argument in arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output + done.stderr
    return done


def shown(*arguments: str | Path, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code).stdout)


@pytest.mark.parametrize("preset", policies.PRESETS)
def test_what_tutorial_prints_is_a_case_file_that_passes(preset: str, tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(run("tutorial", preset).stdout)
    done = run("test", file)
    lines = done.stdout.splitlines()
    assert all(line.startswith("pass  ") for line in lines[:-2])
    assert lines[-1] == f"{len(lines) - 2} cases, {len(lines) - 2} passed, 0 failed"
    document = shown("test", file)
    assert document["summary"] == {"cases": len(lines) - 2, "passed": len(lines) - 2, "failed": 0}
    assert document["cases"][0].keys() == {"id", "title", "kind", "place", "passed", "mismatches", "explanation"}


def test_a_failing_case_tells_expected_found_the_line_and_why_and_ends_with_1(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    text = run("tutorial", "startup").stdout.replace("expect: {verdict: unauthorized, violations: [R4]", "expect: {verdict: authorized")
    file.write_text(text)
    number = next(at for at, line in enumerate(text.splitlines(), start=1) if "expect: {verdict: authorized, record: OPS-3}" in line)
    out = run("test", file, code=1).stdout
    assert "FAIL  approved-afterwards  The ticket was approved an hour after the change" in out
    assert f"{file}:{number}:14: verdict: expected authorized, found unauthorized" in out
    assert "R4 NOT_APPROVED_AT_TIME, fail:" in out
    assert out.splitlines()[-1] == "11 cases, 10 passed, 1 failed"
    failed = [case for case in shown("test", file, code=1)["cases"] if not case["passed"]]
    assert [(case["id"], case["mismatches"]) for case in failed] == [
        (
            "approved-afterwards",
            [{"what": "verdict", "expected": "authorized", "found": "unauthorized", "place": f"{file}:{number}:14"}],
        )
    ]


def test_several_files_are_run_and_a_bad_one_is_told_with_its_place(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(run("tutorial", "startup").stdout)
    bad.write_text("cases:\n- {id: x, kind: decision, expect: {}}\n")
    done = run("test", good, bad, code=1)
    assert f"{bad}:2:3" in done.stderr
    assert "Traceback" not in done.output
    assert "no such file" in run("test", tmp_path / "none.yaml", code=1).stderr
    assert "one of startup, scaleup, enterprise" in run("tutorial", "big", code=1).stderr


CASES = """
cases:
- id: mine
  kind: decision
  now: 2026-03-10T12:00:00Z
  drift:
    account: "111111111111"
    region: eu-west-1
    resource_type: AWS::SQS::Queue
    resource_id: arn:aws:sqs:eu-west-1:111111111111:q
    kind: updated
    changes: [{path: /Delay, op: replace, before: 1, after: 2}]
    interval: {last_good: 2026-03-10T10:00:00Z, detected: 2026-03-10T11:00:00Z}
  expect: {verdict: not_controlled}
"""


def test_ones_own_policy_is_tested_with_cases_that_name_no_preset(tmp_path: Path) -> None:
    file, policy = tmp_path / "cases.yaml", tmp_path / "mine.yaml"
    file.write_text(CASES)
    assert "--policy policy.yaml" in run("test", file, code=1).stderr
    policy.write_text('extends: startup\nproduction_accounts: ["222222222222"]\n')
    run("test", file, "--policy", policy)
    policy.write_text("extends: startup\n")
    assert "expected not_controlled, found unauthorized" in run("test", file, "--policy", policy, code=1).stdout


def configured(folder: Path, policy: str, people: str = "[]\n") -> Path:
    (folder / "policy.yaml").write_text(policy)
    (folder / "people.yaml").write_text(people)
    config = folder / "driftwatch.yaml"
    config.write_text('accounts: [{id: "111111111111"}]\nbaselines: [{name: main}]\npeople: people.yaml\n')
    return config


def test_show_tells_where_each_value_comes_from(tmp_path: Path) -> None:
    people = "- {id: bob, roles: [manager]}\n"
    deviation = "deviations: [{rule: R5, approved_by: bob, reason: we are three, until: 2020-01-31}]\n"
    configured(tmp_path, f"extends: scaleup\nrules: {{R5: warn}}\n{deviation}", people)
    out = run("show").stdout
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert rows["rules.R5"][1:] == ["warn", f"{tmp_path}/policy.yaml:2:9"]
    assert rows["rules.R1"][1:] == ["enforce", "preset", "scaleup"]
    assert rows["roles.bob"][1:] == ["[manager]", "people"]
    assert "loosened: R5, approved by bob until 2020-01-31 (over: nobody excuses it any more): we are three" in out
    document = shown("show")
    values = {item["key"]: item for item in document["values"]}
    assert values["rules.R5"] == {"key": "rules.R5", "value": "warn", "source": "file", "place": f"{tmp_path}/policy.yaml:2:9"}
    assert document["deviations"][0]["expired"] is True
    assert document["policy"]["emergency"]["review_within_h"] == 72
    assert len(document["version"]) == 64
    assert not (tmp_path / ".driftwatch").exists()  # it needs no store


def test_check_ends_with_1_for_an_error_and_with_0_for_warnings(tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text("extends: startup\n")
    out = run("check", "--policy", policy).stdout
    assert f"{policy}:1:1: warning: R7 asks for a test" in out
    assert out.splitlines()[-1].startswith("0 errors, ")
    policy.write_text("extends: scaleup\n")
    out = run("check", "--policy", policy, code=1).stdout
    assert "error: nobody holds the role manager, change_manager or cab" in out
    assert {item["level"] for item in shown("check", "--policy", policy, code=1)} == {"error", "warning"}
    policy.write_text("extends: scaleup\nrules: {R3: warn}\n")
    assert f"{policy}:2:9: R3 looser than the preset" in run("check", "--policy", policy, code=1).stderr
    assert shown("check", "--policy", policy, code=1)[0]["place"] == f"{policy}:2:9"


def test_without_a_policy_and_a_configuration_the_remedy_is_told() -> None:
    assert "--policy FILE" in run("check", code=1).stderr
    assert "--policy FILE" in run("show", code=1).stderr


def test_replay_of_an_empty_store_says_that_it_judged_nothing(tmp_path: Path) -> None:
    configured(tmp_path, "extends: startup\n")
    (tmp_path / "new.yaml").write_text("extends: startup\nrules: {R3: enforce}\n")
    assert run("replay", "--policy", "new.yaml", "--since", "2026-01-01").stdout.splitlines()[-1] == (
        "0 drifts since 2026-01-01 00:00 UTC were judged again: 0 would come to something else"
    )
    assert run("replay", "--policy", "new.yaml", "--json").stdout == ""
    assert "expected a number and h, d or w" in run("replay", "--policy", "new.yaml", "--since", "lately", code=1).stderr
