"""Messages as lines of driftwatch's own log: for those who collect that anyway, and to try routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from driftwatch.documents.models import Section
from driftwatch.domain.message import DELIVERED, Message, Outcome
from driftwatch.domain.notification import Phase, Severity

_LEVELS: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "error"}


class Settings(Section):
    """A `log` notifier has no settings of its own."""


class LogNotifier:
    """One line for each message: level by severity, info for what is resolved."""

    resend_s = None

    def __init__(self, name: str) -> None:
        self.name = name
        self._log = structlog.get_logger()

    def send(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        for message in messages:
            level = _LEVELS[message.severity] if message.phase is Phase.FIRING else "info"
            first = message.told[0]
            one = {"what": first.what, "who": first.who, "why": first.why, "link": first.link} if len(message.told) == 1 else {}
            getattr(self._log, level)(
                "finding",
                notifier=self.name,
                phase=message.phase.value,
                severity=message.severity.value,
                title=message.title,
                findings=[item.finding for item in message.told],
                **one,
            )
        return [DELIVERED] * len(messages)


def create(name: str, _settings: Settings) -> LogNotifier:
    return LogNotifier(name)
