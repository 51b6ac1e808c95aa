"""Tokens as documents, as commands and the API print them; never a secret among them, nor its hash."""

from __future__ import annotations

from datetime import datetime

from driftwatch.domain.canonical import utc_text
from driftwatch.domain.credential import Token
from driftwatch.domain.resource import Json


def token_document(token: Token, now: datetime) -> Json:
    """One token: whose, until when, and whether it still works."""
    return {
        "id": token.id,
        "person": token.person,
        "label": token.label,
        "status": "revoked" if token.revoked_at else "active" if token.works(now) else "expired",
        "created": utc_text(token.created_at),
        "expires": utc_text(token.expires_at),
        "last_used": utc_text(token.last_used_at) if token.last_used_at else None,
        "revoked": utc_text(token.revoked_at) if token.revoked_at else None,
        "revoked_by": token.revoked_by,
    }
