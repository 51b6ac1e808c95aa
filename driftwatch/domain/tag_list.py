"""Tags, in the half dozen forms in which AWS services return them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from driftwatch.domain.canonical import scalar_text
from driftwatch.domain.resource import Json

_KEYS = ("Key", "key", "TagKey", "tagKey")
_VALUES = ("Value", "value", "TagValue", "tagValue")


def take_out(document: Mapping[str, Any], path: tuple[str, ...]) -> tuple[Mapping[str, Any], Json]:
    """The document without the member at `path`, and that member (None where there is none). `document` is not changed."""
    name, *rest = path
    inner = document.get(name)
    if not rest:
        return {key: value for key, value in document.items() if key != name}, inner
    if not isinstance(inner, Mapping):
        return document, None
    remaining, found = take_out(inner, tuple(rest))
    return {**document, name: remaining}, found


def tag_map(tags: Json) -> dict[str, str]:
    """Tags as a map of text, from a list of {Key, Value} (in any of AWS's spellings), a map or null. Of equal keys the last wins.

    Raises ValueError for anything else: tags that cannot be read must not pass for no tags.
    """
    if tags is None:
        return {}
    if isinstance(tags, Mapping):
        return {scalar_text(key): scalar_text(value) for key, value in tags.items()}
    if isinstance(tags, list | tuple):
        return dict(_pair(tag) for tag in tags)
    raise ValueError(f"tags are a list or a map, not {type(tags).__name__}")


def _pair(tag: Json) -> tuple[str, str]:
    if isinstance(tag, Mapping):
        for key, value in zip(_KEYS, _VALUES, strict=True):
            if key in tag:
                return scalar_text(tag[key]), scalar_text(tag.get(value))
    raise ValueError("a tag has no key")
