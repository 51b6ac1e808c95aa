"""The order in which AWS answers is nobody's change: it moves no fingerprint of any case of the catalogue."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from driftwatch.aws.catalog import load
from driftwatch.aws.sdk import Sdk
from tests.catalog.shuffled import Answer, Found, Question, Shuffled, collected
from tests.catalog.test_cases import CASES

SDK = Sdk()
"""Keeps the models that were read."""
SEEDS = range(3)
TYPES = sorted(path.name for path in CASES.iterdir() if path.is_dir())


def recordings(type_: str) -> list[Path]:
    """The folders of replies of a type's cases: one for a collection, two for a pair."""
    return sorted({file.parent for file in (CASES / type_).rglob("*_[0-9]*.json")})


@pytest.mark.parametrize("type_", TYPES)
def test_another_order_and_other_pages_are_no_change(type_: str) -> None:
    """Members, elements of unordered lists, tags, items and page ends all move; ids, fingerprints and gaps stay."""
    catalog = load()
    for folder in recordings(type_):
        answers: dict[Question, Answer] = {}
        first = collected(folder, catalog, SDK, answers)
        for seed in SEEDS:
            again = Shuffled(answers, catalog, SDK, random.Random(f"{folder.name}/{seed}"))
            assert collected(folder, catalog, SDK, {}, again) == first, f"{folder}, seed {seed}"


def many_orders(type_: str, case: str, **rules: object) -> list[Found]:
    """What a case comes to in many orders, under other rules than the catalogue's."""
    catalog = load()
    changed = {**catalog, type_: replace(catalog[type_], **rules)}  # type: ignore[arg-type]
    folder = CASES / type_.replace("::", "-") / case
    answers: dict[Question, Answer] = {}
    found = [collected(folder, changed, SDK, answers)]
    shuffled = [Shuffled(answers, catalog, SDK, random.Random(seed)) for seed in range(10)]
    found += [collected(folder, changed, SDK, {}, again) for again in shuffled]
    assert any(again.changed for again in shuffled), "nothing was shuffled"
    return found


def test_a_list_that_is_compared_in_order_would_show() -> None:
    """The shuffling reaches the lists: were the rules of a group ordered, its fingerprint would move."""
    type_, case = "AWS::EC2::SecurityGroup", "noise-and-order/before"
    first, *others = many_orders(type_, case)
    assert all(found == first for found in others)
    first, *others = many_orders(type_, case, ordered=("IpPermissions",), sets={})
    assert any(found != first for found in others)


def test_a_list_whose_order_counts_is_left_alone() -> None:
    """Else a case with such a list could not be shuffled at all."""
    type_, case = "AWS::Lambda::Function", "entry-point-swapped/before"
    first, *others = many_orders(type_, case)
    assert all(found == first for found in others)
