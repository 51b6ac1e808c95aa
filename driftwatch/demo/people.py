"""Who acts in the simulated accounts, with what credentials and which tool. Everything they do goes through the trail's hook.

Nobody but IAM users has a key from the start: the others sign in when they first act, by the calls that AWS knows for that.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha1, sha256
from typing import Any, Final

from driftwatch.demo.cloud import ACCOUNTS, REGIONS
from driftwatch.demo.stand_in import SOURCE_IDENTITY
from driftwatch.demo.trail import BUCKET_REGION, Tool, Trail
from driftwatch.demo.trail_callers import TAGS

ACCOUNT: Final = ACCOUNTS[0]
ISSUER: Final = "token.actions.githubusercontent.com"
ENGINEER: Final = "AWSReservedSSO_Engineer_0a1b2c3d4e5f6a7b"
MANAGER: Final = "AWSReservedSSO_Manager_7b6a5f4e3d2c1b0a"
RESERVED: Final = f"/aws-reserved/sso.amazonaws.com/{REGIONS[0]}/"
"""The path of roles that Identity Center makes."""
DIRECTORY: Final = "AWSSSO_4f1d9c7be02a3856_DO_NOT_DELETE"
"""The identity provider that Identity Center makes in each account."""
DEPLOYER: Final = "terraform-deploy"
EMERGENCY: Final = "break-glass"
ADMINISTRATOR: Final = "administrator"
MEMBER_ADMINISTRATION: Final = "OrganizationAccountAccessRole"
"""The role that AWS Organizations makes in each account of an organisation, for the administrators of the first."""
USERS: Final = ("carl", "old-deploy")
"""People and things of the story with long-lived keys."""

_COMMAND_LINE: Final = (
    "aws-cli/2.27.50 md/awscrt#0.26.1 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.4 md/pyimpl#CPython "
    "cfg/retry-mode#standard md/installer#exe md/prompt#off"
)
_BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_TERRAFORM: Final = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.12.2 (+https://www.terraform.io) terraform-provider-aws/6.2.0 aws-sdk-go-v2/1.36.5 ua/2.1 "
    "os/linux lang/go#1.23.10 md/GOARCH#amd64 md/GOOS#linux"
)
_RUNNER: Final = (
    "aws-sdk-js/3.830.0 ua/2.1 os/linux#6.11.0 lang/js md/nodejs#20.19.2 api/sts#3.830.0 configure-aws-credentials-for-github-actions"
)
_DIRECTORY: Final = Tool(
    agent="aws-internal/3 aws-sdk-java/1.12.785 Linux/5.10.238 OpenJDK_64-Bit_Server_VM/17.0.15", source_ip="AWS Internal"
)
TOOLS: Final[Mapping[str, Tool]] = {
    ADMINISTRATOR: Tool(agent=_COMMAND_LINE, source_ip="198.51.100.5"),
    "ana": Tool(agent=_BROWSER, source_ip="198.51.100.23", console=True),
    "ana-cli": Tool(agent=_COMMAND_LINE, source_ip="198.51.100.23"),
    "ben": Tool(agent=_BROWSER, source_ip="198.51.100.24", console=True),
    "pipeline": Tool(agent=_TERRAFORM, source_ip="203.0.113.140"),
    "carl": Tool(agent=_COMMAND_LINE, source_ip="198.51.100.77"),
    "old-deploy": Tool(agent="Boto3/1.26.90 Python/3.8.16 Linux/5.4.0 Botocore/1.29.90", source_ip="192.0.2.211"),
}
TICKET: Final = "TCK-102"
RUN: Final = "15829964021"
COMMIT: Final = sha1(b"a longer timeout for orders", usedforsecurity=False).hexdigest()
_REPOSITORY: Final = "acme/infrastructure"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """Credentials (a boto3 session), and what they are used with."""

    credentials: Any
    tool: Tool


def administrators(trail: Trail) -> dict[str, Callable[[str, str], Any]]:
    """A maker of clients for each account, of which one person makes everything, over the environment that `Cloud.environment` describes.

    The root user of the first account makes that person. In the second, the role that AWS Organizations makes is what the person becomes.
    """
    import boto3

    root, tool = boto3.Session(), TOOLS[ADMINISTRATOR]
    trail.keys.root(ACCOUNT, root.get_credentials().access_key)
    iam = trail.client(root, "iam", "us-east-1", tool)
    iam.create_user(UserName=ADMINISTRATOR)
    key = iam.create_access_key(UserName=ADMINISTRATOR)["AccessKey"]
    own = boto3.Session(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    member = _member(trail, own)
    for account, session in zip(ACCOUNTS, (own, member), strict=True):
        trail.write_with(account, session.client("s3", region_name=BUCKET_REGION))
    return dict(zip(ACCOUNTS, (_maker(trail, own), _maker(trail, member)), strict=True))


def _member(trail: Trail, own: Any) -> Any:
    """The administrator's session in the second account, whose role is made first."""
    role = {"RoleArn": f"arn:aws:iam::{ACCOUNTS[1]}:role/{MEMBER_ADMINISTRATION}", "RoleSessionName": ADMINISTRATOR}
    sts = trail.client(own, "sts", REGIONS[0], TOOLS[ADMINISTRATOR])
    trust = {"Sid": "Enter", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    first = session_of(sts.assume_role(**role)["Credentials"])
    first.client("iam", region_name="us-east-1").create_role(RoleName=MEMBER_ADMINISTRATION, AssumeRolePolicyDocument=document)
    return session_of(sts.assume_role(**role)["Credentials"])


def _maker(trail: Trail, session: Any) -> Callable[[str, str], Any]:
    return lambda service, region: trail.client(session, service, region, TOOLS[ADMINISTRATOR])


class People:
    """Makes the clients of everybody by name: those of `TOOLS`, and the sessions that `assume` began."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self._sessions: dict[str, _Session] = {}

    def client(self, who: str, service: str, region: str) -> Any:
        """A client whose calls are logged. Who has not acted yet signs in first."""
        if who not in self._sessions:
            self._sessions[who] = _Session(credentials=self._sign_in(who), tool=TOOLS[who])
        session = self._sessions[who]
        made = self._trail.client(session.credentials, service, region, session.tool)
        made.meta.events.register("before-call", _InItsSecond())
        return made

    def assume(self, who: str, role: str, name: str) -> str:
        """Has somebody assume a role of the first account; answers with the name by which `client` knows the session."""
        sts = self.client(who, "sts", REGIONS[0])
        reply = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName=name)
        session = f"{who} as {role}"
        self._sessions[session] = replace(self._sessions[who], credentials=session_of(reply["Credentials"]))
        return session

    def _sign_in(self, who: str) -> Any:
        ways: Mapping[str, Callable[[], Any]] = {
            "ana": lambda: self._directory("ana@acme.example", ENGINEER),
            "ana-cli": lambda: self._directory("ana@acme.example", ENGINEER),
            "ben": lambda: self._directory("ben@acme.example", MANAGER),
            "pipeline": self._pipeline,
        }
        return ways[who]() if who in ways else self._user(who)

    def _user(self, name: str) -> Any:
        """An IAM user's session: the simulation looks at the key's id only."""
        import boto3

        return boto3.Session(aws_access_key_id=self._trail.keys.key_of(ACCOUNT, name), aws_secret_access_key="simulated")  # noqa: S106 - no secret

    def _directory(self, person: str, role: str) -> Any:
        """Identity Center signs somebody in: it asserts who it is, and STS gives a session of the permission set's role."""
        sts = self._trail.client(_nobody(), "sts", REGIONS[0], _DIRECTORY)
        arn, provider = f"arn:aws:iam::{ACCOUNT}:role{RESERVED}{role}", f"arn:aws:iam::{ACCOUNT}:saml-provider/{DIRECTORY}"
        reply = sts.assume_role_with_saml(
            RoleArn=arn, PrincipalArn=provider, SAMLAssertion=_assertion(person, arn, provider), DurationSeconds=3600
        )
        return session_of(reply["Credentials"])

    def _pipeline(self) -> Any:
        """A run of a workflow shows its token; the token's claims carry the ticket and who pushed."""
        sts = self._trail.client(_nobody(), "sts", REGIONS[0], replace(TOOLS["pipeline"], agent=_RUNNER))
        reply = sts.assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{DEPLOYER}",
            RoleSessionName="GitHubActions",
            WebIdentityToken=_token(),
            DurationSeconds=3600,
        )
        return session_of(reply["Credentials"])


class _InItsSecond:
    """Lets a change wait for the next full second, once in each: a log has whole seconds, and would date it before what led to it."""

    def __init__(self) -> None:
        self._waited_for = 0

    def __call__(self, model: Any, **_rest: Any) -> None:
        if model.name.startswith(("Get", "List", "Describe", "AssumeRole")):
            return
        now = time.time()
        if int(now) != self._waited_for:
            self._waited_for = int(now) + 1
            time.sleep(self._waited_for - now)


def session_of(credentials: Mapping[str, Any]) -> Any:
    """A boto3 session over the credentials that STS answered with."""
    import boto3

    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def _nobody() -> Any:
    """A session for calls that are not signed."""
    import boto3

    return boto3.Session()


def _assertion(person: str, role: str, provider: str) -> str:
    """What Identity Center asserts (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html)."""
    attributes = {"Role": f"{role},{provider}", "RoleSessionName": person, "SessionDuration": "3600"}
    told = "".join(
        f'<saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>'
        for name, value in attributes.items()
    )
    subject = (
        f'<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{person}</saml:NameID></saml:Subject>'
    )
    id_ = f"_{sha256(f'{person}{datetime.now(UTC)}'.encode()).hexdigest()[:32]}"
    text = (
        '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">'
        f'<saml:Assertion ID="{id_}">{subject}<saml:AttributeStatement>{told}</saml:AttributeStatement></saml:Assertion></samlp:Response>'
    )
    return base64.b64encode(text.encode()).decode()


def _token() -> str:
    """The token of a run, which the simulation does not verify."""
    claims = {
        "iss": f"https://{ISSUER}",
        "aud": "sts.amazonaws.com",
        "sub": f"repo:{_REPOSITORY}:ref:refs/heads/main",
        "repository": _REPOSITORY,
        "run_id": RUN,
        "sha": COMMIT,
        "actor": "dora",
        SOURCE_IDENTITY: "dora",
        TAGS: {"principal_tags": {"Repository": [_REPOSITORY], "RunId": [RUN], "Commit": [COMMIT], "Ticket": [TICKET]}},
    }
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "simulated"])
