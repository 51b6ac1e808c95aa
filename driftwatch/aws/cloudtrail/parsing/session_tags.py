"""What the tags of a session say, where the call that begins it is told
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html).

Later calls of the session do not repeat its tags: a role chain leads to them. Resources have tags, too, which say nothing of the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from driftwatch.aws.cloudtrail.parsing.user_identity import mapping, text
from driftwatch.domain.activity import RunRef

_BEGINNING: Final = (
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "GetFederationToken",
    "GetSessionToken",
)
"""The operations of STS that give out a session's key. As a tuple: a name that is no text can be looked for in it."""
_STS: Final = "sts.amazonaws.com"
_CHANGE: Final = ("changeid", "change", "ticket", "ticketid", "changerequest")
_COMMIT: Final = ("commit", "commitsha", "gitcommit", "gitsha", "sha")
_RUN: Final = ("runid", "run", "pipelinerunid", "pipelineid", "buildid", "jobid", "workflowrunid")
_PERSON: Final = ("actor", "githubactor", "triggeredby", "user", "email", "author")
_BOTS: Final = ("[bot]", "_bot_", "-bot")
"""At the end of an actor's name in GitHub that is no person; the brackets are none that a tag may hold."""
_MOST: Final = 50
"""AWS allows fifty session tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What a call says of the session that it begins. A source identity is given once, and stays in every session that follows."""

    source_identity: str | None = None
    person: str | None = None
    run: RunRef | None = None
    by_workflow: bool = False
    """Tagged as GitHub's own action tags the sessions of its workflows (``GitHub: Actions``)."""

    @property
    def behalf(self) -> str | None:
        return self.source_identity or self.person


NONE: Final = Begun()


def begun(record: Mapping[str, Any]) -> Begun:
    """What a raw record says of the session that its call begins; nothing, for one that begins none."""
    if not begins(record):
        return NONE
    asked = mapping(record.get("requestParameters"))
    tags = dict(_tags(asked))
    change, commit, run_id = _first(tags, _CHANGE), _first(tags, _COMMIT), _first(tags, _RUN)
    person = _first(tags, _PERSON)
    return Begun(
        source_identity=text(asked.get("sourceIdentity")),
        person=None if person is None or person.lower().endswith(_BOTS) else person,
        run=RunRef(change_id=change, commit=commit, run_id=run_id) if change or commit or run_id else None,
        by_workflow=tags.get("github", "").lower() == "actions",
    )


def begins(record: Mapping[str, Any]) -> bool:
    """Whether a raw record's call gives out the key of a session."""
    return record.get("eventName") in _BEGINNING and record.get("eventSource", _STS) == _STS


def _tags(asked: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names in small letters without their separators, and values. What the call itself gives stands before what was inherited: the
    last of a name counts."""
    for member in ("incomingTransitiveTags", "principalTags", "tags"):
        for name, value in _pairs(asked.get(member)):
            single = value[0] if isinstance(value, list) and value else value
            if isinstance(name, str) and (found := text(single)):
                yield name.lower().replace("-", "").replace("_", "").replace(":", ""), found


def _pairs(tags: object) -> Iterable[tuple[Any, Any]]:
    if isinstance(tags, dict):
        return list(tags.items())[:_MOST]
    if isinstance(tags, list):
        return [(mapping(tag).get("key"), mapping(tag).get("value")) for tag in tags[:_MOST]]
    return ()


def _first(tags: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((tags[name] for name in names if name in tags), None)
