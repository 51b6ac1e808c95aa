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
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8", "backslashreplace")


def to_json(value: Any) -> Json:
    """`value` with times, bytes, decimals and floats in their canonical form, and with text keys."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
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


def decimal_text(value: float | Decimal) -> Json:
    """An integer where the number is one, else its shortest decimal form as text, without exponent: 0.10 -> "0.1", 2.0 -> 2."""
    if not math.isfinite(value):
        raise ValueError("NaN and infinity are no JSON values")
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    return int(number) if number == number.to_integral_value() else f"{number.normalize():f}"


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with ``Z``; microseconds only where there are any. A time without a zone is taken for UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat().replace("+00:00", "Z")


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
