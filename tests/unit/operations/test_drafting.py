"""Scopes drafted from findings and plans, as a person would use them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from driftwatch.change_sources.register import RegisterSource
from driftwatch.documents.drafts import draft
from driftwatch.domain.authorization.policy import Ignore
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.errors import InputError, NotFoundError, RefusedError
from driftwatch.operations import drafting, findings, register
from tests.world import ANA, BEN, GROUPS, World, settled_world

PLAN = Path(__file__).parents[1] / "documents" / "plans" / "changes.json"


def drifted() -> World:
    made = settled_world(register="register")
    made.change(sources=[RegisterSource("register", made.store), made.source])
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.scan()
    return made


def test_a_record_drafted_from_a_finding_allows_that_change_the_next_time_and_no_other() -> None:
    made = drifted()
    (finding,) = made.live()
    drafted = drafting.from_finding(made.installation, finding.id[:12])
    assert "can ratify it" in drafted.notes[0]
    made.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    made.scan()
    record = draft({"id": "CHG-1", "title": drafted.title, "scope": list(drafted.scope)}, "the finding", made.now)
    register.new(made.installation, record, ANA)
    held = register.request(made.installation, "CHG-1", ANA)
    register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash)
    made.now += timedelta(hours=1)
    made.scan()
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.put(GROUPS, "two", Size=2, Rules=["a", "b"])
    made.scan()
    verdicts = {
        item.resource: item.verdict_current
        for item in findings.listed(made.installation, tuple(FindingState))
        if item.first_seen == made.now
    }
    assert verdicts == {"one": Verdict.AUTHORIZED, "two": Verdict.UNAUTHORIZED}


def test_what_the_policy_ignores_is_not_drafted() -> None:
    made = drifted()
    (finding,) = made.live()
    ignore = Ignore(resource_types=("*",), attribute_paths=("/Size",))
    context = replace(made.installation.policy.context, ignore=(ignore,))
    made.change(policy=replace(made.installation.policy, context=context))
    with pytest.raises(RefusedError, match="nothing to cover"):
        drafting.from_finding(made.installation, finding.id)
    with pytest.raises(NotFoundError):
        drafting.from_finding(made.installation, "nothing")


def test_the_only_watched_account_is_where_a_plan_is_applied_unless_told_otherwise(tmp_path: Path) -> None:
    made = World()
    accounts = {tuple(target["accounts"]) for target in drafting.from_plan(made.installation, PLAN).scope}
    assert accounts == {("111111111111",)}
    made.change(accounts=["111111111111", "222222222222"])
    drafted = drafting.from_plan(made.installation, PLAN)
    assert any("accounts" not in target for target in drafted.scope)
    assert any("in any account" in note for note in drafted.notes)
    with pytest.raises(InputError, match="no such file"):
        drafting.from_plan(made.installation, tmp_path / "none.json")


def test_a_plan_of_which_nothing_can_be_covered_makes_no_record(tmp_path: Path) -> None:
    """The error names each resource that has no target."""
    plan = tmp_path / "plan.json"
    change = '{"actions": ["create"], "before": null, "after": {}, "after_unknown": {}}'
    resource = f'{{"address": "aws_odd.a", "mode": "managed", "type": "aws_odd", "provider_name": "x/aws", "change": {change}}}'
    plan.write_text(f'{{"format_version": "1.2", "resource_changes": [{resource}]}}')
    with pytest.raises(InputError, match=r"no target can be made(.|\n)*aws_odd\.a: the map does not know aws_odd"):
        drafting.from_plan(World().installation, plan)
