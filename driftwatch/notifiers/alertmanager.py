"""Alertmanager, by its API v2. It keeps alerts in memory only: those that fire are posted again every minute.

Without an end an alert resolves itself after Alertmanager's own `resolve_timeout`, and with one that is too near it flaps: each post
says that the alert ends after three times the pause, and what is resolved ends now. Labels are the alert's identity; none of them
changes while a finding fires, but for its severity: then the alert with the former one is resolved in the same post.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import orjson
from pydantic import Field, field_validator

from driftwatch.documents.models import Section
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.message import DELIVERED, Message, Outcome, Result, Told
from driftwatch.domain.notification import Phase, Severity
from driftwatch.domain.resource import Json
from driftwatch.notifiers.outbound.addresses import EVERYWHERE, PostFailed
from driftwatch.notifiers.outbound.post import Receiver, Reply, is_busy, outcome_of, post
from driftwatch.notifiers.outbound.settings import HttpUrl, from_file, usable

AT_ONCE: Final = 64
"""Alerts in one post."""


class Settings(Section):
    """The settings of an `alertmanager` notifier. Each member of a cluster is a notifier of its own: each gets every alert."""

    url: HttpUrl = Field(description="Where Alertmanager answers, such as http://alertmanager:9093; private addresses and http are fine.")
    authorization_file: Path | None = Field(
        default=None, description='A file with the value of the Authorization header, such as "Bearer ...".'
    )
    ca_file: Path | None = Field(default=None, description="The certificates of the authorities that sign its certificate.")
    resend_s: int = Field(default=60, ge=10, le=3600, description="Seconds after which a firing alert is posted again.")
    deadline_s: int = Field(default=10, ge=1, le=120, description="Seconds until one post is given up.")

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        return usable(url)


class AlertmanagerNotifier:
    """Posts alerts in batches. A batch that is refused is posted one by one, so that only the bad ones are refused."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._resend_s = float(settings.resend_s)
        self._receiver = Receiver(
            url=f"{settings.url.rstrip('/')}/api/v2/alerts",
            deadline_s=float(settings.deadline_s),
            allowed=EVERYWHERE,
            ca_file=settings.ca_file,
        )
        self._headers = {"Content-Type": "application/json"}
        if settings.authorization_file:
            self._headers["Authorization"] = from_file(settings.authorization_file, "the Authorization header's file")

    @property
    def resend_s(self) -> float | None:
        return self._resend_s

    def send(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for start in range(0, len(messages), AT_ONCE):
            if outcomes and outcomes[-1].result in (Result.RETRY, Result.UNTRIED):
                rest = len(messages) - len(outcomes)
                return outcomes + [Outcome(result=Result.UNTRIED, why=outcomes[-1].why)] * rest
            outcomes += self._batch(messages[start : start + AT_ONCE])
        return outcomes

    def _batch(self, messages: Sequence[Message]) -> list[Outcome]:
        try:
            reply = self._post(messages)
        except PostFailed as error:
            return [Outcome(result=Result.RETRY, why=str(error))] * len(messages)
        outcome = outcome_of(reply)
        if outcome == DELIVERED or len(messages) == 1 or outcome.result is Result.RETRY or is_busy(reply):
            return [outcome] * len(messages)
        return [result for message in messages for result in self._batch([message])]

    def _post(self, messages: Sequence[Message]) -> Reply:
        alerts = [alert for message in messages for item in message.told for alert in self._alerts(message, item)]
        return post(self._receiver, orjson.dumps(alerts), self._headers)

    def _alerts(self, message: Message, item: Told) -> list[Json]:
        alerts = [self._alert(message, item, item.severity, item.phase)]
        if item.was is not None:
            alerts.append(self._alert(message, item, item.was, Phase.RESOLVED))
        return alerts

    def _alert(self, message: Message, item: Told, severity: Severity, phase: Phase) -> Json:
        ends = message.at if phase is Phase.RESOLVED else message.at + timedelta(seconds=3 * self._resend_s)
        alert = {
            "labels": {
                "alertname": "DriftwatchFinding",
                "service": "driftwatch",
                "severity": severity.value,
                "account": item.account,
                "region": item.region,
                "type": item.type,
                "baseline": item.baseline,
                "finding": item.finding,
            },
            "annotations": {"summary": message.title, "description": message.text, "resource": item.resource, "link": item.link},
            "startsAt": utc_text(min(item.since, message.at)),
            "endsAt": utc_text(ends),
        }
        return alert | ({"generatorURL": item.link} if item.link.startswith("http") else {})


def create(name: str, settings: Settings) -> AlertmanagerNotifier:
    return AlertmanagerNotifier(name, settings)
