"""Replies made from botocore's models: every member of every reply is there, and every text in them is a word of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from driftwatch.aws.entry import DetailCall, Entry
from driftwatch.aws.expressions import roots
from driftwatch.aws.rows import search
from driftwatch.aws.sdk import Sdk

WORD = "canary-"
"""How every generated text begins."""

FIXED = {("Deployment", "status"): "PRIMARY"}
"""(shape, member) -> the value without which an entry takes nothing of the reply."""


class Filler:
    """Fills shapes; no word comes twice."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def word(self) -> str:
        return f"{WORD}{next(self._numbers):06d}-end"

    def filled(self, shape: Any, above: tuple[str, ...] = ()) -> Any:
        """A value for the shape with all its members; what contains itself is filled once."""
        kind = shape.type_name
        inside = (*above, shape.name)
        if kind == "structure":
            members = {name: self.filled(one, inside) for name, one in shape.members.items() if one.name not in inside}
            return members | {name: value for (owner, name), value in FIXED.items() if owner == shape.name}
        if kind == "list":
            return [] if shape.member.name in inside else [self.filled(shape.member, inside)]
        if kind == "map":
            return {} if shape.value.name in inside else {self.filled(shape.key, inside): self.filled(shape.value, inside)}
        if kind in ("string", "character"):
            return shape.enum[0] if getattr(shape, "enum", None) else self.word()
        plain = {"boolean": True, "timestamp": datetime(2026, 1, 1, tzinfo=UTC), "blob": self.word().encode(), "float": 1, "double": 1}
        return plain.get(kind, next(self._numbers))


class GeneratedAws:
    """Answers every question of an entry with filled replies, the same each time. An answer for `FakeCaller` per operation: `answers()`."""

    def __init__(self, entry: Entry, sdk: Sdk) -> None:
        self._entry = entry
        self._sdk = sdk
        self._filler = Filler()
        self._replies: dict[str, dict[str, Any]] = {}
        self._elements: dict[tuple[str, str], Any] = {}

    def answers(self) -> dict[str, Callable[[Mapping[str, Any], str], Any]]:
        service = self._entry.service
        found: dict[str, Callable[[Mapping[str, Any], str], Any]] = {}
        for detail in self._entry.detail:
            found[f"{service}:{detail.op}"] = lambda params, _, detail=detail: self._detail(detail, params)  # type: ignore[misc]
        found[f"{service}:{self._entry.list.op}"] = lambda _params, _region: self._reply(self._entry.list.op)
        return found

    def _shape(self, operation: str) -> Any:
        return self._sdk.operation(self._entry.service, operation).model.output_shape

    def _reply(self, operation: str) -> dict[str, Any]:
        if operation not in self._replies:
            self._replies[operation] = self._filler.filled(self._shape(operation))
        return self._replies[operation]

    def _detail(self, detail: DetailCall, params: Mapping[str, Any]) -> Any:
        if detail.batch:
            batch, shape = detail.batch, self._shape(detail.op)
            (root,) = roots(detail.take)
            elements = [
                {**self._element(detail.op, str(value), shape.members[root].member), batch.match: value} for value in params[batch.param]
            ]
            return {**self._reply(detail.op), root: elements, **({batch.missing: []} if batch.missing else {})}
        reply = self._reply(detail.op)
        if detail.join:
            listed = search(self._entry.list.items, self._reply(self._entry.list.op))
            for element, item in zip(search(detail.join.list, reply), listed, strict=False):
                element[detail.join.match] = search(detail.join.on, item)
        return reply

    def _element(self, operation: str, asked: str, shape: Any) -> Any:
        if (operation, asked) not in self._elements:
            self._elements[operation, asked] = self._filler.filled(shape)
        return self._elements[operation, asked]
