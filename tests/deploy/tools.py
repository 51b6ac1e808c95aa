"""Programs of others that check what is shipped, or run with it. Where one is missing the test is skipped, unless the surroundings promise
it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

REQUIRE: Final = "DRIFTWATCH_TEST_REQUIRE"
"""Names, separated by commas, of programs whose absence fails a test instead of skipping it."""


def found(name: str, *also: str) -> str:
    """Where the program is, which may be installed under another name, too. Fails or skips the test that asks where it is not."""
    for each in (name, *also):
        if path := shutil.which(each):
            return path
    if name in os.environ.get(REQUIRE, "").replace(",", " ").split():
        pytest.fail(f"{name} is not installed, and {REQUIRE} names it")
    pytest.skip(f"{name} is not installed; with {REQUIRE}={name} this is a failure")


def run(name: str, *arguments: str, folder: Path) -> str:
    """What the program says on both outputs; fails when it ends with another code than 0."""
    done = subprocess.run([found(name), *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
