"""The paths of a `Normalisation`, parsed once into a tree that one pass over a document can follow."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, cast

from driftwatch.domain.embedded import KINDS
from driftwatch.domain.normalisation import Normalisation
from driftwatch.domain.resource import Json

ELEMENT = "[]"
ANY = "*"
SECRET_MODES = ("value", "map-values", "whole")

_STEP = re.compile(r'(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<name>[^.\[\]"*]+)|(?P<any>\*))(?P<lists>(?:\[\])*)(?P<end>\.|$)')
_ONE_STEP = r'("([^"\\]|\\.)*"|[^.\[\]"*]+|\*)(\[\])*'
PATH = rf"^{_ONE_STEP}(\.{_ONE_STEP})*$"
"""What a path looks like as a whole, for those who only want to know whether a text is one: member names joined by ``.``, and so on."""


@dataclass(slots=True, eq=False)
class Node:
    """What the rules say about the values at one path, and about the paths below it.

    `element` stands for the elements of a list, `other` for every member that `members` does not name.
    """

    members: dict[str, Node] = field(default_factory=dict)
    other: Node = field(default_factory=lambda: NO_RULES)
    element: Node = field(default_factory=lambda: NO_RULES)
    drop: bool = False
    lower: bool = False
    ordered: bool = False
    keys: tuple[tuple[str, ...], ...] | None = None
    """The members that key an element of an unordered list, each as the steps of its path; None: nothing is declared."""
    lift: tuple[str, str] | None = None
    json: str | None = None
    secret: str | None = None
    statements: bool = False
    """The list holds the statements of a policy: one without a Sid is named by its hash."""
    guarded: bool = False
    """A secret lies at this path or below it."""

    silent: bool = False
    """The rules say nothing about this path nor about any below it: the node is its own child."""

    def child(self, name: str) -> Node:
        return self.members.get(name, self.other)


def _silent(*, ordered: bool) -> Node:
    node = Node(other=cast(Node, None), element=cast(Node, None), ordered=ordered, silent=True)
    node.other = node.element = node
    return node


NO_RULES: Node = _silent(ordered=False)
IN_ORDER: Node = _silent(ordered=True)
"""As `NO_RULES`, but inside an embedded document, where lists are ordered."""


def rule_tree(rules: Normalisation) -> Node:
    """The rules as a tree of paths. Raises ValueError for a path, kind or mode that does not exist."""
    root = Node()
    for path in rules.drop:
        _at(root, path).drop = True
    for path in rules.lower:
        _at(root, path).lower = True
    for path in rules.ordered:
        _at(root, path).ordered = True
    for path, keys in rules.sets.items():
        _at(root, path).keys = tuple(plain_path(key) for key in keys)
    for path, pair in rules.lift.items():
        _at(root, path).lift = (pair[0], pair[1])
    for path, kind in rules.json.items():
        _at(root, path).json = _known(kind, KINDS)
    for path, mode in rules.secret.items():
        _at(root, path).secret = _known(mode, SECRET_MODES)
    return _finish(root)


def parse_path(path: str) -> tuple[str, ...]:
    """The steps of a catalogue path: member names, `ELEMENT` and `ANY`; a quoted name keeps its quotes.

    Raises ValueError for text that is no path.
    """
    steps: list[str] = []
    at = 0
    while at < len(path) or not steps:
        found = _STEP.match(path, at)
        if found is None or (found["end"] and found.end() == len(path)):
            raise ValueError(f"{path!r} is no path: member names joined by '.', '[]' for the elements of a list, '*' for any key")
        steps.append(found["quoted"] or found["name"] or ANY)
        steps.extend([ELEMENT] * (len(found["lists"]) // len(ELEMENT)))
        at = found.end()
    return tuple(steps)


def plain_path(path: str) -> tuple[str, ...]:
    """The member names of a path that has no `[]` and no `*`. Raises ValueError for another."""
    steps = parse_path(path)
    if ELEMENT in steps or ANY in steps:
        raise ValueError(f"{path!r} must name one member: no '[]' and no '*'")
    return tuple(_name(step) for step in steps)


def key_values(element: Json, node: Node) -> list[Json]:
    """The values of the members that key an element; None for one that is missing."""
    return [_pick(element, key) for key in node.keys or ()]


def _pick(value: Json, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _name(step: str) -> str:
    return str(json.loads(step)) if step.startswith('"') else step


def _known(word: str, words: tuple[str, ...]) -> str:
    if word not in words:
        raise ValueError(f"{word!r} is none of {', '.join(words)}")
    return word


def _at(root: Node, path: str) -> Node:
    """The node at `path`, made where it is missing."""
    node = root
    for step in parse_path(path):
        if step == ELEMENT:
            node.element = Node() if node.element.silent else node.element
            node = node.element
        elif step == ANY:
            node.other = Node() if node.other.silent else node.other
            node = node.other
        else:
            node = node.members.setdefault(_name(step), Node())
    return node


def _finish(node: Node, default: Node = NO_RULES) -> Node:
    """Work out all that follows from the rules, so that a walk needs one look-up per member. `default` stands where none is given."""
    if node.silent:
        return default
    if node.lift:  # a lifted value is under the rules for the map's values, those for the value member, and those for its element
        node.other = _merge(_merge(node.other, node.element.child(node.lift[1])), node.element)
    if node.json == "iam-policy":
        statements = node.members.setdefault("Statement", Node())
        statements.keys = statements.keys or (("Sid",),)
        statements.statements = True
    if node.json:
        default = NO_RULES if node.json == "iam-policy" else IN_ORDER
    node.ordered = node.ordered or (default.ordered and node.keys is None)
    node.members = {name: _finish(_merge(child, node.other), default) for name, child in node.members.items()}
    node.other = _finish(node.other, default)
    node.element = _finish(node.element, default)
    node.guarded = bool(node.secret) or any(child.guarded for child in (*node.members.values(), node.other, node.element))
    if node.guarded:
        _shield(node)
    return node


def _shield(node: Node) -> None:
    """Guard secrets in a reply of another shape: one object where a list was expected, or a list where an object was."""
    named = bool(node.members) or not node.other.silent
    if node.element.silent and named:
        node.element = Node(members=node.members, other=node.other, guarded=True)
        node.element.element = node.element
    elif node.element.secret and not named:
        node.other = node.element
    elif node.element.guarded and not named:
        node.members, node.other = node.element.members, node.element.other


def _merge(first: Node, second: Node) -> Node:
    """A copy with the rules of both; where they disagree, the first wins."""
    if first.silent and second.silent:
        return NO_RULES
    return Node(
        members={name: _merge(first.child(name), second.child(name)) for name in first.members | second.members},
        other=_merge(first.other, second.other),
        element=_merge(first.element, second.element),
        drop=first.drop or second.drop,
        lower=first.lower or second.lower,
        ordered=first.ordered or second.ordered,
        keys=second.keys if first.keys is None else first.keys,
        lift=first.lift or second.lift,
        json=first.json or second.json,
        secret=first.secret or second.secret,
        statements=first.statements or second.statements,
    )
