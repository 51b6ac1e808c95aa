"""What settings of receivers have in common: URLs, networks, and secrets that stand in a file or an environment variable."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from driftwatch.documents.models import Word
from driftwatch.domain.message import Message, Outcome, Result
from driftwatch.errors import InputError, Place
from driftwatch.notifiers.outbound.addresses import Network, PostFailed
from driftwatch.notifiers.outbound.post import Reply, is_busy, outcome_of

HttpUrl = Annotated[str, Word(r"https?://[^\s/@?#]+(/[^\s#@]*)?", "a URL that begins with https://, without a user name")]


def network(text: str) -> Network:
    """Raises ValueError with the words of a setting's message."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError("networks such as 10.1.2.0/24") from error


def usable(url: str) -> str:
    """The URL; ValueError where its port is none."""
    try:
        parts = urlsplit(url)
        usable_ = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable_ = False
    if not usable_:
        raise ValueError("a URL with a host, and a port from 1 to 65535")
    return url


def from_file(file: Path, what: str) -> str:
    """The text of a file without the spaces around it. Raises InputError, which never repeats the text."""
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text"
        raise InputError(f"{what} cannot be read: {why}", place=Place(str(file))) from error
    if not text or not text.isprintable():
        raise InputError(f"{what} is empty or holds more than one line", expected="one line", place=Place(str(file)))
    return text


def from_environment(variable: str, what: str) -> str:
    text = os.environ.get(variable, "").strip()
    if not text:
        raise InputError(f"{what} is not set", expected="a value", place=Place(f"environment variable {variable}"))
    return text


def one_by_one(messages: Sequence[Message], post: Callable[[Message], Reply]) -> list[Outcome]:
    """Each message in turn. Where the receiver does not answer, or asks for time, the rest of them is not tried."""
    outcomes: list[Outcome] = []
    for message in messages:
        try:
            reply = post(message)
        except PostFailed as error:
            outcomes.append(Outcome(result=Result.RETRY, why=str(error)))
            break
        outcomes.append(outcome_of(reply))
        if is_busy(reply):
            break
    if len(outcomes) < len(messages):
        rest = Outcome(result=Result.UNTRIED, why=f"not tried: {outcomes[-1].why}")
        outcomes += [rest] * (len(messages) - len(outcomes))
    return outcomes
