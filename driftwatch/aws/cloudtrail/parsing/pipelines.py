"""By what a pipeline's session is known: the issuer and subject of its token, and the name that its runner gives it.

A token's issuer is checked by AWS. A session's name is chosen by whoever begins it, so only names that runners give count, and what a
policy holds of a pipeline is decided by the policy's own list.
"""

from __future__ import annotations

import re
from typing import Final

from driftwatch.domain.activity import RunRef

_ISSUERS: Final = (
    "token.actions.githubusercontent.com",
    "gitlab.",
    "app.terraform.io",
    "oidc.circleci.com",
    "api.bitbucket.org",
    "agent.buildkite.com",
    "vstoken.dev.azure.com",
)
_HOSTED: Final = ("/_services/token", ".spacelift.io")
"""In the issuers of GitHub Enterprise Server and Spacelift, whose hosts are their customers'."""
_SUBJECT: Final = re.compile(r"repo:[^\s/:]+/[^\s:]+:.+|project_path:[^\s:]+:ref_type:.+|organization:[^:]+:project:[^:]+:workspace:.+")
"""Of GitHub, GitLab and Terraform Cloud."""
_TERRAFORM_RUN: Final = re.compile(r"(?<![A-Za-z0-9])run-[A-Za-z0-9]{16}(?![A-Za-z0-9])")
_RUNNER: Final = re.compile(
    r"(?:github[-_]?actions?|gitlab(?:[-_]?(?:ci|runner))?|(?:aws)?codebuild|(?:aws)?codepipeline|circleci|jenkins|buildkite|bitbucket|"
    r"azure-?devops|terraform-cloud|hcp-terraform|tfc|atlantis|spacelift)(?![a-z])",
    re.IGNORECASE,
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_COMMIT: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{5,}(?![0-9A-Za-z])")


def is_issuer(provider: str | None) -> bool:
    """Whether an identity provider gives tokens to pipelines only."""
    if not provider:
        return False
    host = provider.rpartition("oidc-provider/")[2].removeprefix("https://")
    return host.startswith(_ISSUERS) or any(part in host for part in _HOSTED)


def is_subject(subject: str | None) -> bool:
    return bool(subject and _SUBJECT.fullmatch(subject))


def is_runner(session: str | None) -> bool:
    """Whether a session is named as the runners of pipelines name theirs."""
    return bool(session and (_RUNNER.match(session) or _TERRAFORM_RUN.search(session)))


def run(session: str | None) -> RunRef | None:
    """What the name of a pipeline's session says of its run.

    That is a commit, the id of a run of Terraform Cloud or of a build of CodeBuild, and behind a runner's name the last long number.
    """
    if not session:
        return None
    commit = _COMMIT.search(session)
    rest = _COMMIT.sub("", session)
    found = _TERRAFORM_RUN.search(rest)
    if found is None and _RUNNER.match(session):
        found = _UUID.search(rest)
        numbers = None if found else _NUMBER.findall(rest)
        if numbers:
            return RunRef(commit=commit[0] if commit else None, run_id=numbers[-1])
    if commit is None and found is None:
        return None
    return RunRef(commit=commit[0] if commit else None, run_id=found[0] if found else None)
