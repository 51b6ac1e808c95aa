"""All names of one resource, from those that a record gives: ids, names and ARNs lead to each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from driftwatch.aws.cloudtrail.parsing.arns import Arns, ids
from driftwatch.aws.cloudtrail.parsing.members import MAX_IDS, MAX_LENGTH

_QUEUE: Final = "AWS::SQS::Queue"
_FUNCTION: Final = "AWS::Lambda::Function"
_ASSOCIATION: Final = "assoc-"
"""In the ids of EC2's associations: each names the resource that it belongs to, and is no part of its ARN."""
_PATHS: Final = ("/hostedzone/", "/healthcheck/", "/delegationset/", "/change/")
"""Route 53 writes its ids with or without the path to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where a record was made: what an ARN is completed with."""

    region: str
    account: str


def spread(arns: Arns, type_: str, value: str) -> tuple[str, ...]:
    """A value with what certainly names the same resource of this type: the ids in an ARN, the name in a URL."""
    if value.startswith("arn:"):
        inner = arns.names(type_, value)
        return (value, *inner) if inner or arns.known(type_) else (value, *_last(value))
    if type_ == _QUEUE and value.startswith(("https://", "http://")):
        return (value, value.rstrip("/").rpartition("/")[2])
    if type_ == _FUNCTION and ":" in value:
        words = value.split(":")
        return (value, words[words.index("function") + 1] if "function" in words[:-1] else words[0])
    if value.startswith(_PATHS):
        return (value, value.rpartition("/")[2])
    return (value,)


def _last(arn: str) -> tuple[str, ...]:
    """The one id in an ARN of unknown form, where it has only one."""
    parts = arn.split(":", 5)
    words = parts[5].replace(":", "/").split("/") if len(parts) == 6 else []
    return (words[1],) if len(words) == 2 and words[1] else ()


def complete(arns: Arns, type_: str, names: Iterable[str], here: Here) -> tuple[str, ...]:
    """The names of one resource with its ARN, where no ARN is among them and an id makes one."""
    found = dict.fromkeys(name for name in names if name)
    if not any(name.startswith("arn:") for name in found):
        for name in tuple(found)[:2]:
            if _ASSOCIATION in name:
                continue
            bare = name.rpartition("/")[2] if type_ == _QUEUE else name
            if made := arns.arn(type_, bare, here.region, here.account):
                found[made] = None
                break
    return tuple(found)


def composite(parts: Iterable[str]) -> tuple[str, ...]:
    """An id of several parts, as the catalogue and as AWS write it."""
    joined = ids(tuple(parts))
    return tuple(name for name in joined[:2] if len(name) <= MAX_LENGTH)


def grouped(values: Iterable[tuple[str, ...]]) -> list[dict[str, None]]:
    """Names that share one belong to one resource: each group in the order of its first name."""
    groups: list[dict[str, None]] = []
    by_name: dict[str, dict[str, None]] = {}
    for names in values:
        mine = next((by_name[name] for name in names if name in by_name), None)
        if mine is None:
            if len(groups) >= MAX_IDS:
                break
            mine = {}
            groups.append(mine)
        for name in names:
            mine[name] = None
            by_name.setdefault(name, mine)
    return groups
