"""The webhook's body and signature, checked by an implementation of the scheme that shares nothing with ours."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from driftwatch.domain.message import Message
from driftwatch.errors import InputError
from driftwatch.notifiers import webhook
from tests.contract.notifiers.letters import singly, together
from tests.contract.notifiers.receiver import Got, Receiver, receiving

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def notifier(folder: Path, url: str, secret: str = SECRET) -> webhook.WebhookNotifier:
    (folder / "secret").write_text(secret)
    settings = webhook.Settings(url=url, secret_file=folder / "secret", allow_http=True, allow_private=("127.0.0.0/8",))
    return webhook.create("hook", settings)


def verified(got: Got, key: bytes) -> bool:
    """Standard Webhooks, section "verifying", with HMAC (RFC 2104) written out."""
    signed = b".".join([got.headers["webhook-id"].encode(), got.headers["webhook-timestamp"].encode(), got.body])
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + signed).digest()
    expected = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()
    given = [part.partition(",") for part in got.headers["webhook-signature"].split(" ")]
    return any(version == "v1" and base64.b64decode(text) == expected for version, _, text in given)


def sent(folder: Path, receiver: Receiver, message: Message) -> Got:
    notifier(folder, receiver.url).send([message])
    return receiver.got[-1]


def test_a_message_is_signed_with_its_id_time_and_body(tmp_path: Path, receiver: Receiver) -> None:
    message = singly(1)[0]
    got = sent(tmp_path, receiver, message)
    assert verified(got, KEY)
    assert not verified(got, KEY[::-1])
    for forged in (
        replace(got, body=got.body + b" "),
        replace(got, headers=got.headers | {"webhook-id": "x"}),
        replace(got, headers=got.headers | {"webhook-timestamp": str(int(time.time()))}),
    ):
        assert not verified(forged, KEY)
    assert got.headers["webhook-id"] == message.id
    assert got.headers["webhook-timestamp"] == str(int(message.at.timestamp()))


def test_the_body_is_a_cloud_event(tmp_path: Path, receiver: Receiver) -> None:
    message = singly(1)[0]
    got = sent(tmp_path, receiver, message)
    event = json.loads(got.body)
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert {name: event[name] for name in ("specversion", "id", "source", "type", "subject", "time", "datacontenttype")} == {
        "specversion": "1.0",
        "id": message.id,
        "source": "/driftwatch",
        "type": "driftwatch.finding.firing",
        "subject": "finding-1",
        "time": "2026-03-10T12:00:00Z",
        "datacontenttype": "application/json",
    }
    (finding,) = event["data"]["findings"]
    assert finding["who"] == "mallory by AuthorizeSecurityGroupIngress (cli)"
    assert finding["link"] == "https://drift.example/findings/finding-1"


def test_a_storm_names_every_finding_and_describes_the_first(tmp_path: Path, receiver: Receiver) -> None:
    (message,) = together(500)
    event = json.loads(sent(tmp_path, receiver, message).body)
    assert event["data"]["summary"] is True
    assert len(event["data"]["finding_ids"]) == 500
    assert len(event["data"]["findings"]) == 20
    assert event["data"]["counts"]["critical"] == 500


def test_a_receiver_inside_is_not_called_unless_it_is_listed(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "secret").write_text(SECRET)
    settings = webhook.Settings(url=receiver.url, secret_file=tmp_path / "secret", allow_http=True)
    (outcome,) = webhook.create("hook", settings).send(singly(1))
    assert "allow_private" in outcome.why
    assert receiver.got == []


@pytest.mark.parametrize("secret", ["", "c2VjcmV0", "whsec_c2VjcmV0", "whsec_!!", "whsec_", "whsec_" + "QUFB" * 40, f"{SECRET}\n{SECRET}"])
def test_a_secret_that_is_none_is_refused_and_not_repeated(tmp_path: Path, secret: str) -> None:
    with pytest.raises(InputError) as error:
        notifier(tmp_path, "http://127.0.0.1:1", secret)
    assert str(tmp_path / "secret") in str(error.value)
    assert "c2VjcmV0" not in str(error.value)


def test_a_secret_may_come_from_the_environment(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = webhook.Settings(url=receiver.url, secret_env="HOOK_SECRET", allow_http=True, allow_private=("127.0.0.0/8",))
    with pytest.raises(InputError, match="environment variable HOOK_SECRET"):
        webhook.create("hook", settings)
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    webhook.create("hook", settings).send(singly(1))
    assert verified(receiver.got[0], KEY)
