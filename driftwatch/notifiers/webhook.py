"""A webhook: one POST for each message, the body a CloudEvent, signed as the Standard Webhooks specification says.

The signature is over ``id.timestamp.body``, so that nobody can forge, alter or replay a message; the id is the same whenever the same is
told again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import orjson
from pydantic import Field, field_validator, model_validator

from driftwatch.documents.models import Section, Word
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.message import FIRST, Message, Outcome, Told
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError
from driftwatch.notifiers.outbound.post import Receiver, Reply, post
from driftwatch.notifiers.outbound.settings import HttpUrl, from_environment, from_file, network, one_by_one, usable

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = range(24, 65)
"""The lengths that Standard Webhooks allows for a symmetric secret."""
Variable = Annotated[str, Word(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable")]


class Settings(Section):
    """The settings of a `webhook` notifier."""

    url: HttpUrl = Field(description="Where to post. The host has to be a public one, unless allow_private lists its address.")
    secret_file: Path | None = Field(default=None, description='A file with the signing secret: "whsec_" and 24 to 64 bytes in base64.')
    secret_env: Variable | None = Field(default=None, description="The environment variable with the signing secret, instead of a file.")
    allow_http: bool = Field(default=False, description="Whether the URL may be a plain http one, whose messages others can read.")
    allow_private: tuple[str, ...] = Field(
        default=(), description="Networks (10.1.2.0/24) that may be called though they are private. Metadata services never are."
    )
    ca_file: Path | None = Field(default=None, description="The certificates of the authorities that sign its certificate.")
    deadline_s: int = Field(default=10, ge=1, le=120, description="Seconds until one post is given up.")

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        return usable(url)

    @field_validator("allow_private")
    @classmethod
    def _networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            network(text)
        return texts

    @model_validator(mode="after")
    def _safe(self) -> Settings:
        if self.url.startswith("http:") and not self.allow_http:
            raise ValueError("a plain http URL; expected https, or allow_http: true")
        if (self.secret_file is None) == (self.secret_env is None):
            raise ValueError("no secret, or two; expected one of secret_file and secret_env")
        return self


class WebhookNotifier:
    """Posts one message after the other."""

    resend_s = None

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._secret = _secret(settings)
        self._receiver = Receiver(
            url=settings.url,
            deadline_s=float(settings.deadline_s),
            allowed=[network(text) for text in settings.allow_private],
            ca_file=settings.ca_file,
        )

    def send(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        return one_by_one(messages, self._post)

    def _post(self, message: Message) -> Reply:
        body = orjson.dumps(event(message))
        timestamp = str(int(message.at.timestamp()))
        signed = f"{message.id}.{timestamp}.".encode() + body
        signature = base64.b64encode(hmac.digest(self._secret, signed, hashlib.sha256)).decode()
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": message.id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{signature}",
        }
        return post(self._receiver, body, headers)


def event(message: Message) -> Json:
    """The message as a CloudEvent 1.0, structured mode. Of a summary the first findings are described, and all are named."""
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": "/driftwatch",
        "type": f"driftwatch.finding.{message.phase.value}",
        "subject": message.key,
        "time": utc_text(message.at),
        "datacontenttype": "application/json",
        "data": {
            "phase": message.phase.value,
            "severity": message.severity.value,
            "title": message.title,
            "text": message.text,
            "summary": message.summary,
            "counts": dict(message.counts),
            "finding_ids": [item.finding for item in message.told],
            "findings": [_finding(item) for item in message.told[:FIRST]],
        },
    }


def _finding(item: Told) -> Json:
    names = ("finding", "account", "region", "type", "resource", "baseline", "verdict", "state", "owner", "title", "what", "who", "why")
    plain = {name: getattr(item, name) for name in (*names, "link")}
    ended = utc_text(item.ended) if item.ended else None
    return plain | {"severity": item.severity.value, "since": utc_text(item.since), "ended": ended}


def _secret(settings: Settings) -> bytes:
    """The key's bytes; raises InputError, which names the place and never the secret."""
    what = "the webhook's signing secret"
    if settings.secret_file:
        text, place = from_file(settings.secret_file, what), str(settings.secret_file)
    else:
        text, place = from_environment(settings.secret_env or "", what), f"environment variable {settings.secret_env}"
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _SECRET_BYTES:
        raise InputError(f"{place}: {what} is none", expected=f"{PREFIX} followed by 24 to 64 bytes in base64")
    return key


def create(name: str, settings: Settings) -> WebhookNotifier:
    return WebhookNotifier(name, settings)
