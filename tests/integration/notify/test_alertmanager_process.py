"""A real Alertmanager: what fires arrives, survives its sudden death, and is resolved."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from driftwatch.domain.message import Result
from driftwatch.domain.notification import Route, Routing
from driftwatch.notifiers import alertmanager
from driftwatch.operations import notify
from tests.alert_servers import Alertmanager
from tests.contract.notifiers.receiver import Receiver, receiving
from tests.world import GROUPS, World, settled_world

CONFIG = """
route: {{receiver: sink, group_by: [finding], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1h}}
receivers: [{{name: sink, webhook_configs: [{{url: "{url}", send_resolved: true}}]}}]
"""


def eventually(condition: Callable[[], Any]) -> Any:
    for _ in range(160):
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.fixture
def sink() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def manager(tmp_path: Path, sink: Receiver) -> Iterator[Alertmanager]:
    made = Alertmanager(tmp_path, CONFIG.format(url=sink.url))
    try:
        made.start()
        yield made
    finally:
        made.kill()


def heard(sink: Receiver, status: str) -> list[Any]:
    notices = [json.loads(got.body) for got in sink.got]
    return [alert for notice in notices for alert in notice["alerts"] if alert["status"] == status]


def at_real_time(world: World, ahead_s: float = 0) -> None:
    world.now = datetime.now(UTC) + timedelta(seconds=ahead_s)


def test_firing_arrives_survives_a_restart_and_is_resolved(manager: Alertmanager, sink: Receiver) -> None:
    notifier = alertmanager.create("am", alertmanager.Settings(url=manager.url, resend_s=10))
    world = settled_world(routing=Routing(notifiers=("am",), routes=(Route(to=("am",)),)), notifiers=[notifier])
    at_real_time(world)
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan(0)
    (finding,) = world.live()

    def deliver() -> Any:
        return notify.deliver(world.installation, notifier, lambda: 0.0)

    assert deliver() == {Result.DELIVERED: 1}
    (alert,) = eventually(lambda: heard(sink, "firing"))
    assert alert["labels"] == {
        "alertname": "DriftwatchFinding",
        "service": "driftwatch",
        "severity": "critical",
        "account": finding.cell.account,
        "region": "eu-west-1",
        "type": GROUPS.type,
        "baseline": "production",
        "finding": finding.id,
    }
    assert "changed /Size" in alert["annotations"]["description"]

    manager.kill()
    at_real_time(world, 10)
    assert deliver() == {Result.RETRY: 1}
    manager.start()
    assert manager.alerts() == [], "it forgot"
    at_real_time(world, 16)
    assert deliver() == {Result.DELIVERED: 1}
    assert [item["labels"]["finding"] for item in manager.alerts()] == [finding.id]
    eventually(lambda: len(heard(sink, "firing")) == 2)

    at_real_time(world)
    world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    world.scan(0)
    assert deliver() == {Result.DELIVERED: 1}
    (resolved,) = eventually(lambda: heard(sink, "resolved"))
    assert resolved["labels"]["finding"] == finding.id
    assert manager.alerts() == []
