"""The page about coverage says what the catalogue reads, and why it does not read the rest."""

from __future__ import annotations

from tests.catalog import coverage


def test_every_type_of_aws_config_is_read_or_explained() -> None:
    assert list(coverage.faults()) == []


def test_the_page_is_that_of_the_catalogue() -> None:
    """`python -m tests.catalog.coverage` brings it up to date."""
    assert coverage.PAGE.read_text() == coverage.page()
