"""What Prometheus' and Alertmanager's own programs say of the files, and how the alerts take a real daemon's first minutes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftwatch.domain.report import ActivityMeasure, ActivityRead, HandledMeasure, Measures, ScopeMeasure, SourceMeasure, SourceSynced
from driftwatch.telemetry.metrics import Metrics
from tests.deploy.shipped import DASHBOARD, PROMETHEUS, RULE_TESTS, RULES, panels
from tests.deploy.tools import REQUIRE, found, run
from tests.unit.telemetry.test_metrics import series

START = datetime.fromtimestamp(0, UTC)
"""When the clock of `promtool test rules` begins."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files as somebody installs them, with a token beside them."""
    folder = tmp_path / "prometheus"
    shutil.copytree(PROMETHEUS, folder)
    (folder / "driftwatch.token").write_text("0123456789abcdef0123456789abcdef")
    return folder


def test_the_rules_are_rules() -> None:
    assert "SUCCESS" in run("promtool", "check", "rules", RULES.name, folder=PROMETHEUS)


@pytest.mark.slow
@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda path: path.name)
def test_every_case_of_the_rules_comes_true(file: Path) -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", file.name, folder=PROMETHEUS)


def test_the_example_of_prometheus_is_accepted_with_its_rules_and_its_token(copy: Path) -> None:
    said = run("promtool", "check", "config", "prometheus.yml", folder=copy)
    assert "1 rule files found" in said
    assert "rules found" in said


def test_the_example_of_alertmanager_is_accepted() -> None:
    said = run("amtool", "check-config", "alertmanager.yml", folder=PROMETHEUS)
    assert "SUCCESS" in said


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "DriftwatchHeartbeat", "job": "driftwatch", "severity": "none"}, "dead-man"),
        ({"alertname": "DriftwatchBlinded", "job": "driftwatch", "severity": "critical"}, "on-call"),
        ({"alertname": "DriftwatchCellsStale", "job": "driftwatch", "severity": "warning"}, "tickets"),
        ({"alertname": "DriftwatchBaselineOld", "job": "driftwatch", "severity": "info"}, "tickets"),
        ({"alertname": "DriftwatchFinding", "service": "driftwatch", "severity": "critical", "account": "1", "region": "r"}, "on-call"),
        ({"alertname": "DriftwatchFinding", "service": "driftwatch", "severity": "warning", "account": "1", "region": "r"}, "tickets"),
    ],
)
def test_alerts_go_by_their_severity_and_the_heartbeat_goes_outside(labels: Mapping[str, str], receiver: str) -> None:
    pairs = [f"{name}={value}" for name, value in labels.items()]
    said = run("amtool", "config", "routes", "test", "--config.file=alertmanager.yml", *pairs, folder=PROMETHEUS)
    assert said.splitlines()[0] == receiver


def test_every_panel_asks_what_prometheus_understands(tmp_path: Path) -> None:
    asked = [target["expr"].replace("$job", "job").replace("$instance", "one") for panel in panels() for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(asked)]
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": DASHBOARD.stem, "rules": rules}]}))
    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", "panels.yaml", folder=tmp_path)


def test_a_missing_program_fails_where_it_is_promised_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(REQUIRE, "amtool,promtool,alertmanager")
    with pytest.raises(pytest.fail.Exception, match="promtool is not installed"):
        run("promtool", folder=tmp_path)
    with pytest.raises(pytest.fail.Exception, match="alertmanager is not installed"):
        found("alertmanager", "prometheus-alertmanager")
    monkeypatch.delenv(REQUIRE)
    with pytest.raises(pytest.skip.Exception, match="promtool is not installed"):
        run("promtool", folder=tmp_path)


# --- a daemon's first minutes -------------------------------------------------------------------------------------------------------------


def healthy() -> Measures:
    """Everything is watched, and nothing is wrong."""
    return Measures(
        at=START,
        cells={("111111111111", "clean"): 40, ("111111111111", "not_enabled"): 2},
        gaps={},
        findings={("awaiting_baseline", "authorized", True): 1},
        first_seen=(START,),
        oldest_completion=START,
        last_scan_ended_at=START,
        last_complete_scan_ended_at=START,
        baselines={"production": START},
        sources={"tickets": SourceMeasure(last_success_at=START, set_aside=0)},
        store_bytes=4096,
        scopes={("111111111111", "global"): ScopeMeasure(states={"clean": 40}, past_freshness=0, oldest_completion=START)},
        handled=HandledMeasure(reviews={"running": 1}),
        activity=ActivityMeasure(synced={"trail": START}, complete_until={"trail": START}, attributed=1),
    )


def watching(taken: Measures) -> Metrics:
    metrics = Metrics()
    metrics.state(taken)
    metrics.on(SourceSynced(source="tickets"))
    metrics.on(ActivityRead(source="trail", new=3, changes=1))
    metrics.asked("calls", {"ec2": 100})
    metrics.ledger.export_ok.labels("file").set(1)
    metrics.interval.set(930)
    metrics.ledger.checkpoint_interval.set(3600)
    metrics.ledger.verify_interval.set(86_400)
    return metrics


def samples(metrics: Metrics, minutes: int) -> dict[str, str]:
    """What so many scrapes of it give, one a minute: times go on, everything else stays."""
    found = {}
    for (name, labels), value in series(metrics).items():
        body = ", ".join(f'{label}="{text}"' for label, text in [("job", "driftwatch"), ("instance", "production"), *labels])
        goes_on = name.endswith("_timestamp_seconds") and metrics is not FRESH
        found[f"{name}{{{body}}}"] = f"{{now}}+60x{minutes - 1}" if goes_on else f"{value:.0f}+0x{minutes - 1}"
    return found


FRESH = Metrics()


def life(*parts: tuple[Metrics | None, int]) -> list[dict[str, str]]:
    """A daemon's life as input of promtool: what it exported for how many minutes; None while it was away."""
    told = [(samples(metrics, minutes) if metrics else {}, minutes) for metrics, minutes in parts]
    lines: dict[str, list[str]] = {name: [] for part, _ in told for name in part}
    now = 0
    for part, minutes in told:
        for name, line in lines.items():
            line.append(
                part[name].replace("{now}", str(now * 60)) if name in part else f"stale _x{minutes - 1}" if minutes > 1 else "stale"
            )
        now += minutes
    return [{"series": name, "values": " ".join(line)} for name, line in lines.items()]


def firing(folder: Path, series_: Iterable[Mapping[str, str]], up: str, expected: Mapping[int, set[str]]) -> None:
    """Fails unless exactly these alerts fire at these minutes."""
    checks: list[dict[str, Any]] = [
        {
            "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)],
        }
        for minute, names in expected.items()
    ]
    fed_ = [*series_, {"series": 'up{job="driftwatch", instance="production"}', "values": up}]
    tests = [{"interval": "1m", "input_series": fed_, "promql_expr_test": checks}]
    document = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}
    (folder / "life.test.yaml").write_text(yaml.safe_dump(document, width=10_000))
    run("promtool", "test", "rules", "life.test.yaml", folder=folder)


BEATS = {"DriftwatchHeartbeat"}


def test_a_healthy_daemon_raises_nothing_from_its_first_moment_on_and_through_a_restart(tmp_path: Path) -> None:
    lived = life((FRESH, 1), (watching(healthy()), 30), (None, 2), (FRESH, 1), (watching(healthy()), 30))
    firing(tmp_path, lived, "1x30 0 0 1x31", dict.fromkeys(range(1, 63), BEATS))


def test_what_fires_goes_on_firing_through_a_restart(tmp_path: Path) -> None:
    bad = replace(healthy(), findings={("open", "unauthorized", True): 1}, gaps={"suspected_mass_delete": 1})
    sick = watching(bad)
    sick.ledger.fault.set(1)
    wanted = {*BEATS, "DriftwatchUnauthorizedChange", "DriftwatchMassDeleteHeld", "DriftwatchLedgerFault"}
    lived = life((sick, 20), (None, 2), (FRESH, 1), (sick, 20))
    firing(tmp_path, lived, "1x19 0 0 1x21", dict.fromkeys(range(1, 40), wanted))


def test_a_daemon_that_answers_and_never_measures_is_not_silent(tmp_path: Path) -> None:
    wanted = {"DriftwatchNotMeasuring", "DriftwatchHeartbeatOld", "DriftwatchLedgerCheckpointOld"}
    firing(tmp_path, life((FRESH, 30)), "1x30", {15: wanted})
