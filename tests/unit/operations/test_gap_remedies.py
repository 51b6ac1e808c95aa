"""What a gap needs: the IAM actions of a denied call, as the catalogue names them."""

from __future__ import annotations

import pytest

from driftwatch.aws.catalog import load
from driftwatch.aws.iam_policy import Actions
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.snapshot import Gap, GapReason
from driftwatch.operations import remedies


def gap(reason: GapReason, type_: str = "AWS::S3::Bucket", operation: str | None = None) -> Gap:
    return Gap(cell=Cell(scope=Scope(account="111111111111", region="eu-west-1"), type=type_), reason=reason, operation=operation)


@pytest.fixture(scope="module")
def actions() -> Actions:
    return Actions(load())


@pytest.mark.parametrize(
    ("type_", "operation", "needs"),
    [
        ("AWS::SQS::Queue", "sqs:ListQueues", "sqs:ListQueues"),
        ("AWS::S3::Bucket", "s3:ListBuckets", "s3:ListAllMyBuckets"),
        ("AWS::S3::Bucket", "sts:GetCallerIdentity", "sts:GetCallerIdentity"),
        ("AWS::No::Such", "no:Call", "no:Call"),
        ("AWS::S3::Bucket", None, None),
    ],
)
def test_a_denied_call_names_its_actions(actions: Actions, type_: str, operation: str | None, needs: str | None) -> None:
    denied = gap(GapReason.DENIED, type_, operation)
    assert remedies.needs(denied, actions) == needs
    assert remedies.remedy(denied, actions) == f"allow {needs or 'the call to the role that reads'}"


@pytest.mark.parametrize("reason", GapReason)
def test_no_gap_is_without_a_document(actions: Actions, reason: GapReason) -> None:
    told = gap(reason, operation="s3:ListBuckets")
    assert remedies.gap_document(told, actions)["reason"] == reason.value
    assert (remedies.needs(told, actions) is None) == (reason is not GapReason.DENIED)
    assert "{" not in remedies.remedy(told, actions)
