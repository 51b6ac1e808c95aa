"""The column types that make both databases answer alike: text without losses, UTC times, digests, JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from driftwatch.domain.canonical import encode
from driftwatch.domain.resource import Json
from driftwatch.errors import StoreError

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_PLAIN_TO_SAFE = re.compile("[\x00\x01\ud800-\udfff\ue000]")
_SAFE_TO_PLAIN = re.compile("\x01(?P<low>[\x01\x02])|\ue000(?P<high>.)", re.DOTALL)
_SURROGATES, _PRIVATE = 0xD800, 0xE000
_OFFSET = 0x100
"""A surrogate is written as U+E000 and the character that is its number among the surrogates plus this (so 0x100 to 0x8FF)."""


def safe_text(value: str) -> str:
    """`value` without NUL and lone surrogates, which PostgreSQL and UTF-8 refuse; `plain_text` undoes it.

    Only four kinds of character are rewritten, and such that safe texts sort by code point exactly as the plain ones do:
    NUL -> 01 01, 01 -> 01 02; a surrogate -> U+E000 and a character below U+0900; U+E000 -> U+E000 U+E000.
    """
    return _PLAIN_TO_SAFE.sub(_escape, value)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 1:
        return "\x01" + chr(code + 1)
    return chr(_PRIVATE) + (chr(_PRIVATE) if code == _PRIVATE else chr(code - _SURROGATES + _OFFSET))


def plain_text(value: str) -> str:
    """What `safe_text` was given."""
    return _SAFE_TO_PLAIN.sub(_unescape, value)


def _unescape(match: re.Match[str]) -> str:
    if match["low"]:
        return chr(ord(match["low"]) - 1)
    code = ord(match["high"])
    return match["high"] if code == _PRIVATE else chr(code - _OFFSET + _SURROGATES)


def decode_json(data: bytes) -> Json:
    """The value of JSON bytes. Not orjson: it turns an integer beyond 64 bits into a float without a word."""
    return json.loads(data)


class SafeText(TypeDecorator[str]):
    """Text of any characters, compared and sorted by code point on both databases."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text(collation="C") if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else safe_text(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else plain_text(value)


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC, to the microsecond. A time without a zone is refused: nobody could say when it was."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise StoreError(f"{value.isoformat()} has no time zone; the store takes times in UTC")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Micros(TypeDecorator[datetime]):
    """An aware time as the whole microseconds since 1970 began: eight bytes where `UtcTime` costs 26 on SQLite, for millions of rows."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise StoreError(f"{value.isoformat()} has no time zone; the store takes times in UTC")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


class Digest(TypeDecorator[str]):
    """A SHA-256, hex outside and 32 bytes inside."""

    impl = LargeBinary(32)
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        if not re.fullmatch("[0-9a-f]{64}", value):
            raise StoreError(f"{value!r} is no SHA-256: 64 lower-case hex digits")
        return bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> str | None:
        return None if value is None else bytes(value).hex()


class JsonBytes(TypeDecorator[Any]):
    """A JSON value as its canonical bytes. Not jsonb: that refuses NUL and lone surrogates and rounds numbers. None is JSON's null."""

    impl = LargeBinary
    cache_ok = True
    should_evaluate_none = True

    def process_bind_param(self, value: Json, _dialect: Dialect) -> bytes:
        return encode(value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> Json:
        return None if value is None else decode_json(bytes(value))
