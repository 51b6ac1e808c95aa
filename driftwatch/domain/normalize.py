"""Normalising: from what the API answered to the canonical form that is stored, compared and fingerprinted.

Lists stay lists, so that a canonical configuration reads like the service's reply; those without an order are sorted. `diff.address`
makes the form in which every element of them has a name.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from driftwatch.domain.canonical import encode, members, scalar_text, sha256_hex, to_json
from driftwatch.domain.embedded import YamlReader, decode
from driftwatch.domain.normalisation import NORMALISER_VERSION, Normalisation, shape
from driftwatch.domain.resource import Json
from driftwatch.domain.rule_tree import Node, key_values, plain_path, rule_tree
from driftwatch.domain.tag_list import tag_map, take_out

__all__ = ["MAX_DEPTH", "NORMALISER_VERSION", "Canonical", "Normalisation", "Normaliser", "fingerprint", "shape"]

MAX_DEPTH = 200
"""The deepest nesting that is read, in levels; deeper documents are refused instead of exhausting the stack."""

SECRET_MARK = "hmac-sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canonical:
    """A document in canonical form: the configuration, and the tags that were taken out of it."""

    config: dict[str, Json]
    tags: dict[str, str]


def fingerprint(config: Mapping[str, Json], tags: Mapping[str, str]) -> str:
    """SHA-256 (hex) of the canonical JSON of a canonical configuration and its tags."""
    return sha256_hex(encode({"config": config, "tags": tags}))


class Normaliser:
    """The rules of one resource type, ready to be applied to many documents; may be shared by threads.

    `key` is the installation's key for secrets. `yaml` reads embedded YAML; it is needed where a rule says yaml-or-json.
    """

    def __init__(self, rules: Normalisation, key: bytes, *, yaml: YamlReader | None = None) -> None:
        if not key:
            raise ValueError("the key for secrets is empty")
        if yaml is None and "yaml-or-json" in rules.json.values():
            raise ValueError("a rule says yaml-or-json, but no reader of YAML was given")
        self._key = key
        self._yaml = yaml
        self._root = rule_tree(rules)
        self._tags = plain_path(rules.tags) if rules.tags else ()
        node = self._root
        for name in self._tags:
            node = node.child(name)
        self._secret_tags = bool(self._tags) and node.guarded

    def normalise(self, document: Mapping[str, Any]) -> Canonical:
        """The canonical form of one document, which is not changed itself.

        Raises ValueError for tags that are none, for values that JSON has no form for, and for nesting beyond `MAX_DEPTH`.
        """
        tags: dict[str, str] = {}
        if self._tags:
            document, found = take_out(document, self._tags)
            tags = tag_map(found)
            if self._secret_tags:
                tags = {name: self._keyed_hash(value) for name, value in tags.items()}
        return Canonical(config=self._map(document, self._root, 1), tags=tags)

    def _value(self, value: Any, node: Node, depth: int) -> Json:
        """One value under the rules of its path."""
        if node.json:
            value = decode(value, node.json, self._yaml)
        canonical: Json
        kind = type(value)  # nearly always a plain one; asking for an abstract class costs more than all the rest
        if kind is dict or isinstance(value, Mapping):
            canonical = self._map(value, node, depth)
        elif kind is list or isinstance(value, list | tuple):
            canonical = self._lift(value, node, depth) if node.lift else self._list(value, node, depth)
        else:
            canonical = value.lower() if node.lower and isinstance(value, str) else to_json(value)
            if node.guarded and not node.secret:  # secrets were expected below: a reply of another shape must not lay them open
                return self._keyed_hash(canonical)
        return self._hide(canonical, node.secret) if node.secret else canonical

    def _map(self, value: Mapping[Any, Any], node: Node, depth: int) -> dict[str, Json]:
        if depth > MAX_DEPTH:
            raise ValueError(f"the document is nested more than {MAX_DEPTH} levels deep")
        rules, other = node.members, node.other
        canonical = {}
        for name, item in value.items():
            if type(name) is not str:
                return self._map(dict(members(value)), node, depth)
            child = rules.get(name, other)
            if item is None or child.drop:
                continue
            kind = type(item)
            if child.silent and (kind is str or kind is bool or kind is int):
                canonical[name] = item
            else:
                canonical[name] = self._value(item, child, depth + 1)
        return canonical

    def _list(self, value: list[Any] | tuple[Any, ...], node: Node, depth: int) -> list[Json]:
        if depth > MAX_DEPTH:
            raise ValueError(f"the document is nested more than {MAX_DEPTH} levels deep")
        element = node.element
        if element.drop:
            return []
        canonical = []
        for item in value:
            if type(item) is str:
                text = item.lower() if node.lower else item
                canonical.append(text if element.silent else self._value(text, element, depth + 1))
            else:
                canonical.append(None if item is None else self._value(item, element, depth + 1))
        if not node.ordered:
            sort_elements(canonical, node)
        return canonical

    def _lift(self, value: list[Any] | tuple[Any, ...], node: Node, depth: int) -> dict[str, Json]:
        """An attribute list as a map, without loss: a key that stands twice has the list of its values, and an attribute with members
        besides its key and value has the map of them."""
        assert node.lift
        lifted: dict[str, list[Json]] = {}
        for item in value:
            if item is None:
                continue
            key, rest = self._attribute(item, node, depth)
            child = node.child(key)
            if not child.drop:
                lifted.setdefault(key, []).append(self._value(rest, child, depth + 1))
        return {key: values[0] if len(values) == 1 else sorted(values, key=encode) for key, values in lifted.items()}

    def _attribute(self, item: Any, node: Node, depth: int) -> tuple[str, Any]:
        """The key of an attribute as text, and what is to become of it: its value, or all that is left of it."""
        if not isinstance(item, Mapping):
            return "", item
        assert node.lift
        key, value = node.lift
        rules = node.element
        name = item.get(key)
        rest = {member: part for member, part in item.items() if member != key and part is not None and not rules.child(member).drop}
        text = "" if name is None else scalar_text(self._value(name, rules.child(key), depth + 1))
        return text, rest[value] if rest.keys() == {value} else rest

    def _hide(self, value: Json, mode: str) -> Json:
        if mode == "map-values":
            if isinstance(value, dict):
                return {name: self._hide(item, mode) for name, item in value.items()}
            if isinstance(value, list):
                return [self._hide(item, mode) for item in value]
        return self._keyed_hash(value)

    def _keyed_hash(self, value: Json) -> str:
        return SECRET_MARK + hmac.digest(self._key, encode(value), "sha256").hex()


def sort_elements(elements: list[Json], node: Node) -> None:
    """Put the elements of an unordered list into the one order they have: by key, then by canonical bytes."""
    if len(elements) < 2:
        return
    if {*map(type, elements)} == {str}:
        elements.sort()
    elif node.keys:
        elements.sort(key=lambda element: (encode(key_values(element, node)), encode(element)))
    else:
        elements.sort(key=encode)
