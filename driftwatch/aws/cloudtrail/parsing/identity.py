"""Who made a call: every form of CloudTrail's userIdentity
(https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).

What the record says is kept, the most telling name first; nothing is guessed. Whom a name means, the policy's identities say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from driftwatch.aws.cloudtrail.parsing.channel import channel
from driftwatch.domain.activity import Actor, ActorKind, Assumed, Channel, RunRef

_MAX: Final = 2048
_SERVICE: Final = ".amazonaws.com"
_SSO: Final = "AWSReservedSSO_"
_SERVICE_ROLE: Final = "/aws-service-role/"
_MACHINE: Final = re.compile(r"i-[0-9a-f]{8,17}|mi-[0-9a-f]{17}|[0-9a-f]{32}|ecs-.*|eks-.*|aws-go-sdk-\d+|botocore-session-\d+|aws-sdk-.*")
"""Session names that machines and SDKs make up: an instance's id, a container's, a number."""
_PIPELINE: Final = re.compile(
    r"github[-_]?actions?|gitlab[-_]?(ci|runner)?|codebuild|codepipeline|aws-?codebuild|circleci|jenkins|buildkite|terraform|tfc-?run|"
    r"hcp-terraform|atlantis|spacelift|azure-?devops|bitbucket",
    re.IGNORECASE,
)
_PIPELINE_ISSUERS: Final = (
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "gitlab.",
    "app.terraform.io",
    "oidc.circleci.com",
    "api.bitbucket.org",
    "agent.buildkite.com",
    "vstoken.dev.azure.com",
    "oidc.spacelift",
)
_SUBJECT: Final = re.compile(r"(repo|project_path|organization|org|pipeline):[^\s]+")
_TAGS: Final = {
    "change_id": ("changeid", "change", "change-id", "change_id", "ticket", "ticketid"),
    "commit": ("commit", "commitsha", "commit_sha", "sha", "gitcommit", "git_commit"),
    "run_id": ("runid", "run_id", "run", "pipelinerunid", "buildid", "build_id", "jobid"),
}
_AROUND: Final = (*("userAgent", "sourceIPAddress", "eventType", "eventSource", "awsRegion", "sessionCredentialFromConsole"),)
"""What is looked at beside the identity itself, but for the parameters of a call that begins a session."""
_PEOPLE_TAGS: Final = ("actor", "user", "email", "githubactor", "github_actor", "triggeredby", "triggered_by", "author")


def actor(record: Mapping[str, Any]) -> Actor:
    """The caller of a raw record. `kind` is UNKNOWN where the record does not show whether it was a person or a machine.

    One session makes many calls: what its identity means is worked out once.
    """
    around = tuple(record.get(name) for name in _AROUND)
    if not str(record.get("eventName")).startswith("AssumeRole") and all(value is None or isinstance(value, str) for value in around):
        try:
            return _remembered(orjson.dumps(record.get("userIdentity")), around)
        except orjson.JSONEncodeError:  # half a character, a number without end: it is read all the same, and not kept
            return _actor(record)
    return _actor(record)


@lru_cache(maxsize=8192)
def _remembered(identity: bytes, around: tuple[str | None, ...]) -> Actor:
    return _actor({"userIdentity": orjson.loads(identity), **dict(zip(_AROUND, around, strict=True))})


def _actor(record: Mapping[str, Any]) -> Actor:
    found = _Identity(record)
    principal, kind, names, behalf = found.who()
    known = tuple(dict.fromkeys(name for name in (principal, *names) if name))
    return Actor(
        principal=principal,
        kind=kind,
        names=known,
        on_behalf_of=behalf,
        channel=_channel(record, kind),
        account=found.account,
        source_ip=_text(record.get("sourceIPAddress")),
        invoked_by=found.invoked_by,
        role=found.role,
        access_key=_text(found.identity.get("accessKeyId")),
        run_ref=found.run(),
    )


def assumed(record: Mapping[str, Any]) -> Assumed | None:
    """The session that the call began; None for a call that began none."""
    reply = _map(record.get("responseElements"))
    key = _text(_map(reply.get("credentials")).get("accessKeyId"))
    for member in ("assumedRoleUser", "federatedUser"):
        session = _text(_map(reply.get(member)).get("arn"))
        if key or session:
            return Assumed(access_key=key, session=session) if session or member == "federatedUser" else Assumed(access_key=key)
    return Assumed(access_key=key) if key else None


def _channel(record: Mapping[str, Any], kind: ActorKind) -> Channel:
    """A pipeline whose agent says no more than an SDK's or a command line's is told as a pipeline."""
    made = channel(record)
    return Channel.PIPELINE if kind is ActorKind.PIPELINE and made in (Channel.SDK, Channel.CLI, Channel.UNKNOWN) else made


Who = tuple[str | None, ActorKind, tuple[str | None, ...], str | None]


class _Identity:
    """One userIdentity, with what of the record helps to understand it."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.identity = _map(record.get("userIdentity"))
        self.context = _map(self.identity.get("sessionContext"))
        self.issuer = _map(self.context.get("sessionIssuer"))
        self.type = _text(self.identity.get("type")) or ""
        self.arn = _text(self.identity.get("arn"))
        self.account = _text(self.identity.get("accountId")) or _text(self.issuer.get("accountId"))
        self.invoked_by = _text(self.identity.get("invokedBy"))
        self.role = _text(self.issuer.get("arn")) if self.type == "AssumedRole" else None
        self.source_identity = _text(self.context.get("sourceIdentity"))

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
        way = ways.get(self.type)
        if way is not None:
            return way()
        if _text(self.record.get("eventType")) == "AwsServiceEvent" and not self.type:
            source = _text(self.record.get("eventSource"))
            return source, ActorKind.AWS_SERVICE if source else ActorKind.UNKNOWN, (self.arn,), None
        name = self.arn or _text(self.identity.get("principalId")) or _text(self.identity.get("userName"))
        return name, ActorKind.UNKNOWN, (_text(self.identity.get("userName")),), None

    def _root(self) -> Who:
        arn = f"arn:{self._partition()}:iam::{self.account}:root" if self.account else self.arn
        return arn, ActorKind.HUMAN, (self.arn, "root"), None

    def _user(self) -> Who:
        name = _text(self.identity.get("userName"))
        principal = self.arn or name or _text(self.identity.get("principalId"))
        return principal, ActorKind.HUMAN if principal else ActorKind.UNKNOWN, (name, f"user/{name}" if name else None), None

    def _session(self) -> Who:
        """A session of a role: a person's, a pipeline's, a service's, or one of which the record does not say whose it is."""
        role, session = self._role_name(), self._session_name()
        names = (self.arn, f"role/{role}" if role else None, self.role)
        if self.role and _SERVICE_ROLE in self.role:
            service = self.role.partition(_SERVICE_ROLE)[2].partition("/")[0]
            return service, ActorKind.AWS_SERVICE, (*names, session), None
        if self.invoked_by and self.invoked_by.endswith(_SERVICE) and session == self.invoked_by.removesuffix(_SERVICE):
            return self.invoked_by, ActorKind.AWS_SERVICE, names, None
        subject = self._subject()
        if subject or self._is_pipeline(role, session):
            return self.arn or subject, ActorKind.PIPELINE, (f"role/{role}" if role else None, self.role, subject, session), self._person()
        person = self._person()
        if person:
            return person, ActorKind.HUMAN, (session, *names), None
        if role and role.startswith(_SSO) and session:
            return session, ActorKind.HUMAN, names, None
        if session and "@" in session and not _MACHINE.fullmatch(session):
            return session, ActorKind.HUMAN, names, None
        if str(self.record.get("sessionCredentialFromConsole")).lower() == "true":  # AWS says so itself: people use the console
            return self.arn or session, ActorKind.HUMAN, (*names, session), None
        return self.arn or session or _text(self.identity.get("principalId")), ActorKind.UNKNOWN, (*names, session), None

    def _federated(self) -> Who:
        """A session that `GetFederationToken` gave: the user who asked for it stands behind it."""
        user = _text(self.issuer.get("arn"))
        name = self.arn.rpartition("/")[2] if self.arn else None
        return self.arn or user, ActorKind.HUMAN, (name, user, _text(self.issuer.get("userName"))), None

    def _saml(self) -> Who:
        name = _text(self.identity.get("userName"))
        return name or _text(self.identity.get("principalId")), ActorKind.HUMAN, (_text(self.identity.get("principalId")),), None

    def _web(self) -> Who:
        """A token of an identity provider: a pipeline's subject names repository and ref, another one an unknown user."""
        name, provider = _text(self.identity.get("userName")), _text(self.identity.get("identityProvider")) or ""
        principal = name or _text(self.identity.get("principalId"))
        kind = ActorKind.PIPELINE if _is_pipeline_issuer(provider) or _SUBJECT.fullmatch(name or "") else ActorKind.UNKNOWN
        return principal, kind, (_text(self.identity.get("principalId")), f"{provider}:{name}" if provider and name else None), None

    def _identity_center(self) -> Who:
        behalf = _map(self.identity.get("onBehalfOf"))
        user = _text(behalf.get("userId")) or _text(self.identity.get("userId")) or _text(self.identity.get("principalId"))
        store = _text(behalf.get("identityStoreArn"))
        return user, ActorKind.HUMAN if user else ActorKind.UNKNOWN, (self.arn, f"{store}/{user}" if store and user else None), None

    def _service(self) -> Who:
        service = self.invoked_by or _text(self.record.get("sourceIPAddress")) or _text(self.record.get("eventSource"))
        return service, ActorKind.AWS_SERVICE, (), None

    def _foreign(self) -> Who:
        """Somebody of another account: that account's own log knows who."""
        principal = self.arn or _text(self.identity.get("principalId")) or self.account
        return principal, ActorKind.UNKNOWN, (self.account,), None

    # --- parts -----------------------------------------------------------------------------------------------------------------------

    def _partition(self) -> str:
        region = _text(self.record.get("awsRegion")) or ""
        return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"

    def _role_name(self) -> str | None:
        name = _text(self.issuer.get("userName"))
        if name:
            return name
        if self.role and ":role/" in self.role:
            return self.role.rpartition("/")[2]
        return self.arn.split("/")[1] if self.arn and self.arn.count("/") >= 2 else None

    def _session_name(self) -> str | None:
        if self.arn and ":assumed-role/" in self.arn and self.arn.count("/") >= 2:
            return self.arn.split("/", 2)[2]
        principal = _text(self.identity.get("principalId")) or ""
        return principal.partition(":")[2] or None

    def _subject(self) -> str | None:
        """The subject of the token that a session was begun with: ``repo:org/name:ref:refs/heads/main`` and the like."""
        federation = _map(self.context.get("webIdFederationData"))
        provider = _text(federation.get("federatedProvider")) or ""
        attributes = _map(federation.get("attributes"))
        subject = next((found for name, value in attributes.items() if str(name).endswith(":sub") and (found := _text(value))), None)
        if subject:
            return subject if _is_pipeline_issuer(provider) or _SUBJECT.fullmatch(subject) else None
        return provider if _is_pipeline_issuer(provider) else None

    def _is_pipeline(self, role: str | None, session: str | None) -> bool:
        return any(_PIPELINE.match(name) for name in (session, role) if name)

    def _person(self) -> str | None:
        """The person that the session names: its source identity, a person's session tag, or the user on whose behalf it acts."""
        if self.source_identity:
            return self.source_identity
        behalf = _text(_map(self.identity.get("onBehalfOf")).get("userId"))
        return behalf or next((value for name, value in self._tags() if name in _PEOPLE_TAGS), None)

    def _tags(self) -> Iterable[tuple[str, str]]:
        """The session's tags, as the record of a call that began one, or of a later one, has them."""
        asked = _map(self.record.get("requestParameters"))
        for tags in (
            asked.get("tags"),
            asked.get("principalTags") if self._begins_session() else None,
            self.context.get("principalTags"),
            self.identity.get("principalTags"),
        ):
            if isinstance(tags, dict):
                first = ((name, text[0] if isinstance(text, list) and text else text) for name, text in tags.items())
                yield from ((str(name).lower(), value) for name, text in first if (value := _text(text)))
            elif isinstance(tags, list) and self._begins_session():
                for tag in tags[:50]:
                    key, value = _text(_map(tag).get("key")), _text(_map(tag).get("value"))
                    if key and value:
                        yield key.lower(), value

    def _begins_session(self) -> bool:
        return str(self.record.get("eventName")).startswith("AssumeRole")

    def run(self) -> RunRef | None:
        """What the session's tags say of the pipeline's run."""
        tags = dict(self._tags())
        found = {field: next((tags[name] for name in names if name in tags), None) for field, names in _TAGS.items()}
        return RunRef(**found) if any(found.values()) else None


def _is_pipeline_issuer(provider: str) -> bool:
    host = provider.rpartition("oidc-provider/")[2].removeprefix("https://")
    return host.startswith(_PIPELINE_ISSUERS)


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """A text that can be a name: none that is empty or longer than any name in AWS. Old documents have a blank after ``arn:aws:sts::``."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX:
        return None
    return value.replace(":: ", "::").strip() or None
