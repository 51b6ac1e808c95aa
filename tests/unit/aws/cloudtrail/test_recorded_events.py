"""Real events, with what people who read them say of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from driftwatch.aws.cloudtrail.parsing.parse import activity
from driftwatch.domain.activity import Activity

RECORDED = [json.loads(line) for line in (Path(__file__).parent / "recorded_events.jsonl").read_text().splitlines()]


@pytest.fixture(params=RECORDED, ids=lambda case: f"{case['label']['id']}-{case['label']['event_name']}")
def case(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Activity]:
    found = activity(request.param["event"])
    assert isinstance(found, Activity)
    return request.param["label"], found


def test_what_counts_as_a_change_and_what_succeeded(case: tuple[dict[str, Any], Activity]) -> None:
    label, found = case
    assert found.is_config_change == label["counts_as_config_change"]
    assert found.failed != label["succeeded"]
    assert found.read_only == label["read_only_flag"]


def test_the_resources_are_named(case: tuple[dict[str, Any], Activity]) -> None:
    label, found = case
    for wanted in label["expected_resources"]:
        assert any(one.type == wanted["type"] and set(one.ids) & set(wanted["ids"]) for one in found.resources), found.resources


def test_the_channel(case: tuple[dict[str, Any], Activity]) -> None:
    label, found = case
    assert found.actor.channel == label["channel"]
