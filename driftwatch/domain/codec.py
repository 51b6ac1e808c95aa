"""Frozen dataclasses to JSON and back, driven by their type hints.

It knows what the nouns of the domain are made of: dataclasses, text, numbers, enums with text values, times, ``X | None``, tuples,
mappings with text keys, and `Json` (kept as it is). `decode(cls, encode(value)) == value` for all of them.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from driftwatch.domain.canonical import utc_text
from driftwatch.domain.resource import Json

T = TypeVar("T")


def encode(value: Any) -> Json:
    """`value` as plain JSON; a dataclass becomes an object of its fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value


def decode(cls: type[T], data: Json) -> T:
    """The dataclass whose `encode` is `data`. A member that `data` lacks takes its default; one that the class lacks is an error."""
    result: T = _decode(cls, data)
    return result


@lru_cache(maxsize=256)
def _hints(cls: type) -> Mapping[str, Any]:
    return get_type_hints(cls)


def _decode(kind: Any, data: Any) -> Any:
    if kind is Any:
        return data
    if isinstance(kind, type) and get_origin(kind) is None:
        return _decode_class(kind, data)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(arguments, data)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return tuple(_decode(arguments[0], item) for item in data)
        return tuple(_decode(item_kind, item) for item_kind, item in zip(arguments, data, strict=True))
    return {key: _decode(arguments[1], item) for key, item in data.items()}  # the only other origin in the domain is Mapping


def _decode_class(kind: type, data: Any) -> Any:
    if is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _decode(hints[name], item) for name, item in data.items()})
    if issubclass(kind, Enum):
        return kind(data)
    if issubclass(kind, datetime):
        return datetime.fromisoformat(data)
    return data


def _decode_union(arguments: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in arguments:
        return None
    kinds = [kind for kind in arguments if kind is not type(None)]
    return _decode(kinds[0], data) if len(kinds) == 1 else data  # the only wider union is int | float
