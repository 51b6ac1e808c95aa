"""Who signs with which key: learnt from the replies in which AWS gives out keys, so that a record names who they were given to."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree import ElementTree as ET

from driftwatch.demo.stand_in import SOURCE_IDENTITY, claims, provider
from driftwatch.demo.trail_records import Call
from driftwatch.errors import DriftwatchError

Json = Any
_ASSERTED: Final = {"saml": "urn:oasis:names:tc:SAML:2.0:assertion"}
TAGS: Final = "https://aws.amazon.com/tags"
"""The claim of a token from which STS takes a session's tags
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html)."""


@dataclass(slots=True)
class Keyring:
    """The keys that were given out, by id. `learn` is shown every call that succeeded."""

    _identities: dict[str, dict[str, Json]] = field(default_factory=dict)
    _users: dict[tuple[str, str], Mapping[str, Json]] = field(default_factory=dict)

    def root(self, account: str, key: str) -> None:
        """The key of an account's root user, which nobody has given out."""
        identity = {"type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root", "accountId": account, "accessKeyId": key}
        self._identities[key] = identity

    def identity(self, key: str) -> dict[str, Json]:
        """The userIdentity of who signs with a key. Raises DriftwatchError for a key that the log has never seen given out."""
        if key not in self._identities:
            raise DriftwatchError(f"the trail does not know who has the key {key}")
        return self._identities[key]

    def key_of(self, account: str, user: str) -> str:
        """The id of the key that an IAM user was given last."""
        arn = f"arn:aws:iam::{account}:user/{user}"
        found = [key for key, identity in self._identities.items() if identity["arn"] == arn]
        if not found:
            raise DriftwatchError(f"{arn} has no key")
        return found[-1]

    def learn(self, call: Call) -> None:
        """Takes up what a reply says of users and keys."""
        reply = call.reply
        if call.name == "CreateUser" and call.service == "iam":
            user = reply["User"]
            self._users[user["Arn"].split(":")[4], user["UserName"]] = user
        elif call.name == "CreateAccessKey" and call.service == "iam" and call.key:
            made, account = reply["AccessKey"], self.identity(call.key)["accountId"]
            self._identities[made["AccessKeyId"]] = _user(self._users[account, made["UserName"]], account, made["AccessKeyId"])
        elif call.name.startswith("AssumeRole") and call.service == "sts":
            self._identities[reply["Credentials"]["AccessKeyId"]] = self._session(call)

    def _session(self, call: Call) -> dict[str, Json]:
        """The identity of a new session. A source identity, once set, stays in every session that follows from it."""
        reply, role = call.reply, str(call.params["RoleArn"])
        assumed, account = reply["AssumedRoleUser"], role.split(":")[4]
        principal = assumed["AssumedRoleId"].partition(":")[0]
        issuer = {"type": "Role", "principalId": principal, "arn": role, "accountId": account, "userName": role.rpartition("/")[2]}
        earlier = self.identity(call.key).get("sessionContext", {}) if call.key else {}
        source = reply.get("SourceIdentity") or earlier.get("sourceIdentity")
        federation: dict[str, Json] = {}
        if call.name == "AssumeRoleWithWebIdentity":
            federation = {"webIdFederationData": {"federatedProvider": reply["Provider"], "attributes": {}}}
        return {
            "type": "AssumedRole",
            "principalId": assumed["AssumedRoleId"],
            "arn": assumed["Arn"],
            "accountId": account,
            "accessKeyId": reply["Credentials"]["AccessKeyId"],
            "sessionContext": {
                "sessionIssuer": issuer,
                **federation,
                "attributes": {
                    "creationDate": f"{call.at:%Y-%m-%dT%H:%M:%SZ}",
                    "mfaAuthenticated": "true" if call.params.get("SerialNumber") else "false",
                },
                **({"sourceIdentity": source} if source else {}),
            },
        }


def federated(call: Call) -> dict[str, Json]:
    """The userIdentity of a call that nobody signed, which shows what an identity provider says instead."""
    if call.name == "AssumeRoleWithWebIdentity":
        told = claims(call.params["WebIdentityToken"])
        issuer, subject = provider(call.params["RoleArn"], told["iss"]), str(told["sub"])
        return {
            "type": "WebIdentityUser",
            "principalId": f"{issuer}:{told['aud']}:{subject}",
            "userName": subject,
            "identityProvider": issuer,
        }
    if call.name == "AssumeRoleWithSAML":
        subject, qualifier = call.reply.get("Subject", ""), call.reply.get("NameQualifier", "")
        return {"type": "SAMLUser", "principalId": f"{qualifier}:{subject}", "userName": subject, "identityProvider": qualifier}
    raise DriftwatchError(f"nobody signed {call.name}")


def federation_parameters(call: Call) -> dict[str, Json]:
    """What the log adds to the parameters of such a call, out of the token or assertion that was sent and is not logged itself."""
    if call.name == "AssumeRoleWithWebIdentity":
        told = claims(call.params["WebIdentityToken"])
        tags: Mapping[str, list[str]] = told.get(TAGS, {}).get("principal_tags", {})
        source = {"sourceIdentity": told[SOURCE_IDENTITY]} if SOURCE_IDENTITY in told else {}
        return source | ({"principalTags": {name: value[0] for name, value in tags.items()}} if tags else {})
    if call.name == "AssumeRoleWithSAML":
        root = ET.fromstring(base64.b64decode(call.params["SAMLAssertion"]))  # noqa: S314 - this process wrote it
        session = call.reply.get("AssumedRoleUser", {}).get("Arn", "").rpartition("/")[2]
        assertion = root.find("saml:Assertion", _ASSERTED)
        return {"sAMLAssertionID": assertion.get("ID", "") if assertion is not None else "", "roleSessionName": session}
    return {}


def stranger(identity: Mapping[str, Json]) -> dict[str, Json]:
    """How the log of another account names a caller: its account and principal, no more."""
    return {"type": "AWSAccount", "principalId": identity["principalId"], "accountId": identity["accountId"]}


def _user(user: Mapping[str, Json], account: str, key: str) -> dict[str, Json]:
    return {
        "type": "IAMUser",
        "principalId": user["UserId"],
        "arn": user["Arn"],
        "accountId": account,
        "accessKeyId": key,
        "userName": user["UserName"],
    }
