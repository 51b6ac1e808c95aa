"""The nouns of the domain survive the way to JSON and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.baseline import BaselineApproval, BaselineVersion, IncludedDrift, Omission
from driftwatch.domain.canonical import encode as canonical
from driftwatch.domain.change import ChangeRecord, SetAside
from driftwatch.domain.codec import decode, encode
from driftwatch.domain.drift import Drift, DriftKind

plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | plain,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(plain, inner, max_size=2),
    max_leaves=4,
)
NOUNS = [Drift, ChangeRecord, BaselineVersion, BaselineApproval, IncludedDrift, Omission, SetAside]


@pytest.mark.parametrize("noun", NOUNS)
@given(data=st.data())
def test_a_noun_comes_back_equal(noun: type, data: st.DataObject) -> None:
    """For every field, whatever it holds: also the empty, the absent, and the odd."""
    value = data.draw(built(noun))
    assert decode(noun, json.loads(canonical(encode(value)))) == value


def built(noun: type) -> st.SearchStrategy[object]:
    """Instances with a generated value in every field."""
    hints = get_type_hints(noun)
    return st.builds(noun, **{field.name: of(hints[field.name]) for field in fields(noun)})


def of(kind: object) -> st.SearchStrategy[object]:
    if kind is Any:
        return values
    if kind is str:
        return plain
    if kind is datetime:
        return st.datetimes(timezones=st.just(UTC))
    if isinstance(kind, type) and is_dataclass(kind):
        return built(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(of(arguments[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(plain, of(arguments[1]), max_size=2)
    if arguments:
        return st.one_of(*[of(argument) for argument in arguments])
    return st.floats(allow_nan=False, allow_infinity=False) if kind is float else st.from_type(kind)  # type: ignore[arg-type]


def test_an_unknown_member_is_an_error() -> None:
    """A later version wrote it: reading half of it would be worse than not reading it."""
    with pytest.raises((TypeError, KeyError)):
        decode(SetAside, {"place": "x", "problem": "y", "added_later": 1})


def test_an_unknown_word_is_an_error() -> None:
    with pytest.raises(ValueError, match="vanished"):
        decode(Drift, {"kind": "vanished"})
    assert DriftKind("created") is DriftKind.CREATED


def test_a_missing_member_takes_its_default() -> None:
    assert decode(SetAside, {"place": "x", "problem": "y"}) == SetAside(place="x", problem="y")
