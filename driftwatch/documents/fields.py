"""Fields: one mapping of a file, read key by key against what is known; whatever nobody asked for is refused."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar, cast

from driftwatch.documents.problems import Problems
from driftwatch.documents.tree import ListNode, MapNode, Node, Scalar, shown
from driftwatch.documents.values import Convert, found, is_null, name
from driftwatch.errors import Place

T = TypeVar("T")


class _Named(Protocol):
    @property
    def id(self) -> str: ...


N = TypeVar("N", bound=_Named)


class Fields:
    """Reads the keys of `node`, noting every problem. A key that stands there without a value counts as absent.

    Call `done` at the end: it refuses the keys that were never asked for.
    """

    def __init__(self, node: Node, problems: Problems, what: str) -> None:
        self.place = node.place
        self.problems = problems
        self._what = what
        self._asked: list[str] = []
        self._mapping = node if isinstance(node, MapNode) else None
        if self._mapping is None:
            problems.add(node.place, found(node), f"{what}: a mapping of keys to values")

    def node(self, key: str) -> Node | None:
        """The node under `key`; None where there is none or it is null."""
        self._asked.append(key)
        node = self._mapping.entries.get(key) if self._mapping else None
        return None if node is None or is_null(node) else node

    def given(self, key: str) -> bool:
        """Whether the key stands there, even as null."""
        self._asked.append(key)
        return self._mapping is not None and key in self._mapping.entries

    def where(self, key: str) -> Place:
        """The place of the key, for a problem with what it says."""
        return self._mapping.keys.get(key, self.place) if self._mapping else self.place

    def required(self, key: str, convert: Convert[T]) -> T:
        """The value under `key`. After a problem the result is None in disguise: it must not be used before `Problems.check`."""
        node = self.node(key)
        if node is not None:
            return cast(T, convert(node, self.problems))
        if self._mapping is not None:
            stands = f'"{key}" without a value' if key in self._mapping.entries else f'no "{key}"'
            self.problems.add(self.where(key), stands, f'{self._what} with "{key}"')
        return cast(T, None)

    def optional(self, key: str, convert: Convert[T]) -> T | None:
        node = self.node(key)
        return None if node is None else convert(node, self.problems)

    def either(self, key: str, convert: Convert[T], otherwise: T) -> T:
        """The value under `key`, or `otherwise` where there is none."""
        value = self.optional(key, convert)
        return otherwise if value is None else value

    def many(self, key: str, convert: Convert[T]) -> tuple[T, ...]:
        """The list under `key`; empty where there is none."""
        return self.optional(key, items(convert)) or ()

    def done(self) -> None:
        """Refuses every key that was never asked for, with the nearest known one."""
        unknown = [key for key in self._mapping.entries if key not in self._asked] if self._mapping else []
        for key in unknown:
            self.problems.add(self.where(key), f"the unknown key {shown(key)}", nearest(key, self._asked))


def items(convert: Convert[T]) -> Convert[tuple[T, ...]]:
    """A list of what `convert` reads."""

    def read(node: Node, problems: Problems) -> tuple[T, ...] | None:
        if not isinstance(node, ListNode):
            return problems.add(node.place, found(node), "a list")
        values = [convert(item, problems) for item in node.items]
        return tuple(value for value in values if value is not None)

    return read


def some(convert: Convert[T]) -> Convert[tuple[T, ...]]:
    """A list with at least one element, where an empty one would say the opposite of what leaving it out says."""

    def read(node: Node, problems: Problems) -> tuple[T, ...] | None:
        if isinstance(node, ListNode) and not node.items:
            return problems.add(node.place, "an empty list", "at least one element, or no such key at all")
        return items(convert)(node, problems) or None

    return read


def each_once(convert: Convert[N]) -> Convert[tuple[N, ...]]:
    """A list of what `convert` reads, in which no id stands twice."""

    def read(node: Node, problems: Problems) -> tuple[N, ...] | None:
        lines: dict[str, int] = {}

        def one(item: Node, noted: Problems) -> N | None:
            value = convert(item, noted)
            if value is None or not value.id:
                return value
            if value.id in lines:
                return noted.add(item.place, f"the id {shown(value.id)} a second time (first on line {lines[value.id]})", "each id once")
            lines[value.id] = item.place.line
            return value

        return items(one)(node, problems)

    return read


def table(convert: Convert[T]) -> Convert[Mapping[str, T]]:
    """A mapping from names to what `convert` reads."""

    def read(node: Node, problems: Problems) -> Mapping[str, T] | None:
        if not isinstance(node, MapNode):
            return problems.add(node.place, found(node), "a mapping of names to values")
        values: dict[str, T] = {}
        for key, item in node.entries.items():
            value = convert(item, problems)
            if value is not None and checked_key(node, key, problems):
                values[key] = value
        return values

    return read


def checked_key(node: MapNode, key: str, problems: Problems) -> bool:
    """Whether a key that is a name follows the rules for names."""
    return name(Scalar(node.keys[key], key, plain=False), problems) is not None


def nearest(word: str, known: Iterable[str]) -> str:
    """What to say instead of an unknown word: the one probably meant, else all that exist."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1)
    return f'"{close[0]}"' if close else "one of " + ", ".join(names)
