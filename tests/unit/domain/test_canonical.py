"""Canonical JSON: the same value has the same bytes everywhere, and different values have different bytes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.canonical import canonical_json, decimal_text, encode, scalar_text, sha256_hex, to_json, utc_text

TEXT = st.text(alphabet=st.characters(categories=None), max_size=8) | st.sampled_from(["\x00", "\ud800", "\udfff\ud800", "é", "\u2028"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), object(), {1, 2}, 1j, [float("-inf")]])
def test_what_json_has_no_form_for_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the texts differ
        canonical_json(value)


def test_keys_that_become_the_same_text_are_refused() -> None:
    """One of two members would get lost."""
    with pytest.raises(ValueError, match="same text"):
        canonical_json({1: "a", "1": "b"})


def test_a_time_beyond_the_calendar_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="calendar"):
        utc_text(datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-8))))


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({"b": 1, "a": 2}, b'{"a":2,"b":1}'),
        ({"\uffff": 1, "\U0001f600": 2}, '{"\uffff":1,"😀":2}'.encode()),
        ({"é": "ü\u2028"}, '{"é":"ü\u2028"}'.encode()),
        ('"\\/\n\x00\x1f\x7f', b'"\\"\\\\/\\n\\u0000\\u001f\x7f"'),
        ("\ud800", b'"\\ud800"'),
        ("\\ud800", b'"\\\\ud800"'),
        ("\ud83d\ude00", '"😀"'.encode()),
        (2**64, b"18446744073709551616"),
        (-(2**200), str(-(2**200)).encode()),
        ([1.0, 0.1, 1e21, 1e-7, -0.0, 0.1 + 0.2], b'[1,"0.1",1000000000000000000000,"0.0000001",0,"0.30000000000000004"]'),
        (Decimal("1.50"), b'"1.5"'),
        (Decimal("0.1234567890123456789012345678901234567"), b'"0.1234567890123456789012345678901234567"'),
        (Decimal("1E+3"), b"1000"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), b'"2026-01-02T01:04:05Z"'),
        (datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC), b'"2026-01-02T03:04:05.000060Z"'),
        (datetime(2026, 1, 2), b'"2026-01-02T00:00:00Z"'),  # noqa: DTZ001 - a time without a zone is taken for UTC
        (date(2026, 1, 2), b'"2026-01-02"'),
        (b"\x00\xff", b'"AP8="'),
        ({True: 1, None: 2, 3: 4, 1.5: 5}, b'{"":2,"1.5":5,"3":4,"true":1}'),
        ((1, [2]), b"[1,[2]]"),
        ([None, True, {}, []], b"[null,true,{},[]]"),
    ],
)
def test_vectors(value: Any, data: bytes) -> None:
    assert canonical_json(value) == data


def test_the_hash_is_sha_256() -> None:
    assert sha256_hex(canonical_json({})) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@given(JSON)
def test_the_bytes_are_json_of_that_value_and_canonical_again(value: Any) -> None:
    """Stored bytes are lossless: what is read back hashes the same."""
    data = canonical_json(value)
    again = json.loads(data)
    assert again == json.loads(json.dumps(value))
    assert encode(again) == data


@given(JSON, JSON)
def test_different_values_have_different_bytes(one: Any, other: Any) -> None:
    assert (canonical_json(one) == canonical_json(other)) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


@given(st.dictionaries(TEXT, st.integers(), max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, int], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_numbers_of_equal_value_have_equal_text_and_lose_nothing(number: Decimal) -> None:
    assert Decimal(decimal_text(number)) == number
    written_longer = f"{number:f}" + ("000" if "." in f"{number:f}" else ".000")
    assert decimal_text(Decimal(written_longer)) == decimal_text(number)


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (None, ""), (True, "true"), (7, "7"), (0.5, "0.5"), ([1], "[1]")])
def test_text_of_scalars(value: Any, text: str) -> None:
    assert scalar_text(value) == text


@given(JSON)
def test_to_json_leaves_json_alone(value: Any) -> None:
    assert to_json(value) == value
