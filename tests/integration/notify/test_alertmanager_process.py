"""A real Alertmanager: what fires arrives, survives its sudden death, and is resolved."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from driftwatch.domain.message import Result
from driftwatch.domain.notification import Route, Routing
from driftwatch.notifiers import alertmanager
from driftwatch.operations import notify
from tests.contract.notifiers.receiver import Receiver, receiving
from tests.world import GROUPS, World, settled_world

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = pytest.mark.skipif(BINARY is None, reason="no Alertmanager is installed here (Debian: prometheus-alertmanager)")
CONFIG = """
route: {{receiver: sink, group_by: [finding], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1h}}
receivers: [{{name: sink, webhook_configs: [{{url: "{url}", send_resolved: true}}]}}]
"""


class Alertmanager:
    """One process, with a fresh data folder at each start."""

    def __init__(self, folder: Path, sink: Receiver) -> None:
        self._folder = folder
        (folder / "alertmanager.yml").write_text(CONFIG.format(url=sink.url))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._starts += 1
        data = self._folder / f"data-{self._starts}"
        command = [str(BINARY), f"--config.file={self._folder}/alertmanager.yml", f"--storage.path={data}", "--cluster.listen-address="]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log)
        eventually(lambda: self.get("/-/ready"))

    def get(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(self.url + path, timeout=2) as answer:
                return answer.read()
        except (OSError, urllib.error.URLError):
            return None

    def alerts(self) -> list[Any]:
        return json.loads(self.get("/api/v2/alerts") or b"[]")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(5)


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
    made = Alertmanager(tmp_path, sink)
    made.start()
    yield made
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
