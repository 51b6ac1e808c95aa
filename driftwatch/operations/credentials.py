"""API tokens and sessions: made, looked up by their secret, revoked. The secret itself is shown once and kept nowhere."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.domain.credential import Session, Token
from driftwatch.errors import InputError, NotFoundError, RefusedError
from driftwatch.operations.denials import denials
from driftwatch.operations.installation import Installation

PREFIX: Final = "driftwatch_"
"""By which scanners for leaked secrets know a token."""
RANDOM_BYTES: Final = 32
"""256 bits: nobody guesses one, so that a plain SHA-256 of it may be kept (ASVS 5.0 asks for 128 bits)."""
LONGEST: Final = timedelta(days=366)
USED_EVERY: Final = timedelta(minutes=1)
"""How exactly the last use is kept: not each request is worth a write."""
_LABEL: Final = re.compile(r"[\w .:/@+-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new token and its secret, which nobody will see again."""

    token: Token
    secret: str


def new_token(installation: Installation, actor: Actor, label: str, valid_for: timedelta) -> Made:
    """A token of the actor's own. Raises InputError for a label or a time that will not do, RefusedError for somebody unknown."""
    if not _LABEL.fullmatch(label):
        raise InputError(f"the label {label!r}", expected="1 to 80 letters, digits, spaces or one of . : / @ + - _")
    if not timedelta(minutes=1) <= valid_for <= LONGEST:
        raise InputError(f"a token for {valid_for}", expected=f"one minute to {LONGEST.days} days")
    _require_known(installation, actor.person)
    now = installation.clock()
    secret = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    token = Token(
        id=installation.new_id("token"),
        person=actor.person,
        label=label,
        hash=digest(secret),
        created_at=now,
        expires_at=now + valid_for,
    )
    with installation.store.write() as uow:
        uow.tokens.save(token)
        body = {"token": token.id, "label": label, "expires": token.expires_at.isoformat(), **_who(actor)}
        uow.ledger.append(now, "token_made", body)
    return Made(token=token, secret=secret)


def tokens(installation: Installation, person: str | None = None) -> Sequence[Token]:
    """The tokens of one person, or everybody's; the newest first."""
    with installation.store.read() as uow:
        return uow.tokens.all(person)


def revoke(installation: Installation, token_id: str, actor: Actor, *, anybodys: bool) -> Token:
    """Ends a token at once. One's own; somebody else's only with `anybodys`. Raises NotFoundError, RefusedError."""
    with denials(installation, "token_revoke", token_id, actor), installation.store.write() as uow:
        token = uow.tokens.get(token_id)
        if token is None:
            raise NotFoundError(f"no token {token_id}")
        if token.person != actor.person and not anybodys:
            raise RefusedError(f"{token_id} is {token.person}'s: only an admin revokes somebody else's token")
        if token.revoked_at:
            return token
        now = installation.clock()
        ended = replace(token, revoked_at=now, revoked_by=actor.person)
        uow.tokens.save(ended)
        uow.ledger.append(now, "token_revoked", {"token": token.id, "owner": token.person, **_who(actor)})
        return ended


def by_token(installation: Installation, secret: str) -> Actor | None:
    """Whose token this is; None where there is none, or it works no more, or its owner is no longer among the people."""
    if not secret.startswith(PREFIX):
        return None
    now = installation.clock()
    with installation.store.read() as uow:
        token = uow.tokens.by_hash(digest(secret))
    if token is None or not token.works(now) or installation.people.get(token.person) is None:
        return None
    if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
        with installation.store.write() as uow:
            current = uow.tokens.get(token.id)
            if current:
                uow.tokens.save(replace(current, last_used_at=now))
    return Actor(person=token.person, method=Method.TOKEN, assurance=Assurance.LOCAL)


def sign_in(installation: Installation, actor: Actor, longest: timedelta, replaces: str = "") -> str:
    """Begins a session; answers with the secret for the cookie. The session under the digest `replaces` ends: each sign-in has a secret of
    its own. Raises RefusedError for somebody who is not among the people."""
    _require_known(installation, actor.person)
    now = installation.clock()
    secret = secrets.token_urlsafe(RANDOM_BYTES)
    session = Session(
        hash=digest(secret),
        person=actor.person,
        method=actor.method,
        assurance=actor.assurance,
        created_at=now,
        used_at=now,
        until=now + longest,
    )
    with installation.store.write() as uow:
        uow.sessions.forget(now - LONGEST)
        before = uow.sessions.get(replaces) if replaces else None
        if before and before.ended_at is None:
            uow.sessions.save(replace(before, ended_at=now))
        uow.sessions.save(session)
        uow.ledger.append(now, "signed_in", _who(actor))
    return secret


def stranger(installation: Installation, iss: str, sub: str) -> RefusedError:
    """The refusal of somebody whom the identity provider knows and people.yaml does not; the ledger tells of the attempt."""
    entry = f"oidc: [{{iss: {json.dumps(iss)}, sub: {json.dumps(sub)}}}]"
    why = f"nobody in people.yaml is the subject {sub!r} of {iss}; add `{entry}` to a person"
    body = {"action": "sign_in", "object": iss, "person": None, "why": why, "method": Method.OIDC.value, "iss": iss, "sub": sub}
    with installation.store.write() as uow:
        uow.ledger.append(installation.clock(), "attempt_denied", body)
    return RefusedError(why)


def by_session(installation: Installation, secret: str, idle: timedelta) -> Actor | None:
    """Who signed in with this cookie; None where nobody did, or the session is over."""
    now = installation.clock()
    with installation.store.read() as uow:
        session = uow.sessions.get(digest(secret))
    if session is None or not session.works(now, idle) or installation.people.get(session.person) is None:
        return None
    if now - session.used_at >= USED_EVERY:
        with installation.store.write() as uow:
            current = uow.sessions.get(session.hash)
            if current and current.ended_at is None:
                uow.sessions.save(replace(current, used_at=now))
    return Actor(person=session.person, method=session.method, assurance=session.assurance)


def sign_out(installation: Installation, secret: str) -> None:
    """Ends the session, on this side, too."""
    now = installation.clock()
    with installation.store.write() as uow:
        session = uow.sessions.get(digest(secret))
        if session and session.ended_at is None:
            uow.sessions.save(replace(session, ended_at=now))
            uow.ledger.append(now, "signed_out", {"person": session.person})


def digest(secret: str) -> str:
    """Under what a secret is kept: its SHA-256, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _require_known(installation: Installation, person: str) -> None:
    if installation.people.get(person) is None:
        raise RefusedError(f"{person} is not among the people; add them to people.yaml")


def _who(actor: Actor) -> dict[str, str]:
    return {"person": actor.person, "method": actor.method.value, "assurance": actor.assurance.value}
