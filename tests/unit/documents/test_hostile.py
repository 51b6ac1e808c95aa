"""Bad input never harms: it is refused with file, line, column, what was found and what was expected."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from driftwatch import config
from driftwatch.documents import changes, people, policies
from driftwatch.errors import InputError
from tests.unit.documents.hostile import CASES


def accepted_by(kind: str, data: bytes, folder: Path) -> object:
    if kind == "policy":
        return policies.parse(data, "policy.yaml")
    if kind == "people":
        return people.parse(data, "people.yaml")
    (folder / "driftwatch.yaml").write_bytes(data)
    return config.load(folder / "driftwatch.yaml", {})


def refusal(kind: str, data: bytes, folder: Path) -> str:
    """The text with which `data` is refused, posing as the file of that kind."""
    if kind.startswith("change"):
        try:
            fetched = changes.parse(data, "c.json" if kind == "change.json" else "c.yaml")
        except InputError as error:
            return str(error)
        assert not fetched.records
        return fetched.set_aside[0].problem
    with pytest.raises(InputError) as refused:
        accepted_by(kind, data, folder)
    return str(refused.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(("kind", "data", "message"), CASES, ids=[f"{number:03}-{case[0]}" for number, case in enumerate(CASES)])
def test_is_refused_with_place_and_remedy(kind: str, data: bytes, message: str, tmp_path: Path) -> None:
    started = time.monotonic()
    assert refusal(kind, data, tmp_path) == message
    assert time.monotonic() - started < 10


def test_deep_nesting_does_not_end_the_process() -> None:
    """200,000 open brackets kill a process whose parser follows them by recursion."""
    script = """
from driftwatch.documents.reader import read
from driftwatch.errors import InputError
for source in ("x.yaml", "x.json"):
    for part in (b"[", b"{a: ", b'{"a":', b"? ", b"- "):
        text = part * 200_000
        try:
            read(text, source)
        except InputError as error:
            assert str(error).startswith(source)
        else:
            raise SystemExit("accepted")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_every_problem_of_a_file_is_told_at_once() -> None:
    text = refusal("policy", b"extends: startup\nsettle_s: soon\nrules: {R2: maybe}\nroles: [x]\n", Path())
    assert [line.split(" ")[0] for line in text.splitlines()] == ["policy.yaml:2:11:", "policy.yaml:3:13:", "policy.yaml:4:8:"]


def test_a_flood_of_problems_is_cut() -> None:
    text = refusal("people", b"".join(b"- {id: %d}\n" % number for number in range(500)), Path())
    assert text.count("\n") == 50
    assert text.endswith("and 450 more problems")


def test_a_message_repeats_nothing_that_a_terminal_would_act_on() -> None:
    text = refusal("policy", b'extends: "\\e]0;owned\\a\\u202e"\n', Path())
    assert text.isprintable()
