"""Which accounts a scope can touch: what is not sure counts as all of them."""

from __future__ import annotations

import pytest

from driftwatch.domain.authorization import reach
from driftwatch.domain.change import Target

ONE, TWO, OTHER = "111111111111", "222222222222", "999999999999"
KNOWN = (ONE, TWO)
ALL = frozenset(KNOWN)


@pytest.mark.parametrize(
    ("patterns", "touched"),
    [
        ((ONE,), {ONE}),
        (("1*",), {ONE}),
        (("*",), ALL),
        ((OTHER,), {OTHER}),
        ((OTHER, "2*"), {OTHER, TWO}),
        (("3*",), ALL),
        ((), ALL),
    ],
)
def test_globs(patterns: tuple[str, ...], touched: set[str]) -> None:
    assert reach.of_globs(patterns, KNOWN) == touched


@pytest.mark.parametrize(
    ("ids", "touched"),
    [
        ((f"arn:aws:ec2:eu-west-1:{ONE}:security-group/sg-1",), {ONE}),
        ((f"arn:aws:ec2:eu-west-1:{ONE}:security-group/*",), {ONE}),
        ((f"arn:aws:iam::{TWO}:role/x", f"arn:aws:ec2:eu-west-1:{ONE}:instance/i-1"), ALL),
        ((f"driftwatch:aws:{TWO}:global:AWS::IAM::Role/x",), {TWO}),
        ((f"arn:aws:ec2:*:{ONE}:security-group/*",), ALL),
        ((f"arn:aws:ec2:eu-west-?:{ONE}:instance/i-1",), ALL),
        (("arn:aws:s3:::bucket",), ALL),
        (("arn:aws:s3",), ALL),
        (("sg-1",), ALL),
        ((f"arn:aws:iam::{TWO}:role/x", "sg-1"), ALL),
        (None, ALL),
    ],
)
def test_ids_tell_the_account_where_nothing_before_it_is_open(ids: tuple[str, ...] | None, touched: set[str]) -> None:
    assert reach.of_scope([Target(ids=ids, resource_types=("*",))], KNOWN) == touched


def test_a_scope_touches_what_any_of_its_targets_touches() -> None:
    assert reach.of_scope([Target(accounts=(ONE,))], KNOWN) == {ONE}
    assert reach.of_scope([Target(accounts=(ONE,)), Target(accounts=(OTHER,))], KNOWN) == {ONE, OTHER}
    assert reach.of_scope([Target(accounts=(ONE,)), Target(ids=("x",))], KNOWN) == ALL
    assert reach.of_scope([], KNOWN) == ALL


def test_an_account_that_is_given_counts_whatever_the_ids_say() -> None:
    named = Target(accounts=(TWO,), ids=(f"arn:aws:ec2:eu-west-1:{ONE}:instance/i-1",))
    assert reach.of_scope([named], KNOWN) == {TWO}, "a target matches only where both do: in no account at all"
