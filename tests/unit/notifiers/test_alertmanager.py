"""What Alertmanager is posted: labels that stay, ends that do not flap, and a bad one that costs no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from driftwatch.domain.message import Result, one_each
from driftwatch.domain.notification import Phase, Severity
from driftwatch.notifiers import alertmanager
from tests.contract.notifiers.letters import NOW, singly, told
from tests.contract.notifiers.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def notifier(receiver: Receiver, **settings: Any) -> alertmanager.AlertmanagerNotifier:
    return alertmanager.create("am", alertmanager.Settings(url=f"{receiver.url}/", **settings))


def alerts(receiver: Receiver) -> list[Any]:
    return [alert for got in receiver.got for alert in json.loads(got.body)]


def test_a_firing_alert_ends_after_three_pauses_and_a_resolved_one_now(receiver: Receiver) -> None:
    made = notifier(receiver, resend_s=30)
    made.send(one_each([told(1), told(2, phase=Phase.RESOLVED)], NOW))
    firing, resolved = alerts(receiver)
    assert receiver.got[0].path == "/api/v2/alerts"
    assert made.resend_s == 30
    assert datetime.fromisoformat(firing["endsAt"]) == NOW + timedelta(seconds=90)
    assert datetime.fromisoformat(resolved["endsAt"]) == NOW
    assert datetime.fromisoformat(firing["startsAt"]) == told().since


def test_labels_are_valid_and_the_same_when_it_fires_and_is_resolved(receiver: Receiver) -> None:
    notifier(receiver).send(one_each([told(1), told(1, phase=Phase.RESOLVED, title="[resolved] x", why="reverted")], NOW))
    firing, resolved = alerts(receiver)
    assert firing["labels"] == resolved["labels"]
    assert set(firing["labels"]) == {"alertname", "service", "severity", "account", "region", "type", "baseline", "finding"}
    assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) for name in [*firing["labels"], *firing["annotations"]])
    assert firing["generatorURL"] == "https://drift.example/findings/finding-1"


def test_another_severity_resolves_the_alert_with_the_former_one(receiver: Receiver) -> None:
    notifier(receiver).send(one_each([told(1, was=Severity.WARNING)], NOW))
    assert [(alert["labels"]["severity"], datetime.fromisoformat(alert["endsAt"]) > NOW) for alert in alerts(receiver)] == [
        ("critical", True),
        ("warning", False),
    ]


def test_of_a_refused_batch_only_the_bad_ones_are_refused(receiver: Receiver) -> None:
    receiver.answer = lambda body: 400 if b"finding-70" in body else 200
    outcomes = notifier(receiver).send(singly(100))
    assert [number for number, outcome in enumerate(outcomes, 1) if outcome.result is Result.REFUSED] == [70]
    assert len({outcome.result for outcome in outcomes}) == 2
    assert len(receiver.got) == 2 + 36


def test_a_receiver_that_is_down_is_asked_once(receiver: Receiver) -> None:
    receiver.answer = lambda _: 500
    outcomes = notifier(receiver).send(singly(200))
    assert len(receiver.got) == 1
    assert [outcome.result for outcome in outcomes] == [Result.RETRY] * 64 + [Result.UNTRIED] * 136


def test_credentials_come_from_a_file(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "auth").write_text("Bearer abc\n")
    notifier(receiver, authorization_file=tmp_path / "auth").send(singly(1))
    assert receiver.got[0].headers["authorization"] == "Bearer abc"
