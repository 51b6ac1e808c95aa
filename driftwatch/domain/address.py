"""The addressed form of a document: every value has a name, so that a difference can say where it is.

An unordered list becomes a map from the segment of each element to the element; an ordered list stays one value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from driftwatch.domain.canonical import encode, scalar_text, sha256_hex
from driftwatch.domain.normalisation import Normalisation
from driftwatch.domain.normalize import SECRET_MARK
from driftwatch.domain.pointer import key_segment, quote
from driftwatch.domain.resource import Json
from driftwatch.domain.rule_tree import Node, key_values, rule_tree

TAGS = "Tags"
"""Where tags stand, whatever the API calls them."""

_OWN_TAGS = "Config|Tags"
"""A member of the configuration that is called Tags, but is not the tags. The bar keeps it apart from every name."""

_HASH_DIGITS = 8
_SECRET_DIGITS = 12
_SECRET_LENGTH = len(SECRET_MARK) + 64


class Elements(dict[str, Any]):
    """The elements of an unordered list by their segments: a map, but not the same thing as a map with those members."""


def address(config: Mapping[str, Json], tags: Mapping[str, str], rules: Normalisation) -> dict[str, Json]:
    """The addressed form of a canonical configuration and its tags, under the rules that made it canonical."""
    return addressed(config, tags, rules_tree=rule_tree(rules), tagged=rules.tags is not None)


def addressed(config: Mapping[str, Json], tags: Mapping[str, str], *, rules_tree: Node, tagged: bool) -> dict[str, Json]:
    """`address` with rules that are a tree already. `tagged`: the type has tags, also where this resource has none."""
    form: dict[str, Json] = _map(config, rules_tree)
    if tagged or tags:
        if TAGS in form:
            form[_OWN_TAGS] = form.pop(TAGS)
        form[TAGS] = {quote(name): value for name, value in tags.items()}
    return form


def _value(value: Json, node: Node) -> Json:
    if isinstance(value, dict):
        return _map(value, node)
    if isinstance(value, list) and not node.ordered:
        return _elements(value, node)
    return value


def _map(value: Mapping[str, Json], node: Node) -> dict[str, Json]:
    return {quote(name): _value(item, node.child(name)) for name, item in value.items()}


def _elements(elements: list[Json], node: Node) -> Elements:
    """Each element under its name; the hash is added to those whose name is not theirs alone, and a number to repeated ones."""
    prints = [encode(element) for element in elements]
    names = [_name(element, content, node) for element, content in zip(elements, prints, strict=True)]
    contents: dict[str, set[bytes]] = {}
    for name, content in zip(names, prints, strict=True):
        contents.setdefault(name, set()).add(content)
    named = Elements()
    for element, name, content in zip(elements, names, prints, strict=True):
        segment = name if len(contents[name]) == 1 else f"{name}{_hash(content)}"
        number = 1
        unique = segment
        while unique in named:
            number += 1
            unique = f"{segment}-{number}" if "#" in segment else f"{segment}{_hash(content)}-{number}"
        named[unique] = _value(element, node.element)
    return named


def _name(element: Json, content: bytes, node: Node) -> str:
    """The segment of an element, as far as it alone decides it: its key values, else the value itself, else its hash."""
    if isinstance(element, dict) and node.keys:
        values = key_values(element, node)
        if not (node.statements and not any(values)):
            return key_segment(_key_text(value) for value in values)
    if isinstance(element, dict | list):
        return _hash(content)
    return key_segment([_key_text(element)])


def _key_text(value: Json) -> str:
    text = scalar_text(value)
    if text.startswith(SECRET_MARK) and len(text) == _SECRET_LENGTH:
        return text[len(SECRET_MARK) :][:_SECRET_DIGITS]
    return text


def _hash(content: bytes) -> str:
    return "#" + sha256_hex(content)[:_HASH_DIGITS]
