"""The members of a userIdentity, as texts that can be names
(https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_MAX: Final = 2048
_HIDDEN: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"
"""Stands for the user's name where a sign-in failed: it may be a password that was typed into the wrong field."""
_NOTHING: Final[Mapping[str, Any]] = {}
_SESSION: Final = ":assumed-role/"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserIdentity:
    """What a record says of its caller. `role` and `session` are names; `role_arn` is None for what is no role."""

    type: str
    arn: str | None
    principal_id: str | None
    account: str | None
    user: str | None
    key: str | None
    invoked_by: str | None
    provider: str | None
    """Of a web identity, or of the token that a role's session was begun with."""
    subject: str | None
    """The token's subject, where the record repeats it."""
    issuer_arn: str | None
    issuer: str | None
    role_arn: str | None
    role: str | None
    session: str | None
    source_identity: str | None
    behalf: str | None
    """The id of an Identity Center user, in whose name the call was made."""
    store: str | None


def read(identity: Mapping[str, Any]) -> UserIdentity:
    """The members of a userIdentity; what is missing or of another form is None."""
    context = mapping(identity.get("sessionContext"))
    issuer = mapping(context.get("sessionIssuer"))
    token = mapping(context.get("webIdFederationData"))
    behalf = mapping(identity.get("onBehalfOf"))
    arn, principal = text(identity.get("arn")), text(identity.get("principalId"))
    issuer_arn, issuer_name = text(issuer.get("arn")), text(issuer.get("userName"))
    role_arn = issuer_arn if issuer_arn and ":role/" in issuer_arn else None
    role, session = _role_and_session(arn, principal)
    return UserIdentity(
        type=text(identity.get("type")) or "",
        arn=arn,
        principal_id=principal,
        account=text(identity.get("accountId")) or text(issuer.get("accountId")),
        user=text(identity.get("userName")),
        key=text(identity.get("accessKeyId")),
        invoked_by=text(identity.get("invokedBy")),
        provider=text(token.get("federatedProvider")) or text(identity.get("identityProvider")),
        subject=_subject(token.get("attributes")),
        issuer_arn=issuer_arn,
        issuer=issuer_name,
        role_arn=role_arn,
        role=issuer_name or (role_arn.rpartition("/")[2] if role_arn else role),
        session=session,
        source_identity=text(context.get("sourceIdentity")),
        behalf=text(behalf.get("userId")),
        store=text(behalf.get("identityStoreArn")),
    )


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING


def text(value: object) -> str | None:
    """A text that can be a name: none that is empty or longer than any name in AWS. Old documents have a blank after ``arn:aws:sts::``."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX or value == _HIDDEN:
        return None
    return value.replace(":: ", "::").strip() or None if " " in value else value.strip() or None


def _role_and_session(arn: str | None, principal: str | None) -> tuple[str | None, str | None]:
    """The names in the ARN of a role's session; the session's alone is also the end of the principal id."""
    if arn and _SESSION in arn:
        role, _, session = arn.partition(_SESSION)[2].partition("/")
        if session:
            return role or None, session
    return None, (principal or "").partition(":")[2] or None


def _subject(attributes: object) -> str | None:
    for name, value in mapping(attributes).items():
        if str(name).rpartition(":")[2] == "sub" and (found := text(value)):
            return found
    return None
