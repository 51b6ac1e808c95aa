"""A raw record becomes an Activity, or a refusal with its reason; whatever stands in it."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.aws.cloudtrail.parsing.operations import index
from driftwatch.aws.cloudtrail.parsing.parse import activity
from driftwatch.domain.activity import Activity, Refusal, Refused
from driftwatch.stores.columns import plain_text, safe_text
from tests.unit.aws.cloudtrail.records import parsed, record


def refused(value: object, **options: Any) -> Refusal:
    found = activity(value, where="here", **options)
    assert isinstance(found, Refused)
    assert found.where == "here"
    return found.reason


def test_what_is_no_event_is_refused_with_its_reason() -> None:
    good = record("iam", "CreateUser")
    assert refused(None) is Refusal.NOT_AN_EVENT
    assert refused(["x"]) is Refusal.NOT_AN_EVENT
    for id_ in (None, "", 5, "x" * 100_000):
        assert refused({**good, "eventID": id_}) is Refusal.NO_ID
    for time in (None, "", "yesterday", {}, True, "9" * 50, 1e300, float("nan")):
        assert refused({**good, "eventTime": time}) is Refusal.NO_TIME


def test_an_hour_ahead_is_a_clock_that_is_wrong_and_more_is_the_future() -> None:
    now = datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert isinstance(activity(record("iam", "CreateUser"), now=now), Activity)
    assert refused(record("iam", "CreateUser"), now=now - timedelta(seconds=1)) is Refusal.FUTURE


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "2026-01-02T03:04:05", 1767323045])
def test_times_are_in_utc(text: object) -> None:
    assert parsed("iam", "CreateUser", eventTime=text).time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_account_is_the_one_that_received_the_event() -> None:
    assert parsed("iam", "CreateUser", userIdentity={"accountId": "999999999999"}).account == "111122223333"
    old = {key: value for key, value in record("iam", "CreateUser").items() if key != "recipientAccountId"}
    found = activity(old)
    assert isinstance(found, Activity)
    assert found.account == "111122223333"


def test_a_failed_sign_in_failed() -> None:
    found = parsed("signin", "ConsoleLogin", None, {"ConsoleLogin": "Failure"}, eventType="AwsConsoleSignIn")
    assert found.failed
    assert not parsed("signin", "ConsoleLogin", None, {"ConsoleLogin": "Success"}, eventType="AwsConsoleSignIn").failed


@pytest.mark.parametrize(
    "code",
    [
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "Client.UnauthorizedOperation",
        "ForbiddenException",
        "NotAuthorized",
    ],
)
def test_denials(code: str) -> None:
    assert parsed("iam", "CreateUser", errorCode=code).denied


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"instanceId": "i-0a1b2c3d4e"}
    for _ in range(levels):
        value = {"a": value}
    return value


HOSTILE: list[Any] = [
    5,
    "text",
    [],
    {"instanceId": None},
    {"instanceId": 7},
    {"instanceId": ["i-1", 5, None, {"content": 6}, ["i-2"]]},
    {"instanceId": "x" * 1_000_000},
    {"instancesSet": {"items": [{"instanceId": f"i-{n}"} for n in range(50_000)]}},
    {"instancesSet": {"items": "no list"}},
    {"instancesSet": [[[[{"instanceId": "i-1"}]]]]},
    {"tagSet": {"items": None}, "resourcesSet": {"items": [{"resourceId": "\ud800\x00"}]}},
    {f"key{n}": f"arn:aws:ec2:::instance/i-{n}" for n in range(50_000)},
    deep(900),
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: str(type(value)))
@pytest.mark.parametrize("name", ["StopInstances", "ModifyInstanceAttribute", "CreateTags", "FrobnicateInstance", "CreateFlowLogs"])
def test_hostile_values_neither_raise_nor_grow(name: str, value: Any) -> None:
    found = parsed("ec2", name, value, value, serviceEventDetails=value, additionalEventData=value, resources=[value, {"ARN": value}])
    assert len(found.resources) <= 1_000
    assert sum(len(one.ids) for one in found.resources) <= 4_000
    assert all(isinstance(id_, str) and 0 < len(id_) <= 2_048 for one in found.resources for id_ in one.ids)


def test_half_characters_can_be_stored() -> None:
    found = parsed("iam", "CreateUser\x00", {"userName": "a\ud800\x00b"}, errorCode="\udfff")
    texts = [found.event_name, found.error or "", *(id_ for one in found.resources for id_ in one.ids)]
    assert [plain_text(safe_text(text)) for text in texts] == texts
    assert all(safe_text(text).encode() for text in texts)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["arn:aws:s3:::b", "i-0a1b2c3d4e", "sg-1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["items", "content", "instanceId", "groupId", "ARN", "name", "tags", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)
MEMBERS = ["requestParameters", "responseElements", "serviceEventDetails", "additionalEventData", "resources", "userIdentity", "userAgent",
           "eventType", "eventCategory", "readOnly", "errorCode", "awsRegion", "recipientAccountId", "managementEvent"]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(MEMBERS), json_values), st.sampled_from(sorted(index().rules)), st.text(string.printable, max_size=20)
)
def test_any_record_with_an_id_and_a_time_is_an_activity(members: dict[str, Any], key: tuple[str, str], odd: str) -> None:
    for name in (key[1], odd):
        found = activity({**record("x", name), "eventSource": key[0], **members})
        assert isinstance(found, Activity)
        assert all(isinstance(id_, str) for one in found.resources for id_ in one.ids)
