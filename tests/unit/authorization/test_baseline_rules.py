"""R13: a baseline becomes the approved state by people who had no part in what it holds, or by its change records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.authorization.baseline_rules import auto_promotable, promotable
from driftwatch.domain.authorization.policy import AutoPromote, BaselineRequirement, Mode
from driftwatch.domain.baseline import Assurance, Disposition
from driftwatch.domain.change import ApprovalDecision
from driftwatch.domain.decision import RuleOutcome
from tests.builders import at, baseline_approval, context, included, policy, version

NOW = at("03-10 12:30")
REJECTED, WITHDRAWN = ApprovalDecision.REJECTED, ApprovalDecision.WITHDRAWN
RISKY = included(verdict="unauthorized", disposition=Disposition(kind="risk_accepted", by="sam"))


def ask(*approvals, preset="scaleup", now=NOW, made=None, **fields):
    """(promotable, details of what R13 found short)."""
    proposed = version(**{"approvals": approvals, **fields})
    allowed, results = promotable(proposed, made or policy(preset), now)
    assert {result.rule for result in results} == {"R13"}
    return allowed, [result.detail for result in results if result.outcome is RuleOutcome.FAIL]


def test_an_independent_person_in_the_right_role_is_enough() -> None:
    assert ask(baseline_approval("mia")) == (True, [])


@pytest.mark.parametrize("preset", ["startup", "scaleup", "enterprise"])
@pytest.mark.parametrize("author", ["mia", "mia@corp.example"])
def test_nobody_approves_their_own_proposal_at_any_tier_under_any_name(preset: str, author: str) -> None:
    assert ask(baseline_approval("mia"), preset=preset, author=author) == (False, ["approvals"])


@pytest.mark.parametrize(
    "approval",
    [
        baseline_approval("mia", content_hash="old"),
        baseline_approval("mia", "03-10 12:30:01"),
        baseline_approval("mia", decision=WITHDRAWN),
        baseline_approval("role/approver-bot"),
        baseline_approval("zoe"),
    ],
)
def test_another_content_the_future_a_withdrawal_a_machine_or_no_role_do_not_count(approval) -> None:
    assert ask(approval) == (False, ["approvals"])


def test_an_actor_of_any_included_drift_does_not_count() -> None:
    assert ask(baseline_approval("mia"), included=(included(actors=("bob", "AWSReservedSSO_Admin/mia")),)) == (False, ["approvals"])
    assert ask(baseline_approval("mia"), baseline_approval("dan"), included=(included(actors=("mia",)),)) == (True, [])


class TestLatestDecision:
    def test_a_standing_rejection_of_this_content_refuses(self) -> None:
        assert ask(baseline_approval("mia"), baseline_approval("zoe", decision=REJECTED)) == (False, ["rejected_by"])
        assert ask(baseline_approval("mia"), baseline_approval("zoe", decision=REJECTED, content_hash="old")) == (True, [])
        assert ask(baseline_approval("mia"), baseline_approval("zoe", decision=REJECTED), preset="startup") == (False, ["rejected_by"])

    def test_only_the_latest_of_each_person_counts_and_of_two_at_one_instant_the_worse(self) -> None:
        changed = (baseline_approval("mia", "03-10 11:30", REJECTED), baseline_approval("mia@corp.example", "03-10 12:00"))
        assert ask(*changed)[0]
        assert ask(*reversed(changed))[0]
        tied = (baseline_approval("mia"), baseline_approval("mia", decision=REJECTED))
        assert not ask(*tied)[0]
        assert not ask(*reversed(tied))[0]


class TestAssurance:
    """An OS user is worth as much as shell access to the store: above the startup tier only a signature counts."""

    def test_an_approval_without_a_signature_does_not_count_above_startup(self) -> None:
        local = replace(baseline_approval("mia"), assurance=Assurance.LOCAL)
        assert ask(local) == (False, ["approvals"])
        assert ask(replace(local, assurance=None)) == (False, ["approvals"])
        assert ask(local, preset="startup") == (True, [])
        assert ask(local, made=replace(policy("scaleup"), min_assurance=Assurance.LOCAL)) == (True, [])

    def test_a_rejection_counts_however_it_was_given(self) -> None:
        refusal = replace(baseline_approval("zoe", decision=REJECTED), assurance=Assurance.LOCAL)
        assert ask(baseline_approval("mia"), refusal) == (False, ["rejected_by"])


class TestHowMany:
    def test_enough_people_and_every_group_of_roles(self) -> None:
        assert ask(baseline_approval("mia"), baseline_approval("sam"), preset="enterprise") == (True, [])
        assert ask(baseline_approval("mia"), baseline_approval("dan"), preset="enterprise") == (False, ["approvals"])
        assert ask(baseline_approval("sam"), preset="enterprise") == (False, ["approvals"])

    @pytest.mark.parametrize("bootstrap", [True, False])
    def test_at_least_one_person_always(self, bootstrap: bool) -> None:
        nobody = replace(policy("scaleup"), baseline=BaselineRequirement(min_count=0))
        assert ask(made=nobody, bootstrap=bootstrap, included=()) == (False, ["approvals"])
        assert ask(preset="startup", bootstrap=bootstrap, included=()) == (False, ["approvals"])


class TestUncoveredDrift:
    @pytest.mark.parametrize("verdict", ["authorized", "authorized_standard", "authorized_machine", "not_controlled"])
    def test_what_a_record_covers_needs_no_disposition(self, verdict: str) -> None:
        assert ask(baseline_approval(), included=(included(verdict=verdict),)) == (True, [])

    @pytest.mark.parametrize(
        "verdict", ["unauthorized", "partially_authorized", "indeterminate", "exception_expired", "excepted", "emergency_pending_review"]
    )
    def test_anything_else_needs_one_by_somebody_who_did_not_make_it(self, verdict: str) -> None:
        bare = included(verdict=verdict)
        assert ask(baseline_approval(), included=(bare,)) == (False, ["disposition"])
        own = replace(bare, disposition=Disposition(kind="ratified", by="bob@corp.example"))
        assert ask(baseline_approval(), included=(own,)) == (False, ["disposition"])
        other = replace(bare, disposition=Disposition(kind="ratified", by="sam"))
        assert ask(baseline_approval(), included=(other,)) == (True, [])


class TestWhereItOnlyWarns:
    """startup: any approver but the author suffices, and what is short of R13 is told."""

    def test_any_approver_suffices_and_the_shortfall_is_in_the_result(self) -> None:
        assert ask(baseline_approval("zoe"), preset="startup") == (True, [])
        assert ask(baseline_approval("bob"), preset="startup") == (True, ["approvals"])
        assert ask(baseline_approval("zoe"), preset="startup", included=(included(verdict="unauthorized"),)) == (True, ["disposition"])

    def test_nobody_is_not_any_approver(self) -> None:
        assert ask(preset="startup") == (False, ["approvals"])

    def test_switching_the_rule_off_warns_too(self) -> None:
        assert ask(baseline_approval("zoe"), made=policy("scaleup", rules={"R13": Mode.OFF})) == (True, ["approvals"])


class TestWithoutPeople:
    def test_covered_drift_promotes_itself_where_the_policy_says_so(self) -> None:
        covered = version(included=(included(), included("D-2", "authorized_machine"), included("D-3", "not_controlled")))
        assert auto_promotable(covered, policy("scaleup"))[0]
        assert not auto_promotable(covered, policy("enterprise"))[0]

    @pytest.mark.parametrize(
        "fields", [{"bootstrap": True}, {"included": ()}, {"included": (included(), RISKY)}, {"included": (included(verdict="excepted"),)}]
    )
    def test_a_first_baseline_an_unexplained_one_or_an_uncovered_drift_needs_people(self, fields: dict) -> None:
        allowed, results = auto_promotable(version(**fields), policy("scaleup"))
        assert (allowed, [result.detail for result in results]) == (False, ["needs_people"])

    def test_auto_promote_off_is_off(self) -> None:
        off = replace(policy("scaleup"), baseline=BaselineRequirement(auto_promote=AutoPromote.OFF))
        assert not auto_promotable(version(), off)[0]


def test_the_explanation_says_what_is_missing_and_who_does_not_count() -> None:
    proposed = version(author="dan", included=(included(actors=("mia",)),), approvals=(baseline_approval("mia"), baseline_approval("dan")))
    _, [result] = promotable(proposed, policy("scaleup"), NOW)
    assert result.explanation == (
        "Of the approvals that this content needs, 0 of 1 required approvals given and no approver is manager, change_manager or security; "
        "dan proposed it and does not count and mia made a change that it includes and does not count."
    )


def test_a_role_that_an_approval_claims_for_itself_counts_for_nothing() -> None:
    claimed = replace(baseline_approval("zoe"), role="manager")
    assert ask(claimed) == (False, ["approvals"])
    assert ask(claimed, made=replace(policy("scaleup"), context=context(roles={"zoe": ("manager",)}))) == (True, [])
