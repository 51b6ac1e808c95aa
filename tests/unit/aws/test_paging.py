"""How an operation goes on: what botocore knows, and what the names of its members tell."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import UnknownServiceError

from driftwatch.aws.entry import Paging
from driftwatch.aws.paging import PageRule, page_rule


def rule(service: str, operation: str, paging: Paging | None = None) -> PageRule:
    session = botocore.session.Session()
    model = session.get_service_model(service).operation_model(operation)
    try:
        paginator: Any = session.get_paginator_model(service).get_paginator(operation)
    except (ValueError, UnknownServiceError):  # none for the operation; none for the whole service
        paginator = None
    return page_rule(paginator, model, paging)


def test_a_paginator_with_several_tokens_sends_those_it_got() -> None:
    records = rule("route53", "ListResourceRecordSets")
    reply = {"IsTruncated": True, "NextRecordName": "a", "NextRecordType": "A"}
    assert records.next(reply) == {"StartRecordName": "a", "StartRecordType": "A"}
    assert records.next({**reply, "IsTruncated": False}) is None


def test_more_without_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="no token"):
        rule("iam", "ListUsers").next({"IsTruncated": True})


def test_an_operation_without_paginator_is_followed_by_its_token() -> None:
    """botocore has no paginator for it, but the reply has a token: the listing must not end after its first page."""
    found = rule("wafv2", "ListWebACLs")
    assert found.next({"NextMarker": "m", "WebACLs": []}) == {"NextMarker": "m"}
    assert found.next({"WebACLs": []}) is None
    assert rule("wafv2", "ListWebACLs", Paging.TOKEN).follow


def test_a_single_call_knows_what_it_leaves_unread() -> None:
    found = rule("logs", "DescribeLogGroups", Paging.SINGLE)
    assert not found.follow
    assert found.next({"nextToken": "x"}) == {"nextToken": "x"}


def test_an_operation_without_any_token_has_one_page() -> None:
    assert rule("iam", "GetAccountSummary").next({"SummaryMap": {}}) is None
    assert rule("sts", "GetCallerIdentity").next({}) is None


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_token_is_the_end(empty: str | None) -> None:
    assert rule("logs", "DescribeLogGroups").next({"nextToken": empty}) is None


@pytest.mark.parametrize(
    ("service", "operation", "reply", "following"),
    [
        ("cloudfront", "ListFunctions", {"FunctionList": {"NextMarker": "m", "Items": []}}, {"Marker": "m"}),
        ("pinpoint", "GetApps", {"ApplicationsResponse": {"NextToken": "t", "Item": []}}, {"Token": "t"}),
    ],
)
def test_a_token_inside_the_only_member_of_a_reply_is_followed(
    service: str, operation: str, reply: dict[str, Any], following: dict[str, str]
) -> None:
    """botocore has no paginator for these; a listing that ended after its first page would look whole."""
    assert rule(service, operation, Paging.TOKEN).next(reply) == following
    ((outer, inner),) = reply.items()
    assert rule(service, operation, Paging.TOKEN).next({outer: {**inner, "NextMarker": "", "NextToken": None}}) is None
