"""Which records name a resource, and R2: what of it they cover."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.authorization.decide import CandidateIndex, decide
from driftwatch.domain.authorization.policy import Mode
from driftwatch.domain.change import Target
from driftwatch.domain.decision import RuleOutcome, Verdict
from driftwatch.domain.drift import DriftKind, Op
from tests.builders import ACCOUNT, GROUP, approval, at, difference, drift, event, policy, record, source, target

CREATED, UPDATED, DELETED, TRANSIENT = DriftKind.CREATED, DriftKind.UPDATED, DriftKind.DELETED, DriftKind.TRANSIENT


def named(scope: Target, drift_=None, preset: str = "scaleup") -> bool:
    """Whether the record is a candidate, found through the index."""
    return bool(CandidateIndex([record(scope=(scope,))], policy(preset)).candidates(drift_ or drift()))


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (GROUP, True),
        (GROUP.upper(), False),
        ("arn:aws:ec2:*:security-group/sg-*", True),
        ("arn:aws:ec2:eu-west-1:111111111111:security-group/sg-0a?", True),
        ("arn:aws:ec2:eu-west-1:111111111111:security-group/sg-0a1?", False),
        ("arn:aws:ec2:eu-west-1:111111111111:security-group/sg-", False),
        ("arn:aws:ec2:eu-west-1:111111111111:security-group/[s]g-0a1", False),
        ("*:security-group/sg-0a1", True),
        ("sg-0a1", True),
        ("web", True),
        ("sg-*", False),
        ("sg-0a", False),
        ("*", False),
        ("", False),
    ],
)
def test_an_id_is_a_glob_over_the_arn_or_without_a_colon_the_exact_id_or_label(pattern: str, matches: bool) -> None:
    assert named(Target(ids=(pattern,))) is matches


def test_a_resource_without_id_and_label_is_not_named_by_an_empty_pattern() -> None:
    assert not named(Target(ids=("",)), drift(resource="", label=None))


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ({"accounts": (ACCOUNT,)}, True),
        ({"accounts": ("1111*",)}, True),
        ({"accounts": ("222222222222",)}, False),
        ({"accounts": ()}, False),
        ({"regions": ("eu-*",)}, True),
        ({"regions": ("us-east-1",)}, False),
        ({"resource_types": ("AWS::EC2::*",)}, True),
        ({"resource_types": ("aws::ec2::*",)}, False),
        ({"ids": ()}, False),
        ({"ids": ("arn:other", GROUP)}, True),
        ({"ids": (GROUP, "arn:other")}, True),
        ({"tags": {"app": ("web",)}}, True),
        ({"tags": {"app": ("*",)}}, True),
        ({"tags": {"app": ("api", "web"), "env": ("prod",)}}, True),
        ({"tags": {"app": ("web",), "env": ("test",)}}, False),
        ({"tags": {"team": ("*",)}}, False),
        ({"tags": {"app": ("w*",)}}, False),
    ],
)
def test_all_given_fields_have_to_match(fields: dict, matches: bool) -> None:
    assert named(Target(**{"resource_types": ("AWS::EC2::SecurityGroup",), **fields})) is matches


class TestHowMuchATargetMustSay:
    def test_account_and_region_alone_match_only_where_the_policy_allows_it(self) -> None:
        assert named(Target(accounts=(ACCOUNT,)), preset="startup")
        assert named(Target(regions=("*",)), preset="startup")
        assert not named(Target(accounts=(ACCOUNT,), regions=("eu-west-1",)), preset="scaleup")

    @pytest.mark.parametrize("empty", [Target(), Target(tags={}), Target(attribute_paths=("",), operations=(UPDATED,))])
    def test_a_target_that_names_nothing_matches_nothing_at_any_tier(self, empty: Target) -> None:
        assert not named(empty, preset="startup")

    def test_a_resource_type_is_enough(self) -> None:
        assert named(Target(resource_types=("AWS::EC2::SecurityGroup",)))
        assert named(Target(resource_types=("*",)))


class TestTags:
    SCOPE = Target(tags={"app": ("web",)})

    def test_retagging_cannot_pull_a_resource_into_scope(self) -> None:
        assert not named(self.SCOPE, drift(tags_before={"app": "other"}, tags_after={"app": "web"}))
        assert named(self.SCOPE, drift(tags_before={"app": "web"}, tags_after={"app": "other"}))

    def test_what_is_new_has_only_the_tags_it_came_with(self) -> None:
        assert named(self.SCOPE, drift(kind=CREATED, tags_before={}, tags_after={"app": "web"}))
        assert not named(self.SCOPE, drift(kind=DELETED, tags_before={}, tags_after={"app": "web"}))


def r2(scope: tuple[Target, ...], drift_=None, preset="scaleup", **fields):
    decision = decide(
        drift_ or drift(),
        events=[event()],
        records=[record(scope=scope)],
        sources=[source()],
        policy=policy(preset, **fields),
        now=at("03-10 12:00"),
    )
    return decision, decision.paths[0].considered[0].results


@pytest.mark.parametrize(
    ("operations", "kind", "preset", "covered"),
    [
        (None, CREATED, "scaleup", True),
        (None, UPDATED, "scaleup", True),
        (None, TRANSIENT, "scaleup", True),
        (None, DELETED, "scaleup", False),
        (None, DELETED, "startup", True),
        ((UPDATED,), TRANSIENT, "scaleup", True),
        ((UPDATED,), DELETED, "startup", False),
        ((CREATED,), UPDATED, "startup", False),
        ((DELETED,), DELETED, "enterprise", True),
        ((), UPDATED, "startup", False),
    ],
)
def test_the_operation_has_to_be_covered(operations, kind, preset, covered) -> None:
    _, results = r2((target(operations=operations, attribute_paths=None),), drift(kind=kind), preset)
    assert (results[0].outcome is RuleOutcome.PASS) is covered


@pytest.mark.parametrize(
    ("patterns", "path", "covered"),
    [
        (("",), "/Description", True),
        (("",), "", True),
        (("/IngressRules",), "/IngressRules", True),
        (("/IngressRules",), "/IngressRules/sgr-01/CidrIpv4", True),
        (("/IngressRules",), "/IngressRulesX", False),
        (("/IngressRules/sgr-01",), "/IngressRules", False),
        (("/IngressRules",), "", False),
        (("/*/sgr-0?",), "/IngressRules/sgr-01/CidrIpv4", True),
        (("/**/CidrIpv4",), "/IngressRules/sgr-01/CidrIpv4", True),
        ((), "/Description", False),
    ],
)
def test_a_path_is_covered_by_itself_or_an_ancestor(patterns, path, covered) -> None:
    _, results = r2((target(attribute_paths=patterns),), drift(difference(path)))
    assert (results[0].outcome is RuleOutcome.PASS) is covered


class TestTypesThatMustNamePaths:
    KEY = drift(difference("/KeyPolicy"), resource_type="AWS::KMS::Key", resource_id="arn:aws:kms:eu-west-1:111111111111:key/1")
    WIDE = (Target(resource_types=("AWS::KMS::Key",)),)

    def test_an_update_under_a_record_without_paths_is_not_covered(self) -> None:
        decision, results = r2(self.WIDE, self.KEY, "enterprise")
        assert decision.verdict is Verdict.UNAUTHORIZED
        assert "requires a record to name the attribute paths" in results[0].explanation
        assert r2(self.WIDE, self.KEY, "scaleup")[0].verdict is Verdict.AUTHORIZED
        named_paths = (replace(self.WIDE[0], attribute_paths=("/KeyPolicy",)),)
        assert r2(named_paths, self.KEY, "enterprise")[0].verdict is Verdict.AUTHORIZED

    def test_a_creation_is(self) -> None:
        created = replace(self.KEY, kind=CREATED, changes=(difference("", Op.ADD, before=None, after={}),))
        assert r2(self.WIDE, created, "enterprise")[0].verdict is Verdict.AUTHORIZED


class TestTheGate:
    OUTSIDE = (target(attribute_paths=("/Tags",)),)

    def test_out_of_scope_is_the_only_thing_reported(self) -> None:
        decision, results = r2(self.OUTSIDE)
        assert [result.rule for result in results] == ["R2"]
        assert [result.rule for result in decision.violations] == ["R2"]

    @pytest.mark.parametrize("mode", [Mode.WARN, Mode.OFF])
    def test_where_it_is_not_enforced_the_record_has_to_satisfy_all_others(self, mode: Mode) -> None:
        bad = record(scope=self.OUTSIDE, approvals=())
        made = policy("scaleup", rules={"R2": mode})
        decision = decide(drift(), events=[event()], records=[bad], sources=[source()], policy=made, now=at("03-10 12:00"))
        assert decision.verdict is Verdict.UNAUTHORIZED
        assert {result.rule for result in decision.violations} == {"R4"}
        good = replace(bad, approvals=(approval(),))
        decision = decide(drift(), events=[event()], records=[good], sources=[source()], policy=made, now=at("03-10 12:00"))
        assert decision.verdict is Verdict.AUTHORIZED

    def test_the_explanation_says_what_is_covered_instead(self) -> None:
        _, results = r2((*self.OUTSIDE, target(operations=(CREATED, DELETED))))
        assert results[0].explanation == (
            "The record names this resource but does not cover the update of /IngressRules/sgr-01/CidrIpv4: it allows only that "
            "resources be created or deleted; it covers only /Tags; it would have passed with a target that covers the update of "
            "/IngressRules/sgr-01/CidrIpv4."
        )
