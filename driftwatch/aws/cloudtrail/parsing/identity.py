"""Who made a call: every form of CloudTrail's userIdentity
(https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).

What the record says is kept, the most telling name first; nothing is guessed. Whom a name means, the policy's identities say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from driftwatch.aws.cloudtrail.parsing import pipelines
from driftwatch.aws.cloudtrail.parsing.channel import channel
from driftwatch.aws.cloudtrail.parsing.session_tags import begins, begun
from driftwatch.aws.cloudtrail.parsing.user_identity import UserIdentity, mapping, read, text
from driftwatch.domain.activity import Actor, ActorKind, Assumed, Channel

_SERVICE: Final = ".amazonaws.com"
_SSO: Final = "AWSReservedSSO_"
_SERVICE_ROLE: Final = "/aws-service-role/"
_AROUND: Final = ("userAgent", "sourceIPAddress", "eventType", "eventSource", "awsRegion", "sessionCredentialFromConsole")
"""What is looked at beside the identity itself, but for the parameters of a call that begins a session."""


def actor(record: Mapping[str, Any]) -> Actor:
    """The caller of a raw record. `kind` is UNKNOWN where the record does not show whether it was a person or a machine.

    One session makes many calls: what its identity means is worked out once.
    """
    around = tuple(record.get(name) for name in _AROUND)
    if not begins(record) and all(value is None or isinstance(value, str) for value in around):
        try:
            return _remembered(orjson.dumps(record.get("userIdentity")), around)
        except orjson.JSONEncodeError:  # half a character, a number without end: it is read all the same, and not kept
            return _actor(record)
    return _actor(record)


@lru_cache(maxsize=8192)
def _remembered(identity: bytes, around: tuple[str | None, ...]) -> Actor:
    return _actor({"userIdentity": orjson.loads(identity), **dict(zip(_AROUND, around, strict=True))})


def _actor(record: Mapping[str, Any]) -> Actor:
    identity, session = read(mapping(record.get("userIdentity"))), begun(record)
    principal, kind, names, behalf = _Caller(record, identity, session.behalf, by_workflow=session.by_workflow).who()
    known = tuple(dict.fromkeys(name for name in (principal, *names) if name))
    return Actor(
        principal=principal,
        kind=kind,
        names=known,
        on_behalf_of=behalf,
        channel=_channel(record, kind),
        account=identity.account,
        source_ip=text(record.get("sourceIPAddress")),
        invoked_by=identity.invoked_by,
        role=identity.issuer_arn if identity.type == "AssumedRole" else None,
        access_key=identity.key,
        run_ref=session.run or (pipelines.run(identity.session) if kind is ActorKind.PIPELINE else None),
    )


def assumed(record: Mapping[str, Any]) -> Assumed | None:
    """The session that the call began; None for a call that began none."""
    reply = mapping(record.get("responseElements"))
    key = text(mapping(reply.get("credentials")).get("accessKeyId"))
    for member in ("assumedRoleUser", "federatedUser"):
        session = text(mapping(reply.get(member)).get("arn"))
        if session:
            return Assumed(access_key=key, session=session)
    return Assumed(access_key=key) if key else None


def _channel(record: Mapping[str, Any], kind: ActorKind) -> Channel:
    """A pipeline whose agent says no more than an SDK's or a command line's is told as a pipeline."""
    made = channel(record)
    return Channel.PIPELINE if kind is ActorKind.PIPELINE and made in (Channel.SDK, Channel.CLI, Channel.UNKNOWN) else made


Who = tuple[str | None, ActorKind, tuple[str | None, ...], str | None]


class _Caller:
    """One identity, with what of its record helps to understand it. `behalf` is the person that the call's own session tags name."""

    def __init__(self, record: Mapping[str, Any], identity: UserIdentity, behalf: str | None, *, by_workflow: bool) -> None:
        self.record = record
        self.identity = identity
        self.behalf = identity.source_identity or behalf or identity.behalf
        self.by_workflow = by_workflow

    def who(self) -> Who:
        """Principal, kind, further names, and on whose behalf."""
        ways: Mapping[str, Callable[[], Who]] = {
            "Root": self._root,
            "IAMUser": self._user,
            "AssumedRole": self._session,
            "Role": self._session,
            "FederatedUser": self._federated,
            "SAMLUser": self._saml,
            "WebIdentityUser": self._web,
            "IdentityCenterUser": self._identity_center,
            "AWSService": self._service,
            "AWSAccount": self._foreign,
        }
        one = self.identity
        way = ways.get(one.type)
        if way is not None:
            return way()
        if text(self.record.get("eventType")) == "AwsServiceEvent" and not one.type:
            source = text(self.record.get("eventSource"))
            return source, ActorKind.AWS_SERVICE if source else ActorKind.UNKNOWN, (one.arn,), None
        return one.arn or one.principal_id or one.user, ActorKind.UNKNOWN, (one.user,), None

    def _root(self) -> Who:
        one = self.identity
        arn = f"arn:{self._partition()}:iam::{one.account}:root" if one.account else one.arn
        return arn, ActorKind.HUMAN, (one.arn, "root"), None

    def _user(self) -> Who:
        one = self.identity
        principal = one.arn or one.user or one.principal_id
        return principal, ActorKind.HUMAN if principal else ActorKind.UNKNOWN, (one.user, f"user/{one.user}" if one.user else None), None

    def _session(self) -> Who:
        """A session of a role: a person's, a pipeline's, a service's, or one of which the record does not say whose it is."""
        one = self.identity
        names = (one.arn, f"role/{one.role}" if one.role else None, one.role_arn)
        if one.role_arn and _SERVICE_ROLE in one.role_arn:
            return one.role_arn.partition(_SERVICE_ROLE)[2].partition("/")[0], ActorKind.AWS_SERVICE, (*names, one.session), None
        if one.invoked_by and one.invoked_by.endswith(_SERVICE) and one.session == one.invoked_by.removesuffix(_SERVICE):
            return one.invoked_by, ActorKind.AWS_SERVICE, names, None
        if pipelines.is_issuer(one.provider) or pipelines.is_subject(one.subject) or pipelines.is_runner(one.session) or self.by_workflow:
            return one.arn or one.subject, ActorKind.PIPELINE, (*names[1:], one.subject, one.session), self.behalf
        if self.behalf:
            return self.behalf, ActorKind.HUMAN, (one.session, *names), None
        if one.session and ("@" in one.session or (one.role or "").startswith(_SSO)):
            return one.session, ActorKind.HUMAN, names, None
        if str(self.record.get("sessionCredentialFromConsole")).lower() == "true":  # AWS says so itself: people use the console
            return one.arn or one.session, ActorKind.HUMAN, (*names, one.session), None
        return one.arn or one.session or one.principal_id, ActorKind.UNKNOWN, (*names, one.session), None

    def _federated(self) -> Who:
        """A session that `GetFederationToken` gave: the user who asked for it stands behind it."""
        one = self.identity
        name = one.arn.rpartition("/")[2] if one.arn else None
        return one.arn or one.issuer_arn, ActorKind.HUMAN, (name, one.issuer_arn, one.issuer), None

    def _saml(self) -> Who:
        return self.identity.user or self.identity.principal_id, ActorKind.HUMAN, (self.identity.principal_id,), None

    def _web(self) -> Who:
        """A token of an identity provider: a pipeline's subject names repository and ref, another one an unknown user."""
        one = self.identity
        kind = ActorKind.PIPELINE if pipelines.is_issuer(one.provider) or pipelines.is_subject(one.user) else ActorKind.UNKNOWN
        full = f"{one.provider}:{one.user}" if one.provider and one.user else None
        return one.user or one.principal_id, kind, (one.principal_id, full), self.behalf

    def _identity_center(self) -> Who:
        one = self.identity
        user = one.behalf or text(mapping(self.record.get("userIdentity")).get("userId")) or one.principal_id
        kind = ActorKind.HUMAN if user else ActorKind.UNKNOWN
        return user, kind, (one.arn, f"{one.store}/{user}" if one.store and user else None), None

    def _service(self) -> Who:
        service = self.identity.invoked_by or text(self.record.get("sourceIPAddress")) or text(self.record.get("eventSource"))
        return service, ActorKind.AWS_SERVICE, (), None

    def _foreign(self) -> Who:
        """Somebody of another account: that account's own log knows who."""
        one = self.identity
        return one.arn or one.principal_id or one.account, ActorKind.UNKNOWN, (one.account,), None

    def _partition(self) -> str:
        region = text(self.record.get("awsRegion")) or ""
        return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
