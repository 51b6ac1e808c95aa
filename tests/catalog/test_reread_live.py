"""A resource of each story, read by itself, is exactly the one that a scan reads."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.catalog import living
from tests.catalog.rereading import (
    MOTO_ERRS,
    ONES,
    SINGLETONS,
    assert_absent_beside_others,
    assert_the_same,
    nobodys_account,
    scanned,
)

STORIES = sorted((set(ONES) | set(SINGLETONS)) & set(living.stories()))


@pytest.fixture(scope="module", autouse=True)
def _nobodys_account() -> Iterator[None]:
    with nobodys_account():
        yield


@pytest.mark.parametrize("type_", STORIES)
def test_the_resource_of_a_story_read_by_itself_is_the_one_that_a_scan_reads(type_: str) -> None:
    story = tomllib.loads((living.LIVE / f"{type_.replace('::', '-')}.toml").read_text())
    with mock_aws():
        living.carried_out(story.get("create", ()))
        with scanned(type_) as seen:
            assert_the_same(seen)
            if type_ in ONES and type_ not in MOTO_ERRS:
                assert_absent_beside_others(seen)
