"""Finding the members of a record that a name lies in.

CloudTrail writes a member as the API names it with its first letter in lower case, and not always where the API has it: EC2 wraps lists
as ``{"items": [...]}`` and whole requests as ``{"DeleteFlowLogsRequest": {...}}``, and values as ``{"tag": 1, "content": "fl-1"}``. A
member is first looked for where it should be; only where nothing is found there, everywhere in its part of the record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_IDS: Final = 1_000
MAX_LENGTH: Final = 2_048
"""Longer than any id or ARN of AWS."""
_MAX_DEPTH: Final = 8
_MAX_NODES: Final = 4_000
_MAX_NUMBER: Final = 10**18
_WRAPPERS: Final = ("items", "member", "entry")
_WRAPPING: Final = ("request", "response", "input", "output", "result")
_MAX_WRAPPED: Final = 4
"""What is wrapped stands nearly alone."""
_CONTENT: Final = ("content", "value", "item")
_PLAIN: Final = frozenset({"name", "id", "arn", "identifier", "resourcearn", "resourceid", "type", "path", "key", "stage", "domain"})
"""Names that anything can have: they say something only where they are expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member: in which part of the record, by which keys, and the spellings that it may have elsewhere in there."""

    part: str
    steps: tuple[str, ...]
    spellings: frozenset[str]

    @property
    def telling(self) -> bool:
        """Whether its name alone says what it is, wherever it stands."""
        return bool(self.spellings)


def member(part: str, path: str) -> Member:
    """``member("requestParameters", "instancesSet.instanceId")``; lists on the way are stepped into."""
    steps = tuple(path.split("."))
    return Member(part=part, steps=steps, spellings=frozenset() if steps[-1].lower() in _PLAIN else spellings(steps[-1]))


def spellings(name: str) -> frozenset[str]:
    """A member's name as it may be written: in any case, one or many, EC2's ``...Set``."""
    low = name.lower()
    base = low[:-3] if low.endswith("set") and len(low) > 4 else low[:-1] if low.endswith("s") and not low.endswith("ss") else low
    return frozenset({low, base, base + "s", base + "set"})


def direct(record: Mapping[str, Any], place: Member) -> tuple[str, ...]:
    """The values of a member where it should be."""
    value = record.get(place.part)
    for step in place.steps:
        value = value.get(step) if isinstance(value, dict) and step in value else _inside(value, step)
        if value is None:
            return ()
    return scalars(value)


def _inside(value: Any, step: str) -> Any:
    """A step into the elements of a list, or through what wraps it; None where it leads nowhere."""
    if isinstance(value, dict):
        value = next((value[wrapper] for wrapper in _WRAPPERS if wrapper in value), None)
    if isinstance(value, list):
        found = [item[step] for item in value[:MAX_IDS] if isinstance(item, dict) and step in item]
        return [inner for item in found for inner in (item if isinstance(item, list) else (item,))][:MAX_IDS] or None
    return None


def scalars(value: Any) -> tuple[str, ...]:
    """The texts that can be ids in a value: itself, the elements of a list, what EC2 wraps."""
    if isinstance(value, str):
        return (value,) if 0 < len(value) <= MAX_LENGTH else ()
    if isinstance(value, list):
        return tuple(text for item in value[:MAX_IDS] for text in _one(item))[:MAX_IDS]
    if type(value) is int and 0 <= value < _MAX_NUMBER:
        return (str(value),)  # a version, a position: a part of some ids
    return _one(value)


def _one(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if 0 < len(value) <= MAX_LENGTH else ()
    if isinstance(value, dict):
        for key in _CONTENT:
            if isinstance(inner := value.get(key), str):
                return (inner,) if 0 < len(inner) <= MAX_LENGTH else ()
        for key in _WRAPPERS:
            if isinstance(inner := value.get(key), list):
                return tuple(text for text in inner[:MAX_IDS] if isinstance(text, str) and 0 < len(text) <= MAX_LENGTH)
    return ()


def anywhere(record: Mapping[str, Any], place: Member) -> tuple[str, ...]:
    """The values of a member wherever it stands in its part of the record, whatever its case.

    A name that anything can have is looked for only at its steps, in the part itself and in what wraps that.
    """
    part = record.get(place.part)
    if place.telling:
        found: list[str] = []
        for key, value in walk(part):
            if key.lower() in place.spellings:
                found.extend(scalars(value) or _nested(value, place.spellings))
        return tuple(dict.fromkeys(found))[:MAX_IDS]
    return _caseless(part, place.steps) or _wrapped(part, place.steps)


def _nested(value: Any, names: frozenset[str]) -> tuple[str, ...]:
    """``{"FlowLogIds": [{"flowLogId": "fl-1"}]}``: the elements' only member, where it bears the same name."""
    items = value if isinstance(value, list) else [value]
    members = [pair for item in items[:MAX_IDS] if isinstance(item, dict) for pair in item.items()]
    return tuple(text for key, inner in members if isinstance(key, str) and key.lower() in names for text in _one(inner))


def _wrapped(part: Any, steps: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(part, dict) or len(part) > _MAX_WRAPPED:
        return ()
    inside = [inner for key, inner in part.items() if isinstance(key, str) and key.lower().endswith(_WRAPPING)]
    return next((found for inner in inside if (found := _caseless(inner, steps))), ())


def _caseless(value: Any, steps: tuple[str, ...]) -> tuple[str, ...]:
    for step in steps:
        if isinstance(value, list):
            value = value[0] if value else None
        if not isinstance(value, dict) or len(value) > MAX_IDS:
            return ()
        low = step.lower()
        value = next((inner for key, inner in value.items() if isinstance(key, str) and key.lower() == low), None)
    return scalars(value)


def walk(value: Any, without: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Every key with its value in a JSON value, the outer ones first; bounded in depth and number. Nothing under a key of `without`, which
    are in lower case."""
    level, seen = [value], 0
    for _ in range(_MAX_DEPTH):
        deeper: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                for key, inner in node.items():
                    if (seen := seen + 1) > _MAX_NODES:
                        return
                    if not isinstance(key, str) or (without and key.lower() in without):
                        continue
                    yield key, inner
                    if isinstance(inner, dict | list):
                        deeper.append(inner)
            elif isinstance(node, list):
                seen += len(node)
                deeper.extend(inner for inner in node[:MAX_IDS] if isinstance(inner, dict | list))
        if not deeper or seen > _MAX_NODES:
            return
        level = deeper
