"""Credentials in the store: API tokens and sessions; and the answers to writes that may be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from driftwatch.domain.credential import Answer, Session, Token


class Tokens(Protocol):
    def get(self, token_id: str) -> Token | None: ...
    def by_hash(self, digest: str) -> Token | None: ...
    def all(self, person: str | None = None) -> Sequence[Token]:
        """Those of one person, or everybody's; the newest first."""

    def save(self, token: Token) -> None: ...


class Sessions(Protocol):
    def get(self, digest: str) -> Session | None: ...
    def save(self, session: Session) -> None: ...
    def end_all(self, person: str, at: datetime) -> int:
        """Ends every session of a person; answers with how many were open."""

    def forget(self, before: datetime) -> int:
        """Removes the sessions whose last moment was before that time; answers with how many."""


class Answers(Protocol):
    """What was answered to writes with an idempotency key."""

    def get(self, key: str) -> Answer | None: ...
    def save(self, answer: Answer) -> None: ...
    def remove(self, key: str) -> None: ...
    def forget(self, before: datetime) -> int:
        """Removes the answers that were given before that time; answers with how many."""
