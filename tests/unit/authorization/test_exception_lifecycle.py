"""Exceptions: asked for by one, approved by another, bound to their content, and in force from their start up to before their end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from driftwatch.domain.authorization import exception_lifecycle as rules
from driftwatch.domain.authorization.exception_lifecycle import ExceptionStatus, as_granted, content_hash, status
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.errors import RefusedError
from tests.builders import CIDR, GROUP, at, difference, drift, policy, target

NOW = at("03-10 12:00")
DESCRIPTION = difference("/Description", before="web", after="x")


def exception(**fields) -> ExceptionRecord:
    defaults = {
        "id": "EX-1",
        "requested_by": "bob",
        "reason": "the vendor needs it",
        "scope": (target(attribute_paths=(CIDR,)),),
        "starts_at": NOW,
        "expires_at": at("04-10 12:00"),
        "state": ExceptionState.REQUESTED,
        "requested_at": NOW,
        "finding": "F-1",
    }
    return ExceptionRecord(**{**defaults, **fields})


def active(**fields) -> ExceptionRecord:
    return exception(**{"state": ExceptionState.ACTIVE, "approved_by": "sam", "approved_at": NOW, **fields})


def approve(item: ExceptionRecord, by: str = "sam", *, seen: str | None = None, now=NOW, actors=(), policy_: Policy | None = None):
    return rules.approve(
        item, by, seen_hash=content_hash(item) if seen is None else seen, policy=policy_ or policy("scaleup"), now=now, actors=actors
    )


@pytest.mark.parametrize(
    ("item", "moment", "stands"),
    [
        (exception(), NOW, ExceptionStatus.REQUESTED),
        (active(starts_at=at("03-11 00:00")), NOW, ExceptionStatus.SCHEDULED),
        (active(), NOW, ExceptionStatus.ACTIVE),
        (active(), at("04-10 11:59:59"), ExceptionStatus.ACTIVE),
        (active(), at("04-10 12:00"), ExceptionStatus.EXPIRED),
        (active(expires_at=None), NOW, ExceptionStatus.EXPIRED),
        (exception(state=ExceptionState.REVOKED), NOW, ExceptionStatus.REVOKED),
        (exception(state=ExceptionState.REJECTED), at("05-10 12:00"), ExceptionStatus.REJECTED),
    ],
)
def test_it_is_in_force_from_its_start_up_to_before_its_end(item: ExceptionRecord, moment, stands: ExceptionStatus) -> None:
    assert status(item, moment) is stands


def test_an_approval_says_who_and_when() -> None:
    done = approve(exception())
    assert (done.state, done.approved_by, done.approved_at) == (ExceptionState.ACTIVE, "sam", NOW)
    assert content_hash(done) == content_hash(exception()), "an approval is no part of what it agrees to"


@pytest.mark.parametrize("by", ["bob", "bob@corp.example"])
def test_nobody_approves_their_own_under_any_of_their_names(by: str) -> None:
    with pytest.raises(RefusedError, match="nobody approves their own exception"):
        approve(exception(), by)


def test_nobody_approves_an_exception_for_a_change_that_they_made() -> None:
    with pytest.raises(RefusedError, match="mia made the change"):
        approve(exception(), "mia", actors=("mia@corp.example",))


def test_a_pipeline_answers_for_nothing() -> None:
    with pytest.raises(RefusedError, match="no person"):
        approve(exception(), "role/terraform-prod")


@pytest.mark.parametrize("seen", ["", "deadbeef", "0" * 64])
def test_an_approval_is_bound_to_the_content_that_was_seen(seen: str) -> None:
    with pytest.raises(RefusedError, match="bound to the content"):
        approve(exception(), seen=seen)
    assert approve(exception(), seen=content_hash(exception())[:12].upper()).state is ExceptionState.ACTIVE


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": "other"},
        {"expires_at": at("04-11 12:00")},
        {"starts_at": at("03-09 12:00")},
        {"scope": (target(),)},
        {"requested_by": "alice"},
        {"finding": "F-2"},
        {"id": "EX-2"},
    ],
)
def test_every_part_of_what_is_agreed_to_is_in_the_hash(fields: dict) -> None:
    assert content_hash(exception(**fields)) != content_hash(exception())


@pytest.mark.parametrize("state", sorted(set(ExceptionState) - {ExceptionState.REQUESTED}))
def test_only_a_request_is_approved_or_rejected(state: ExceptionState) -> None:
    item = exception(state=state)
    with pytest.raises(RefusedError, match="while it is requested"):
        approve(item)
    with pytest.raises(RefusedError, match="while it is requested"):
        rules.reject(item, "sam", NOW)


@pytest.mark.parametrize("state", sorted(set(ExceptionState) - {ExceptionState.ACTIVE}))
def test_only_an_active_one_is_revoked(state: ExceptionState) -> None:
    with pytest.raises(RefusedError, match="while it is active"):
        rules.revoke(exception(state=state), "sam", NOW)


def test_one_that_ran_out_is_not_revoked_any_more() -> None:
    assert rules.revoke(active(), "ben", at("04-10 11:59:59")).state is ExceptionState.REVOKED
    with pytest.raises(RefusedError, match="expired"):
        rules.revoke(active(), "ben", at("04-10 12:00"))


class TestRequests:
    def check(self, now=NOW, **fields) -> None:
        rules.check_request(exception(**fields), policy("scaleup", exceptions_max_days=90), now)

    def test_the_longest_that_the_policy_allows_is_allowed_and_a_second_more_is_not(self) -> None:
        self.check(expires_at=NOW + timedelta(days=90))
        with pytest.raises(RefusedError, match=r"R14.*at most 90 days"):
            self.check(expires_at=NOW + timedelta(days=90, seconds=1))

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"expires_at": None}, "R14.*needs an end"),
            ({"expires_at": NOW}, "expired already"),
            ({"starts_at": at("03-20 12:00"), "expires_at": at("03-20 12:00")}, "expired already"),
            ({"reason": " \n"}, "needs a reason"),
        ],
    )
    def test_it_needs_an_end_to_come_and_a_reason(self, fields: dict, why: str) -> None:
        with pytest.raises(RefusedError, match=why):
            self.check(**fields)

    def test_a_request_that_lay_around_too_long_cannot_be_approved(self) -> None:
        with pytest.raises(RefusedError, match="expired already"):
            approve(exception(), now=at("04-10 12:00"))


class TestNewValues:
    """An exception that was granted for a finding was agreed to for the values that were there."""

    GRANTED = drift(difference(), DESCRIPTION)
    BOTH = target(attribute_paths=(CIDR, "/Description"))

    def test_it_stands_for_the_same_differences_and_for_fewer_of_them(self) -> None:
        item = active(scope=(self.BOTH,))
        assert as_granted(item, self.GRANTED, drift(difference(), DESCRIPTION, id="D-2")) == item
        assert as_granted(item, self.GRANTED, drift(DESCRIPTION, id="D-2")) == item

    def test_of_a_drift_with_a_new_value_only_the_unchanged_paths_are_excused(self) -> None:
        left = as_granted(active(scope=(self.BOTH,)), self.GRANTED, drift(difference(after="0.0.0.0/0"), DESCRIPTION))
        assert left is not None
        assert [scope.attribute_paths for scope in left.scope] == [("/Description",)]
        assert [scope.ids for scope in left.scope] == [(GROUP,)]

    @pytest.mark.parametrize("changed", [difference(after="0.0.0.0/0"), difference(before="10.7.0.0/16"), difference("/Other")])
    def test_with_no_unchanged_path_it_is_no_exception_at_all(self, changed) -> None:
        assert as_granted(active(), self.GRANTED, drift(changed)) is None

    def test_never_for_another_resource_nor_for_a_path_that_was_not_asked_for(self) -> None:
        assert as_granted(active(), self.GRANTED, drift(resource_id="arn:aws:ec2:eu-west-1:111111111111:security-group/sg-2")) is None
        assert as_granted(active(), self.GRANTED, drift(DESCRIPTION, difference("/New"))) is None

    def test_one_for_any_path_is_narrowed_to_those_that_were_there(self) -> None:
        left = as_granted(active(scope=(target(attribute_paths=None),)), self.GRANTED, drift(DESCRIPTION, difference("/New")))
        assert left == replace(active(), scope=(target(attribute_paths=("/Description",)),))
