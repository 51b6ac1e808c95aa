"""Records, names and patterns that are wrong, odd or made to harm: none crashes the core, and none authorises by accident."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain import pointer
from driftwatch.domain.authorization.glob import glob_matches, is_exact, literal_prefix
from driftwatch.domain.authorization.policy import Mode, WindowMode
from driftwatch.domain.change import ApprovalDecision, ChangeType, Target
from driftwatch.domain.decision import COVERED, Verdict
from tests.builders import (
    GROUP,
    approval,
    at,
    context,
    difference,
    drift,
    event,
    exception,
    interval,
    policy,
    record,
    review,
    run,
    target,
    template,
    window,
)
from tests.unit.authorization.asking import FAIL, PASS, UNDATED, ask, decided, examples, rules

UNAUTHORIZED = Verdict.UNAUTHORIZED


def matches_plainly(pattern: str, text: str) -> bool:
    """What a glob means, without a thought for speed: all places of the text that can be reached after each sign of the pattern."""
    reached = {0}
    for sign in pattern:
        if sign == "*":
            reached = {place for place in range(len(text) + 1) if reached and place >= min(reached)}
        else:
            reached = {place + 1 for place in reached if place < len(text) and sign in ("?", text[place])}
    return len(text) in reached


class TestPatterns:
    @given(st.text("ab*?[]!\n:", max_size=12), st.text("ab[]!\n:*", max_size=12))
    @examples(400)
    def test_a_glob_matches_what_it_means_and_no_sign_but_two_is_special(self, pattern: str, text: str) -> None:
        assert glob_matches(pattern, text) is matches_plainly(pattern, text)

    @given(st.text("ab*?:", max_size=12), st.text("ab:", max_size=12))
    @examples(150)
    def test_what_matches_begins_with_what_comes_before_the_first_wildcard(self, pattern: str, text: str) -> None:
        assert not glob_matches(pattern, text) or text.startswith(literal_prefix(pattern))
        assert not is_exact(pattern) or glob_matches(pattern, text) is (pattern == text)

    @pytest.mark.parametrize("unit", ["*", "a*", "*a", "?*", "*?", "**a", "a?*b*"])
    @pytest.mark.slow
    def test_ten_thousand_characters_of_stars_are_matched_as_any_other_pattern(self, unit: str) -> None:
        long = unit * (10_000 // len(unit))
        assert glob_matches(long, "ab" * 8_000) is matches_plainly(unit * 60, "ab" * 400)
        assert not glob_matches(f"{long}c", "ab" * 8_000)
        judged = record(scope=(Target(ids=(f"arn:{long}c",)), Target(resource_types=(f"{long}c",)), Target(tags={long: (long,)})))
        assert rules(decided(judged).violations) == {"R1"}

    def test_and_so_is_a_long_pattern_of_paths(self) -> None:
        for pattern in ("/" + "a*" * 5_000 + "b", "/**/a" * 2_000 + "/b", "/" + "?*a" * 3_000 + "b", "/**" * 3_000 + "/b"):
            judged = record(scope=(target(attribute_paths=(pattern,)),))
            assert rules(decided(judged, drift_=drift(difference("/" + "a" * 2_000))).violations) == {"R2"}

    @given(
        st.lists(st.sampled_from(["a", "b", "*", "**", "a*", "?"]), max_size=4).map(lambda found: "".join(f"/{item}" for item in found)),
        st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3).map(lambda found: "".join(f"/{item}" for item in found)),
    )
    @examples(150)
    def test_a_restriction_reaches_a_path_where_it_covers_it_or_anything_below_it(self, pattern: str, path: str) -> None:
        below = ["".join(f"/{item}" for item in more) for count in range(5) for more in product(("a", "b", "ab"), repeat=count)]
        assert pointer.reaches(pattern, path) is any(pointer.matches(pattern, path + more) for more in below)


class TestNames:
    """Two names that look alike are two names."""

    ALIKE = (("mia", "m\u0456a"), ("mia", "\uff4dia"), ("mia", "mia\u200b"), ("mia", "mia "), ("mia", "Mia"), ("\u00e9ve", "e\u0301ve"))

    @pytest.mark.parametrize(("name", "other"), ALIKE)
    def test_people(self, name: str, other: str) -> None:
        made = replace(policy(), context=context(identities={name: ()}, roles={name: ("manager",)}))
        good = record(approvals=(approval(name),), implementers=(name,))
        assert decided(good, events=[event(actor=name)], made=made).warnings == ()
        assert ask("R4", record(approvals=(approval(other),)), made=made).outcome is FAIL
        assert ask("R8", good, events=[event(actor=other)], made=made).outcome is FAIL
        both = (approval(name), approval(other, "03-09 16:00", ApprovalDecision.WITHDRAWN))
        assert ask("R4", record(approvals=both), made=made).outcome is PASS

    @pytest.mark.parametrize(
        ("field", "value", "other"),
        [
            ("ids", GROUP, GROUP.replace("sg-0a1", "sg-0\u04301")),
            ("ids", "web", "w\u0435b"),
            ("resource_types", "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGr\u043eup"),
            ("accounts", "111111111111", "11111111111\u0661"),
        ],
    )
    def test_resources(self, field: str, value: str, other: str) -> None:
        plain = {"resource_types": ("AWS::EC2::*",)}
        assert decided(record(scope=(Target(**{**plain, field: (value,)}),))).verdict in COVERED
        assert rules(decided(record(scope=(Target(**{**plain, field: (other,)}),))).violations) == {"R1"}

    def test_tags_paths_references_and_environments(self) -> None:
        assert rules(decided(record(scope=(Target(tags={"\u0430pp": ("web",)}),))).violations) == {"R1"}
        assert rules(decided(record(scope=(Target(tags={"app": ("w\u0435b",)}),))).violations) == {"R1"}
        assert rules(decided(record(scope=(target(attribute_paths=("/IngressRul\u0435s",)),))).violations) == {"R2"}
        assert ask("R6", record(reviews=(review(ref="\u0430bc123"),))).outcome is FAIL
        assert ask("R7", record(tests=(run(environment="st\u0430ging"),))).outcome is FAIL


class TestTimes:
    """Times that contradict each other."""

    @pytest.mark.parametrize(
        ("fields", "violated"),
        [
            ({"windows": (window("03-10 12:00", "03-10 10:00"),)}, {"R3"}),
            ({"windows": (window("03-10 10:32", "03-10 10:28"),)}, {"R3"}),
            ({"windows": (window("03-10 12:00", "03-10 10:00"), window("03-10 10:00", "03-10 12:00"))}, set()),
            ({"closed_at": at("03-08 00:00")}, {"R11"}),
            ({"closed_at": at("03-08 00:00"), "created_at": at("03-11 00:00")}, {"R11"}),
            ({"cancelled_at": at("12-01 00:00")}, {"R11"}),
            ({"rejected_at": at("12-01 00:00")}, {"R11"}),
            ({"approvals": (approval(time="12-01 00:00"),)}, {"R4"}),
            ({"approvals": (approval(time="03-13 00:00"),)}, {"R4"}),
            ({"reviews": (review(time="12-01 00:00"),), "tests": (run("12-01 00:00"),)}, {"R6", "R7"}),
            ({"type": ChangeType.EMERGENCY, "created_at": at("12-01 00:00"), "windows": ()}, {"R1"}),
            ({"type": ChangeType.EMERGENCY, "created_at": at("03-13 00:00"), "windows": ()}, {"R10"}),
        ],
    )
    def test_never_authorise(self, fields: dict, violated: set[str]) -> None:
        assert rules(decided(record(**fields)).violations) == violated

    @pytest.mark.parametrize("mode", list(WindowMode))
    def test_nothing_lies_inside_or_partly_inside_a_window_that_ends_before_it_begins(self, mode: WindowMode) -> None:
        backwards = record(windows=(window("03-10 12:00", "03-10 10:00"),))
        made = policy(window_mode=mode, rules={"R8": Mode.OFF})
        result = ask("R3", backwards, events=UNDATED, drift_=drift(interval=interval("03-10 09:00", "03-10 13:00")), made=made)
        assert (result.outcome, result.detail) == (FAIL, "outside_window")
        assert "and the window 12:00-10:00 UTC on 2026-03-10 ends before it begins" in result.explanation

    def test_a_window_of_a_single_instant_is_one(self) -> None:
        instant = record(windows=(window("03-10 10:30", "03-10 10:30"),))
        exact = policy(clock_tolerance_s=0)
        assert ask("R3", instant, made=exact).outcome is PASS
        late = ask("R3", instant, events=[event("03-10 10:30:01")], made=exact)
        assert late.outcome is FAIL
        assert "1 second after the window 10:30-10:30 UTC on 2026-03-10 closed" in late.explanation

    def test_a_template_or_an_exception_that_ends_before_it_begins_holds_never(self) -> None:
        backwards = template(valid_from=at("07-01 00:00"), valid_until=at("01-01 00:00"))
        made = replace(policy(), context=context(templates=(backwards,)))
        standard = record(type=ChangeType.STANDARD, template_id="STD-RULES")
        assert rules(decided(standard, made=made).violations) == {"R17"}
        over = exception(starts_at=at("03-11 00:00"), expires_at=at("03-01 00:00"))
        assert decided(exceptions=[over]).verdict is Verdict.EXCEPTION_EXPIRED


class TestWhatSaysNothing:
    @pytest.mark.parametrize(
        "scope",
        [
            (),
            (Target(),),
            (Target(ids=()),),
            (Target(ids=("",)),),
            (Target(resource_types=()),),
            (Target(tags={}),),
            (Target(tags={"app": ()}),),
            (Target(accounts=()),),
            (Target(attribute_paths=("",)),),
        ],
    )
    @pytest.mark.parametrize("preset", ["startup", "scaleup", "enterprise"])
    def test_an_empty_scope_matches_nothing_at_any_tier(self, scope: tuple, preset: str) -> None:
        assert rules(decided(record(scope=scope), made=policy(preset)).violations) == {"R1"}
        assert rules(decided(exceptions=[exception(scope=scope)], made=policy(preset)).violations) == {"R1"}

    def test_a_record_with_nothing_but_a_scope_authorises_nothing(self) -> None:
        bare = record(
            requester=None, implementers=(), approvals=(), reviews=(), tests=(), rollback_plan=None, artifact_ref=None, windows=()
        )
        for preset in ("startup", "scaleup", "enterprise"):
            for kind in ChangeType:
                verdict = decided(replace(bare, type=kind, created_at=at("03-10 10:00")), made=policy(preset), now="03-30 00:00").verdict
                assert verdict is UNAUTHORIZED

    def test_unknown_people_count_for_nothing_where_a_role_is_wanted_and_against_it_where_they_reject(self) -> None:
        assert ask("R4", record(approvals=(approval("nobody-knows", role="manager"),))).outcome is FAIL
        stranger = approval("nobody-knows", decision=ApprovalDecision.REJECTED)
        assert ask("R4", record(approvals=(approval(), stranger))).outcome is FAIL


def test_two_records_with_one_id_are_two_records() -> None:
    approved = record(source="tickets", windows=(window("03-09 10:00", "03-09 11:00"),))
    in_time = record(source="register", approvals=())
    decision = decided(approved, in_time)
    assert (decision.verdict, len(decision.paths[0].considered)) == (UNAUTHORIZED, 2)
    assert decided(in_time, approved).to_json() == decision.to_json()
