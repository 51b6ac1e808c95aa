"""Whatever the bytes are, the answer is a value or an InputError, and it comes soon."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch import config
from driftwatch.documents import changes, people, policies
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read
from driftwatch.documents.values import anything
from driftwatch.errors import InputError

SEEDS = (
    b"extends: startup\nproduction_accounts: ['111111111111']\nrules: {R3: 'off', R4: warn}\napprovals: {role_groups: [[manager, cab]]}\n",
    b"people:\n- {id: bob, roles: [manager], os_users: [bob], oidc: [{iss: 'https://x', sub: '1'}], github: [bob-x]}\n",
    (
        b"id: CHG-1\ncreated_at: 2026-03-09T09:00:00Z\nwindows: [{start: 2026-03-10T10:00:00Z, end: 2026-03-10T12:00:00Z}]\n"
        b"scope:\n- ids: ['arn:*']\n  tags: {env: [prod]}\n  expected: [{path: /A, one_of: [1, 2.5, null, 'x']}]\n---\n- id: CHG-2\n"
    ),
    (
        b"accounts: [{id: '111111111111', regions: all}]\nbaselines: [{name: main, types: ['AWS::*']}]\nscan: {concurrency: 3}\n"
        b"change_sources: [{name: git, kind: files, path: changes}]\nschedule: {cron: '0 5 * * *'}\n"
    ),
    b'{"id": "CHG-3", "created_at": "2026-03-09T09:00:00+01:00", "approvals": [{"who": "mia", "decision": "approved"}]}',
)
PIECES = (
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b": ",
        b"- ",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!int ",
        b"'",
        b'"',
        b"|\n",
        b">\n",
        b"\t",
        b"\n",
        b"---\n",
        b"%YAML 1.1\n",
    ),
    *(
        b"off",
        b"0777",
        b"1e999",
        b".nan",
        b"2026-99-99",
        b"\xff",
        b"\x00",
        b"\xef\xbb\xbf",
        b"\\ud800",
        b"\\",
        b"?",
        b"#",
        b"~",
        b"9" * 5000,
    ),
)


def parsers(folder: Path) -> list[Callable[[bytes], object]]:
    def load_config(data: bytes) -> object:
        (folder / "driftwatch.yaml").write_bytes(data)
        return config.load(folder / "driftwatch.yaml", {})

    return [
        lambda data: policies.parse(data, "policy.yaml"),
        lambda data: people.parse(data, "people.yaml"),
        lambda data: changes.parse(data, "c.yaml"),
        lambda data: changes.parse(data, "c.json"),
        load_config,
    ]


def refusal(parse: Callable[[bytes], object], data: bytes) -> InputError | None:
    try:
        parse(data)
    except InputError as error:
        return error
    return None


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good file with a few pieces put in, cut out or doubled."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(data[start:end] * 2))
        data = data[:start] + piece + data[end:]
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=200, deadline=None)
@given(data=mutated() | st.binary(max_size=200))
def test_bytes_give_a_value_or_an_input_error(data: bytes, folder: Path) -> None:
    for parse in parsers(folder):
        started = time.monotonic()
        refused = refusal(parse, data)
        assert refused is None or refused.place, refused
        assert time.monotonic() - started < 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(value=JSON, ascii_only=st.booleans(), indent=st.none() | st.just(1) | st.just("\t"))
def test_json_is_read_as_it_was_written(value: object, ascii_only: bool, indent: str | int | None) -> None:
    """Escaped pairs, control characters in escapes, U+2028 and every other text come back as they are."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    problems = Problems()
    assert anything(read(text.encode(), "x.json"), problems) == value
    problems.check()


TOKENS = (
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"b"',
    "1",
    "-0.5e3",
    "01",
    "1.",
    "true",
    "nul",
    " ",
    "\n",
    '"\\u00e9"',
    '"\\x"',
    "NaN",
    "'a'",
)


@settings(max_examples=1000, deadline=None)
@given(tokens=st.lists(st.sampled_from(TOKENS), max_size=8))
def test_json_refuses_what_the_standard_library_refuses(tokens: list[str]) -> None:
    """Nothing that is no JSON is accepted; besides it, only half a pair, a key twice and nothing at all are."""
    text = "".join(tokens)
    try:
        read(text.encode(), "x.json")
    except InputError:
        return
    assert json.dumps(json.loads(text))
