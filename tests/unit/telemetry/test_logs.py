"""Logs: one JSON line per event, whoever logs it, and no secret in it."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.report import CellJudged, ScanPlanned, SourceSynced
from driftwatch.domain.snapshot import CellState, Gap, GapReason
from driftwatch.telemetry import logs
from tests.world import ACCOUNT, GROUPS, settled_world

HOSTILE = 'evil\n{"event": "fake"}\r\x1b[31mred\x1b[0m\u202e\u2028\x9b\x00end'
GAP = Gap(cell=GROUPS, reason=GapReason.DENIED, detail=HOSTILE, operation="ec2:DescribeSecurityGroups")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    handlers, level, hook = logging.root.handlers[:], logging.root.level, threading.excepthook
    yield
    structlog.reset_defaults()
    logging.root.handlers[:], threading.excepthook = handlers, hook
    logging.root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_scan_is_told_with_scan_account_and_region_bound() -> None:
    stream = io.StringIO()
    logs.configure("debug", stream=stream)
    world = settled_world()
    world.events.clear()
    world.put(GROUPS, "one", Size="a value that stays out of the log")
    world.collector.failing_items[GROUPS] = {"two": GapReason.DENIED}
    done = world.scan()
    for event in world.events:
        logs.report_to_log(event)
    told = lines(stream)
    assert [line["event"] for line in told].count("cell_judged") == 2
    for line in told:
        assert line["timestamp"].endswith("Z")
        if line["event"] in ("cell_judged", "gap", "finding"):
            assert (line["scan"], line["account"], line["region"]) == (done.scan.id, ACCOUNT, "eu-west-1")
    (finding,) = [line for line in told if line["event"] == "finding"]
    assert finding["verdict"] == "unauthorized"
    assert finding["violations"]
    assert told[-1]["event"] == "scan_done"
    assert "stays out" not in stream.getvalue()


def test_set_aside_records_warn_and_a_failed_source_is_an_error() -> None:
    stream = io.StringIO()
    logs.configure("info", stream=stream)
    logs.report_to_log(SourceSynced(source="tickets", records=2))
    logs.report_to_log(SourceSynced(source="tickets", records=2, set_aside=1))
    logs.report_to_log(SourceSynced(source="tickets", error="down"))
    assert [line["level"] for line in lines(stream)] == ["warning", "error"]


@pytest.mark.parametrize("json_lines", [True, False])
def test_text_of_others_cannot_begin_a_line_or_steer_a_terminal(json_lines: bool) -> None:
    stream = io.StringIO()
    logs.configure("debug", json=json_lines, stream=stream)
    event = CellJudged(
        scan_id="scan-1", cell=GROUPS, state=CellState.UNKNOWN, reason=HOSTILE, resources=0, calls=1, seconds=0.1, gaps=(GAP,)
    )
    logs.report_to_log(event)
    logging.getLogger("a library").warning("%s", HOSTILE)
    text = stream.getvalue()
    assert len(text.splitlines()) == text.count("\n") == 3
    assert not set(text) & {"\r", "\x1b", "\u202e", "\u2028", "\x9b", "\x00"}


@given(st.text())
def test_whatever_is_logged_is_one_line_and_comes_back_whole(text: str) -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    structlog.get_logger().info("event", value=text)
    assert stream.getvalue().count("\n") == 1
    assert lines(stream)[0]["value"] == text


def test_an_error_that_nobody_foresaw_is_told_without_its_text() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    try:
        int("password=hunter2")
    except ValueError as error:
        error_id = logs.unexpected("failed", error, part="worker")
        logging.getLogger("library").exception("it broke")
    thread = threading.Thread(target=lambda: {}["hunter2"])
    thread.start()
    thread.join()
    first, second, third = lines(stream)
    assert (first["error_id"], first["error_type"], first["part"]) == (error_id, "ValueError", "worker")
    assert any("test_logs.py" in place for place in first["where"])
    assert (second["event"], second["logger"], second["error_type"]) == ("it broke", "library", "ValueError")
    assert (third["event"], third["error_type"]) == ("thread_failed", "KeyError")
    assert "hunter2" not in stream.getvalue()


def test_the_level_holds_for_driftwatch_and_libraries_are_heard_from_warnings_on() -> None:
    stream = io.StringIO()
    logs.configure("debug", stream=stream)
    structlog.get_logger().debug("ours")
    logging.getLogger("botocore.endpoint").debug("headers with a token")
    logging.getLogger("botocore.endpoint").info("more")
    assert [line["event"] for line in lines(stream)] == ["ours"]
    logs.configure("error", stream=stream)
    structlog.get_logger().warning("quiet")
    logging.getLogger("apscheduler").warning("quiet")
    assert len(lines(stream)) == 1


def test_a_planned_scan_is_told() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logs.report_to_log(replace(ScanPlanned(scan_id="scan-1", cells=2), cells=3))
    assert lines(stream)[0] | {"timestamp": ""} == {"event": "scan_planned", "scan": "scan-1", "cells": 3, "level": "info", "timestamp": ""}
