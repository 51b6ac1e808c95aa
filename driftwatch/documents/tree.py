"""Nodes: what a document consists of, each with its place; and the builder that both notations, YAML and JSON, feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from driftwatch.errors import InputError, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a document may be: `size` in bytes, `depth` in open brackets or indents, `nodes` in values."""

    size: int = 1 << 20
    depth: int = 50
    nodes: int = 200_000


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as it is written; `plain` tells one without quotes from one with them."""

    place: Place
    text: str
    plain: bool


@dataclass(frozen=True, slots=True)
class ListNode:
    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapNode:
    """Keys are text, in the order of the file; `keys` holds the place of each."""

    place: Place
    entries: Mapping[str, Node]
    keys: Mapping[str, Place]


Node: TypeAlias = Scalar | ListNode | MapNode

LIMITS: Final = Limits()
_NULL_KEYS: Final = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    place: Place
    mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)
    key: str | None = None


class Tree:
    """Builds the nodes of the documents of one file with a stack of its own; raises InputError at what no document may have."""

    def __init__(self, source: str, limits: Limits) -> None:
        self.documents: list[Node] = []
        self.source = source
        self._limits = limits
        self._open: list[_Open] = []
        self._nodes = 0

    @property
    def inside(self) -> bool | None:
        """True within a mapping, False within a list, None outside of both."""
        return self._open[-1].mapping if self._open else None

    def enter(self, place: Place, *, mapping: bool) -> None:
        """A list or mapping begins."""
        self._count(place)
        if self._open and self._open[-1].mapping and self._open[-1].key is None:
            raise InputError("a list or mapping as a key", expected="a word", place=place)
        if len(self._open) >= self._limits.depth:
            raise InputError(f"more than {self._limits.depth} levels", expected="flatter nesting", place=place)
        self._open.append(_Open(place, mapping))

    def leave(self) -> None:
        """The innermost list or mapping ends."""
        done = self._open.pop()
        self._put(MapNode(done.place, done.entries, done.keys) if done.mapping else ListNode(done.place, tuple(done.items)))

    def scalar(self, node: Scalar) -> None:
        """A single value: a key where a mapping waits for one."""
        self._count(node.place)
        parent = self._open[-1] if self._open else None
        if parent is None or not parent.mapping or parent.key is not None:
            self._put(node)
            return
        if node.plain and node.text == "<<":
            raise InputError("the merge key <<", expected="the keys written out: merge keys are refused", place=node.place)
        if node.plain and node.text in _NULL_KEYS:
            raise InputError("a key without a name", expected="a word", place=node.place)
        if node.text in parent.keys:
            told = f"the key {shown(node.text)} a second time (first on line {parent.keys[node.text].line})"
            raise InputError(told, expected="each key once", place=node.place)
        parent.key = node.text
        parent.keys[node.text] = node.place

    def _count(self, place: Place) -> None:
        self._nodes += 1
        if self._nodes > self._limits.nodes:
            raise InputError(f"more than {self._limits.nodes} values", expected="a smaller file", place=place)

    def _put(self, node: Node) -> None:
        if not self._open:
            self.documents.append(node)
            return
        parent = self._open[-1]
        if parent.mapping and parent.key is not None:
            parent.entries[parent.key] = node
            parent.key = None
        else:
            parent.items.append(node)


def shown(text: str) -> str:
    """`text` as a message may show it: in quotes, at most 60 characters, nothing in it that a terminal would act on."""
    cut = text if len(text) <= 60 else f"{text[:57]}..."
    return f'"{cut}"' if cut.isprintable() else ascii(cut)
