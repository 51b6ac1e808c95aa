"""Slack, Teams, PagerDuty, e-mail, SNS and many more, through the library apprise (the extra `notify`).

One notifier is one URL of apprise's: the library only says yes or no, and with two of them a no would tell one of them twice.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from driftwatch.documents.models import Section
from driftwatch.domain.message import DELIVERED, Message, Outcome, Result
from driftwatch.domain.notification import Phase, Severity
from driftwatch.errors import InputError, Place
from driftwatch.notifiers.outbound.settings import from_file

_TYPES: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


class Settings(Section):
    """The settings of an `apprise` notifier."""

    url_file: Path = Field(description="A file with one URL as apprise knows them (slack://..., mailto://...): it holds credentials.")


class AppriseNotifier:
    """Tells one message after the other; apprise's own timeouts bound each."""

    resend_s = None

    def __init__(self, name: str, apprise: Any, settings: Settings) -> None:
        self.name = name
        self._apprise = apprise.Apprise()
        if not self._apprise.add(from_file(settings.url_file, "the file with apprise's URL")):
            raise InputError("no URL that apprise knows", expected="one such as slack://...", place=Place(str(settings.url_file)))

    def send(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for message in messages:
            if outcomes and outcomes[-1] != DELIVERED:
                outcomes.append(Outcome(result=Result.UNTRIED, why=outcomes[-1].why))
            else:
                outcomes.append(self._tell(message))
        return outcomes

    def _tell(self, message: Message) -> Outcome:
        kind = _TYPES[message.severity] if message.phase is Phase.FIRING else "success"
        try:
            taken = self._apprise.notify(title=message.title, body=message.text, notify_type=kind, body_format="text")
        except Exception as error:  # noqa: BLE001 - a service of apprise's that fails unforeseen must not stop the others' messages
            return Outcome(result=Result.RETRY, why=f"apprise failed: {type(error).__name__}")
        return DELIVERED if taken else Outcome(result=Result.RETRY, why="apprise could not deliver it; it does not say why")


def create(name: str, settings: Settings) -> AppriseNotifier:
    """Raises InputError where the extra is not installed."""
    try:
        library = importlib.import_module("apprise")
    except ImportError as error:
        raise InputError("apprise is not installed", expected="the extra: pip install 'driftwatch[notify]'") from error
    return AppriseNotifier(name, library, settings)
