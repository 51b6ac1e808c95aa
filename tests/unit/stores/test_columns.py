"""Texts of any characters survive, and sort as Python sorts them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftwatch.stores.columns import decode_json, plain_text, safe_text

any_text = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\x00\x01\x02\ud7ff\ud800\udfff\ue000\ue001\U0010ffff"))


@given(any_text)
@example("\ud83d\ude00")
@example("\x01\x00\ue000\ud800")
def test_every_text_comes_back(value: str) -> None:
    safe = safe_text(value)
    assert plain_text(safe) == value
    assert "\x00" not in safe
    assert safe.encode().decode() == safe  # no lone surrogate is left


@given(any_text, any_text)
@example("a", "a\x00")
@example("\x00", "\x01")
@example("\udfff", "\ue000")
@example("\ud7ff\U0010ffff", "\ud800")
def test_safe_texts_sort_as_the_plain_ones(one: str, other: str) -> None:
    """Both databases compare the bytes of UTF-8."""
    assert (one < other) == (safe_text(one).encode() < safe_text(other).encode())


@pytest.mark.parametrize("value", ["i-0123", "arn:aws:s3:::b/ä", "tab\there", "\U0001f600"])
def test_ordinary_names_are_stored_as_they_are(value: str) -> None:
    """A person with a database shell finds the names that AWS gave."""
    assert safe_text(value) == value


def test_a_number_of_any_size_is_no_float() -> None:
    assert decode_json(b'{"n":18446744073709551617}') == {"n": 2**64 + 1}
