"""Items on their way to resources, the expressions that look into them, and how they are spread over threads in order."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, TypeGuard, TypeVar

import jmespath

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.entry import expression, path_segments
from driftwatch.domain.snapshot import GapReason

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
"""A name in braces, in the template of an ARN."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, kw_only=True)
class Row:
    """One item on its way to a resource. `bound` holds the names for ``$name``; the region of the resource itself is in `region`."""

    item: Any
    bound: Mapping[str, Any]
    name: str | None
    """Its id as far as the listing tells."""
    region: str | None = None
    """The item's own region, where it has one."""
    failed: CallFailed | None = None
    unsure: bool = False
    """It failed before it was known what it is, or whether it is a resource: nothing can be listed under it."""
    gone: bool = False
    """It is no resource: filtered out, or deleted meanwhile."""

    @property
    def live(self) -> bool:
        return self.failed is None and not self.gone


@lru_cache(maxsize=4096)
def compiled(text: str) -> Any:
    """A JMESPath expression, compiled once."""
    return jmespath.compile(text)


def search(text: str, value: Any) -> Any:
    """What the expression finds; None also where its functions do not fit the value."""
    try:
        return compiled(text).search(value)
    except jmespath.exceptions.JMESPathError:
        return None


def values_at(path: str, value: Any) -> Iterator[Any]:
    """Every value at a path of the catalogue (see `entry`): none where a member is missing, or of another form."""
    found = [value]
    for step in path_segments(path):
        if step == "[]":
            found = [element for one in found if isinstance(one, list) for element in one]
        elif step == "*":
            found = [item for one in found if isinstance(one, Mapping) for item in one.values()]
        else:
            found = [one[step] for one in found if isinstance(one, Mapping) and step in one]
    yield from found


def stripped(item: Any, prefixes: Mapping[str, str]) -> Any:
    """The item without the prefixes of its members (`strip` of a listing)."""
    if not prefixes or not isinstance(item, Mapping):
        return item
    return {**item, **{name: item[name].removeprefix(prefix) for name, prefix in prefixes.items() if isinstance(item.get(name), str)}}


def filled(value: Any, names: Mapping[str, Any], operation: str) -> Any:
    """Parameters with their expressions replaced. Raises CallFailed when one finds nothing: a call without it would ask for everything."""
    found = expression(value)
    if found:
        name, path = found
        result = names.get(name) if not path else search(path, names.get(name))
        if result is None:
            raise CallFailed(GapReason.INVALID_ITEM, operation=operation, detail=f"the item has no {value.removeprefix('$item.')}")
        return result
    if is_template(value):
        return _from_template(value, names, operation)
    if isinstance(value, Mapping):
        return {key: filled(item, names, operation) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, names, operation) for item in value]
    return value


def is_template(value: object) -> TypeGuard[str]:
    """Whether a value is an ARN with names of the item, or of what is bound, in braces."""
    return isinstance(value, str) and value.startswith("arn:") and bool(PLACEHOLDER.search(value))


def _from_template(template: str, names: Mapping[str, Any], operation: str) -> str:
    def part(found: re.Match[str]) -> str:
        value = names[found[1]] if found[1] in names else search(found[1], names.get("item"))
        if value is None:
            raise CallFailed(GapReason.INVALID_ITEM, operation=operation, detail=f"the item has no {found[1]}")
        return str(value)

    return PLACEHOLDER.sub(part, template)


def in_order(pool: Executor | None, work: Callable[[T], R], inputs: Iterable[T], window: int) -> Iterator[R]:
    """`work` of every input, done by the pool, in the order of the inputs; at most `window` are begun and not yet taken."""
    if pool is None:
        yield from map(work, inputs)
        return
    waiting: deque[Future[R]] = deque()
    for value in inputs:
        waiting.append(pool.submit(work, value))
        if len(waiting) >= window:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


@lru_cache(maxsize=1024)
def members_used(text: str) -> frozenset[str]:
    """Every member of the item that an expression looks at."""

    def walk(node: Mapping[str, Any]) -> Iterator[str]:
        if node["type"] == "field":
            yield node["value"]
        elif node["type"] in ("subexpression", "index_expression", "projection", "value_projection", "pipe"):
            yield from walk(node["children"][0])
        else:
            for child in node["children"]:
                if isinstance(child, Mapping):
                    yield from walk(child)

    return frozenset(walk(compiled(text).parsed))
