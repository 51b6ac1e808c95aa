"""Who made a call, from every form of identity that CloudTrail writes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.aws.cloudtrail.parsing.identity import actor, assumed
from driftwatch.domain.activity import ActorKind, Channel

ACCOUNT = "111111111111"


def record(identity: Any, **more: Any) -> dict[str, Any]:
    return {"eventName": "UpdateTable", "eventType": "AwsApiCall", "awsRegion": "eu-west-1", "userIdentity": identity, **more}


def session(role: str, name: str, *, path: str = "/", **context: Any) -> dict[str, Any]:
    """A role session's identity."""
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLE:{name}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "arn": f"arn:aws:iam::{ACCOUNT}:role{path}{role}",
                "accountId": ACCOUNT,
                "userName": role,
            },
            **context,
        },
    }


GITHUB = {
    "webIdFederationData": {
        "federatedProvider": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com",
        "attributes": {"token.actions.githubusercontent.com:sub": "repo:acme/infra:ref:refs/heads/main"},
    }
}
DEPLOY = f"arn:aws:sts::{ACCOUNT}:assumed-role/terraform-deploy/GitHubActions"
GITLAB = "project_path:acme/infra:ref_type:branch:ref:main"
INSTANCE = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/i-0123456789abcdef0"
IN_STORE = {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::1:identitystore/d-1"}
HUMAN, PIPELINE, SERVICE, UNKNOWN = ActorKind.HUMAN, ActorKind.PIPELINE, ActorKind.AWS_SERVICE, ActorKind.UNKNOWN

CASES = {
    "root": (record({"type": "Root", "accountId": ACCOUNT}), f"arn:aws:iam::{ACCOUNT}:root", HUMAN, None),
    "user": (
        record({"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/ana", "accountId": ACCOUNT, "userName": "ana"}),
        f"arn:aws:iam::{ACCOUNT}:user/ana",
        HUMAN,
        None,
    ),
    "identity center role": (record(session("AWSReservedSSO_Admin_1a2b", "ana@acme.example")), "ana@acme.example", HUMAN, None),
    "a session named like a person": (record(session("Admin", "ben@acme.example")), "ben@acme.example", HUMAN, None),
    "source identity": (record(session("Admin", "s-1", sourceIdentity="carl")), "carl", HUMAN, None),
    "console session": (
        record(session("Admin", "HarishA"), sessionCredentialFromConsole="true"),
        f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/HarishA",
        HUMAN,
        None,
    ),
    "a session of nobody known": (
        record(session("app", "i-0123456789abcdef0")),
        f"arn:aws:sts::{ACCOUNT}:assumed-role/app/i-0123456789abcdef0",
        UNKNOWN,
        None,
    ),
    "service-linked role": (
        record(session("AWSServiceRoleForAutoScaling", "AutoScaling", path="/aws-service-role/autoscaling.amazonaws.com/")),
        "autoscaling.amazonaws.com",
        SERVICE,
        None,
    ),
    "github actions": (
        record(session("terraform-deploy", "GitHubActions", **GITHUB)),
        DEPLOY,
        PIPELINE,
        None,
    ),
    "a person in the role of a pipeline": (
        record(session("terraform-deploy", "ben@acme.example")),
        "ben@acme.example",
        HUMAN,
        None,
    ),
    "github enterprise server": (
        record(session("deploy", "x", webIdFederationData={"federatedProvider": "git.acme.example/_services/token"})),
        f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/x",
        PIPELINE,
        None,
    ),
    "a workflow's tags": (
        record(
            session("github", "x"),
            eventName="AssumeRole",
            requestParameters={"tags": [{"key": "GitHub", "value": "Actions"}, {"key": "Actor", "value": "dependabot[bot]"}]},
        ),
        f"arn:aws:sts::{ACCOUNT}:assumed-role/github/x",
        PIPELINE,
        None,
    ),
    "a name that may be a password": (
        record({"type": "IAMUser", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS", "principalId": "AIDA1"}, eventName="ConsoleLogin"),
        "AIDA1",
        HUMAN,
        None,
    ),
    "a pipeline for a person": (
        record(session("terraform-deploy", "GitHubActions", sourceIdentity="ana", **GITHUB)),
        DEPLOY,
        PIPELINE,
        "ana",
    ),
    "web identity of a pipeline": (
        record(
            {
                "type": "WebIdentityUser",
                "userName": "repo:acme/infra:environment:prod",
                "identityProvider": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com",
            },
            eventName="AssumeRoleWithWebIdentity",
        ),
        "repo:acme/infra:environment:prod",
        PIPELINE,
        None,
    ),
    "gitlab": (
        record(
            {"type": "WebIdentityUser", "userName": "project_path:acme/infra:ref_type:branch:ref:main", "identityProvider": "gitlab.com"}
        ),
        "project_path:acme/infra:ref_type:branch:ref:main",
        PIPELINE,
        None,
    ),
    "web identity of an app's user": (
        record({"type": "WebIdentityUser", "userName": "1234", "identityProvider": "accounts.google.com"}),
        "1234",
        UNKNOWN,
        None,
    ),
    "saml": (record({"type": "SAMLUser", "userName": "ana@acme.example", "principalId": "x:ana"}), "ana@acme.example", HUMAN, None),
    "identity center user": (
        record(
            {
                "type": "IdentityCenterUser",
                "onBehalfOf": IN_STORE,
            }
        ),
        "u-1",
        HUMAN,
        None,
    ),
    "service": (record({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}), "ec2.amazonaws.com", SERVICE, None),
    "another account": (record({"type": "AWSAccount", "accountId": "222222222222", "principalId": "AIDA:x"}), "AIDA:x", UNKNOWN, None),
    "service event": (record(None, eventType="AwsServiceEvent", eventSource="kms.amazonaws.com"), "kms.amazonaws.com", SERVICE, None),
    "a type that nobody knows": (record({"type": "Martian", "arn": "arn:aws:iam::1:martian/x"}), "arn:aws:iam::1:martian/x", UNKNOWN, None),
}


@pytest.mark.parametrize("name", CASES)
def test_who_it_was(name: str) -> None:
    given_, principal, kind, behalf = CASES[name]
    found = actor(given_)
    assert (found.principal, found.kind, found.on_behalf_of) == (principal, kind, behalf)
    assert found.names[0] == principal


def test_a_role_session_goes_by_every_name_that_a_policy_may_use() -> None:
    found = actor(record(session("terraform-deploy", "run-1")))
    assert {f"arn:aws:iam::{ACCOUNT}:role/terraform-deploy", "role/terraform-deploy", "run-1"} <= set(found.names)
    assert (found.role, found.access_key) == (f"arn:aws:iam::{ACCOUNT}:role/terraform-deploy", "ASIAEXAMPLE")


def test_a_person_through_cloudformation_stays_that_person() -> None:
    identity = session("AWSReservedSSO_Admin_1a2b", "ana@acme.example") | {"invokedBy": "cloudformation.amazonaws.com"}
    found = actor(record(identity, userAgent="cloudformation.amazonaws.com"))
    assert (found.principal, found.kind, found.channel, found.invoked_by) == (
        "ana@acme.example",
        HUMAN,
        Channel.CLOUDFORMATION,
        "cloudformation.amazonaws.com",
    )


def test_the_tags_of_a_session_name_the_run_and_the_person_behind_it() -> None:
    tags = [
        {"key": "ChangeId", "value": "CHG-7"},
        {"key": "Commit", "value": "0a1b"},
        {"key": "RunId", "value": "42"},
        {"key": "Actor", "value": "ana"},
    ]
    begun = record(session("terraform-deploy", "GitHubActions"), eventName="AssumeRole", requestParameters={"tags": tags})
    found = actor(begun)
    assert found.run_ref is not None
    assert (found.run_ref.change_id, found.run_ref.commit, found.run_ref.run_id, found.on_behalf_of) == ("CHG-7", "0a1b", "42", "ana")


def test_the_tags_of_a_token_name_the_run_too() -> None:
    told = {"Ticket": ["CHG-7"], "Commit": "0a1b", "RunId": "42"}
    identity = {"type": "WebIdentityUser", "userName": GITLAB, "identityProvider": "gitlab.com"}
    found = actor(record(identity, eventName="AssumeRoleWithWebIdentity", requestParameters={"principalTags": told}))
    assert found.run_ref is not None
    assert (found.run_ref.change_id, found.run_ref.commit, found.run_ref.run_id) == ("CHG-7", "0a1b", "42")


@pytest.mark.parametrize(
    ("name", "commit", "run_id"),
    [
        ("GitHubActions-1234567890", None, "1234567890"),
        ("terraform-run-AbCdEfGh12345678", None, "run-AbCdEfGh12345678"),
        ("AWSCodeBuild-0f2d3c4b-1111-2222-3333-0123456789ab", None, "0f2d3c4b-1111-2222-3333-0123456789ab"),
        ("gitlab-ci-0123456789abcdef0123456789abcdef01234567", "0123456789abcdef0123456789abcdef01234567", None),
        ("GitHubActions", None, None),
    ],
)
def test_the_name_of_a_runners_session_names_the_run(name: str, commit: str | None, run_id: str | None) -> None:
    found = actor(record(session("deploy", name)))
    assert found.kind is PIPELINE
    run = found.run_ref
    assert (run.commit if run else None, run.run_id if run else None) == (commit, run_id)


def test_a_number_in_a_persons_session_is_no_run() -> None:
    assert actor(record(session("Admin", "ben-1234567890@acme.example"))).run_ref is None


def test_the_session_that_a_call_began() -> None:
    reply = {"credentials": {"accessKeyId": "ASIANEW"}, "assumedRoleUser": {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b"}}
    found = assumed(record(None, eventName="AssumeRole", responseElements=reply))
    assert found is not None
    assert (found.access_key, found.session) == ("ASIANEW", f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b")
    assert assumed(record(None, eventName="AssumeRole", responseElements=None)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    "type",
    "arn",
    "principalId",
    "accountId",
    "userName",
    "invokedBy",
    "sessionContext",
    "onBehalfOf",
    "accessKeyId",
    "sessionIssuer",
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), JSON, JSON)
def test_no_record_is_too_strange(identity: dict[str, Any], agent: Any, reply: Any) -> None:
    made = record(identity, userAgent=agent, responseElements=reply, requestParameters=reply)
    found = actor(made)
    assert found.principal is None or found.principal in found.names
    assumed(made)


@pytest.mark.parametrize(
    "kind", ["Root", "IAMUser", "AssumedRole", "FederatedUser", "SAMLUser", "WebIdentityUser", "AWSService", "AWSAccount"]
)
def test_an_identity_of_which_everything_is_missing_is_nobody_known(kind: str) -> None:
    found = actor(record({"type": kind}))
    assert found.principal is None or found.kind in (HUMAN, SERVICE)
