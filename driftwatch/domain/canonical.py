"""The one canonical JSON: same value, same bytes, on every machine and in every version.

Keys are sorted by code point, there is no white space, text is UTF-8 with only the escapes that JSON demands (a lone surrogate is
escaped as ``\\udXXX``), integers are of any size, a number that is not an integer is the text of its shortest decimal form, times are
ISO 8601 in UTC with ``Z``, bytes are base64 text. Everything that is hashed or compared goes through here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson

from driftwatch.domain.resource import Json


def canonical_json(value: Any) -> bytes:
    """The canonical bytes of any value that `to_json` takes; raises ValueError for others (NaN, infinity, foreign types)."""
    return encode(to_json(value))


def encode(value: Json) -> bytes:
    """The canonical bytes of a value that is canonical already (what `to_json` or the normaliser returned)."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits, or a lone surrogate
        joined = json.loads(json.dumps(value, allow_nan=False))  # two surrogates that make a pair become the character they stand for
        text = json.dumps(joined, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace")


def to_json(value: Any) -> Json:
    """`value` with times, bytes, decimals and floats in their canonical form, and with text keys."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in members(value)}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, float | Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    raise ValueError(f"{type(value).__name__} is no JSON value")


def members(value: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """The members of a map with text names; raises ValueError where two keys have the same text (1 and "1")."""
    pairs = [(str.__str__(name) if isinstance(name, str) else scalar_text(name), item) for name, item in value.items()]
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("two keys of a map have the same text")
    return pairs


def scalar_text(value: Any) -> str:
    """A value as text: text as it is, null as "", anything else as its canonical JSON without quotes."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    canonical = to_json(value)
    return canonical if isinstance(canonical, str) else encode(canonical).decode()


def decimal_text(value: float | Decimal) -> Json:
    """An integer where the number is one, else its shortest decimal form as text, without exponent: 0.10 -> "0.1", 2.0 -> 2."""
    if not math.isfinite(value):
        raise ValueError("NaN and infinity are no JSON values")
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    return int(number) if number == number.to_integral_value() else f"{number:f}".rstrip("0")


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with ``Z``; microseconds only where there are any. A time without a zone is taken for UTC."""
    try:
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{moment.isoformat()} is beyond the calendar in UTC") from error
    return aware.isoformat().replace("+00:00", "Z")


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
