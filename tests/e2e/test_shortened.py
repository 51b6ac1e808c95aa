"""What the tests of alerting change in the files that are shipped: times and addresses, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.deploy.shipped import PROMETHEUS, RULES, alerts
from tests.e2e import shortened

DOWN, BEATS = "DriftwatchDown", "DriftwatchHeartbeat"


def shipped(name: str) -> Any:
    return yaml.safe_load((PROMETHEUS / name).read_text())


@pytest.mark.parametrize(("given", "factor", "expected"), [("3m", 60, "3000ms"), ("1d", 1, "86400000ms"), ("30s", 60, "500ms")])
def test_a_duration_is_divided(given: str, factor: int, expected: str) -> None:
    assert shortened.shorter(given, factor) == expected


def test_an_alert_keeps_all_but_its_times() -> None:
    made = shortened.rules(shipped(RULES.name), 40, [DOWN, BEATS])
    (group,) = made["groups"]
    by_name = {rule["alert"]: rule for rule in group["rules"]}
    assert by_name[DOWN]["for"] == "4500ms"
    assert by_name[BEATS]["expr"] == "time() - max by (job) (max_over_time(driftwatch_heartbeat_timestamp_seconds[15000ms])) < 15"
    for name, rule in by_name.items():
        before = alerts()[name]
        assert re.sub(r"[\d.]+(ms)?", "", rule["expr"]) == re.sub(r"[\d.]+m?", "", before["expr"])
        assert rule["labels"] == {**before["labels"], "shortened": "yes"}
        assert rule["annotations"] == before["annotations"]
        assert ("for" in rule) == ("for" in before)


def test_the_routes_keep_all_but_their_pauses_and_addresses() -> None:
    before = shipped("alertmanager.yml")
    made = shortened.alertmanager(before, 60, "http://127.0.0.1:1")
    assert made["inhibit_rules"] == before["inhibit_rules"]
    assert made["route"]["group_wait"] == "500ms"
    assert [route["matchers"] for route in made["route"]["routes"]] == [route["matchers"] for route in before["route"]["routes"]]
    assert {hook["url"] for receiver in made["receivers"] for hook in receiver["webhook_configs"]} == {
        f"http://127.0.0.1:1/{receiver['name']}" for receiver in before["receivers"]
    }


def test_the_scrape_keeps_its_token_its_job_and_its_instance() -> None:
    before = shipped("prometheus.yml")
    made = shortened.prometheus(before, scrape_s=3, evaluate_s=1, target="127.0.0.1:1", manager="127.0.0.1:2", more_rules="more.yaml")
    (job,), (was,) = made["scrape_configs"], before["scrape_configs"]
    assert {**job, "static_configs": None} == {**was, "static_configs": None}
    assert job["static_configs"][0]["labels"] == was["static_configs"][0]["labels"]
    assert made["rule_files"] == ["driftwatch.rules.yaml", "more.yaml"]
