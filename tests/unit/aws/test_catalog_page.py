"""The page about the catalogue: it names every field, and its example is an entry that could be added as it stands."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from driftwatch.aws.entry import Batch, DetailCall, Entry, Join, Kind, ListCall, Paging, Parent
from driftwatch.aws.typecheck import check
from tests.unit.aws.test_typecheck import SESSION, catalog

PAGE = (Path(__file__).parents[3] / "docs" / "catalog.md").read_text()


def test_the_example_fits_the_sdk_and_leaves_nothing_unreviewed(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert check(catalog(tmp_path, example), SESSION) == []


@pytest.mark.parametrize("noun", [Entry, ListCall, DetailCall, Batch, Join, Parent])
def test_every_field_is_on_the_page(noun: type) -> None:
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", PAGE))))
    assert {field.name for field in fields(noun)} - words == set()  # type: ignore[arg-type]


@pytest.mark.parametrize("word", [*Kind, *Paging])
def test_every_word_of_a_field_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE
