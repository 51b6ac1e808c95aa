"""R8, R15 and R18: who made the change, under which identity, and by hand or through a pipeline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftwatch.domain.activity import ActorEvent, ActorKind, RunRef
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.change import ChangeType, Target
from driftwatch.domain.decision import Verdict
from tests.builders import CIDR, context, difference, drift, event, policy, record, target, template
from tests.unit.authorization.asking import FAIL, NOT_APPLICABLE, PASS, UNDATED, UNKNOWN, ask, asked, decided, rules

HUMAN, PIPELINE, SERVICE, NOBODY = ActorKind.HUMAN, ActorKind.PIPELINE, ActorKind.AWS_SERVICE, ActorKind.UNKNOWN
TERRAFORM = "role/terraform-prod"


def by(actor: str | None, kind: ActorKind = HUMAN, **fields) -> tuple[ActorEvent]:
    return (event(actor=actor, actor_kind=kind, **fields),)


class TestImplementer:
    """R8."""

    @pytest.mark.parametrize(
        ("events", "implementers", "outcome", "detail"),
        [
            (by("bob"), ("bob",), PASS, ""),
            (by("bob@corp.example"), ("bob",), PASS, ""),
            (by("bob"), ("bob@corp.example",), PASS, ""),
            (by("bob"), ("alice", "bob"), PASS, ""),
            (by("bob"), ("group:netops",), PASS, ""),
            (by("bob@corp.example"), ("group:netops",), PASS, ""),
            (by("alice", on_behalf_of="bob"), ("bob",), PASS, ""),
            (by(None, on_behalf_of="bob"), ("bob",), PASS, ""),
            (by("bob"), ("group:dbas",), FAIL, "not_implementer"),
            (by("bob"), ("alice",), FAIL, "not_implementer"),
            (by("Bob"), ("bob",), FAIL, "not_implementer"),
            (by("bob", invoked_by="cloudformation.amazonaws.com"), ("cloudformation.amazonaws.com",), FAIL, "not_implementer"),
            (by("bob"), (), UNKNOWN, "no_implementers"),
            (UNDATED, ("bob",), UNKNOWN, "no_actor"),
            (by("bob", NOBODY), ("bob",), UNKNOWN, "no_actor"),
            (by(None), ("bob",), UNKNOWN, "no_actor"),
            (by(None, PIPELINE, on_behalf_of="bob"), ("bob",), UNKNOWN, "no_actor"),
            (by(None, SERVICE), ("bob",), UNKNOWN, "no_actor"),
            (by("role/other-ci", PIPELINE), ("role/other-ci",), PASS, ""),
            (by("role/other-ci", PIPELINE), ("bob",), FAIL, "not_implementer"),
            (by("role/other-ci", PIPELINE), (), FAIL, "not_implementer"),
            (by("role/other-ci", PIPELINE, on_behalf_of="bob"), ("bob",), FAIL, "not_implementer"),
            (by("ssm.amazonaws.com", SERVICE), ("ssm.amazonaws.com",), PASS, ""),
            (by("ssm.amazonaws.com", SERVICE), (), FAIL, "not_implementer"),
            (by(TERRAFORM, PIPELINE), (), PASS, ""),
            (by(TERRAFORM, PIPELINE), ("alice",), PASS, ""),
            (by(TERRAFORM, SERVICE), ("alice",), FAIL, "not_implementer"),
            (by(TERRAFORM, HUMAN), ("alice",), FAIL, "not_implementer"),
        ],
    )
    def test_people_and_groups_that_are_named_registered_pipelines_and_listed_automation(
        self, events, implementers, outcome, detail
    ) -> None:
        result = ask("R8", record(implementers=implementers), events=events)
        assert (result.outcome, result.detail) == (outcome, detail)

    def test_a_pipeline_is_known_under_any_of_its_names(self) -> None:
        named = replace(policy(), context=context(identities={"terraform": ("arn:ci/terraform", TERRAFORM)}))
        for name in ("terraform", "arn:ci/terraform", TERRAFORM):
            assert ask("R8", record(implementers=()), events=by(name, PIPELINE), made=named).outcome is PASS
        assert ask("R8", record(implementers=()), events=by("role/terraform-prod2", PIPELINE), made=named).outcome is FAIL

    @pytest.mark.parametrize(
        ("run", "outcome", "detail"),
        [
            (None, UNKNOWN, "unlinked"),
            (RunRef(), UNKNOWN, "unlinked"),
            (RunRef(change_id="CHG-1"), PASS, ""),
            (RunRef(commit="abc123"), PASS, ""),
            (RunRef(run_id="run-7"), PASS, ""),
            (RunRef(change_id="CHG-2", run_id="run-7"), PASS, ""),
            (RunRef(change_id="CHG-2"), FAIL, "other_run"),
            (RunRef(change_id="chg-1"), FAIL, "other_run"),
            (RunRef(commit="abc12"), FAIL, "other_run"),
            (RunRef(run_id="run-8"), FAIL, "other_run"),
        ],
    )
    def test_where_the_policy_wants_a_link_the_run_names_the_record_its_artifact_or_a_run(self, run, outcome, detail) -> None:
        judged, events = record(run_ids=("run-6", "run-7")), by(TERRAFORM, PIPELINE, run_ref=run)
        result = ask("R8", judged, events=events, made=policy("enterprise"))
        assert (result.outcome, result.detail) == (outcome, detail)
        assert ask("R8", judged, events=events).outcome is PASS

    def test_a_run_without_a_commit_is_not_of_a_record_without_an_artifact(self) -> None:
        events = by(TERRAFORM, PIPELINE, run_ref=RunRef(run_id="x"))
        assert ask("R8", record(artifact_ref=None), events=events, made=policy("enterprise")).outcome is FAIL

    @pytest.mark.parametrize(
        ("events", "fields", "made", "text"),
        [
            (
                by("mallory"),
                {},
                None,
                (
                    "It was made by mallory, and the record says that bob implements it; it would have passed with mallory among its "
                    "implementers."
                ),
            ),
            (
                by("mallory", on_behalf_of="eve"),
                {"implementers": ("bob", "group:netops")},
                None,
                (
                    "It was made by mallory for eve, and the record says that bob or group:netops implements it; it would have passed with "
                    "mallory among its implementers."
                ),
            ),
            (
                by("role/other-ci", PIPELINE),
                {"implementers": ()},
                None,
                (
                    "It was made by role/other-ci, and the record says that nobody implements it; it would have passed with role/other-ci "
                    "among its implementers."
                ),
            ),
            (
                by(TERRAFORM, PIPELINE, run_ref=RunRef(change_id="CHG-2", commit="def", run_id="r9")),
                {},
                policy("enterprise"),
                (
                    "It was made by the registered pipeline role/terraform-prod for the record CHG-2, the commit def and the run r9, which "
                    "is not of CHG-1; it would have passed with a run that names the record, its artifact or one of its runs."
                ),
            ),
            (by("bob"), {}, None, "It was made by bob, whom the record names as implementer."),
            (
                by("bob"),
                {"implementers": ()},
                None,
                "It was made by bob, and the record names no implementer to compare with.",
            ),
            (
                UNDATED,
                {},
                None,
                (
                    "No logged call tells who made the change between 10:00 and 11:00 UTC on 2026-03-10, so nobody can say whether an "
                    "implementer did."
                ),
            ),
            (
                by(None),
                {},
                None,
                "The call ModifySecurityGroupRules does not tell who made it, so nobody can say whether an implementer did.",
            ),
            (
                by(TERRAFORM, PIPELINE),
                {},
                policy("enterprise"),
                "It was made by the registered pipeline role/terraform-prod, whose run does not say which record it carried out.",
            ),
            (
                by(TERRAFORM, PIPELINE),
                {},
                None,
                "It was made by the registered pipeline role/terraform-prod, and the log names no human behind it.",
            ),
            (
                by(TERRAFORM, PIPELINE, on_behalf_of="bob", run_ref=RunRef(change_id="CHG-1")),
                {},
                policy("enterprise"),
                "It was made by a run of the registered pipeline role/terraform-prod that belongs to this record, on behalf of bob.",
            ),
        ],
    )
    def test_the_sentences_say_who_made_it_and_who_should_have(self, events, fields, made, text) -> None:
        assert ask("R8", record(**fields), events=events, made=made).explanation == text

    @pytest.mark.parametrize(
        ("preset", "failed", "unknown"),
        [("startup", None, None), ("scaleup", "warnings", "warnings"), ("enterprise", "violations", "violations")],
    )
    def test_startup_does_not_ask_scaleup_warns_and_enterprise_takes_doubt_for_failure(self, preset, failed, unknown) -> None:
        for events, where in ((by("mallory"), failed), (by("bob", NOBODY), unknown)):
            decision = decided(record(), events=events, made=policy(preset))
            found = {name for name in ("violations", "unknowns", "warnings") if "R8" in rules(getattr(decision, name))}
            assert found == ({where} if where else set())


class TestPrivileged:
    """R15."""

    @pytest.mark.parametrize(
        ("events", "outcome"),
        [
            (by("root"), FAIL),
            (by("role/BreakGlass"), FAIL),
            (by("role/breakglass"), PASS),
            (by("role/BreakGlass-2"), PASS),
            (by("bob"), PASS),
            (by("bob", on_behalf_of="root"), PASS),
            (by("root", PIPELINE), FAIL),
            (by("root", NOBODY), FAIL),
            (by(None, on_behalf_of="bob"), NOT_APPLICABLE),
            (UNDATED, NOT_APPLICABLE),
        ],
    )
    def test_the_identity_that_was_used_whatever_kind_it_was(self, events, outcome) -> None:
        assert ask("R15", record(), events=events).outcome is outcome

    def test_by_glob_and_by_the_name_that_was_used_or_its_persons_and_not_by_another_name_of_that_person(self) -> None:
        made = replace(
            policy(),
            context=context(
                privileged_actors=("role/Break*", "firefighter"), identities={"firefighter": ("f@x",), "mia": ("role/BreakGlass",)}
            ),
        )
        assert ask("R15", record(), events=by("role/BreakAll"), made=made).outcome is FAIL
        assert ask("R15", record(), events=by("f@x"), made=made).outcome is FAIL
        assert ask("R15", record(), events=by("role/BreakGlass"), made=made).outcome is FAIL
        assert ask("R15", record(), events=by("mia"), made=made).outcome is PASS

    @pytest.mark.parametrize(("kind", "is_asked"), [(ChangeType.NORMAL, True), (ChangeType.STANDARD, True), (ChangeType.EMERGENCY, False)])
    def test_an_emergency_may_use_it(self, kind: ChangeType, is_asked: bool) -> None:
        made = replace(policy(), context=context(templates=(template(),)))
        judged = record(type=kind, template_id="STD-RULES", implementers=("root",))
        assert ("R15" in asked(judged, events=by("root"), made=made)) is is_asked

    def test_the_sentence(self) -> None:
        assert ask("R15", record(), events=by("root")).explanation == (
            "It was made at 10:30 UTC on 2026-03-10 with root, an identity that is kept for emergencies, and the record declares none; it "
            "would have passed with a change made under the person's own identity, or an emergency record."
        )

    @pytest.mark.parametrize(("preset", "where"), [("startup", None), ("scaleup", "warnings"), ("enterprise", "violations")])
    def test_each_tier(self, preset: str, where: str | None) -> None:
        decision = decided(record(implementers=("root",)), events=by("root"), made=policy(preset))
        found = {name for name in ("violations", "unknowns", "warnings") if "R15" in rules(getattr(decision, name))}
        assert found == ({where} if where else set())


class TestByHand:
    """R18."""

    ROLE = drift(resource_type="AWS::IAM::Role", resource_id="arn:aws:iam::111111111111:role/app", region="global")
    RECORD = record(scope=(Target(resource_types=("AWS::IAM::Role",), attribute_paths=("",)),))

    def r18(self, events, drift_=None, made: Policy | None = None):
        return ask("R18", self.RECORD, events=events, drift_=drift_ or self.ROLE, made=made)

    @pytest.mark.parametrize(
        ("events", "outcome", "detail"),
        [
            (by("bob"), FAIL, "pipeline_bypass"),
            (by("bob", invoked_by="cloudformation.amazonaws.com"), FAIL, "pipeline_bypass"),
            (by(TERRAFORM, HUMAN), FAIL, "pipeline_bypass"),
            (by(None, HUMAN, on_behalf_of="bob"), FAIL, "pipeline_bypass"),
            (by(TERRAFORM, PIPELINE), PASS, ""),
            (by(TERRAFORM, PIPELINE, on_behalf_of="bob"), PASS, ""),
            (by("ssm.amazonaws.com", SERVICE), PASS, ""),
            (by("bob", NOBODY), UNKNOWN, "no_actor"),
            (UNDATED, UNKNOWN, "no_actor"),
        ],
    )
    def test_a_person_fails_it_and_nobody_known_leaves_it_open(self, events, outcome, detail) -> None:
        result = self.r18(events)
        assert (result.outcome, result.detail) == (outcome, detail)

    def test_other_resources_may_be_changed_by_hand(self) -> None:
        assert ask("R18", record()).outcome is PASS
        assert ask("R18", record(), events=UNDATED).outcome is PASS

    def test_one_of_several_restrictions_is_enough(self) -> None:
        several = (Target(ids=("arn:other",)), Target(resource_types=("AWS::IAM::*",)))
        assert self.r18(by("bob"), made=replace(policy(), context=context(pipeline_only=several))).outcome is FAIL

    @pytest.mark.parametrize(
        ("paths", "changed", "outcome"),
        [
            (("/IngressRules",), CIDR, FAIL),
            (("/Description",), CIDR, PASS),
            (("/IngressRules/*/CidrIpv4",), "/IngressRules/sgr-01", FAIL),
            (("/IngressRules/*/CidrIpv4",), "/IngressRules/sgr-01/Description", PASS),
            (("/**/CidrIpv4",), "/IngressRules", FAIL),
        ],
    )
    def test_a_restriction_to_a_path_holds_for_what_lies_below_and_above_it(self, paths, changed, outcome) -> None:
        """A change of a whole object changes what is in it."""
        made = replace(policy(), context=context(pipeline_only=(Target(attribute_paths=paths),)))
        judged = record(scope=(target(attribute_paths=("",)),))
        assert ask("R18", judged, drift_=drift(difference(changed)), made=made).outcome is outcome

    @pytest.mark.parametrize(("kind", "is_asked"), [(ChangeType.NORMAL, True), (ChangeType.STANDARD, True), (ChangeType.EMERGENCY, False)])
    def test_in_an_emergency_people_may(self, kind: ChangeType, is_asked: bool) -> None:
        assert ("R18" in asked(record(type=kind))) is is_asked

    def test_the_sentences(self) -> None:
        assert self.r18(by("bob")).explanation == (
            "Only a pipeline may change this resource, and bob changed it by hand at 10:30 UTC on 2026-03-10; it would have passed with a "
            "change made by a registered pipeline."
        )
        assert self.r18(UNDATED).explanation == (
            "Only a pipeline may change this resource, and nobody knows who changed it between 10:00 and 11:00 UTC on 2026-03-10."
        )
        assert self.r18(by(None, HUMAN, on_behalf_of="bob")).explanation.startswith(
            "Only a pipeline may change this resource, and bob changed"
        )
        assert self.r18(by(TERRAFORM, PIPELINE)).explanation == "It was made by role/terraform-prod, not by hand."

    @pytest.mark.parametrize(("preset", "where"), [("startup", None), ("scaleup", "warnings"), ("enterprise", "violations")])
    def test_each_tier(self, preset: str, where: str | None) -> None:
        for events in (by("bob"), UNDATED):
            decision = decided(self.RECORD, events=events, drift_=self.ROLE, made=policy(preset))
            found = {name for name in ("violations", "unknowns", "warnings") if "R18" in rules(getattr(decision, name))}
            assert found == ({where} if where else set())


def test_a_standard_change_asks_who_made_it_and_with_what_too() -> None:
    made = replace(policy("enterprise"), context=context(templates=(template(),), privileged_actors=("mallory",)))
    standard = record(type=ChangeType.STANDARD, template_id="STD-RULES")
    decision = decided(standard, events=by("mallory"), made=made)
    assert (decision.verdict, rules(decision.violations)) == (Verdict.UNAUTHORIZED, {"R8", "R15"})
