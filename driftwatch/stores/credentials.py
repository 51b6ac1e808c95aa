"""API tokens, sessions, and the answers to writes that may be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, delete, select, update

from driftwatch.domain.baseline import Assurance, Method
from driftwatch.domain.credential import Answer, Session, Token
from driftwatch.stores.schema import answers, sessions, tokens
from driftwatch.stores.session import Session as Transaction
from driftwatch.stores.session import values_of


class SqlTokens:
    """Implements `ports.Tokens`."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    def get(self, token_id: str) -> Token | None:
        row = self._session.one(select(tokens).where(tokens.c.id == token_id))
        return _token(row) if row else None

    def by_hash(self, digest: str) -> Token | None:
        row = self._session.one(select(tokens).where(tokens.c.hash == digest))
        return _token(row) if row else None

    def all(self, person: str | None = None) -> Sequence[Token]:
        """Those of one person, or everybody's; the newest first."""
        wanted = select(tokens) if person is None else select(tokens).where(tokens.c.person == person)
        return [_token(row) for row in self._session.all(wanted.order_by(tokens.c.created_at.desc(), tokens.c.id.desc()))]

    def save(self, token: Token) -> None:
        self._session.save(tokens, {name: getattr(token, name) for name in _names(tokens)})


class SqlSessions:
    """Implements `ports.Sessions`."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    def get(self, digest: str) -> Session | None:
        row = self._session.one(select(sessions).where(sessions.c.hash == digest))
        if row is None:
            return None
        values = values_of(row, _names(sessions))
        return Session(**values | {"method": Method(row.method), "assurance": Assurance(row.assurance)})

    def save(self, session: Session) -> None:
        row = {name: getattr(session, name) for name in _names(sessions)}
        self._session.save(sessions, row | {"method": session.method.value, "assurance": session.assurance.value})

    def end_all(self, person: str, at: datetime) -> int:
        """Ends every session of a person; answers with how many were open."""
        theirs = (sessions.c.person == person, sessions.c.ended_at.is_(None))
        return self._session.execute(update(sessions).where(*theirs).values(ended_at=at)).rowcount

    def forget(self, before: datetime) -> int:
        """Removes the sessions whose last moment was before that time; answers with how many."""
        return self._session.execute(delete(sessions).where(sessions.c.until < before)).rowcount


class SqlAnswers:
    """Implements `ports.Answers`."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    def get(self, key: str) -> Answer | None:
        row = self._session.one(select(answers).where(answers.c.key == key))
        if row is None:
            return None
        return Answer(key=key, asked=row.asked, at=row.at, status=row.status, body=bytes(row.body or b""), headers=row.headers or {})

    def save(self, answer: Answer) -> None:
        row = {name: getattr(answer, name) for name in _names(answers)}
        self._session.save(answers, row | {"headers": dict(answer.headers)})

    def remove(self, key: str) -> None:
        self._session.execute(delete(answers).where(answers.c.key == key))

    def forget(self, before: datetime) -> int:
        """Removes the answers that were given before that time; answers with how many."""
        return self._session.execute(delete(answers).where(answers.c.at < before)).rowcount


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _token(row: Row[Any]) -> Token:
    return Token(**values_of(row, _names(tokens)))
