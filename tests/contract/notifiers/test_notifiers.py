"""Every notifier: one outcome for each message, whatever the receiver does, and within a bounded time. Found by their modules."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel

from driftwatch import plugins
from driftwatch.domain.message import DELIVERED, Message, Outcome, Result
from driftwatch.ports import Notifier
from tests.contract.notifiers.letters import singly, together
from tests.contract.notifiers.receiver import Receiver, receiving

PACKAGE = "driftwatch.notifiers"
SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
DEADLINE_S = 1


@dataclass
class Stage:
    """A notifier that posts to `receiver`; `tells_refusal` False: it only knows whether a message was taken."""

    notifier: Notifier
    receiver: Receiver
    tells_refusal: bool = True


def stage_alertmanager(receiver: Receiver, _folder: Path) -> Stage:
    adapter = plugins.load(PACKAGE, "alertmanager")
    return Stage(adapter.create("ops", adapter.Settings(url=receiver.url, deadline_s=DEADLINE_S)), receiver)


def stage_webhook(receiver: Receiver, folder: Path) -> Stage:
    adapter = plugins.load(PACKAGE, "webhook")
    (folder / "secret").write_text(SECRET + "\n")
    local = {"allow_http": True, "allow_private": ("127.0.0.0/8",), "deadline_s": DEADLINE_S}
    return Stage(adapter.create("ops", adapter.Settings(url=f"{receiver.url}/hook", secret_file=folder / "secret", **local)), receiver)


def stage_apprise(receiver: Receiver, folder: Path) -> Stage:
    pytest.importorskip("apprise", reason="the extra `notify` is not installed")
    adapter = plugins.load(PACKAGE, "apprise")
    (folder / "url").write_text(receiver.url.replace("http://", "json://") + f"/hook?cto={DEADLINE_S}&rto={DEADLINE_S}\n")
    return Stage(adapter.create("ops", adapter.Settings(url_file=folder / "url")), receiver, tells_refusal=False)


STAGES: Mapping[str, Callable[[Receiver, Path], Stage]] = {
    "alertmanager": stage_alertmanager,
    "apprise": stage_apprise,
    "webhook": stage_webhook,
}
WITHOUT_A_RECEIVER = frozenset({"log"})


@pytest.fixture(params=[word for word in plugins.words(PACKAGE) if word not in WITHOUT_A_RECEIVER])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    assert request.param in STAGES, f"say in STAGES how the notifier {request.param} is staged"
    with receiving() as receiver:
        yield STAGES[request.param](receiver, tmp_path)


def test_an_adapter_has_settings_and_create() -> None:
    assert "outbound" not in plugins.words(PACKAGE)
    for word in plugins.words(PACKAGE):
        module = plugins.load(PACKAGE, word)
        assert issubclass(module.Settings, BaseModel)
        assert all(field.description for field in module.Settings.model_fields.values())
        assert next(iter(inspect.signature(module.create).parameters)) == "name"


def results(outcomes: Sequence[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


def test_what_is_taken_is_delivered(stage: Stage) -> None:
    messages = singly(3)
    assert stage.notifier.name == "ops"
    assert list(stage.notifier.send(messages)) == [DELIVERED] * 3
    sent = b"".join(got.body for got in stage.receiver.got)
    for message in messages:
        assert message.told[0].resource.encode() in sent
    assert list(stage.notifier.send([])) == []


def test_a_group_and_a_storm_are_told(stage: Stage) -> None:
    for messages in (together(3), together(50)):
        assert list(stage.notifier.send(messages)) == [DELIVERED]


def test_the_bad_one_is_refused_and_the_rest_delivered(stage: Stage) -> None:
    stage.receiver.answer = lambda body: 400 if b"sg-2" in body else 200
    stage.receiver.reply = b'{"error": "bad label"}'
    outcomes = stage.notifier.send(singly(3))
    if stage.tells_refusal:
        assert results(outcomes) == [Result.DELIVERED, Result.REFUSED, Result.DELIVERED]
        assert "400" in outcomes[1].why
        assert "bad label" in outcomes[1].why
    else:
        assert results(outcomes) == [Result.DELIVERED, Result.RETRY, Result.UNTRIED]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_receiver_is_left_alone_for_as_long_as_it_asks(stage: Stage, status: int) -> None:
    stage.receiver.answer = lambda _: status
    stage.receiver.headers["Retry-After"] = "7"
    outcomes = stage.notifier.send(singly(3))
    assert outcomes[0].result is Result.RETRY
    assert not {Result.DELIVERED, Result.REFUSED} & set(results(outcomes))
    assert len(stage.receiver.got) == 1
    if stage.tells_refusal:
        assert outcomes[0].after_s == 7


@pytest.mark.parametrize("status", [408, 425, 500, 502, 302, 307])
def test_what_may_work_later_is_tried_later(stage: Stage, status: int) -> None:
    stage.receiver.answer = lambda _: status
    stage.receiver.headers["Location"] = f"{stage.receiver.url}/elsewhere"
    (outcome,) = stage.notifier.send(singly(1))
    if status in (302, 307) and not stage.tells_refusal:
        return  # apprise decides by itself whether it follows; what it is told to call is the operator's choice
    assert outcome.result is Result.RETRY
    assert not [got for got in stage.receiver.got if got.path == "/elsewhere"], "no redirect is followed"
    if stage.tells_refusal:
        assert str(status) in outcome.why


def test_a_receiver_that_hangs_costs_one_deadline(stage: Stage) -> None:
    stage.receiver.hang_s = 30
    began = time.monotonic()
    outcomes = stage.notifier.send(singly(5))
    assert time.monotonic() - began < DEADLINE_S + 10
    assert outcomes[0].result is Result.RETRY
    assert set(results(outcomes[1:])) <= {Result.UNTRIED, Result.RETRY}


def test_a_reply_that_drips_costs_one_deadline(stage: Stage) -> None:
    if not stage.tells_refusal:
        pytest.skip("apprise's own timeouts are for each byte")
    stage.receiver.drip = True
    began = time.monotonic()
    (outcome,) = stage.notifier.send(singly(1))
    assert time.monotonic() - began < DEADLINE_S + 10
    assert outcome == Outcome(result=Result.RETRY, why="no answer within the deadline")


def test_nobody_there_is_tried_later(stage: Stage, tmp_path: Path) -> None:
    with receiving() as gone:
        word = type(stage.notifier).__module__.rpartition(".")[2]
        lonely = STAGES[word](gone, tmp_path).notifier
    outcomes = lonely.send(singly(2))
    assert outcomes[0].result is Result.RETRY
    assert outcomes[1].result in (Result.UNTRIED, Result.RETRY)


@pytest.mark.parametrize("status", [200, 400])
def test_a_huge_reply_is_not_read(stage: Stage, status: int) -> None:
    stage.receiver.answer = lambda _: status
    stage.receiver.reply = b"x" * (20 << 20)
    (outcome,) = stage.notifier.send(singly(1))
    if stage.tells_refusal:
        assert outcome.result is (Result.DELIVERED if status == 200 else Result.REFUSED)
        assert len(outcome.why) < 300


def test_no_outcome_names_the_url_or_a_secret(stage: Stage) -> None:
    stage.receiver.answer = lambda _: 500
    said = [outcome.why for outcome in stage.notifier.send(singly(1))]
    assert not [why for why in said if SECRET[6:] in why or "127.0.0.1" in why or "/hook" in why]


def test_the_log_takes_everything(capsys: pytest.CaptureFixture[str]) -> None:
    adapter = plugins.load(PACKAGE, "log")
    made: list[Message] = [*singly(2), *together(30)]
    assert list(adapter.create("log", adapter.Settings()).send(made)) == [DELIVERED] * 3
