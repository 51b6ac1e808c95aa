"""Approved but never happened: what of a record was seen, and what was not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from driftwatch.domain.authorization.policy import AutoPromote
from driftwatch.domain.authorization.unobserved import Observed
from driftwatch.domain.change import Approval, ApprovalDecision, ChangeOutcome, ChangeRecord, ChangeState, Target
from driftwatch.domain.finding import FindingState
from driftwatch.operations import findings, unobserved
from tests.world import BUCKETS, GROUPS, START, World, settled_world


def permit(*scope: Target, id_: str = "CHG-1", **fields: Any) -> ChangeRecord:
    defaults: dict[str, Any] = {
        "source": "tickets",
        "state": ChangeState.APPROVED,
        "requester": "ana",
        "approvals": (Approval(who="ben", decision=ApprovalDecision.APPROVED, at=START),),
        "created_at": START,
        "scope": scope or (Target(ids=("one",), attribute_paths=("/Size",)),),
    }
    return ChangeRecord(id=id_, **{**defaults, **fields})


def play(made: World, *records: ChangeRecord, **documents: Any) -> None:
    made.source.records = list(records)
    for name, document in documents.items():
        made.put(GROUPS, name, **{"Size": 1, "Rules": ["a", "b"], **document})
    made.scan()


def told(made: World) -> dict[str, tuple[Observed, list[tuple[int, str | None, str | None]]]]:
    listed = unobserved.listed(made.installation)
    return {item.record.id: (item.observed, [(part.target, part.id, part.path) for part in item.missing]) for item in listed}


def test_a_record_without_any_effect_is_named_with_all_that_it_would_have_covered() -> None:
    made = settled_world()
    play(made, permit(Target(ids=("one", "two"), attribute_paths=("/Size", "/Rules"))))
    every = [(1, name, path) for name in ("one", "two") for path in ("/Size", "/Rules")]
    assert told(made) == {"CHG-1": (Observed.NONE, every)}


def test_what_was_seen_in_part_is_told_part_by_part() -> None:
    made = settled_world()
    record = permit(Target(ids=("one", "two"), attribute_paths=("/Size",)), Target(ids=("one",), attribute_paths=("/Rules",)))
    play(made, record, one={"Size": 2})
    assert told(made) == {"CHG-1": (Observed.PART, [(1, "two", "/Size"), (2, "one", "/Rules")])}


@pytest.mark.parametrize("after", ["live", "reverted", "baselined"])
def test_an_effect_counts_whatever_became_of_it(after: str) -> None:
    made = settled_world()
    made.change(policy=replace(made.installation.policy, baseline=replace(made.installation.policy.baseline, auto_promote=AutoPromote.OFF)))
    play(made, permit(), one={"Size": 2})
    if after == "reverted":
        play(made, permit(), one={"Size": 1})
    elif after == "baselined":
        made.baseline()
    states = {item.state for item in findings.listed(made.installation, tuple(FindingState))}
    wanted = {"reverted": FindingState.REVERTED, "baselined": FindingState.BASELINED}.get(after)
    assert wanted is None or states == {wanted}
    assert told(made) == {}


def test_a_change_that_the_nearest_record_does_not_cover_is_no_effect_of_it() -> None:
    """The finding names the record, as the likeliest one, but it is not what the record allows."""
    made = settled_world()
    play(made, permit(), one={"Rules": ["a"]})
    (finding,) = made.live()
    assert finding.resource == "one"
    assert told(made) == {"CHG-1": (Observed.NONE, [(1, "one", "/Size")])}


def test_two_records_that_both_match_were_both_observed() -> None:
    """A finding names one record; the other had its effect, too."""
    made = settled_world()
    play(made, permit(), permit(id_="CHG-2"), one={"Size": 2})
    assert told(made) == {}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"state": ChangeState.CLOSED, "closed_at": START}, True),
        ({"state": ChangeState.IMPLEMENTING}, True),
        ({"state": ChangeState.REQUESTED}, True),
        ({"state": ChangeState.REQUESTED, "approvals": ()}, False),
        ({"state": ChangeState.DRAFT, "approvals": ()}, False),
        ({"state": ChangeState.CANCELLED}, False),
        ({"state": ChangeState.REJECTED}, False),
        ({"cancelled_at": START}, False),
        ({"state": ChangeState.CLOSED, "outcome": ChangeOutcome.BACKED_OUT}, False),
        ({"state": ChangeState.CLOSED, "outcome": ChangeOutcome.SUCCESSFUL}, True),
    ],
)
def test_only_what_was_approved_and_not_taken_back_is_expected(fields: dict[str, Any], named: bool) -> None:
    """A record whose source has no word for it counts as approved by its approvals."""
    made = settled_world()
    play(made, permit(**fields))
    assert bool(told(made)) is named


def test_targets_without_ids_or_paths_are_one_part_each() -> None:
    made = settled_world()
    record = permit(Target(resource_types=(GROUPS.type,)), Target(resource_types=(BUCKETS.type,), attribute_paths=("/Size",)))
    play(made, record, one={"Size": 2})
    assert told(made) == {"CHG-1": (Observed.PART, [(2, None, "/Size")])}


def test_a_record_without_a_scope_can_have_no_effect() -> None:
    made = settled_world()
    play(made, replace(permit(), scope=()))
    (item,) = unobserved.listed(made.installation)
    assert (item.observed, item.missing) == (Observed.NONE, ())
