"""Pointers name one place each, and a pattern covers exactly what its segments say."""

from __future__ import annotations

import re
import time
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftwatch.domain.pointer import (
    ABSENT,
    ANY_SEGMENTS,
    escape_segment,
    join,
    key_segment,
    matches,
    quote,
    reaches,
    resolve,
    split,
    split_pattern,
)

NASTY = st.text(alphabet=st.sampled_from("ab*?%|/~01#:2AF5\x00\ud800é"), max_size=6)


@pytest.mark.parametrize("text", ["A", "A/B", " /A", "#/A"])
def test_text_that_is_no_pointer_is_refused(text: str) -> None:
    """A pattern with a forgotten slash would cover nothing; it is an error instead."""
    with pytest.raises(ValueError, match="no pointer"):
        split_pattern(text)
    with pytest.raises(ValueError, match="no pointer"):
        matches(text, "/A")


@pytest.mark.parametrize(
    ("text", "segment"),
    [
        ("DeletionProtection", "DeletionProtection"),
        ("10.0.0.0/18", "10.0.0.0~118"),
        ("a~b", "a~0b"),
        ("~1", "~01"),
        ("arn:aws:s3:::x/*", "arn:aws:s3:::x~1%2A"),
        ("100%", "100%25"),
        ("a|b?", "a%7Cb%3F"),
        ("", ""),
    ],
)
def test_escapes(text: str, segment: str) -> None:
    assert escape_segment(text) == segment


def test_key_values_are_joined_by_a_bar_and_null_is_empty() -> None:
    assert key_segment(["tcp", "443", ""]) == "tcp|443|"
    assert key_segment(["a|b"]) != key_segment(["a", "b"])


@example(["~1", "~0", "/"])
@given(st.lists(NASTY, max_size=5))
def test_split_undoes_join(names: list[str]) -> None:
    """No value can look like two segments, or like another value."""
    segments = tuple(quote(name) for name in names)
    assert split(join(segments)) == segments


@given(NASTY, NASTY)
def test_a_pointer_used_as_a_pattern_covers_that_path_only(one: str, other: str) -> None:
    """Every `*`, `?` and `%` in a value is literal once it is a pointer."""
    assert matches(join([quote(one)]), join([quote(one)]))
    assert matches(join([quote(one)]), join([quote(other)])) == (one == other)


@pytest.mark.parametrize(
    ("pattern", "path", "covers"),
    [
        ("", "", True),
        ("", "/A/B", True),
        ("/A", "", False),
        ("/A", "/A", True),
        ("/A", "/A/B/C", True),
        ("/A/B", "/A", False),
        ("/A", "/AB", False),
        ("/A", "/a", False),
        ("/A/", "/A", False),
        ("/A/", "/A/", True),
        ("/*", "/A", True),
        ("/*", "", False),
        ("/*/B", "/A/B", True),
        ("/*/B", "/A/X/B", False),
        ("/A*", "/A~1B", True),
        ("/A*", "/A/B", True),
        ("/*C", "/A/C", False),
        ("/A?", "/A", False),
        ("/A?", "/AB", True),
        ("/A?", "/A%2A", True),
        ("/A??", "/A%2A", False),
        ("/A%2A", "/A%2A", True),
        ("/A%2a", "/A%2A", True),
        ("/A%2A", "/AB", False),
        ("/100%", "/100%25", True),
        ("/**", "", True),
        ("/**", "/A/B", True),
        ("/**/C", "/C", True),
        ("/**/C", "/A/B/C/D", True),
        ("/**/C", "/A/B", False),
        ("/A/**/C", "/A/C", True),
        ("/A/**/C/**/E", "/A/B/C/D/C/E", True),
        ("/A**", "/AxB", True),
        ("/**B", "/A/B", False),
        ("/tcp|*|443", "/tcp|443|443/IpRanges", True),
        ("/*|*", "/a%7Cb", False),
        ("/Tags/~1x", "/Tags/~1x", True),
        ("/Tags/*", "/Tags/a~1b", True),
        ("/10.0.0.0%2F8", "/10.0.0.0~18", True),
    ],
)
def test_cover(pattern: str, path: str, covers: bool) -> None:
    assert matches(pattern, path) is covers


def reference(pattern: str, path: str) -> bool:
    """The same rule, written as plain recursion over segments, with the regex of one segment."""
    wanted = pattern.split("/")[1:]
    found = path.split("/")[1:]

    def one(segment: str) -> re.Pattern[str]:
        unit = r"(?:%2A|%3F|%25|%7C|[^%])"
        return re.compile("".join({"*": f"{unit}*", "?": unit}.get(part, re.escape(part)) for part in segment), re.DOTALL)

    @cache
    def cover(i: int, j: int) -> bool:
        if i == len(wanted):
            return True
        if wanted[i] == ANY_SEGMENTS:
            return cover(i + 1, j) or (j < len(found) and cover(i, j + 1))
        return j < len(found) and bool(one(wanted[i]).fullmatch(found[j])) and cover(i + 1, j + 1)

    return cover(0, 0)


@given(
    st.lists(st.text(alphabet=st.sampled_from("ab*?"), max_size=4) | st.just("**"), max_size=5),
    st.lists(st.text(alphabet=st.sampled_from("ab*?"), max_size=4).map(quote), max_size=6),
)
def test_cover_agrees_with_plain_recursion(pattern: list[str], path: list[str]) -> None:
    written = "".join(f"/{segment}" for segment in pattern)
    assert matches(written, join(path)) == reference(written, join(path))


def test_no_pattern_takes_long() -> None:
    """A ticket's pattern is text from outside: a thousand stars against a long value is done at once."""
    started = time.monotonic()
    assert not matches("/" + "*a" * 300 + "b", "/" + "a" * 1000)
    assert not matches("/**/a" * 100 + "/b", "/a" * 300)
    assert time.monotonic() - started < 1


def test_resolve_tells_null_from_absent_and_stops_at_ordered_lists() -> None:
    form = {"A": {"x/y": None, "": 1}, "Layers": [{"B": 1}]}
    assert resolve(form, "") == form
    assert resolve(form, "/A/x~1y") is None
    assert resolve(form, "/A/") == 1
    assert resolve(form, "/A/z") is ABSENT
    assert resolve(form, "/Layers/0") is ABSENT
    assert resolve(form, "/A//deeper") is ABSENT


@pytest.mark.parametrize(
    ("pattern", "path", "reached"),
    [
        ("/IngressRules/*/CidrIpv4", "/IngressRules/sgr-01", True),
        ("/IngressRules/*/CidrIpv4", "/IngressRules/sgr-01/CidrIpv4", True),
        ("/IngressRules/*/CidrIpv4", "/IngressRules/sgr-01/CidrIpv4/deeper", True),
        ("/IngressRules/*/CidrIpv4", "/IngressRules/sgr-01/Port", False),
        ("/IngressRules", "", True),
        ("/A/**/Z", "/A/b/c", True),
        ("/A/**/Z", "/B", False),
        ("/A?/B", "/Ax", True),
        ("/A?/B", "/Axy", False),
    ],
)
def test_a_pattern_reaches_what_it_covers_and_everything_above_that(pattern: str, path: str, reached: bool) -> None:
    assert reaches(pattern, path) is reached
