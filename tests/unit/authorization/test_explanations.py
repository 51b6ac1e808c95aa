"""`findings why`: the decision in words, complete and without holes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.authorization.explain import explain
from driftwatch.domain.authorization.policy import Ignore
from driftwatch.domain.authorization.rules import RULE_NAMES, RULES, SCOPE
from driftwatch.domain.change import ChangeOutcome, ChangeType
from tests.builders import GROUP, approval, at, context, difference, drift, event, policy, record, source, target


def lines(*records, events=(), sources=(), drift_=None, made=None, now="03-10 12:30") -> list[str]:
    return explain(decide(drift_ or drift(), events=events, records=list(records), sources=sources, policy=made or policy(), now=at(now)))


def test_a_covered_change_is_told_rule_by_rule() -> None:
    assert lines(record(), events=[event()]) == [
        "Authorised: a change record covers every change.",
        "/IngressRules/sgr-01/CidrIpv4: authorized by CHG-1",
        "  CHG-1: authorized",
        "    R2 OUT_OF_SCOPE, pass: The record covers the update of /IngressRules/sgr-01/CidrIpv4.",
        "    R3 OUTSIDE_WINDOW, pass: The change was made at 10:30 UTC on 2026-03-10, inside the window 10:00-12:00 UTC on 2026-03-10.",
        "    R4 NOT_APPROVED_AT_TIME, pass: mia (manager) approved it by 15:00 UTC on 2026-03-09, 19 hours 30 minutes before the change.",
        "    R5 SOD_APPROVER, pass: mia (manager) approved it and took no other part in the change.",
        "    R6 PEER_REVIEW_MISSING, pass: carol reviewed it and did not make it.",
        "    R7 TEST_EVIDENCE_MISSING, pass: The integration test in staging passed at 13:00 UTC on 2026-03-09.",
        "    R8 ACTOR_NOT_IMPLEMENTER, pass: It was made by bob, whom the record names as implementer.",
        "    R9 VALUE_MISMATCH, pass: The record says nothing about the new value.",
        "    R11 RECORD_STATE, pass: The record was neither cancelled, rejected, backed out nor over when the change was made.",
        "    R12 CHANGE_FREEZE, pass: No freeze of this resource held when the change was made, or somebody in its role had allowed it.",
        "    R15 PRIVILEGED_ACTOR, pass: bob is no identity that is kept for emergencies.",
        "    R16 EDITED_AFTER_APPROVAL, pass: The record was not changed in substance after it was written.",
        "    R18 PIPELINE_BYPASS, pass: The policy lets people change this resource without a pipeline.",
        "    R19 ROLLBACK_PLAN_MISSING, pass: The record says how to go back.",
    ]


def test_without_a_record_it_says_that_none_covered_and_what_would_have() -> None:
    missing = (
        f"No change record covers /IngressRules/sgr-01/CidrIpv4 of {GROUP}, changed between 10:00 and 11:00 UTC on 2026-03-10: none "
        "names the resource; a record that names it, approved before the change, would have covered it."
    )
    assert lines() == [
        "Unauthorised: no change record allowed this.",
        "/IngressRules/sgr-01/CidrIpv4: unauthorized",
        f"  R1 NO_RECORD, fail: {missing}",
    ]


def test_an_unread_source_is_told_beside_the_missing_record() -> None:
    told = lines(sources=[source("03-10 10:30")], now="03-10 11:05")
    assert told[:3] == [
        "Indeterminate: it cannot be told yet whether a change record covers this.",
        "Not settled yet: events and change records may still arrive.",
        "/IngressRules/sgr-01/CidrIpv4: indeterminate",
    ]
    assert told[3].startswith("  R1 NO_RECORD, fail: ")
    assert told[4] == (
        "  SOURCE_STALE, unknown: The change was made between 10:00 and 11:00 UTC on 2026-03-10, but the change source tickets was last "
        "read at 10:30 UTC on 2026-03-10, 30 minutes too early to know of it: a record that covers it may be waiting there."
    )
    assert "has never been read" in lines(sources=[source(None)])[4]


def test_every_considered_record_is_told_from_best_to_worst_and_what_the_policy_ignores_too() -> None:
    ignoring = replace(policy(), context=context(ignore=(Ignore(resource_types=("*",), attribute_paths=("/OwnerId",)),)))
    both = drift(difference(), difference("/OwnerId"))
    told = lines(
        record(),
        record(id="CHG-2", scope=(target(attribute_paths=("/Tags",)),)),
        record(id="CHG-3"),
        record(id="CHG-4", type=ChangeType.EMERGENCY, approvals=()),
        drift_=both,
        made=ignoring,
    )
    assert [line for line in told if re.match(r"  \S", line)] == [
        "  CHG-1: authorized",
        "  CHG-3: authorized",
        "  CHG-4: emergency_pending_review",
        "  CHG-2: unauthorized",
    ]
    assert told[-2:] == [
        "Also covered by CHG-3.",
        "Ignored, as the policy says: /OwnerId.",
    ]


def test_an_uncovered_path_names_the_nearest_record() -> None:
    told = lines(record(approvals=()), events=[event()])
    assert told[1] == "/IngressRules/sgr-01/CidrIpv4: unauthorized, nearest is CHG-1"


def test_it_is_told_what_the_nearest_record_would_have_needed_for_every_enforced_rule_also_behind_the_gate() -> None:
    """Out of scope, it is asked for nothing else; the amendment must still be complete, or the user amends in vain."""
    poor = record(scope=(target(attribute_paths=("/Tags",)),), approvals=(), reviews=(), tests=(), windows=())
    told = lines(poor, events=[event()])
    assert [line for line in told if line.startswith("    R")] == [line for line in told if line.startswith("    R2 ")]
    assert told[-1] == (
        "  Smallest amendment: CHG-1 would have covered it with a target that covers the update of /IngressRules/sgr-01/CidrIpv4, its "
        "approval complete by 10:30 UTC on 2026-03-10, an approving review of abc123 by somebody who did not make the change and a passed "
        "test in dev, test or staging."
    )


def test_an_amendment_names_what_is_unknown_only_where_the_policy_does_not_accept_it() -> None:
    undated = record(approvals=(approval(time="03-10 10:30"),))
    [told] = [line for line in lines(undated) if "Smallest amendment" in line]
    assert told == (
        "  Smallest amendment: CHG-1 would have covered it with its approval complete by 10:00 UTC on 2026-03-10, or a logged call that "
        "dates the change after it."
    )
    assert not any("Smallest" in line for line in lines(undated, made=policy("startup")))
    refused = lines(replace(undated, outcome=ChangeOutcome.BACKED_OUT), made=policy("startup"))
    assert refused[-1] == "  Smallest amendment: CHG-1 would have covered it with a record whose change was not backed out."


def test_a_review_that_is_due_names_its_time() -> None:
    told = lines(record(type=ChangeType.EMERGENCY, approvals=(), created_at=at("03-10 10:50")), events=[event()])
    assert told[0] == "Pending: an emergency change that still has to be reviewed."
    assert told[-1] == "The review is due by 10:30 UTC on 2026-03-13."


def test_every_rule_has_a_name() -> None:
    assert set(RULE_NAMES) == {f"R{number}" for number in range(1, 20)} == {"R1", "R13", "R14", SCOPE.id, *(rule.id for rule in RULES)}


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0 seconds"),
        (timedelta(milliseconds=300), "less than a second"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=61), "1 minute 1 second"),
        (timedelta(minutes=-7), "7 minutes"),
        (timedelta(hours=1, seconds=5), "1 hour"),
        (timedelta(hours=25, minutes=59), "1 day 1 hour"),
        (timedelta(days=400), "400 days"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(span: timedelta, text: str) -> None:
    assert words.duration(span) == text


def test_times_show_their_day_and_seconds_only_where_there_are_any() -> None:
    assert words.instant(at("03-10 12:05:09")) == "12:05:09 UTC on 2026-03-10"
    assert words.between(at("03-09 23:50"), at("03-10 00:20")) == "between 23:50 UTC on 2026-03-09 and 00:20 UTC on 2026-03-10"
    assert words.stretch(at("03-10 08:00"), at("03-10 09:53")) == "08:00-09:53 UTC on 2026-03-10"


def test_a_failure_that_only_warns_is_told_as_such() -> None:
    told = lines(record(tests=()), events=[event()], made=policy("startup"))
    assert told[0].startswith("Authorised")
    (line,) = [line for line in told if "R7 " in line]
    assert line.startswith("    R7 TEST_EVIDENCE_MISSING, fail (a warning only): The record shows no test in ")
